import ControllerCore
import Model
import Protocol
import Testing

/// The loss of a node that its site's alarm stands for is told by itself when that alarm is gone.
struct CoveredLossTests {
    private func route(_ kind: String, to receiver: ReceiverName) -> NotifyRoute {
        NotifyRoute(
            kinds: [KindPattern(kind)],
            receivers: [receiver],
            groupWait: .seconds(10),
            groupInterval: .seconds(10)
        )
    }

    private func apart(siteTo receiver: ReceiverName = "ops") -> NotifyRules {
        var rules = NotifyRules.ops()
        rules.routes = [route("site.*", to: receiver), route("node.*", to: "ops")]
        return rules
    }

    @Test func `a site that recovers before it was told leaves the loss to be told`() {
        var (stage, nodes) = Stage.told(nodes: 3, minimum: 2, rules: apart())
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.live(Array(nodes[1...]), for: 2)
        stage.lose(nodes[1], others: [nodes[2]])
        #expect(stage.told(.siteBelowMinimum) == 1)
        // The nodes' group is due, the site's is not.
        stage.live([nodes[2]], for: 5)
        #expect(stage.messages.isEmpty)
        let back = stage.attach("n2", incarnation: 2)
        stage.live([nodes[2], back], for: 40)
        #expect(stage.told(.siteAtMinimum) == 1)
        #expect(stage.subjects == ["[test] CRITICAL Node n1 is Offline"])
    }

    @Test func `who is still lost when its site has recovered is told`() {
        var (stage, nodes) = Stage.told(nodes: 4, minimum: 3)
        for connection in nodes[..<3] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[3]], for: 10)
        #expect(stage.messages.count == 1)
        let back = ["n1", "n2"].map { stage.attach(NodeName($0)!, incarnation: 2) }
        stage.live([nodes[3]] + back, for: 40)
        #expect(stage.told(.siteAtMinimum) == 1)
        let last = stage.messages.flatMap(\.items).last { $0.subject == "n3" }
        #expect(last?.state == .firing)
        #expect(stage.messages.count > 1)
        #expect(stage.messages.dropFirst().contains { $0.items.contains { $0.subject == "n3" } })
        // What fires stands first, and is what the message says that it is of.
        for message in stage.messages where message.state == .firing {
            #expect(message.items.first?.state == .firing)
        }
    }

    @Test func `rules that send the site elsewhere leave the losses to be told`() {
        var (stage, nodes) = Stage.told(nodes: 3, minimum: 2)
        for connection in nodes[..<2] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[2]], for: 10)
        #expect(stage.messages.count == 1)
        stage.ask(.setNotifyRules(apart(siteTo: "chat")))
        stage.live([nodes[2]], for: 40)
        let told = stage.machine.notify.notices.values.last { $0.receiver == "ops" }
        #expect(told?.message.items.map(\.subject) == ["n1", "n2"])
    }

    // MARK: Rules and silences

    @Test func `a repeat interval that is new holds at once`() {
        var (stage, nodes) = Stage.told(nodes: 2, rules: .ops { $0.repeatInterval = .zero })
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 5)
        #expect(stage.messages.count == 1)
        stage.ask(.setNotifyRules(.ops { $0.repeatInterval = .seconds(60) }))
        stage.live([nodes[1]], for: 70)
        #expect(stage.messages.count == 2)
    }

    @Test func `what fires is told again though its message is not kept any more`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 5)
        stage.deliver()
        #expect(stage.messages.count == 1)
        for (key, record) in stage.store {
            switch record {
            case .notice, .delivery: stage.store[key] = nil
            default: break
            }
        }
        stage.restart()
        let again = stage.attach("n2", incarnation: 2)
        stage.live([again], for: 590)
        #expect(stage.messages.isEmpty)
        stage.live([again], for: 20)
        #expect(stage.messages.count == 1)
    }

    @Test func `a silence of a clock that was ahead lasts no longer than any other`() {
        var (stage, nodes) = Stage.told(nodes: 1)
        stage.wallOffset = .seconds(100 * 86_400)
        stage.live(nodes, for: 2)
        let until = stage.now.wall + .seconds(20 * 86_400)
        stage.ask(.addSilence(SilenceDraft(owner: "o", until: until)))
        stage.wallOffset = .zero
        stage.live(nodes, for: 10)
        let silence = stage.machine.notify.silences.values.first
        #expect(silence.map { $0.draft.until - stage.now.wall <= .seconds(30 * 86_400) } == true)
    }

    @Test func `a further loss is matched by the alarm that it belongs to`() {
        let pattern = KindPattern("site.further-loss")
        var rules = NotifyRules.ops { $0.kinds = [KindPattern("site.*"), pattern] }
        let found = rules.problems(channels: Stage.channels, sites: ["a"])
        #expect(found.map(\.path) == [["routes", "0", "kinds", "1"]])
        #expect(found.first?.text.hasSuffix("site.below-minimum: name that instead") == true)
        rules = .ops()
        rules.templates.kinds = [.init(kind: .siteFurtherLoss, subject: "x")]
        #expect(rules.problems(channels: Stage.channels, sites: ["a"]).count == 1)
        var (stage, _) = Stage.told(nodes: 1)
        let until = stage.now.wall + .seconds(60)
        stage.ask(.addSilence(SilenceDraft(kinds: [pattern], owner: "o", until: until)))
        #expect(stage.lastRefusal == .invalid)
    }
}
