import ControllerCore
import Model
import Protocol
import Testing

/// The controller's machine is set back to a snapshot, or copied: machine number, instance secret and
/// generation are what they were, and no node has had another session since.
struct SetBackTests {
    private static let token = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)

    /// What was told to a node last.
    private func told(_ stage: Stage, _ connection: ConnectionID) -> UInt64? {
        stage.sent.reversed().lazy.filter { $0.connection == connection }.compactMap {
            switch $0.message {
            case .welcome(let welcome): welcome.revision
            case .lease(let lease): lease.revision
            default: nil
            }
        }.first
    }

    /// A task is done after the snapshot, and its node knows of it.
    private func setBack(_ stage: inout Stage) -> (first: TaskID, shown: UInt64?) {
        let node = stage.online("n1", handlers: [.plain(.push)])
        stage.live([node], for: 2)
        let snapshot = (stage.store, stage.revision)
        let first = stage.submit(payload: [1])[0]
        stage.live([node], for: 2)
        #expect(stage.runs(node) == [TaskAttempt(task: first, attempt: 1)])
        stage.end(TaskAttempt(task: first, attempt: 1), on: node)
        stage.live([node], for: 2)
        let shown = told(stage, node)
        (stage.store, stage.revision) = snapshot
        stage.restart()
        return (first, shown)
    }

    @Test func `a store that was set back with its machine numbers no task a second time`() {
        var stage = Stage()
        let (first, shown) = setBack(&stage)
        _ = stage.hello("n1", highest: Self.token, revision: shown)
        #expect(stage.closed.last == .notActive)
        #expect(stage.told(.controllerDoubted) == 1)
        // Its node knows better. It would be told to run `first` once more, which is another task by now.
        #expect(!stage.submit(payload: [2]).contains(first))
        #expect(stage.lastRefusal == .notActive)
    }

    @Test func `it is found out however many steps it has made since, and also the next time`() {
        var stage = Stage()
        let (first, shown) = setBack(&stage)
        for number in 0..<20 {
            stage.ask(.createToken(stage.seed(), site: nil, node: nil), reason: "\(number)")
        }
        #expect(stage.machine.revision > shown ?? .max)
        _ = stage.hello("n1", highest: Self.token, revision: shown)
        #expect(!stage.machine.mayAct)
        stage.restart()
        #expect(!stage.machine.mayAct && stage.machine.isSetBack)
        // Adopted: of what its nodes were told in the generation before nothing is said any more.
        stage.restart(generation: 2, active: nil)
        #expect(stage.machine.mayAct)
        _ = stage.hello("n1", highest: Self.token, revision: shown)
        #expect(stage.machine.mayAct && stage.machine.member(named: "n1")?.link != nil)
        #expect(!stage.submit(payload: [2]).contains(first))
    }

    @Test func `with several sites an operator says which one is active`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        let shown = stage.machine.revision + 5
        _ = stage.hello("n1", highest: Self.token, revision: shown)
        #expect(!stage.machine.mayAct)
        stage.restart(generation: 2, active: nil)
        #expect(!stage.machine.mayAct)
        stage.restart(generation: 3, active: "a")
        #expect(stage.machine.mayAct)
    }

    @Test func `what this controller or the one before it has told is no evidence`() {
        var stage = Stage()
        let node = stage.online("n1")
        stage.live([node], for: 2)
        let other = stage.hello("n1", highest: Self.token, revision: told(stage, node))
        #expect(stage.verbs(other) == ["WELCOME"])
        stage.restart()
        let back = stage.hello("n1", highest: Self.token, revision: told(stage, other))
        #expect(stage.verbs(back) == ["WELCOME"])
        #expect(stage.machine.mayAct)
    }

    @Test func `who cannot show the nonce stops no controller whose nodes have confirmed it`() {
        var stage = Stage()
        let node = stage.online("n1")
        stage.live([node], for: 2)
        _ = stage.hello("n1", nonce: "used", boot: "another", highest: Self.token, revision: .max)
        #expect(stage.machine.mayAct)
        #expect(stage.machine.member(named: "n1")?.record.conflict != nil)
    }
}
