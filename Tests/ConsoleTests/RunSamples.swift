import API

@testable import Console

/// Runs to show, as of the night of ``Samples``.
enum RunSamples {
    /// Everything that can be said of it.
    static let automatic = AutomaticStatus(
        asOf: "",
        mode: "automatic",
        authority: "outside",
        activeSite: "a",
        holdMilliseconds: 80_000,
        belowMilliseconds: 20_000,
        remainingMilliseconds: 60_000,
        pause: AutomaticPause(by: "olga", reason: "network work", at: "2026-11-23T06:41:12.345Z"),
        brake: AutomaticBrake(
            on: true,
            latched: true,
            lengthMilliseconds: 3_600_000,
            perDay: 2,
            taken: ["2026-11-23T06:41:12.345Z"]
        ),
        obstacles: [
            AutomaticObstacle(code: "brake", text: "the brake is on", mend: "lift it")
        ],
        sticky: ["a-1"]
    )

    static func step(
        _ number: UInt32,
        _ name: String,
        _ act: String,
        _ state: String,
        _ text: String = "",
        begun: Int64? = nil,
        ended: Int64? = nil
    ) -> RunStep {
        var step = RunStep(
            plan: PlanStepDetail(
                number: number,
                name: name,
                act: act,
                what: "what \(name) does",
                timeoutMilliseconds: 300_000,
                pointOfNoReturn: act == "activate"
            ),
            state: state,
            attempt: state == "pending" ? 0 : 1,
            text: text
        )
        step.startedAt = begun.map { Samples.ago($0) }
        step.endedAt = ended.map { Samples.ago($0) }
        return step
    }

    static var running: RunSummary {
        var run = RunSummary(
            id: 3,
            kind: "switchover",
            from: "a",
            to: "b",
            by: "alice",
            reason: "a new kernel",
            state: "running",
            startedAt: Samples.ago(30),
            step: 2,
            stepCount: 4,
            stepName: "stop-services",
            text: "still running: tm on a-1",
            epochBefore: "1.3"
        )
        run.stepSince = Samples.ago(12)
        run.acceptsDataLoss = true
        run.acceptedLosses = [
            AcceptedLoss(dataSet: "mail", lost: 1), AcceptedLoss(dataSet: "orders"),
        ]
        return run
    }

    static var detail: RunDetail {
        RunDetail(
            asOf: Samples.ago(0),
            run: running,
            steps: [
                step(1, "gate", "gate", "done", "site b is ready", begun: 30, ended: 29),
                step(2, "stop-services", "stop", "running", begun: 12),
                step(3, "fence", "fence", "pending"), step(4, "activate", "activate", "pending"),
            ]
        )
    }

    static var fencing: RunDetail {
        var detail = detail
        detail.run.step = 3
        detail.run.stepName = "fence"
        detail.run.fencing = true
        detail.run.text = "a-1 cannot be reached"
        detail.run.needs = [
            RunNeed(
                text: "node a-1 is not reachable",
                commands: ["muster run certify 3 a-1 --reason TEXT"]
            )
        ]
        detail.steps[1].state = "done"
        detail.steps[1].text = "stopped"
        detail.steps[2].state = "running"
        detail.fences = [
            RunFence(node: "a-2", proof: "statement", text: "it says so", at: Samples.ago(1)),
            RunFence(node: "a-1", text: "not reachable"),
        ]
        return detail
    }

    static var done: RunDetail {
        var detail = detail
        detail.run.state = "done"
        detail.run.step = 4
        detail.run.stepName = "activate"
        detail.run.text = ""
        detail.run.endedAt = Samples.ago(0)
        detail.run.epochAfter = "1.4"
        for index in detail.steps.indices {
            detail.steps[index].state = "done"
            detail.steps[index].text = "so it is"
        }
        return detail
    }

    static var aborted: RunDetail {
        var detail = detail
        detail.run.state = "aborted"
        detail.run.text = "aborted by alice"
        detail.run.endedAt = Samples.ago(0)
        return detail
    }

    static let readiness = SiteReadiness(
        asOf: Samples.ago(0),
        site: "b",
        role: "standby",
        findings: [
            ReadinessFinding(topic: "nodes", level: "fine", text: "2 of 2 nodes"),
            ReadinessFinding(
                topic: "drill",
                level: "warning",
                text: "no drill was ever made",
                mend: "make one"
            ),
        ]
    )

    static var notReady: SiteReadiness {
        SiteReadiness(
            asOf: Samples.ago(0),
            site: "b",
            role: "standby",
            findings: readiness.findings + [
                ReadinessFinding(topic: "services", level: "blocking", text: "tm is running there")
            ]
        )
    }

    static let plan = PlanSummary(
        name: "night",
        kinds: ["switchover"],
        version: 2,
        steps: 4,
        by: "alice",
        at: Samples.ago(3_600)
    )

    static var planDetail: PlanDetail {
        PlanDetail(
            asOf: Samples.ago(0),
            plan: plan,
            steps: detail.steps.map(\.plan),
            lines: ["name: night", "steps:"]
        )
    }

    static func preview(_ readiness: SiteReadiness = readiness) -> RunPreview {
        RunPreview(
            asOf: Samples.ago(0),
            kind: "switchover",
            from: "a",
            to: "b",
            plan: plan,
            readiness: readiness,
            steps: detail.steps.map {
                RunPreviewStep(plan: $0.plan, now: ["now"], estimateMilliseconds: 1_500)
            },
            fences: [RunFence(node: "a-1", proof: "statement", text: "reachable")]
        )
    }

    static let ledger = RunLedger(
        asOf: Samples.ago(0),
        run: 3,
        entries: [
            entry(7, "ended"), entry(8, "given-again"), entry(9, "unknown"), entry(10, "open"),
        ]
    )

    static func entry(_ task: UInt64, _ fate: String) -> LedgerEntry {
        LedgerEntry(
            task: task,
            type: "PUSH",
            account: "acme",
            attempt: 1,
            node: "a-1",
            started: true,
            fate: fate,
            text: "so it is"
        )
    }

    static var report: RunReport {
        RunReport(
            asOf: Samples.ago(0),
            verdict: "passed",
            verdictText: "site b is active",
            cluster: "prod",
            run: done.run,
            times: RunTimes(totalMilliseconds: 30_000),
            steps: done.steps,
            fences: fencing.fences,
            ledger: ledger.entries
        )
    }
}
