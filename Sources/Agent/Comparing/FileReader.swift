import AgentCore
import CHost
import Glibc
import Host
import Protocol

/// When a file was changed, as far as the system tells.
struct FileVersion: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int64
    var modified: Int64
    var changed: Int64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// It was changed longer ago than this.
    func isSettled(after duration: Duration) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return .nanoseconds(Self.nanoseconds(now) &- changed) >= duration
    }
}

/// Why the content of a file is not known.
enum FileReadError: Error, Hashable, Sendable {
    /// It is not there any more, or something else has its name.
    case vanished
    case problem(String)
}

/// Reads files for their digests.
struct FileReader {
    private static let pieceBytes = 262_144

    let limits: LookLimits
    let normaliser: Normaliser
    private(set) var totalBytes: UInt64 = 0
    private var pace: Pace
    private var buffer = [UInt8](repeating: 0, count: pieceBytes)

    init(_ limits: LookLimits, _ normaliser: Normaliser) {
        self.limits = limits
        self.normaliser = normaliser
        pace = Pace(bytesPerSecond: limits.bytesPerSecond)
    }

    /// The digest of a file in the form in which it is compared, and the version it is of.
    mutating func digest(
        of found: FoundFile
    ) throws(FileReadError) -> (digest: String, version: FileVersion, status: stat) {
        for _ in 0..<limits.attemptsMax {
            let number = muster_open_at(
                found.folder.number,
                cString(found.name),
                // Without waiting: what was a file may be a FIFO by now.
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
                0
            )
            guard number >= 0 else {
                if errno == ENOENT || errno == ELOOP { throw .vanished }
                throw .problem("cannot be opened: \(HostError.text(of: errno))")
            }
            let file = Descriptor(owning: number)
            let before = try status(of: file)
            guard before.st_mode & S_IFMT == S_IFREG else { throw .vanished }
            guard let digest = try digest(of: file, bytes: UInt64(max(0, before.st_size))) else {
                continue
            }
            let after = try status(of: file)
            let version = FileVersion(after)
            if version == FileVersion(before) { return (digest, version, after) }
        }
        throw .problem("changes while it is read (leave it out with ignore)")
    }

    private func status(of file: Descriptor) throws(FileReadError) -> stat {
        var status = stat()
        guard fstat(file.number, &status) == 0 else {
            throw .problem("cannot be examined: \(HostError.text(of: errno))")
        }
        return status
    }

    /// - Returns: nil when it is not as long as it was said to be.
    private mutating func digest(
        of file: Descriptor,
        bytes size: UInt64
    ) throws(FileReadError) -> String? {
        guard size <= limits.fileBytesMax else {
            throw .problem(
                "is larger than \(sizeForPeople(limits.fileBytesMax)) (leave it out with ignore)"
            )
        }
        guard totalBytes + size <= limits.totalBytesMax else {
            throw .problem(
                "is beyond the \(sizeForPeople(limits.totalBytesMax)) that are read at a time"
            )
        }
        let isWhole = !normaliser.isIdentity && size <= limits.normalisedBytesMax
        var whole: [UInt8] = []
        var hash = SHA256Sum()
        var count: UInt64 = 0
        while true {
            let length = read(file.number, &buffer, buffer.count)
            if length < 0 {
                if errno == EINTR { continue }
                throw .problem("cannot be read: \(HostError.text(of: errno))")
            }
            if length == 0 { break }
            count += UInt64(length)
            totalBytes += UInt64(length)
            // One that grows as fast as it is read has no end.
            if count > size { return nil }
            if isWhole { whole += buffer[..<length] } else { hash.add(buffer[..<length]) }
            pace.took(length)
        }
        guard count == size else { return nil }
        if isWhole { hash.add(normaliser.normalised(whole)) }
        return hash.hex()
    }
}
