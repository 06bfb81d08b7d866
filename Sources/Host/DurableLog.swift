import CHost
import Glibc

/// A file of records, one a line, that only grows. A record that was appended survives a power
/// cut; a last line without its end is the trace of one that was not, and is cut off at opening.
public final class DurableLog {
    /// Records longer than this are refused: 64 KiB.
    public static let recordLengthMax = 65_536

    public let path: String
    private let file: Descriptor
    private var length: Int64
    private var isBroken = false

    /// Opens or creates the log and reads what is in it.
    ///
    /// - Parameters:
    ///   - limit: the most bytes of log that are read; a larger file is an error.
    ///   - records: all whole records, oldest first, without their line ends.
    public init(
        opening path: String,
        limit: Int = 64 << 20,
        mode: UInt32 = 0o600,
        records: inout [String]
    ) throws(HostError) {
        self.path = path
        let file = try Descriptor.open(
            path,
            flags: O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK,
            mode: mode
        )
        guard try file.status(path: path).st_mode & S_IFMT == S_IFREG else {
            throw HostError("open", path: path, reason: "it is not a regular file")
        }
        self.file = file
        let bytes = try file.readAll(limit: limit, path: path)
        let whole = bytes.lastIndex(of: 10).map { $0 + 1 } ?? 0
        length = Int64(whole)
        records = bytes[0..<whole].split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        if whole < bytes.count {
            guard ftruncate(file.number, off_t(whole)) == 0 else {
                throw HostError("cut the torn line off", path: path, code: errno)
            }
        }
        guard fsync(file.number) == 0 else { throw HostError("sync", path: path, code: errno) }
        try DurableFile.syncFolder(of: path)
    }

    /// Appends records and syncs them once, together. After an error it is unknown whether they
    /// are durable: every further append is refused, and the log must be opened and read again.
    public func append(_ records: [String]) throws(HostError) {
        guard !isBroken else {
            throw HostError(
                "append to",
                path: path,
                reason: "an earlier append failed; the log must be opened and read again"
            )
        }
        var bytes: [UInt8] = []
        for record in records {
            let line = Array(record.utf8)
            guard line.count <= DurableLog.recordLengthMax, !line.isEmpty, !line.contains(10) else {
                throw HostError(
                    "append to",
                    path: path,
                    reason: "a record is one line of 1 to \(DurableLog.recordLengthMax) bytes"
                )
            }
            bytes += line
            bytes.append(10)
        }
        do throws(HostError) {
            try file.writeAll(bytes, path: path)
            guard fdatasync(file.number) == 0 else {
                throw HostError("sync", path: path, code: errno)
            }
        } catch {
            isBroken = true
            throw error
        }
        length += Int64(bytes.count)
    }

    /// As ``append(_:)-([String])``, one record.
    public func append(_ record: String) throws(HostError) {
        try append([record])
    }

    /// Size of the log in bytes: when to write it anew is the caller's to decide.
    public var byteCount: Int64 { length }
}
