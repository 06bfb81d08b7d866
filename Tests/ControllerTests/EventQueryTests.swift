import API
import ControllerCore
import Model
import Store
import Testing

@testable import Controller

@Suite struct EventQueryTests {
    private func event(_ kind: EventKind, _ severity: ControllerCore.Severity, _ subject: String)
        -> ClusterEvent
    {
        ClusterEvent(
            sequence: 1,
            at: WallTime(milliseconds: 0),
            kind: kind,
            severity: severity,
            subject: subject,
            text: "x"
        )
    }

    @Test func `a kind, a family of kinds, a subject and a least severity select`() {
        let online = event(.nodeOnline, .info, "node-1")
        let offline = event(.nodeOffline, .critical, "node-2")
        let site = event(.siteAdded, .warning, "south")
        func chosen(_ query: EventQuery) -> [String] {
            [online, offline, site].filter(query.matches).map(\.subject)
        }
        #expect(chosen(EventQuery()) == ["node-1", "node-2", "south"])
        #expect(chosen(EventQuery(kind: "node.online")) == ["node-1"])
        #expect(chosen(EventQuery(kind: "node.")) == ["node-1", "node-2"])
        #expect(chosen(EventQuery(kind: "node")) == ["node-1", "node-2"])
        #expect(chosen(EventQuery(kind: "node.*")) == ["node-1", "node-2"])
        #expect(chosen(EventQuery(kind: "*")).count == 3)
        #expect(chosen(EventQuery(kind: "nod")).isEmpty)
        #expect(chosen(EventQuery(subject: "south")) == ["south"])
        #expect(chosen(EventQuery(severity: .info)) == ["node-1", "node-2", "south"])
        #expect(chosen(EventQuery(severity: .warning)) == ["node-2", "south"])
        #expect(chosen(EventQuery(kind: "node.", severity: .critical)) == ["node-2"])
        #expect(chosen(EventQuery(kind: "node.", subject: "south")).isEmpty)
    }

    @Test(arguments: ["node.online", "node.", "node", "node.*", "*"])
    func `a kind and a family that exist can be asked for`(kind: String) throws {
        try EventQuery(kind: kind).check()
    }

    @Test(arguments: [
        ("node.ofline", "did you mean node.offline?"), ("nodes.", "did you mean node?"),
        ("nod", "did you mean node?"), ("x.y.z", "muster notify explain lists them"),
        ("node.on", "muster notify explain lists them"),
    ])
    func `one that nothing begins with is refused, with the nearest`(kind: String, mend: String) {
        let failure = #expect(throws: API.Failure.self) { try EventQuery(kind: kind).check() }
        #expect(failure?.status == 404 && failure?.mend == mend)
    }

    @Test func `what the store can select by itself is left to it`() {
        let exact = EventQuery(kind: "node.online", subject: "node-1")
        #expect(exact.isExact)
        #expect(exact.stored.kind == "node.online" && exact.stored.subject == "node-1")
        let family = EventQuery(kind: "node.")
        #expect(!family.isExact && family.stored.kind == nil)
        #expect(!EventQuery(severity: .warning).isExact)
    }
}
