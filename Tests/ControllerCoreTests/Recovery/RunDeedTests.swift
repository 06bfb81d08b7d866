import ControllerCore
import Model
import Protocol
import Testing

/// What is kept of a run beside the last attempt of each step.
struct RunDeedTests {
    private func deeds(_ stage: Stage, _ index: Int) -> [String] {
        let step = stage.machine.runs.steps(of: stage.run.id)[index]
        return stage.machine.runs.deeds(of: step).map { deed in
            let attempt = deed.startedAt.map { "\((deed.at - $0).wholeSeconds)s " } ?? ""
            let who = deed.by.isEmpty ? "" : " by \(deed.by): \(deed.reason)"
            return "\(attempt)\(deed.outcome.rawValue) \(deed.text)\(who)"
        }
    }

    private func sealed(_ stage: Stage) -> [AuditRecord] {
        stage.audits.filter { $0.verb == ControllerMachine.reportVerb }
    }

    @Test func `every attempt is kept, and who had it tried again, and why`() {
        var (stage, production, standby) = Stage.twoSites()
        let hook = PlanStep(
            name: "tell",
            act: .hook("tell", .controller),
            timeout: .seconds(60),
            retries: 1,
            retryDelay: .seconds(5)
        )
        stage.ask(.setPlan(.around(before: [hook])))
        stage.begin()
        stage.live([production, standby], for: 2)
        stage.answerHook(isDone: false, "no route")
        stage.live([production, standby], for: 6)
        stage.answerHook(isDone: false, "no route at all")
        stage.live([production, standby], for: 30)
        stage.ask(.retryStep(stage.run.id), reason: "the route is there")
        stage.answerHook(isDone: true, "told")
        #expect(
            deeds(stage, 0) == [
                "2s failed no route", "1s failed no route at all",
                "retried  by root: the route is there", "0s done told",
            ]
        )
        #expect(stage.run.askedMilliseconds >= 30_000)
        stage.restart()
        #expect(deeds(stage, 0).count == 4)
    }

    @Test func `a step that was left out and a question that was answered name the person`() {
        var (stage, _, _) = Stage.twoSites()
        let steps = [
            PlanStep(name: "tell", act: .hook("tell", .controller)),
            PlanStep(name: "sure", act: .ask("sure?")),
        ]
        stage.ask(.setPlan(.around(before: steps)))
        stage.begin()
        stage.ask(.skipStep(stage.run.id), reason: "told by phone")
        stage.advance(.seconds(40))
        stage.ask(.answerRun(stage.run.id, isYes: true), reason: "all agree")
        #expect(deeds(stage, 0) == ["0s skipped  by root: told by phone"])
        #expect(deeds(stage, 1) == ["40s answered-yes  by root: all agree"])
        #expect(stage.machine.runs.steps(of: stage.run.id)[1].personMilliseconds == 40_000)
    }

    @Test func `no more are kept of a step than its limit, the oldest go`() {
        var (stage, _, _) = Stage.twoSites()
        let step = PlanStep(name: "tell", act: .hook("tell", .controller))
        stage.ask(.setPlan(.around(before: [step])))
        stage.begin()
        for _ in 0..<100 {
            stage.answerHook(isDone: false, "no")
            stage.ask(.retryStep(stage.run.id))
        }
        let record = stage.machine.runs.steps(of: stage.run.id)[0]
        #expect(record.deeds == 200)
        let kept = stage.machine.runs.deeds(of: record)
        #expect(kept.count == Int(RunDeedRecord.keptMax))
        #expect(kept.last?.number == 200)
        #expect(stage.store.keys.count { $0.hasPrefix("run-deed/") } == kept.count)
    }

    @Test func `waiting for somebody's word on a node is waiting for a person`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        stage.live([standby], for: 300)
        #expect(stage.run.askedSince != nil)
        stage.restart()
        let again = stage.attach("n2", [.plain("db")])
        stage.live([again], for: 100)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        #expect(stage.run.isActivated)
        #expect(stage.run.askedSince == nil)
        #expect(stage.run.askedMilliseconds > 350_000)
        let fence = stage.machine.runs.steps(of: stage.run.id).first { $0.step.name == "fence" }
        #expect(fence?.personMilliseconds == stage.run.askedMilliseconds)
    }

    @Test func `the digest of what an ended run leaves behind is audited in its last step`() {
        var (stage, _, _) = Stage.twoSites()
        stage.begin()
        #expect(stage.machine.sealedReport(of: stage.run.id) == nil)
        stage.ask(.abortRun(stage.run.id), reason: "not tonight")
        #expect(stage.run.state == .aborted)
        let text = stage.machine.sealedReport(of: stage.run.id)
        #expect(sealed(stage).map(\.object) == ["1"])
        #expect(sealed(stage).first?.parameters == text)
        #expect(
            text?.hasPrefix("{\"acceptsDataLoss\":false,\"by\":\"root\",\"cluster\":\"c-1\",")
                == true
        )
        #expect(text?.contains("\"outcome\":\"aborted\",\"reason\":\"not tonight\"") == true)
        // It does not change with time, nor with another controller.
        stage.advance(.seconds(1_000))
        stage.restart()
        #expect(stage.machine.sealedReport(of: stage.run.id) == text)
    }
}
