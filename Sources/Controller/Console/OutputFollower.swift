import API
import ControllerCore
import Model
import Protocol

/// What one who follows a task was told, and what is still to be said: a value that is given one look
/// at the task after the other.
struct OutputFollower: Sendable {
    /// Bytes of one event.
    static let pieceBytesMax = TaskOutput.limitDefault

    /// Where a follower stands; the `id:` of its last event.
    struct Cursor: Hashable, Sendable, CustomStringConvertible {
        /// 0 before the first.
        var attempt: UInt16 = 0
        /// Of the next byte.
        var offset: UInt64 = 0
        /// That nothing of the attempt follows was said.
        var isClosed = false

        var description: String { "\(attempt).\(offset)" + (isClosed ? ".ended" : "") }

        init() {}

        /// - Returns: nil for what is no ``description``.
        init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2 || (parts.count == 3 && parts[2] == "ended"),
                let attempt = UInt16(parts[0]), let offset = UInt64(parts[1]),
                offset <= WireLimits.sizeMax
            else { return nil }
            self.attempt = attempt
            self.offset = offset
            isClosed = parts.count == 3
        }
    }

    /// The task as it was at a moment.
    enum Look: Sendable {
        case live(FollowedView)
        case ended(TaskEndRecord)
    }

    enum Told: Sendable {
        case begun(TaskAttemptBegun)
        case output(TaskOutput)
        case ended(TaskAttemptEnded)
        case end(TaskFollowEnd)
    }

    let id: TaskID
    private(set) var cursor: Cursor

    init(_ id: TaskID, from cursor: Cursor = Cursor()) {
        self.id = id
        self.cursor = cursor
    }

    /// Whether ``take(_:kept:asOf:)`` shows the kept output of the last attempt that has ended with a
    /// result.
    func needsKept(_ look: Look) -> Bool {
        if isOver(look), look.resultAttempt == cursor.attempt { return true }
        return isPassedOver(look)
    }

    /// The attempt that was shown is not the node's any more.
    private func isOver(_ look: Look) -> Bool {
        cursor.attempt > 0 && !cursor.isClosed && look.assignment?.attempt != cursor.attempt
    }

    /// An attempt began and ended since the last look; or before the first, and none runs now.
    private func isPassedOver(_ look: Look) -> Bool {
        look.resultAttempt > cursor.attempt && (cursor.attempt > 0 || look.running == nil)
    }

    /// - Parameter kept: the durable output of the attempt that has ended last with a result; looked at
    ///   only where ``needsKept(_:)`` says so.
    mutating func take(
        _ look: Look,
        kept: [UInt8],
        asOf: String
    ) -> [(told: Told, cursor: Cursor)] {
        var told: [(told: Told, cursor: Cursor)] = []
        if isOver(look) { close(look, kept, asOf, &told) }
        if isPassedOver(look) {
            begin(look.resultAttempt, on: look.node(of: look.resultAttempt), &told)
            close(look, kept, asOf, &told)
        }
        if let running = look.running, running.attempt > cursor.attempt {
            begin(running.attempt, on: look.node(of: running.attempt), &told)
        }
        if !cursor.isClosed { show(look.live, asOf, &told) }
        if look.isEnded {
            told.append((.end(TaskFollowEnd(asOf: asOf, task: look.summary)), cursor))
        }
        return told
    }

    private mutating func begin(
        _ attempt: UInt16,
        on node: String?,
        _ told: inout [(told: Told, cursor: Cursor)]
    ) {
        cursor = Cursor()
        cursor.attempt = attempt
        let begun = TaskAttemptBegun(id: id.number, attempt: attempt, node: node)
        told.append((.begun(begun), cursor))
    }

    /// All that is there of the attempt, and that it has ended.
    private mutating func close(
        _ look: Look,
        _ kept: [UInt8],
        _ asOf: String,
        _ told: inout [(told: Told, cursor: Cursor)]
    ) {
        var end = TaskAttemptEnded(id: id.number, attempt: cursor.attempt)
        if look.resultAttempt == cursor.attempt {
            let total = max(look.result?.outputBytes ?? 0, UInt64(kept.count))
            show(kept, from: total - UInt64(kept.count), asOf, &told)
            end.result = look.result.map { TaskResult($0) }
            end.outcome = end.result?.outcome
        } else {
            // It ended without a result of its own: what was heard of it is all there is.
            show(look.live, asOf, &told)
            end.outcome = look.traces.last { $0.attempt == cursor.attempt }?.outcome
        }
        cursor.isClosed = true
        told.append((.ended(end), cursor))
    }

    private mutating func show(
        _ live: LiveOutput?,
        _ asOf: String,
        _ told: inout [(told: Told, cursor: Cursor)]
    ) {
        guard let live, live.attempt == cursor.attempt, live.attempt > 0 else { return }
        show(live.bytes, from: live.offset, asOf, &told)
    }

    /// - Parameter begin: where the first of the bytes stands within all of the output.
    private mutating func show(
        _ bytes: [UInt8],
        from begin: UInt64,
        _ asOf: String,
        _ told: inout [(told: Told, cursor: Cursor)]
    ) {
        while true {
            let piece = OutputPiece(
                attempt: cursor.attempt,
                kept: bytes,
                begin: begin,
                isEnded: false,
                from: cursor.offset,
                limit: Self.pieceBytesMax
            )
            guard !piece.data.isEmpty else { return }
            cursor.offset = piece.next
            told.append((.output(piece.answer(id, asOf: asOf)), cursor))
        }
    }
}

extension OutputFollower.Look {
    var assignment: Assignment? {
        switch self {
        case .live(let view): view.task.assignment
        case .ended: nil
        }
    }

    /// The assignment, if its handler was executed.
    var running: Assignment? { assignment.flatMap { $0.isStarted ? $0 : nil } }

    var live: LiveOutput? {
        switch self {
        case .live(let view): view.live
        case .ended: nil
        }
    }

    var resultAttempt: UInt16 {
        switch self {
        case .live(let view): view.task.resultAttempt
        case .ended(let record): record.resultAttempt
        }
    }

    var result: AttemptResult? {
        switch self {
        case .live(let view): view.task.result
        case .ended(let record): record.result
        }
    }

    var traces: [AttemptTrace] {
        switch self {
        case .live(let view): view.task.traces
        case .ended(let record): record.traces
        }
    }

    var isEnded: Bool {
        switch self {
        case .live(let view): view.task.state.isEnded
        case .ended: true
        }
    }

    var summary: TaskSummary {
        switch self {
        case .live(let view): TaskSummary(view.task)
        case .ended(let record): TaskSummary(record)
        }
    }

    func node(of attempt: UInt16) -> String? {
        switch self {
        case .live(let view) where view.task.assignment?.attempt == attempt:
            view.task.node?.text
        case .ended(let record) where record.attempt == attempt: record.node?.text
        case .live, .ended: traces.last { $0.attempt == attempt }?.node.text
        }
    }
}
