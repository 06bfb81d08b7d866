import Model
import Protocol

// Idempotency keys that are made and not chosen. Whoever could take one in advance would have the
// task behind it taken for a duplicate, and lost.

extension ControllerMachine {
    /// - Parameter node: that the task comes from; nil of an operator's.
    /// - Throws: the key is of those that schedules make, or agents for programs that give none.
    func checkKey(of submission: TaskSubmission, from node: NodeID?) throws(Refused) {
        guard let key = submission.idempotencyKey else { return }
        switch MadeKey(key) {
        case .schedule:
            throw Refused(
                .forbidden,
                "keys that begin with \(MadeKey.schedulePrefix) are those of schedules",
                mend: "use another key"
            )
        case .agent(let maker) where maker != node:
            guard let record = nodes[maker]?.record, record.membership != .removed else { return }
            throw Refused(
                // A machine that was enrolled anew may still have tasks that it took under the
                // identity before: they wait until that is removed.
                node == nil ? .forbidden : .notNow,
                "the key is one of those that the agent of node \(record.name) makes",
                mend: node == nil
                    ? "use another key"
                    : "use another key; if this machine was \(record.name): muster node remove "
                        + "\(record.name)"
            )
        case .agent, nil: break
        }
    }
}
