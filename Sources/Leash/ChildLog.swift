import Glibc
import Host

/// Takes what a program writes and keeps at most twice a limit of it: `NAME` and `NAME.1`.
///
/// What cannot be written is dropped: a full disk must not stop the program.
final class ChildLog {
    /// What the program writes into.
    let writeEnd: Descriptor
    private(set) var readEnd: Descriptor?
    private let path: String
    private let byteCountMax: Int64
    private var file: Descriptor
    private var byteCount: Int64
    /// All that the program has written, whether it could be kept or not.
    private(set) var totalByteCount: UInt64 = 0

    init(_ path: String, byteCountMax: Int64) throws(HostError) {
        self.path = path
        self.byteCountMax = byteCountMax
        file = try ChildLog.open(path)
        byteCount = Int64(max(0, lseek(file.number, 0, SEEK_END)))
        let pipe = try Descriptor.pipe()
        try pipe.read.setNonblocking()
        readEnd = pipe.read
        writeEnd = pipe.write
    }

    /// Takes what is there. A program that writes faster than we read cannot hold us: no more
    /// than 1 MiB is taken at a time.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        for _ in 0..<16 {
            guard let readEnd else { return }
            let count = read(readEnd.number, &buffer, buffer.count)
            if count > 0 {
                totalByteCount += UInt64(count)
                keep(buffer[0..<count])
            } else if count == 0 {
                self.readEnd = nil
            } else if errno != EINTR {
                return
            }
        }
    }

    private func keep(_ bytes: ArraySlice<UInt8>) {
        // What twice the limit comes after would only be written to be thrown away.
        let most = byteCountMax < Int64(bytes.count) ? 2 * Int(byteCountMax) : bytes.count
        var rest = bytes.suffix(most)
        while !rest.isEmpty {
            if byteCount >= byteCountMax { rotate() }
            let part = rest.prefix(Int(clamping: max(1, byteCountMax - byteCount)))
            do {
                try file.writeAll(Array(part))
            } catch {
                return
            }
            byteCount += Int64(part.count)
            rest = rest.dropFirst(part.count)
        }
    }

    private func rotate() {
        _ = rename(path, path + ".1")
        if let next = try? ChildLog.open(path) {
            file = next
        } else {
            _ = ftruncate(file.number, 0)
        }
        byteCount = 0
    }

    private static func open(_ path: String) throws(HostError) -> Descriptor {
        try Descriptor.open(
            path,
            flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK,
            mode: 0o640
        )
    }
}
