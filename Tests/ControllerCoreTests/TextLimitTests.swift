import ControllerCore
import Model
import Protocol
import Testing

/// Whatever a node or an operator says, no record, event or audit entry grows beyond what every
/// store takes: a text must never be what ends the controller.
struct TextLimitTests {
    /// One character of some 8 000 bytes, as large as a line of a node may be.
    private static let character = "e" + String(repeating: "\u{301}", count: 3_900)

    private func expectBounded(_ stage: Stage) {
        for event in stage.events {
            for text in [event.text, event.cause, event.consequence] {
                #expect(text.utf8.count <= 2_000, "\(event.kind)")
            }
            #expect(event.subject.utf8.count <= 511, "\(event.kind)")
        }
        for audit in stage.audits {
            for text in [audit.object, audit.reason, audit.source, audit.actor] {
                #expect(text.utf8.count <= 4_096, "\(audit.verb)")
            }
        }
        for record in stage.store.values {
            #expect(record.line.description.utf8.count <= 16_384, "\(record.key)")
        }
    }

    @Test func `a copy that describes its machine at length is held all the same`() {
        var stage = Stage()
        stage.online("n1")
        let id = stage.machine.member(named: "n1")!.record.id
        let copy = stage.connect(.node(id, key: KeyFingerprint("key-n1")))
        let hello = Hello(
            speaker: .agent,
            incarnation: 9,
            nonce: "an older one",
            bootID: Self.character,
            machineID: Self.character
        )
        stage.say(.hello(hello), on: copy)
        #expect(stage.told(.nodeConflicted) == 1)
        let conflict = stage.machine.member(named: "n1")?.record.conflict ?? ""
        #expect(conflict.contains("showed a used credential state"))
        #expect(conflict.utf8.count <= 300)
        expectBounded(stage)
    }

    @Test func `findings without end are counted, and the reason they give stays short`() {
        var stage = Stage()
        stage.join("n1")
        let connection = stage.attach("n1")
        guard let order = stage.openOrders(of: "n1").first else {
            Issue.record("no preflight was ordered")
            return
        }
        for number in 1...1_000 {
            let finding = Finding(
                order: order.id,
                check: "check-\(number) \(Self.character)",
                outcome: .failed,
                text: Self.character,
                mend: Self.character
            )
            stage.say(.finding(finding), on: connection)
        }
        stage.say(.done(order: order.id), on: connection)
        let run = stage.machine.preflights.values.last
        #expect((run?.nodes.values.first?.findings.count ?? 0) <= 129)
        #expect(stage.reason("n1").hasPrefix("preflight failed: check-1"))
        #expect(stage.reason("n1").utf8.count <= 1_000)
        expectBounded(stage)
    }

    @Test func `what a service and a note say at length stays short`() {
        var stage = Stage()
        var service = ServiceReport.plain("db", .failed, isWanted: true)
        service.isRequired = true
        service.detail = Self.character
        let connection = stage.online("n1", [service])
        #expect(stage.status("n1") == .offline)
        #expect(stage.reason("n1").utf8.count <= 1_000)
        for note in AgentNote.allCases {
            stage.say(.note(note, text: Self.character), on: connection)
        }
        stage.say(.bye(reason: .stopping), on: connection)
        expectBounded(stage)
    }

    @Test func `what an operator writes has a limit, and the refusal of it is audited in short`() {
        var stage = Stage()
        stage.online("n1")
        let longest = String(repeating: "r", count: 1_000)
        let tooLong = longest + "r"
        stage.ask(.cordon("n1"), reason: longest)
        #expect(stage.lastRefusal == nil)
        stage.ask(.uncordon("n1"))
        let until = stage.now.wall + .seconds(60)
        let texts: [(Command.Verb, String)] = [
            (.cordon("n1"), tooLong),
            (.cordon("n1"), String(repeating: "r", count: 65_000)),
            (.addNode("n2", site: nil, address: tooLong, token: stage.seed()), "because"),
            (
                .beginMaintenance("n1", owner: tooLong, until: until, keepServices: true),
                "because"
            ),
            (.removeNodes(Array(repeating: "n1", count: 101)), "because"),
            (.preflight(Array(repeating: "n1", count: 101)), "because"),
        ]
        for (verb, reason) in texts {
            let audits = stage.audits.count
            stage.ask(verb, reason: reason)
            #expect(stage.lastRefusal == .invalid, "\(verb.name)")
            #expect(stage.audits.count == audits + 1, "\(verb.name)")
        }
        expectBounded(stage)
        // A hundred of the longest names are taken.
        let name = NodeName(String(repeating: "n", count: 63))!
        stage.ask(.removeNodes(Array(repeating: name, count: 100)))
        #expect(stage.lastRefusal == .unknownName)
        expectBounded(stage)
    }
}
