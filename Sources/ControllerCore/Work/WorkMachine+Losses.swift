import Model
import Protocol

// What was taken from nodes that are lost: the ledger of a failover that is ordered later tells of it.

extension WorkMachine {
    mutating func noteLoss(_ id: TaskID, _ assignment: Assignment) {
        // What runs give is their own.
        guard !isOfRun(id) else { return }
        let worker = workers[assignment.worker]
        let loss = LossRecord(
            node: worker.id,
            name: worker.view.name,
            task: id,
            attempt: assignment.attempt,
            isStarted: mayHaveBegun(assignment),
            at: now.wall
        )
        restore(loss)
        put(.loss(loss))
    }

    mutating func restore(_ loss: LossRecord) {
        if losses.update(loss.node, { $0.append(loss) }) == nil { losses[loss.node] = [loss] }
    }

    /// The node acts again, or never will.
    mutating func forgetLosses(of node: NodeID) {
        guard let known = losses[node] else { return }
        losses[node] = nil
        for loss in known { out.journal.append(.delete(table: .loss, key: loss.storeKey)) }
    }

    /// Tasks that were taken from a node since it was lost, in no particular order of theirs.
    func lossesOf(_ node: NodeID) -> [LossRecord] { losses[node] ?? [] }

    /// What must be durable of it.
    public var lossRecords: [LossRecord] { losses.values.flatMap { $0 } }
}
