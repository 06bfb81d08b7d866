/// Looks for damage in the middle of a write-ahead log, which SQLite by itself takes for its end:
/// it would drop every commit behind it without a word.
///
/// What was being written when the power went looks much the same, but only at the end. Each
/// commit is synced before the next begins, one at opening excepted, so of what comes after the
/// first bad frame two transactions at most can be unfinished. More than that were acknowledged.
/// Damage within the last two commits cannot be told from an unfinished write. The format is that
/// of sqlite.org/fileformat2.html, section 4.
struct LogDamage {
    static let headerBytes = 32
    static let frameHeaderBytes = 24
    /// Transactions behind a bad frame that an interrupted write may leave.
    static let unfinishedMax = 2

    private let bytes: [UInt8]
    private let isBigEndian: Bool

    /// - Returns: what is wrong, in words; nil when the log is whole, empty or merely unfinished.
    static func find(in bytes: [UInt8]) -> String? {
        guard bytes.count >= headerBytes, bytes.contains(where: { $0 != 0 }) else { return nil }
        let scan = LogDamage(bytes: bytes, isBigEndian: bytes[3] & 1 == 1)
        guard scan.field(0) & ~1 == 0x377F_0682, scan.field(4) == 3_007_000 else {
            return "does not begin as a log does"
        }
        let sum = scan.sum(0..<24, after: (0, 0))
        guard scan.field(24) == sum.0, scan.field(28) == sum.1 else {
            return "has a header that does not fit its checksum"
        }
        return scan.damageInFrames(after: sum)
    }

    private func damageInFrames(after header: (UInt32, UInt32)) -> String? {
        let pageBytes = Int(field(8))
        let frameBytes = Self.frameHeaderBytes + pageBytes
        guard pageBytes >= 512 else { return "has pages of \(pageBytes) bytes" }
        var before = header
        var badFrame: Int?
        var commitsBehind = 0
        var at = Self.headerBytes
        while at + frameBytes <= bytes.count {
            defer { at += frameBytes }
            // An old frame, of before the log began again: nothing counts from here.
            guard field(at + 8) == field(16), field(at + 12) == field(20) else {
                if badFrame == nil { badFrame = at }
                before = (field(at + 16), field(at + 20))
                continue
            }
            var sum = sum(at..<at + 8, after: before)
            sum = self.sum(at + Self.frameHeaderBytes..<at + frameBytes, after: sum)
            before = (field(at + 16), field(at + 20))
            let isWhole = sum == before
            if !isWhole, badFrame == nil {
                badFrame = at
                if field(at + 4) != 0 { commitsBehind += 1 }
            } else if isWhole, badFrame != nil, field(at + 4) != 0 {
                commitsBehind += 1
            }
        }
        guard let badFrame, commitsBehind > Self.unfinishedMax else { return nil }
        return "is damaged at byte \(badFrame), with \(commitsBehind) commits behind it"
    }

    private func field(_ at: Int) -> UInt32 {
        UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8
            | UInt32(bytes[at + 3])
    }

    private func sum(_ range: Range<Int>, after: (UInt32, UInt32)) -> (UInt32, UInt32) {
        var (first, second) = after
        for at in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
            let words = (field(at), field(at + 4))
            first &+= (isBigEndian ? words.0 : words.0.byteSwapped) &+ second
            second &+= (isBigEndian ? words.1 : words.1.byteSwapped) &+ first
        }
        return (first, second)
    }
}
