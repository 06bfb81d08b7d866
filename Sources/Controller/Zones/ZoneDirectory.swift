import Calendar
import Glibc

/// The tz database of this host, as files.
///
/// A ``ZoneName`` leads nowhere outside the folder: it has no empty part, no `.` and no `..`. Links
/// within the folder are followed, as the database has many. What is no file of rules is not
/// understood, and what is no file at all is not waited for.
struct ZoneDirectory: Sendable {
    /// Where Debian's package tzdata puts it.
    static let standardPath = "/usr/share/zoneinfo"

    var path = standardPath

    /// - Returns: nil when there is no such zone, or its file is not one that can be understood.
    ///   UTC is known without any file.
    func rules(_ name: ZoneName) -> ZoneRules? {
        if name == .utc { return .utc }
        guard let bytes = read(name) else { return nil }
        return try? ZoneRules(tzif: bytes)
    }

    private func read(_ name: ZoneName) -> [UInt8]? {
        // A folder cannot be read, and a pipe or a device that somebody has put there gives nothing.
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= ZoneRules.bytesMax else { return nil }
        }
    }
}
