import AgentCore
import ControllerCore
import Model
import Protocol

// What must be true of tasks when nothing has gone wrong for a while.

extension TaskChecks {
    /// - Returns: what is not at rest yet.
    func unrest() -> String? {
        guard let machine = world.controller.machine else { return nil }
        for (id, task) in tasks where !task.stands.isEnded && !task.isLost {
            guard isPossible(task, machine) else { continue }
            let why = machine.work.explain(id)?.text ?? "nothing says why"
            return "I5: task \(id) is \(task.stands.rawValue): \(why)"
        }
        for host in world.hosts where !host.isClone {
            if let leash = host.taskLeashes.first(where: { $0.isRunningSomething }) {
                return "\(leash.name) still runs"
            }
        }
        return world.work?.clients.unrest()
    }

    /// Some node can run it, and what goes first of its key. One that it is assigned to has to give it
    /// back at least.
    private func isPossible(_ task: View, _ machine: ControllerMachine) -> Bool {
        if task.stands == .assigned { return true }
        for other in keyed[task.record.submission.exclusiveKey?.text ?? ""] ?? [] {
            guard other < task.record.id, let first = tasks[other], !first.stands.isEnded else {
                continue
            }
            if !isPossible(first, machine) { return false }
        }
        return world.hosts.contains { host in
            guard !host.isClone, let node = node(of: host), let member = machine.nodes[node],
                host.handlers.contains(where: { $0.types.contains(task.record.submission.type) })
            else { return false }
            let record = member.record
            return record.membership == .joined && record.status == .online
                && record.site == machine.cluster.activeSite && record.isAdmitted
                && record.cordon == nil && record.drain == nil && record.maintenance == nil
        }
    }

    /// What is spooled on it becomes a task: it is a member, and its disk was not set back.
    func mustDeliver(_ host: AgentHost) -> Bool {
        guard !isDoubtful(host), let node = node(of: host),
            let member = world.controller.machine?.nodes[node]
        else { return false }
        return member.record.membership == .joined
    }

    /// A fresh machine on the store has the same live tasks.
    func final() {
        let host: ControllerHost = world.controller
        guard let machine = host.machine, host.durableTicket == host.lastTicket,
            let records = try? host.store.records()
        else { return }
        let (fresh, _) = ControllerMachine.started(
            settings: host.settings,
            records: records,
            generation: host.generation,
            lastEventSequence: host.store.lastEventSequence,
            seed: 1,
            at: host.moment
        )
        let live = stands(machine)
        let again = stands(fresh)
        for (id, text) in live where again[id] != text {
            world.fail("read back, task \(id) is \(again[id] ?? "gone"), and was \(text)")
        }
        for id in again.keys where live[id] == nil {
            world.fail("read back, there is task \(id), and there was none")
        }
        for (id, task) in tasks where !task.isLost {
            let key = id.storeKey
            let isLive = host.store.record(.task, key) != nil
            let hasEnded = host.store.record(.taskEnd, key) != nil
            if isLive == hasEnded || isLive != (live[id] != nil) {
                world.fail("I5: task \(id), \(task.stands.rawValue), is not in the store as it is")
            }
            let isLong = task.payload.count > WorkLimits.inlineBytesMax
            if (host.store.payloads[id] != nil) != (isLive && isLong) {
                world.fail("the payload of task \(id) is not where it belongs")
            }
        }
    }

    private func stands(_ machine: ControllerMachine) -> OrderedTable<TaskID, String> {
        var stands = OrderedTable<TaskID, String>()
        machine.work.forEachTask(after: nil) { view in
            // Whether its time has come is reckoned anew.
            let isLater = view.state == .waiting || view.state == .delayed
            var text = isLater ? "later" : view.state.rawValue
            text += " \(view.attempt) \(view.failures) \(view.interruptions)"
            text += " \(view.payloadBytes) \(view.submittedBy) \(view.node?.text ?? "-")"
            text += " \(view.assignment.map { "\($0.token) \($0.decision)" } ?? "-")"
            text += " \(view.submission) \(view.traces.count)"
            text += " \(view.result.map { "\($0)" } ?? "-")"
            stands[view.id] = text
            return true
        }
        return stands
    }
}
