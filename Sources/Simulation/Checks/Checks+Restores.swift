import ControllerCore
import Model
import Protocol

// The store was replaced by an older copy: what is followed of it is what that copy says.

extension Checks {
    func storeReplaced() {
        let store = world.controller.store
        guard let records = try? store.records() else { return }
        fencesSeen = []
        runsOfBackup = []
        // What was told after the backup is not known to have been, and is told again.
        notices = NoticeChecks()
        runsSeen = OrderedTable()
        automatic = AutomaticView()
        for record in records {
            switch record {
            case .run(let run):
                runsSeen[run.id] = run
                notices.questions[run.id] = run.questions
                if !run.state.isEnded { runsOfBackup.append(run.id) }
            case .fence(let fence): fencesSeen.insert("\(fence.run)/\(fence.node)")
            case .token(let token): if token.state != .used { tokenKeys[token.id] = nil }
            default: break
            }
        }
        for node in nodes.keys {
            var isRemoved = false
            if case .node(let record)? = store.record(.node, node.text) {
                isRemoved = record.membership == .removed
            }
            change(node) { view in
                view.isRemoved = isRemoved
                view.readyHosts = []
            }
        }
    }

    /// Where the site is active whatever the store says: while nobody has said so after a restore.
    var trueActiveSite: SiteName? { saidLater ?? durableCluster?.activeSite }

    /// While the store says that it settles, or that nobody has said which site is active, nothing is
    /// started and nothing given out.
    func checkSettled(_ verb: String, _ node: NodeID) {
        guard let restoring = durableCluster?.restoring else { return }
        if restoring.settling != nil || restoring.evidence != nil {
            world.fail("\(verb) is sent to \(node) before the restored store has settled")
        }
    }

    func unrestOfRestore(_ machine: ControllerMachine) -> String? {
        guard machine.settling != nil || !machine.mayAct else { return nil }
        let waits = machine.settlingWaits.map(\.text).joined(separator: ", ")
        return "the restored store has not settled: \(waits)"
    }
}

extension TaskChecks {
    /// Tasks that the copy does not have are lost, as is documented; those that have ended since it was
    /// made live again.
    func storeReplaced() {
        let store = world.controller.store
        keyed = [:]
        keyOwners = [:]
        held = OrderedTable()
        fenced = OrderedTable()
        exclusivelyFenced = OrderedTable()
        tasksOfJobs = OrderedTable()
        for id in tasks.keys {
            let key = id.storeKey
            var end: TaskEndRecord?
            var state: TaskStateRecord?
            if case .taskEnd(let record)? = store.record(.taskEnd, key) { end = record }
            if case .taskState(let record)? = store.record(.taskState, key) { state = record }
            let isThere = end != nil || store.record(.task, key) != nil
            tasks.update(id) { view in
                view.isLost = !isThere
                view.end = end
                view.state = state
            }
            guard isThere, let task = tasks[id] else { continue }
            if let number = Job.number(in: task.payload) { tasksOfJobs[number] = id }
            let asked = task.record.submission
            if let key = asked.idempotencyKey { keyOwners[key] = id }
            guard end == nil else { continue }
            if let key = asked.exclusiveKey { keyed[key.text, default: []].append(id) }
            if let given = state?.assignment {
                if held[given.node] == nil { held[given.node] = OrderedTable() }
                held.update(given.node) { $0[id] = given.handler }
            }
        }
        world.work?.clients.forget { id in self.tasks[id]?.isLost ?? true }
    }

    /// It is of before the last restore.
    func isOfBefore(_ id: TaskID) -> Bool {
        let generation = world.controller.generation
        return generation > 1 && id.number < UInt64(generation) << 40
    }
}
