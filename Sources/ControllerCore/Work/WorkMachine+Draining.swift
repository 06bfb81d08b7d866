import Model
import Protocol

// Attempts of drainable handlers: those that a planned run lets end at the site which it leaves.

extension WorkMachine {
    /// A node has an attempt that it may leave out of its exclusive floor.
    func hasDrainable(_ node: NodeID) -> Bool { tasks(of: node).contains { isDrainable($0) } }

    /// How many such attempts a node has.
    func countDrainable(_ node: NodeID) -> Int { tasks(of: node).count { isDrainable($0) } }

    /// A node has another task than those.
    func hasExclusive(_ node: NodeID) -> Bool { tasks(of: node).contains { !isDrainable($0) } }

    func isDrainable(_ id: TaskID) -> Bool { assignments[id.number]?.isDrainable ?? false }

    /// The least token under which a node has such an attempt; nil when it has none.
    func leastDrainableToken(of node: NodeID) -> FencingToken? {
        tasks(of: node).compactMap { assignments[$0.number] }.filter(\.isDrainable).map(\.token)
            .min()
    }

    /// What drains on a node has to end: TERM, then KILL. Durable, so that whoever takes over says it
    /// again; a task is given again when its attempt has ended.
    ///
    /// - Returns: attempts that were not told so before.
    mutating func cutDrainable(of node: NodeID) -> [CutAttempt] {
        var cut: [CutAttempt] = []
        for id in tasks(of: node) {
            guard let assignment = assignments[id.number], assignment.isDrainable,
                assignment.cancel != .cancelled, assignment.cancel != .drained
            else { continue }
            assignments.update(id.number) { $0.cancel = .drained }
            save(id)
            sendCancel(id, assignment, .drained)
            let attempt = TaskAttempt(task: id, attempt: assignment.attempt)
            cut.append(
                CutAttempt(
                    attempt: attempt,
                    isStarted: mayHaveBegun(assignment),
                    isAtMostOnce: assignment.delivery == .atMostOnce
                )
            )
        }
        return cut
    }
}

/// An attempt that drained, and was told to end.
struct CutAttempt: Hashable, Sendable {
    var attempt: TaskAttempt
    var isStarted: Bool
    var isAtMostOnce: Bool

    /// Where it does not end by itself, its task is not given again.
    var endsUnknown: Bool { isStarted && isAtMostOnce }
}
