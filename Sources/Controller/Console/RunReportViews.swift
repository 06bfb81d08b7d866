import API
import ControllerCore
import Digests
import Model
import Protocol

// What a run leaves behind: its verdict, and where its time went.

extension NodeViews {
    func report(_ run: RunRecord, ledger: [LedgerEntry], isCut: Bool) -> RunReport {
        let records = machine.runs.steps(of: run.id)
        let (verdict, text) = Self.verdict(run, records)
        var report = RunReport(
            asOf: asOf,
            verdict: verdict,
            verdictText: text,
            cluster: machine.cluster.name,
            run: summary(run),
            times: times(run, records),
            steps: steps(run.id),
            fences: fences(run),
            data: losses(of: run.id),
            ledger: ledger,
            ledgerCut: isCut
        )
        for (place, record) in records.enumerated() {
            let deeds = machine.runs.deeds(of: record)
            report.steps[place].deeds = deeds.map(RunDeed.init)
            let left = Int(record.deeds) - deeds.count
            report.steps[place].deedsLeftOut = left > 0 ? UInt32(left) : nil
        }
        report.sealed = machine.sealedReport(of: run.id)
        report.digest = report.sealed.map { Digest(of: $0.utf8).hex }
        return report
    }

    private static func verdict(
        _ run: RunRecord,
        _ records: [RunStepRecord]
    ) -> (word: String, text: String) {
        switch run.state {
        case .running, .asking, .rollingBack: return ("under-way", "it has not ended")
        case .aborted:
            let reason = run.text.isEmpty ? "it was aborted" : run.text
            return ("failed", "rolled back, site \(run.from) stays active: \(reason)")
        case .done:
            if run.kind == .drill {
                return ("passed", "site \(run.to) has passed its drill; site \(run.from) went on")
            }
            let epoch = run.epochAfter.map { " under epoch \($0)" } ?? ""
            let skipped = records.filter { $0.state == .skipped }.map(\.step.name.text)
            let left =
                skipped.isEmpty ? "" : "; left out: \(skipped.joined(separator: ", "))"
            let forced = run.isForced ? "; readiness was overruled" : ""
            return ("passed", "site \(run.to) is active\(epoch)\(left)\(forced)")
        }
    }

    func times(_ run: RunRecord, _ records: [RunStepRecord]) -> RunTimes {
        var times = RunTimes(
            totalMilliseconds: ((run.endedAt ?? now.wall) - run.startedAt).milliseconds,
            personMilliseconds: asked(run)
        )
        var isAfter = false
        var disturbed: WallTime?
        var served: WallTime?
        for record in records {
            let act = record.step.act
            let begin = begin(of: record)
            if let begin {
                add(worked(record, run), of: act, isAfter, to: &times)
                if Self.disturbs(act), !isAfter { disturbed = disturbed ?? begin }
            }
            if act == .activate { isAfter = true }
            if Self.serves(act), record.state == .done { served = record.endedAt ?? served }
        }
        // Every start and verification has to have ended, one that was left out not.
        let isServed = records.allSatisfy {
            !Self.serves($0.step.act) || $0.state == .done || $0.state == .skipped
        }
        // A drill shows how long it would take.
        if run.isActivated || run.kind == .drill, isServed, let served {
            times.rtoMilliseconds = (served - run.startedAt).milliseconds
            times.outageMilliseconds = disturbed.map { (served - $0).milliseconds }
        }
        return times
    }

    /// When the first attempt of a step began, as far as that is kept.
    private func begin(of record: RunStepRecord) -> WallTime? {
        machine.runs.deeds(of: record).lazy.compactMap(\.startedAt).first ?? record.startedAt
    }

    /// Time of all attempts of a step, without what was waited for a person within them.
    private func worked(_ record: RunStepRecord, _ run: RunRecord) -> UInt64 {
        let ended = machine.runs.deeds(of: record).compactMap { deed in
            deed.startedAt.map { (deed.at - $0).milliseconds }
        }
        var spent = ended.reduce(0, +)
        var waited = record.personMilliseconds
        let isPresent = !run.state.isEnded && record.index == run.step
        let isUnderWay = record.state == .running || record.state == .verifying
        if let begin = record.startedAt, ended.isEmpty || (isPresent && isUnderWay) {
            spent += ((end(of: record) ?? now.wall) - begin).milliseconds
        }
        if isPresent, isUnderWay, let since = run.askedSince {
            waited += (now.wall - since).milliseconds
        }
        return spent - min(spent, waited)
    }

    private func add(
        _ milliseconds: UInt64,
        of act: PlanAct,
        _ isAfter: Bool,
        to times: inout RunTimes
    ) {
        switch act {
        case .gate, .drainTasks: times.stopMilliseconds += milliseconds
        case .endDrill: times.lingerMilliseconds += milliseconds
        case .stop:
            if isAfter {
                times.lingerMilliseconds += milliseconds
            } else {
                times.stopMilliseconds += milliseconds
            }
        case .fence: times.fenceMilliseconds += milliseconds
        case .activate, .isolate, .start, .verify: times.startMilliseconds += milliseconds
        case .hook, .check, .notify, .sandbox: times.hooksMilliseconds += milliseconds
        // It is counted as time that was waited for a person.
        case .ask: break
        }
    }

    private static func disturbs(_ act: PlanAct) -> Bool {
        switch act {
        case .stop, .fence: true
        case .gate, .drainTasks, .start, .activate, .hook, .check, .ask, .verify, .notify, .isolate,
            .endDrill, .sandbox:
            false
        }
    }

    private static func serves(_ act: PlanAct) -> Bool {
        switch act {
        case .activate, .isolate, .start, .verify: true
        case .gate, .drainTasks, .stop, .fence, .hook, .check, .ask, .notify, .endDrill, .sandbox:
            false
        }
    }
}

extension RunDeed {
    init(_ deed: RunDeedRecord) {
        self.init(
            number: deed.number,
            outcome: deed.outcome.rawValue,
            startedAt: deed.startedAt?.iso8601,
            at: deed.at.iso8601,
            by: deed.by.isEmpty ? nil : deed.by,
            reason: deed.reason.isEmpty ? nil : deed.reason,
            text: deed.text,
            hooks: deed.hooks.map(RunHook.init)
        )
    }
}
