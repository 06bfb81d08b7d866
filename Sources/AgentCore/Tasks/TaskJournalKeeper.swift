import Model
import Protocol

/// Which entries of the journal are asked to be written, and which are known to be durable.
///
/// What rests on an entry remembers the sequence of its write, and waits until that is durable. A
/// write that failed is of unknown outcome: nothing is appended any more, and after a while the whole
/// journal is asked to be written anew, under a sequence of its own that covers all before it.
struct TaskJournalKeeper: Hashable, Sendable {
    /// Beyond what the bench finds bearable, and these, the file is written anew.
    static let linesSpare = 1_000

    /// Of the last write that was asked for, and of the last that is durable.
    private(set) var sequence: UInt64 = 0
    private(set) var durable: UInt64 = 0
    private(set) var isWritable = true
    /// Lines in the file, as far as is known.
    private var lines: Int
    /// The file does not name its owner, or names another.
    private var needsWhole: Bool
    private var waiting: [TaskJournalEntry] = []
    private var retryAt: Instant?
    /// The write that mends a failure.
    private var mending: UInt64?

    init(lines: Int, isOurs: Bool) {
        self.lines = lines
        needsWhole = !isOurs
    }

    var nextDeadline: Instant? { retryAt }

    /// - Returns: the sequence of the write that will hold it.
    mutating func put(_ entry: TaskJournalEntry) -> UInt64 {
        waiting.append(entry)
        return sequence + 1
    }

    func isDurable(_ sequence: UInt64) -> Bool { sequence <= durable }

    /// - Returns: whether the journal can be written again.
    mutating func journaled(upTo sequence: UInt64) -> Bool {
        durable = max(durable, min(sequence, self.sequence))
        guard !isWritable, let mending, mending <= durable else { return false }
        self.mending = nil
        isWritable = true
        return true
    }

    /// - Returns: whether that is news.
    mutating func failed(retryAt: Instant) -> Bool {
        self.retryAt = retryAt
        mending = nil
        defer { isWritable = false }
        return isWritable
    }

    enum Write {
        case append(TaskJournalWrite)
        case replace(TaskJournalWrite)
    }

    /// The last stage of a step: one write for everything that happened in it.
    ///
    /// - Parameters:
    ///   - linesMax: lines that the file may have, beside ``linesSpare``.
    ///   - whole: all that the journal must hold now, its owner first.
    mutating func flush(
        linesMax: Int,
        at now: Instant,
        whole: () -> [TaskJournalEntry]
    ) -> Write? {
        guard isWritable else {
            guard let retryAt, retryAt <= now else { return nil }
            self.retryAt = nil
            let write = replace(whole())
            mending = sequence
            return write
        }
        guard !waiting.isEmpty else { return nil }
        if needsWhole || lines + waiting.count > linesMax + Self.linesSpare {
            return replace(whole())
        }
        sequence += 1
        lines += waiting.count
        let entries = waiting
        waiting = []
        return .append(TaskJournalWrite(sequence: sequence, entries: entries))
    }

    private mutating func replace(_ entries: [TaskJournalEntry]) -> Write {
        sequence += 1
        lines = entries.count
        needsWhole = false
        waiting = []
        return .replace(TaskJournalWrite(sequence: sequence, entries: entries))
    }
}
