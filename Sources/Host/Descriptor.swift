import CHost
import Glibc

/// An open file descriptor that is closed when nothing refers to it any more.
public final class Descriptor: Sendable {
    public let number: Int32

    /// Takes over an open descriptor.
    public init(owning number: Int32) {
        precondition(number >= 0, "a descriptor is not negative")
        self.number = number
    }

    deinit {
        close(number)
    }

    /// Opens a file, close-on-exec.
    public static func open(
        _ path: String,
        flags: Int32,
        mode: UInt32 = 0
    ) throws(HostError) -> Descriptor {
        let number = muster_open(path, flags, mode)
        guard number >= 0 else { throw HostError("open", path: path, code: errno) }
        return Descriptor(owning: number)
    }

    /// A pipe, both ends close-on-exec.
    public static func pipe() throws(HostError) -> (read: Descriptor, write: Descriptor) {
        var ends: [Int32] = [-1, -1]
        guard muster_pipe(&ends) == 0 else { throw HostError("pipe", code: errno) }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    /// A file in memory that has no name, to be read from its beginning: for the input of a program.
    public static func memory(_ bytes: [UInt8]) throws(HostError) -> Descriptor {
        let number = muster_memory_file("muster")
        guard number >= 0 else { throw HostError("make a file in memory", code: errno) }
        let file = Descriptor(owning: number)
        try file.writeAll(bytes)
        guard lseek(number, 0, SEEK_SET) == 0 else { throw HostError("seek", code: errno) }
        return file
    }

    /// Makes reads and writes return at once.
    public func setNonblocking() throws(HostError) {
        guard muster_set_nonblocking(number) >= 0 else {
            throw HostError("set nonblocking", code: errno)
        }
    }

    /// Makes reads and writes wait.
    public func setBlocking() throws(HostError) {
        guard muster_set_blocking(number) >= 0 else {
            throw HostError("set blocking", code: errno)
        }
    }

    /// Writes all bytes to a file or a blocking pipe.
    public func writeAll(_ bytes: [UInt8], path: String? = nil) throws(HostError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(number, buffer.baseAddress! + written, buffer.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw HostError("write", path: path, code: errno)
            }
            written += count
        }
    }

    /// Reads to the end of a file or a blocking pipe.
    ///
    /// - Parameter limit: the most bytes accepted; more is an error.
    public func readAll(limit: Int, path: String? = nil) throws(HostError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(65_536, limit + 1))
        while true {
            let count = read(number, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw HostError("read", path: path, code: errno)
            }
            if count == 0 { return bytes }
            bytes += buffer[0..<count]
            if bytes.count > limit {
                throw HostError(
                    "read",
                    path: path,
                    reason: "it is larger than the \(limit) bytes allowed"
                )
            }
        }
    }

    func status(path: String? = nil) throws(HostError) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else {
            throw HostError("examine", path: path, code: errno)
        }
        return status
    }
}

/// The folder a path lies in, and its name there.
func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = slash == path.startIndex ? "/" : String(path[..<slash])
    return (folder, String(path[path.index(after: slash)...]))
}
