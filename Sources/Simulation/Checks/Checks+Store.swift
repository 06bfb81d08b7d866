import AgentCore
import ControllerCore
import Model
import Protocol

// What is durable, and that a machine is what its inputs make of it.

extension Checks {
    func beforeCommit(_ entries: [JournalEntry]) {
        world.work?.checks.commits(entries)
        commitsSites(entries)
        commitsQuestions(entries)
        for entry in entries {
            switch entry {
            case .put(.cluster(let cluster)):
                if cluster.epoch < epoch {
                    world.fail("I2: the epoch goes back to \(cluster.epoch)")
                }
                epoch = cluster.epoch
            case .put(.node(let record)):
                if record.membership == .removed { change(record.id) { $0.isRemoved = true } }
            case .put(.delivery(let delivery)): commits(delivery)
            case .audit(let audit):
                if audit.source.hasPrefix("console:"), !audited.insert(audit.source).inserted {
                    world.fail("I11: \(audit.verb) was audited twice")
                }
            default: break
            }
        }
    }

    /// Everything is durable: the store must hold what the machine holds, no more and no less.
    func compareStore() {
        guard let machine = world.controller.machine else { return }
        var expected = OrderedTable<DurableStore.Key, [UInt8]>()
        for record in machine.records {
            let key = DurableStore.Key(table: record.table, key: record.key)
            expected[key] = record.line.bytes
        }
        let held = world.controller.store.lines
        for (key, bytes) in expected where held[key] != bytes {
            let found = held[key].map { String(decoding: $0, as: UTF8.self) } ?? "nothing"
            return world.fail(
                "the store holds \(found) for \(key.table.rawValue)/\(key.key), the machine "
                    + String(decoding: bytes, as: UTF8.self)
            )
        }
        for key in held.keys where expected[key] == nil && !key.table.isOfTasks {
            return world.fail("the store holds \(key.table.rawValue)/\(key.key), the machine not")
        }
        if machine.eventSequence != world.controller.store.lastEventSequence {
            world.fail("the machine is at event \(machine.eventSequence)")
        }
    }

    /// The same start and the same inputs make the same machine.
    func compareReplay() {
        guard world.seed % 8 == 0, var again = world.controller.startState else { return }
        for entry in world.controller.log { _ = again.step(entry.event, at: entry.moment) }
        if again != world.controller.machine {
            world.fail("the controller is not what its events make")
        }
    }

    func compareReplay(of host: AgentHost) {
        guard world.seed % 8 == 0, var again = host.startState else { return }
        for entry in host.log { _ = again.step(entry.event, at: entry.at) }
        if again != host.machine { world.fail("\(host.name) is not what its events make") }
    }
}

extension RecordTable {
    /// Looked at by ``TaskChecks``, or kept of them for a run's report.
    var isOfTasks: Bool {
        switch self {
        // The series loses at most its last minute: a store never has all of it.
        case .task, .taskState, .taskEnd, .dispatchView, .ledger, .late, .lagHour: true
        case .cluster, .site, .node, .token, .operators, .setting, .schedule, .calendar, .plan,
            .run, .runStep, .runDeed, .fence, .loss, .dataSet, .fork, .divergence, .notifyRules,
            .silence, .alarm, .notice, .delivery:
            false
        }
    }
}

extension ControllerMachine {
    /// Everything that a store must hold of this machine, but tasks.
    var records: [Record] {
        [.cluster(cluster)] + sites.values.map { .site($0) } + nodes.values.map { .node($0.record) }
            + tokens.values.map { .token($0) } + operators.values.map { .operatorAccount($0) }
            + settingRecords.values.map { .setting($0) }
            + schedules.entries.values.map { .schedule($0.record) }
            + schedules.calendars.values.map { .calendar($0) }
            + runs.plans.values.map { .plan($0) } + runs.runs.values.map { .run($0) }
            + runs.runs.keys.flatMap { runs.steps(of: $0).map { .runStep($0) } }
            + runs.runs.keys.flatMap { runs.fences(of: $0).map { .fence($0) } }
            + replication.entries.values.flatMap { entry in
                [.dataSet(entry.record)] + entry.forks.map { .fork($0) }
                    + entry.divergences.values.map { .divergence($0) }
            }
            + runs.runs.keys.flatMap { runs.steps(of: $0) }
            .flatMap { runs.deeds(of: $0).map { .runDeed($0) } }
            + work.lossRecords.map { .loss($0) } + notify.records
    }
}
