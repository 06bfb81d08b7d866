public import Model
import Protocol

/// Something that was done in a step of a run: an attempt that has ended, or what somebody said to it.
public struct RunDeedRecord: Hashable, Sendable {
    /// Kept of one step; more than the attempts that a plan can ask for.
    public static let keptMax: UInt32 = 128
    public static let textBytesMax = 1_000
    /// Hooks that had not ended well, of all that the attempt had on nodes.
    public static let hooksMax = 50

    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        case done
        case failed
        /// Ended by an operator who aborted the run.
        case aborted
        /// An operator has it tried again.
        case retried
        /// Left out, by an operator or as the plan says.
        case skipped
        case answeredYes = "answered-yes"
        case answeredNo = "answered-no"
        /// An admin accepts that data may be lost.
        case acceptedLoss = "accepted-loss"
        case undone
        case notUndone = "not-undone"
    }

    public var run: RunID
    /// The step.
    public var index: UInt16
    /// Counts the deeds of the step, from 1.
    public var number: UInt32
    public var outcome: Outcome
    /// When the attempt that has ended began; nil for a word that ended none.
    public var startedAt: WallTime?
    public var at: WallTime
    /// Who said so; empty for the controller.
    public var by: String
    public var reason: String
    public var text: String
    /// Those on nodes that had not ended well, at most ``hooksMax``. The step has all of its last
    /// attempt.
    public var hooks: [RunStepRecord.HookTask]

    init(
        run: RunID,
        index: UInt16,
        number: UInt32,
        outcome: Outcome,
        startedAt: WallTime?,
        at: WallTime,
        by: String,
        reason: String,
        text: String,
        hooks: [RunStepRecord.HookTask]
    ) {
        self.run = run
        self.index = index
        self.number = number
        self.outcome = outcome
        self.startedAt = startedAt
        self.at = at
        self.by = by
        self.reason = reason
        self.text = text
        self.hooks = hooks
    }

    static func storeKey(_ run: RunID, _ index: UInt16, _ number: UInt32) -> String {
        "\(RunStepRecord.storeKey(run, index))/\(TaskID(UInt64(number)).storeKey)"
    }

    var storeKey: String { Self.storeKey(run, index, number) }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            run: RunID(try fields.number("run")),
            index: try fields.number("index"),
            number: try fields.number("number"),
            outcome: try fields.word("outcome"),
            startedAt: try fields.optionalTime("started"),
            at: try fields.time("at"),
            by: fields.optionalText("by") ?? "",
            reason: fields.optionalText("reason") ?? "",
            text: fields.optionalText("text") ?? "",
            hooks: try RunStepRecord.HookTask.hooks(fields)
        )
    }

    var line: Line {
        var writer = LineWriter("DEED")
        writer.put("run", run.number)
        writer.put("index", index)
        writer.put("number", number)
        writer.put("outcome", outcome)
        writer.put("started", startedAt)
        writer.put("at", at)
        writer.put("by", by)
        writer.put("reason", reason)
        writer.put("text", text)
        RunStepRecord.HookTask.put(hooks, to: &writer)
        return writer.line
    }
}
