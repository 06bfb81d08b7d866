import Glibc

/// A folder of a test's own, removed with everything in it when the test has ended.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/muster-test-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        guard made else { throw TestFault("mkdtemp: \(errno)") }
        self.path = template.withUnsafeBytes {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    deinit {
        remove(path)
    }

    /// Writes a file, with the folders on the way to it.
    ///
    /// - Returns: its absolute path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        var folder = path
        for component in name.split(separator: "/").dropLast() {
            folder += "/" + component
            mkdir(folder, 0o755)
        }
        let file = path + "/" + name
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw TestFault("open \(file): \(errno)") }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestFault("write \(file): \(errno)")
        }
        fchmod(descriptor, mode)
        return file
    }

    private func remove(_ path: String) {
        guard unlink(path) != 0, let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }
}

struct TestFault: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
