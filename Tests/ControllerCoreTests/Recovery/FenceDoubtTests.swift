import ControllerCore
import Model
import Protocol
import Testing

/// What is not known, or not true any more, is no proof.
struct FenceDoubtTests {
    static func adopt(_ stage: inout Stage, _ records: [Record]) {
        stage.advance(.milliseconds(500))
        let records = records.map { record -> Record in
            guard case .cluster(var cluster) = record else { return record }
            cluster.say(cluster.activeSite, reason: "it was looked at", isOld: true)
            return .cluster(cluster)
        }
        let (machine, _) = ControllerMachine.started(
            settings: stage.machine.settings,
            records: records,
            generation: 2,
            lastEventSequence: 1_000_000,
            seed: 3,
            at: stage.now
        )
        stage.machine = machine
    }

    /// The backup knows n1 as joined and not admitted; it was admitted since and runs a sticky service.
    @Test func `after a restore nobody counts as never started that was not heard since`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n2", [.plain("db")], site: "b")
        stage.join("n1")
        let backup = stage.store.values
        Self.adopt(&stage, backup)
        let standby = stage.attach("n2", [.plain("db")], incarnation: 2)
        stage.begin(.failover, force: true)
        stage.live([standby], for: 60)
        #expect(
            stage.machine.cluster.activeSite == "a",
            "\(stage.machine.runs.fences(of: stage.run.id).map(\.text))"
        )
    }

    /// The backup says that n1 fences itself; since then it was given a sticky service.
    @Test func `after a restore nobody counts as fencing itself that was not heard since`() {
        var (stage, _, _) = Stage.twoSites(isSelfFenced: true)
        let backup = stage.store.values
        Self.adopt(&stage, backup)
        let standby = stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        stage.begin(.failover, force: true)
        stage.live([standby], for: 60)
        #expect(
            stage.machine.cluster.activeSite == "a",
            "\(stage.machine.runs.fences(of: stage.run.id).map(\.text))"
        )
    }

    /// A removal that was under way when the controller was restarted.
    @Test func `a removal that a restart has interrupted proves nothing`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        stage.ask(.removeNodes(["n1"]), force: false)
        #expect(stage.machine.member(named: "n1")?.record.membership == .removing)
        stage.restart()
        let again = stage.attach("n2", [.plain("db")], incarnation: 2)
        stage.live([again], for: 200)
        #expect(stage.machine.member(named: "n1")?.record.membership == .removing)
        stage.begin(.failover, force: true)
        stage.live([again], for: 60)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    /// Certified off, and back alive with what it runs, before the activation.
    @Test func `a node that is back has to speak for itself, whoever has certified it`() {
        var (stage, production, standby) = Stage.twoSites()
        let third = stage.online("n3", [.plain("other", .running, isWanted: true)])
        stage.live([production, standby, third], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        let back = stage.attach("n1", [.plain("db", .running, isWanted: true)])
        stage.live([back, standby, third], for: 2)
        stage.report("other", .stopped, isWanted: false, on: third)
        stage.beat(third, floor: Stage.floorOfSession1)
        stage.live([back, standby], for: 1)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    /// A copy of a sticky node that comes first makes the statement.
    @Test
    func `another boot or machine does not speak for services that do not stop by themselves`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        stage.live([standby], for: 30)
        let copy = stage.hello("n1", boot: "another")
        stage.say(.ready(nonce: stage.machine.member(named: "n1")!.record.nonce), on: copy)
        stage.say(.service(.plain("db")), on: copy)
        stage.say(.synced(services: 1, handlers: 0, attempts: 0), on: copy)
        stage.beat(copy, floor: Stage.floorOfSession1)
        stage.live([standby], for: 1)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.run.text.contains("another boot or machine"))
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "it was rebooted")
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `a hook that still runs on the old site keeps the new one from acting`() {
        let handler = HandlerReport(
            name: "slow",
            types: [TaskType(hook: "slow")],
            slots: 1,
            prefetch: 0,
            delivery: .exclusive
        )
        var (stage, production, _) = Stage.twoSites(handlers: [handler])
        let step = PlanStep(
            name: "slow",
            act: .hook("slow", .node("n1")),
            timeout: .seconds(2),
            onFailure: .skip
        )
        var plan = PlanDraft.around()
        plan.steps.insert(step, at: 1)
        stage.ask(.setPlan(plan))
        stage.begin()
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        #expect(stage.stepName == "slow")
        let order = stage.running(production)[0]
        stage.live([production], for: 5)
        #expect(stage.stepName == "activate")
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.run.text.contains("a hook still runs on n1"))
        stage.end(order.attempt, .cancelled, on: production)
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `hooks that nobody waits for any more are cancelled`() {
        var (stage, _, _) = Stage.twoSites()
        let hook = PlanStep(name: "redirect", act: .hook("redirect", .controller), undo: "back")
        stage.ask(.setPlan(.around(before: [hook])))
        stage.begin()
        let call = stage.hooks[0].id
        let effects = stage.machine.step(
            .command(
                RequestID(9_999),
                Stage.admin,
                Command(.abortRun(stage.run.id), reason: "stop")
            ),
            at: stage.now
        )
        #expect(effects.hookCancels.contains(call))
        #expect(effects.hooks.map(\.name) == ["back"])
    }

    /// A node that enrols between the fence and the activation.
    @Test func `a node that joins after the fence is proven before the activation`() {
        var (stage, production, standby) = Stage.twoSites()
        let token = stage.seed()
        stage.ask(.createToken(token, site: "a", node: nil))
        var plan = PlanDraft.around()
        plan.steps.insert(PlanStep(name: "sure", act: .ask("sure?")), at: 1)
        stage.ask(.setPlan(plan))
        stage.begin(.switchover, force: true)
        stage.report("db", .stopped, isWanted: false, on: production)
        stage.beat(production, floor: Stage.floorOfSession1)
        stage.live([standby], for: 1)
        #expect(stage.stepName == "sure")
        stage.enrol(token, name: "n9", key: "key-n9")
        let late = stage.attach("n9", [])
        stage.ask(.answerRun(stage.run.id, isYes: true))
        let floor = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 0)
        stage.beat(late, floor: floor)
        stage.live([standby], for: 3)
        stage.ask(.retryStep(stage.run.id))
        stage.beat(late, floor: floor)
        #expect(stage.machine.cluster.activeSite == "b", "\(stage.run.state) \(stage.run.text)")
    }

    @Test func `a node that has shown itself again is not off, whatever was certified`() {
        var (stage, production, standby) = Stage.twoSites()
        let other = stage.online("n3", [.plain("db", .running, isWanted: true)])
        stage.live([production, other, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.step(.disconnected(other, .timedOut))
        stage.begin(.failover)
        stage.live([standby], for: 20)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        // It is not: its agent is there, stops db, and writes its state to a slow disk.
        _ = stage.hello("n1", incarnation: 2)
        stage.ask(.certifyNode(stage.run.id, "n3"), reason: "powered off")
        stage.live([standby], for: 5)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `a node with a session is not off, whatever is said when it is removed`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        // Said twice, because the first one takes its time.
        stage.ask(.removeNodes(["n1"]), force: true)
        stage.ask(.removeNodes(["n1"]), force: true)
        stage.begin(.failover, force: true)
        stage.live([standby], for: 2)
        // What n1 runs is still being stopped, by all that is known.
        #expect(stage.machine.cluster.activeSite == "a")
    }
}
