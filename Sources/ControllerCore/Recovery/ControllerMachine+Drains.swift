import Model
import Protocol

// Tasks that end at the site which a planned run leaves: their attempts stay the current ones, under their
// old token, until they end, are cut, or it is proven that they run no more.

extension ControllerMachine {
    /// How long attempts that were cut may take to end before an operator is asked: a handler has its
    /// `stop-timeout` for it.
    static let cutPatience: Duration = .seconds(300)

    /// A plan lets tasks drain that ends drainable services of the old site, all of them, after the
    /// activation, and not before. A failover waits for nobody.
    static func letsTasksLinger(_ kind: RunKind, _ steps: [PlanStep]) -> Bool {
        guard kind == .switchover || kind == .failback,
            let activation = steps.firstIndex(where: { $0.act == .activate })
        else { return false }
        return steps[activation...].contains(where: \.act.endsDrains)
            && !steps[..<activation].contains(where: \.act.endsDrains)
    }

    /// Whether a step is the one that waits for what drains.
    func endsDrains(_ act: PlanAct, of run: RunRecord) -> Bool {
        run.tasksLinger && run.isActivated && act.endsDrains
    }

    /// Before the fence: what may end later is not waited for.
    func lookAtTasks(_ run: RunRecord) -> StepProgress {
        var count = 0
        var holders: [String] = []
        for place in nodes.values.indices where nodes.values[place].record.site == run.from {
            let id = nodes.values[place].record.id
            guard work.hasWork(id) else { continue }
            let here = work.tasks(of: id).count { !(run.tasksLinger && work.isDrainable($0)) }
            guard here > 0 else { continue }
            count += here
            holders.append(nodes.values[place].record.name.text)
        }
        guard count > 0 else { return .done("no task runs on site \(run.from)") }
        let tasks = "\(counted(count, "task")) \(count == 1 ? "has" : "have")"
        return .waiting("\(tasks) not ended on \(short(holders))")
    }

    /// Tasks of a site that may be let drain, and the nodes that have them.
    func draining(on site: SiteName) -> (count: Int, nodes: [String]) {
        var count = 0
        var names: [String] = []
        for place in nodes.values.indices where nodes.values[place].record.site == site {
            let here = work.countDrainable(nodes.values[place].record.id)
            guard here > 0 else { continue }
            count += here
            names.append(nodes.values[place].record.name.text)
        }
        return (count, names.sorted())
    }

    /// A drill would be beside what still ends at its site under production's token.
    func checkDrains(_ request: RunRequest) throws(Refused) {
        guard request.kind == .drill else { return }
        let (count, names) = draining(on: request.to)
        guard count > 0 else { return }
        throw Refused(
            .notNow,
            "\(counted(count, "task")) of production \(count == 1 ? "has" : "have") not ended on "
                + short(names),
            mend: "muster task list --state assigned"
        )
    }

    /// What the step that ends the drain waits for besides services; empty when for nothing.
    func tasksThatDrain(_ run: RunRecord) -> String {
        guard let record = runs.stepRecords[.init(run: run.id, index: run.step)],
            endsDrains(record.step.act, of: run)
        else { return "" }
        let (count, holders) = draining(on: run.from)
        guard count > 0 else { return "" }
        let tasks = "\(counted(count, "task")) \(count == 1 ? "has" : "have")"
        return "\(tasks) not ended on \(short(holders))" + (runs.isCut ? ", and had to" : "")
    }

    /// What drains is told to end, and the ledger says so.
    mutating func cutDrains(of run: RunRecord, because reason: String) {
        var cut: [String] = []
        var unknown: [String] = []
        for member in nodes.values where member.record.site == run.from {
            let name = member.record.name
            for found in work.cutDrainable(of: member.record.id) {
                let attempt = found.attempt
                cut.append("\(attempt.task) on \(name)")
                if found.endsUnknown { unknown.append("task \(attempt.task)") }
                put(
                    .ledger(
                        LedgerRecord(
                            run: run.id,
                            task: attempt.task,
                            attempt: attempt.attempt,
                            node: name,
                            isStarted: found.isStarted,
                            drains: true,
                            cutAt: now.wall
                        )
                    )
                )
            }
        }
        guard !cut.isEmpty else { return }
        tell(
            .runNotice,
            .warning,
            "run \(run.id)",
            "\(counted(cut.count, "task")) of site \(run.from) \(cut.count == 1 ? "is" : "are") cut.",
            cause: reason,
            consequence: cutConsequence(cut.count - unknown.count, unknown, run)
        )
        auditOwn("run.cut", "\(run.id)", reason: "\(reason): \(short(cut.map { "task \($0)" }))")
    }

    private func cutConsequence(_ again: Int, _ unknown: [String], _ run: RunRecord) -> String {
        var parts: [String] = []
        if again > 0 {
            parts.append(
                "\(counted(again, "task")) \(again == 1 ? "is" : "are") given again at site \(run.to) when "
                    + "\(again == 1 ? "its attempt has" : "their attempts have") been ended"
            )
        }
        if !unknown.isEmpty {
            let isOne = unknown.count == 1
            parts.append(
                "\(counted(unknown.count, "task")) that may not run twice and \(isOne ? "has" : "have") begun "
                    + "\(isOne ? "is" : "are") unknown then, and an operator decides: \(short(unknown))"
            )
        }
        return parts.joined(separator: "; ")
    }

    /// It is proven that nothing which a node was given runs there any more, but what drains where that is
    /// spared: a node that says so of what is exclusive.
    mutating func takeWork(of id: NodeID, sparesDrainable: Bool) {
        if !sparesDrainable, nodes[id]?.record.drains != nil { amend(id) { $0.drains = nil } }
        work.fence(id, sparesDrainable: sparesDrainable)
    }
}

extension PlanAct {
    /// All that may drain ends with it; of groups that is said of services alone.
    var endsDrains: Bool {
        if case .stop(.from, let groups, let scope) = self {
            groups.isEmpty && scope != .exclusive
        } else {
            false
        }
    }
}
