import ControllerCore
import Model
import Protocol
import Testing

/// By what a node of the old site is proven unable to act: safety rule 4.
struct FenceTests {
    private func failover(isSelfFenced: Bool) -> (Stage, standby: ConnectionID) {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: isSelfFenced)
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        return (stage, standby)
    }

    @Test func `a node that fences itself is waited for until its lease has surely ended`() {
        var (stage, standby) = failover(isSelfFenced: true)
        #expect(stage.stepName == "fence")
        stage.live([standby], for: 15)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(!stage.verbs(standby).contains("START"))
        stage.live([standby], for: 2)
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.waited])
        #expect(stage.verbs(standby).contains("START"))
    }

    @Test func `a node that does not fence itself is waited for until somebody says it is off`() {
        var (stage, standby) = failover(isSelfFenced: false)
        stage.live([standby], for: 600)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.run.text.contains("n1 cannot be reached and does not stop by itself"))
        #expect(stage.run.text.contains("muster run certify 1 n1"))
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "")
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.certifyNode(stage.run.id, "n2"))
        #expect(stage.lastRefusal == .unknownName)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        #expect(stage.machine.cluster.activeSite == "b")
        let fence = stage.machine.runs.fences(of: stage.run.id).first
        #expect(fence?.proof == .certified)
        #expect(fence?.text == "certified by root: powered off")
    }

    @Test func `a node with a session is not off, whatever an operator says`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.begin(.failover)
        stage.live([production, standby], for: 2)
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `a node that is not proven yet gets no lease, and others do`() {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: true)
        stage.begin(.failover)
        let before = stage.sent.count
        stage.beat(production)
        stage.beat(standby)
        let answers = stage.sent[before...].filter {
            ["LEASE", "ALIVE"].contains($0.message.line.verb)
        }
        #expect(answers.map { $0.message.line.verb } == ["ALIVE", "LEASE"])
    }

    @Test func `after a restart every lease counts as granted just now`() {
        var (stage, _) = failover(isSelfFenced: true)
        stage.pass(.seconds(10))
        stage.restart()
        let standby = stage.attach("n2", [.plain("db", isSelfFenced: true)])
        stage.live([standby], for: 15)
        #expect(stage.machine.cluster.activeSite == "a")
        stage.live([standby], for: 2)
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `that a node does not fence itself outlives the controller`() {
        var (stage, _) = failover(isSelfFenced: false)
        stage.restart()
        let standby = stage.attach("n2", [.plain("db")])
        stage.live([standby], for: 60)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.run.text.contains("does not stop by itself"))
    }

    @Test func `a fencing command that succeeds is a proof, and one that fails is tried again`() {
        var (stage, production, standby) = Stage.twoSites()
        let fence = PlanStep(name: "fence", act: .fence(with: "power-off"), timeout: .seconds(600))
        stage.ask(.setPlan(.around(fence: fence)))
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        #expect(stage.hooks.map(\.name) == ["power-off"])
        #expect(stage.hooks[0].variables.contains(HookCall.Variable(name: "TARGET", value: "n1")))
        stage.answerHook(isDone: false, "no route to the power switch")
        #expect(stage.machine.cluster.activeSite == "a")
        stage.live([standby], for: 10)
        #expect(stage.hooks.count > 1)
        stage.answerHook(isDone: true, "off")
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.command])
    }

    @Test func `a node whose identity was seen twice is proven by no statement`() {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: true)
        stage.live([production, standby], for: 2)
        // A copy shows a nonce that was used.
        _ = stage.hello("n1", nonce: "old", boot: "other")
        stage.begin(.failover)
        stage.live([standby], for: 60)
        #expect(stage.machine.cluster.activeSite == "a")
        #expect(stage.run.text.contains("its identity was seen twice"))
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "both powered off")
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `a zombie of the old epoch is told that it is a standby before anything else`() {
        var (stage, standby) = failover(isSelfFenced: true)
        stage.live([standby], for: 20)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        #expect(stage.run.state == .done)
        let zombie = stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)]
        )
        let welcome = stage.sent.last {
            $0.connection == zombie && $0.message.line.verb == "WELCOME"
        }
        #expect(welcome?.message.line["role"] == "standby")
        #expect(welcome?.message.line["token"] == "0001.00000002.00000002")
        #expect(stage.verbs(zombie).contains("STOP"))
        #expect(!stage.verbs(zombie).contains("START"))
    }

    @Test func `neither the fence nor the activation can be left out`() {
        var (stage, _) = failover(isSelfFenced: false)
        stage.ask(.skipStep(stage.run.id), reason: "we are in a hurry")
        #expect(stage.lastRefusal == .forbidden)
        stage.pass(.seconds(3_700))
        #expect(stage.run.state == .asking)
        stage.ask(.skipStep(stage.run.id), reason: "we are in a hurry")
        #expect(stage.lastRefusal == .forbidden)
        #expect(stage.machine.cluster.activeSite == "a")
    }

    @Test func `what a run asks for later is told as well, and all that it asks for`() {
        var (stage, production, standby) = Stage.twoSites()
        let others = ["n4", "n5"].map {
            stage.online(NodeName($0)!, [.plain("db", .running, isWanted: true)], site: "a")
        }
        stage.step(.disconnected(production, .timedOut))
        stage.step(.disconnected(others[0], .timedOut))
        stage.live([standby, others[1]], for: 5)
        stage.begin(.failover)
        stage.live([standby, others[1]], for: 5)
        let asked = stage.events.filter { $0.kind == .runWaiting }
        #expect(asked.count == 1)
        #expect(asked[0].severity == .critical)
        #expect(asked[0].text.contains("node n1 ") && asked[0].text.contains("node n4 "))
        #expect(asked[0].consequence.contains("muster run certify 1 n4 --reason TEXT"))
        stage.step(.disconnected(others[1], .timedOut))
        stage.live([standby], for: 5)
        #expect(stage.told(.runWaiting) == 2)
        // An answer is no question.
        stage.ask(.certifyNode(stage.run.id, "n1"), reason: "powered off")
        stage.live([standby], for: 5)
        #expect(stage.told(.runWaiting) == 2)
    }

    /// It was switched off, and comes up while another node is not proven yet.
    @Test func `a node that is coming back is not switched off again`() {
        var (stage, production, standby) = Stage.twoSites()
        let other = stage.online("n3", [.plain("db", .running, isWanted: true)])
        let fence = PlanStep(name: "fence", act: .fence(with: "power-off"), timeout: .seconds(600))
        stage.ask(.setPlan(.around(fence: fence)))
        stage.live([production, other, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        #expect(stage.hooks.count == 1)
        stage.answerHook(isDone: true, "off")
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.command])
        // Its HELLO, and no READY yet.
        let back = stage.hello("n1", incarnation: 2, boot: "next")
        #expect(stage.machine.runs.fences(of: stage.run.id).isEmpty)
        stage.live([other, standby], for: 3)
        #expect(stage.hooks.count == 1)
        stage.step(.disconnected(back, .timedOut))
        stage.live([other, standby], for: 3)
        #expect(stage.hooks.count == 2, "gone again, it is no proof and no session")
    }

    /// That it was silent for so long stands, until it has a lease again or speaks.
    @Test func `the silence of a node is not taken back by its first word`() {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: true)
        let other = stage.online("n3", [.plain("db", .running, isWanted: true)])
        stage.live([production, other, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.begin(.failover)
        stage.live([other, standby], for: 20)
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.waited])
        _ = stage.hello("n1", incarnation: 2)
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.waited])
        #expect(stage.told(.nodeUnfenced) == 0)
    }
}
