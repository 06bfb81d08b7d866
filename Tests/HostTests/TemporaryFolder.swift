import Glibc
import Host
import Model

/// A folder for one test, removed with all that is in it.
final class TemporaryFolder {
    let path: String

    init() {
        path = "/tmp/muster-test-\(Hex.encode(RandomBytes.take(8)))"
        precondition(mkdir(path, 0o700) == 0, "no folder for a test: \(path)")
    }

    deinit {
        TemporaryFolder.remove(path)
    }

    subscript(name: String) -> String { path + "/" + name }

    func names() -> [String] {
        TemporaryFolder.names(in: path).sorted()
    }

    func write(_ name: String, _ text: String, mode: UInt32 = 0o600) {
        try! DurableFile.replace(self[name], with: text, mode: mode)
    }

    func text(_ name: String) -> String {
        (try? DurableFile.readText(self[name], limit: 1 << 24)) ?? ""
    }

    private static func names(in path: String) -> [String] {
        guard let listing = opendir(path) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func remove(_ path: String) {
        for name in names(in: path) {
            let inner = path + "/" + name
            if unlink(inner) != 0 { remove(inner) }
        }
        rmdir(path)
    }
}

/// Awaits a condition: asks every few milliseconds, until it holds or the time is over.
func eventually(within limit: Duration = .seconds(10), _ condition: () -> Bool) -> Bool {
    let end = BootClock.now() + limit
    while !condition() {
        if BootClock.now() >= end { return false }
        poll(nil, 0, 3)
    }
    return true
}

/// Numbers of the live processes whose command line contains a text.
func processes(naming text: String) -> [Int32] {
    guard let listing = opendir("/proc") else { return [] }
    defer { closedir(listing) }
    var found: [Int32] = []
    while let entry = readdir(listing) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard let number = Int32(name), number != getpid(),
            let line = try? Descriptor.open("/proc/\(number)/cmdline", flags: O_RDONLY)
                .readAll(limit: 1 << 20),
            String(decoding: line, as: UTF8.self).contains(text)
        else { continue }
        found.append(number)
    }
    return found
}
