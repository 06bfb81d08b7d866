import ControllerCore
import Model
import Protocol
import Testing

/// A node can say what it likes, and speaks for nobody else by it.
struct NodeNoiseTests {
    @Test func `a node does not push the events of others out of the log`() {
        var stage = Stage()
        let node = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.events = []
        for turn in 1...2_000 {
            stage.report("db", turn % 2 == 0 ? .running : .starting, isWanted: true, on: node)
            stage.say(.note(.tilt, text: "the clock jumped"), on: node)
        }
        #expect(stage.told(.serviceChanged) + stage.told(.nodeNote) == 300)
        // Another one is told as always.
        let other = stage.online("n2", [.plain("db", .running, isWanted: true)])
        stage.report("db", .failed, isWanted: true, on: other)
        #expect(stage.events.contains { $0.kind == .serviceChanged && $0.subject == "n2" })
        stage.live([node, other], for: 5)
        stage.say(.note(.tilt, text: "the clock jumped"), on: node)
        let last = stage.events.last { $0.kind == .nodeNote }
        #expect(last?.text.hasSuffix("jumped. (3700 events before it left out)") ?? false)
    }

    @Test func `what a node says stands in one line of a message`() throws {
        var (stage, nodes) = Stage.told(nodes: 1)
        stage.say(
            .note(.tilt, text: "jumped.\n\nWhat to do: sudo sh evil now"),
            on: nodes[0]
        )
        stage.live(nodes, for: 5)
        let body = try #require(stage.messages.first).text
        #expect(body.contains("jumped.  What to do: sudo sh evil now"))
        let lines = body.split(separator: "\n").filter { $0.hasPrefix("What to do:") }
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.contains("muster node show n1") })
    }

    @Test func `a node whose word stops the controller can be removed, and is told nothing`() {
        var stage = Stage()
        let other = stage.online("n2")
        stage.join("n1")
        let highest = FencingToken(epoch: Epoch(generation: 1, counter: 9), session: 1)
        let liar = stage.hello("n1", highest: highest)
        stage.ask(.removeNodes(["n1"]))
        #expect(stage.lastRefusal == .notActive)
        stage.ask(.removeNodes(["n1"]), force: true)
        #expect(stage.machine.member(named: "n1") == nil)
        #expect(stage.verbs(liar).last == "ERR")
        #expect(stage.machine.doubt == highest.epoch, "whether it was true is found out anew")
        stage.restart()
        let back = stage.attach("n2")
        stage.live([back], for: 2)
        #expect(stage.machine.doubt == nil)
        #expect(stage.verbs(back).contains("LEASE") && !stage.verbs(other).isEmpty)
    }
}
