import AgentCore
import CHost
import Glibc
import Host
import Protocol

/// How much of a machine one look at a set may cost.
struct LookLimits: Hashable, Sendable {
    var entriesMax = Int(ComparingLimits.entriesMax)
    /// Names in folders that are looked at, whether or not they are compared.
    var namesMax = 200_000
    /// Folders within folders.
    var depthMax = 64
    var fileBytesMax: UInt64 = 256 << 20
    /// Of all files that are read: those that have not changed since the look before are not.
    var totalBytesMax: UInt64 = 4 << 30
    /// Files up to this size are compared with declared differences replaced.
    var normalisedBytesMax: UInt64 = 1 << 20
    /// What was changed within this time before it was read may be changed again without showing another
    /// time: clocks of file systems are coarse. It is read again at the next look.
    var settledAfter: Duration = .seconds(2)
    /// Nil for as fast as the disk.
    var bytesPerSecond: UInt64? = 32 << 20
    /// Attempts to read a file that changes meanwhile.
    var attemptsMax = 3
}

/// What keeps a look from being the whole truth: the first few are told, all are counted.
struct LookProblems {
    static let toldMax = 3

    private var told: [String] = []
    private var count = 0

    mutating func add(_ problem: String) {
        count += 1
        if told.count < Self.toldMax { told.append(problem) }
    }

    var text: String {
        let more = count > told.count ? ["and \(count - told.count) more"] : []
        return (told + more).joined(separator: "; ")
    }
}

/// Reads no faster than it may: after each piece it waits for the time that the piece was allowed.
struct Pace {
    private let bytesPerSecond: UInt64?
    private var owed: UInt64 = 0

    init(bytesPerSecond: UInt64?) {
        self.bytesPerSecond = bytesPerSecond
    }

    mutating func took(_ bytes: Int) {
        guard let bytesPerSecond else { return }
        owed += UInt64(bytes) * 1_000
        let milliseconds = owed / bytesPerSecond
        guard milliseconds >= 10 else { return }
        owed -= milliseconds * bytesPerSecond
        poll(nil, 0, Int32(clamping: milliseconds))
    }
}
