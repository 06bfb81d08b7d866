import ControllerCore
import Model
import Protocol
import Testing

/// A store that is older than what the nodes were told: who acts, and who waits for whom.
struct RestoreTests {
    /// Site `a` is the active one in the backup; `b` was made the active one after it, and an operator
    /// says which it is now.
    private func restored(_ active: SiteName, isOld: Bool = true) -> Stage {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        stage.restart(generation: 2, active: active, isOld: isOld)
        return stage
    }

    private func shown(_ counter: UInt32) -> FencingToken {
        FencingToken(epoch: Epoch(generation: 1, counter: counter), session: 1)
    }

    // MARK: The word

    @Test func `the site that is said to be active is, under an epoch above the backup's`() {
        var stage = restored("b")
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(stage.machine.cluster.epoch == Epoch(generation: 2, counter: 2))
        let first = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        let second = stage.attach("n1", [.plain("db")], incarnation: 2)
        #expect(stage.part(first) == .active)
        #expect(stage.part(second) == .standby)
        stage.live([first], stating: ["n1": second], for: 14)
        #expect(stage.isSettling)
        stage.live([first], stating: ["n1": second], for: 3)
        #expect(!stage.isSettling)
        #expect(stage.told(.restoreBegun) == 1)
        #expect(stage.told(.restoreEnded) == 1)
        #expect(stage.told(.restoreContradicted) == 0)
        #expect(
            stage.audits.contains { $0.verb == "epoch.raise" && $0.reason.contains("looked at") }
        )
    }

    @Test func `nothing is started before the other site has stopped, whatever was said`() {
        var stage = restored("a")
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        let other = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        #expect(stage.told(.restoreContradicted) == 1)
        stage.live([production, other], for: 60)
        #expect(stage.starts(production) == [])
        #expect(stage.machine.settlingWaits.map(\.text) == ["n2 is still stopping what it ran"])
        // Its lease is withheld: what fences itself ends.
        #expect(!stage.verbs(other).contains("LEASE"))
        stage.report("db", .stopped, isWanted: false, on: other)
        stage.stateFloor(of: "n2", on: other)
        #expect(!stage.isSettling)
        #expect(stage.starts(production) == ["db"])
        stage.beat(other)
        #expect(stage.verbs(other).last == "LEASE")
    }

    @Test func `who is silent since the restore is covered by what was said, after X`() {
        var stage = restored("a")
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.live([production], for: 15)
        #expect(stage.starts(production) == [])
        stage.live([production], for: 2)
        #expect(stage.starts(production) == ["db"])
    }

    @Test func `who has spoken since is not covered any more, until it is removed`() {
        var stage = restored("a")
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        let other = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        stage.step(.disconnected(other, .closedByPeer))
        stage.live([production], for: 60)
        #expect(stage.starts(production) == [])
        let mend = stage.machine.settlingWaits.first?.mend ?? ""
        #expect(mend.contains("muster node remove n2 --force"))
        stage.ask(.removeNodes(["n2"]), force: true)
        stage.live([production], for: 1)
        #expect(stage.starts(production) == ["db"])
    }

    @Test func `a node that fences itself and has said so has stopped after X`() {
        var (stage, _, _) = Stage.twoSites(isSelfFenced: true)
        stage.restart(generation: 2, active: "a", isOld: true)
        let running = ServiceReport.plain("db", .running, isWanted: true, isSelfFenced: true)
        let production = stage.attach("n1", [.plain("db", isSelfFenced: true)], incarnation: 2)
        let other = stage.attach("n2", [running], incarnation: 2)
        stage.step(.disconnected(other, .closedByPeer))
        stage.live([production], for: 17)
        #expect(!stage.isSettling)
    }

    @Test func `what was concluded from silence is void when the node is back`() {
        var stage = restored("a")
        stage.pass(.seconds(10))
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.live([production], for: 3)
        let other = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        stage.step(.disconnected(production, .closedByPeer))
        stage.live([other], for: 40)
        // n1, of the active site, counts as silent; it is back and has to tell its tasks.
        #expect(stage.machine.settlingWaits.map(\.node) == ["n2"])
        let back = stage.hello("n1", incarnation: 3)
        stage.say(.ready(nonce: stage.machine.member(named: "n1")!.record.nonce), on: back)
        #expect(stage.machine.settlingWaits.map(\.node) == ["n1", "n2"])
    }

    @Test func `a controller that is started again meanwhile waits on, and X anew`() {
        var stage = restored("a")
        stage.pass(.seconds(10))
        stage.restart()
        #expect(stage.isSettling)
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.live([production], for: 15)
        #expect(stage.starts(production) == [])
        stage.live([production], for: 2)
        #expect(stage.starts(production) == ["db"])
        #expect(Set(stage.records.map(\.line)) == Set(stage.store.values.map(\.line)))
    }

    // MARK: Nobody has said

    @Test func `without the word no node is told a part, and nothing is ordered`() {
        var (stage, _, _) = Stage.twoSites()
        stage.restart(generation: 2, active: nil)
        let production = stage.hello("n1", incarnation: 2)
        #expect(stage.verbs(production) == ["ERR"])
        #expect(stage.closed.last == .notActive)
        stage.ask(.cordon("n1"))
        #expect(stage.lastRefusal == .notActive)
        stage.pass(.seconds(60))
        #expect(stage.isSettling)
        // A new start does not make it better; the word does.
        stage.restart(generation: 2, active: nil)
        #expect(stage.machine.isUnsaid)
        stage.restart(generation: 3, active: "b")
        #expect(!stage.machine.isUnsaid)
        #expect(stage.machine.cluster.activeSite == "b")
        let again = stage.hello("n1", incarnation: 2)
        #expect(stage.part(again) == .standby)
    }

    @Test func `a second site is asked for also where the backup has no node of it`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        stage.online("n1", [.plain("db")])
        var said = stage
        stage.restart(generation: 2, active: nil)
        #expect(stage.machine.isUnsaid)
        let refused = stage.hello("n1", incarnation: 2)
        #expect(stage.verbs(refused) == ["ERR"])
        // Its nodes are not in the backup: it is active all the same.
        said.restart(generation: 2, active: "b", isOld: true)
        let node = said.attach("n1", [.plain("db", .running, isWanted: true)], incarnation: 2)
        #expect(said.part(node) == .standby)
        #expect(said.machine.cluster.activeSite == "b")
    }

    /// It has spoken since the restore, so that the word does not cover it, and was lost.
    @Test func `a node that was lost after it spoke is covered by a word that is given anew`() {
        var stage = restored("a")
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        let other = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        stage.live([production, other], for: 3)
        stage.step(.disconnected(other, .closedByPeer))
        stage.live([production], for: 60)
        #expect(stage.isSettling)
        let wait = stage.machine.settlingWaits.first
        #expect(wait?.node == "n2")
        #expect(wait?.mend.contains("muster-controller adopt --confirm --active a") == true)
        let outcome = stage.ask(.startRun(RunRequest(kind: .failover, to: "b")))
        #expect(outcome.refusal?.mend.contains("muster-controller adopt") == true)
        let finding = stage.machine.readiness(of: "b").first { $0.topic == "restore" }
        #expect(finding?.mend.contains("muster-controller adopt") == true)
        stage.restart(generation: 3, active: "a", isOld: true)
        let again = stage.attach("n1", [.plain("db")], incarnation: 3)
        stage.live([again], for: 20)
        #expect(!stage.isSettling)
        #expect(stage.machine.member(named: "n2")?.record.membership == .joined)
        #expect(stage.starts(again) == ["db"])
    }

    @Test func `with one site nobody has to say anything`() {
        var stage = Stage()
        stage.online("n1", [.plain("db")])
        stage.restart(generation: 2, active: nil)
        let node = stage.attach("n1", [.plain("db")], incarnation: 2)
        #expect(stage.part(node) == .active)
        stage.live([node], for: 14)
        #expect(stage.starts(node) == [])
        stage.live([node], for: 3)
        #expect(stage.starts(node) == ["db"])
    }

    // MARK: Evidence

    @Test func `a later epoch shows that an adopted store is not whole: it does not act`() {
        var stage = restored("a", isOld: false)
        #expect(stage.machine.cluster.epoch == Epoch(generation: 2, counter: 1))
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        let other = stage.hello("n2", incarnation: 2, highest: shown(4))
        // It runs on: it was told nothing.
        #expect(stage.verbs(other) == ["ERR"])
        #expect(stage.machine.doubt == shown(4).epoch)
        #expect(
            stage.events.last { $0.kind == .controllerDoubted }?.consequence.contains("--active")
                == true
        )
        stage.beat(production)
        #expect(stage.verbs(production).last == "ALIVE")
        stage.live([production], for: 60)
        #expect(stage.starts(production) == [])
        // Nor does it after a new start, until somebody says which site is active.
        stage.restart(generation: 2, active: nil)
        let early = stage.hello("n1", incarnation: 3)
        #expect(stage.verbs(early) == ["ERR"])
        stage.restart(generation: 3, active: "b")
        #expect(stage.machine.cluster.epoch == Epoch(generation: 3, counter: 5))
        let known = stage.hello("n2", incarnation: 3, highest: shown(4))
        #expect(stage.part(known) == .active)
        #expect(stage.machine.mayAct)
    }

    @Test func `the same site may be said again once it is known that the store is old`() {
        var stage = restored("a", isOld: false)
        _ = stage.hello("n2", incarnation: 2, highest: shown(4))
        #expect(!stage.machine.mayAct)
        stage.restart(generation: 3, active: "a")
        #expect(stage.machine.cluster.epoch == Epoch(generation: 3, counter: 5))
        // Even a token that nobody has seen so far.
        let known = stage.hello("n2", incarnation: 3, highest: shown(9))
        #expect(stage.part(known) == .standby)
    }

    @Test func `after the word a later epoch is told once, and the word stands`() {
        var stage = restored("a")
        let other = stage.hello("n2", incarnation: 2, highest: shown(4))
        #expect(stage.part(other) == .standby)
        #expect(stage.machine.mayAct)
        #expect(stage.events.last { $0.kind == .restoreContradicted }?.severity == .critical)
        _ = stage.hello("n1", incarnation: 2, highest: shown(4))
        #expect(stage.told(.restoreContradicted) == 1)
        _ = stage.hello("n1", incarnation: 3, highest: shown(5))
        #expect(stage.told(.restoreContradicted) == 2)
    }

    @Test func `a store of one site is found out, too`() {
        var stage = Stage()
        stage.online("n1")
        stage.restart(generation: 2, active: nil)
        let node = stage.hello("n1", incarnation: 2, highest: shown(3))
        #expect(stage.verbs(node) == ["ERR"])
        #expect(!stage.machine.mayAct)
    }

    @Test func `whom this generation has heard is not believed about what was before it`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        let lie = FencingToken(epoch: Epoch(generation: 0, counter: .max), session: 1)
        _ = stage.hello("n2", incarnation: 2, highest: lie)
        #expect(stage.machine.mayAct)
        #expect(stage.machine.cluster.restoring.evidence == nil)
        // Nor is anybody believed about more changes than there can have been.
        var other = restored("a", isOld: false)
        let much = FencingToken(epoch: Epoch(generation: 1, counter: .max), session: 1)
        _ = other.hello("n2", incarnation: 2, highest: much)
        #expect(other.machine.mayAct)
    }

    @Test func `a second store that was raised to the same generation is found out`() {
        var stage = restored("a", isOld: false)
        let ours = FencingToken(epoch: stage.machine.cluster.epoch, session: 1)
        let node = stage.hello("n1", incarnation: 2, highest: ours)
        #expect(stage.verbs(node) == ["ERR"])
        #expect(stage.machine.doubt == ours.epoch)
        #expect(stage.told(.controllerDoubted) == 1)

        // Whom we have welcomed under it may show it, after a restart too.
        var whole = restored("a", isOld: false)
        _ = whole.attach("n1", [.plain("db")], incarnation: 2)
        whole.restart(generation: 2)
        let again = whole.hello("n1", incarnation: 3, highest: ours)
        #expect(whole.verbs(again).first == "WELCOME")
        #expect(whole.machine.doubt == nil)
    }

    // MARK: Orders

    @Test func `no run begins and no service is started by order, and both say for whom they wait`()
    {
        var stage = restored("a")
        let production = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.beat(production)
        stage.begin()
        #expect(stage.lastRefusal == .notNow)
        guard case .refused(let refused)? = stage.replies.last else { return }
        #expect(refused.text.contains("n2"))
        #expect(stage.machine.runs.runs.isEmpty)
        stage.ask(.service(.start, "db", "n1"))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.starts(production) == [])
        #expect(
            stage.machine.readiness(of: "b").contains {
                $0.topic == "restore" && $0.level == .blocking
            }
        )
    }
}
