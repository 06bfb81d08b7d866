import Model
import Protocol
import Testing

@testable import ControllerCore

/// What a subject line says of the rest of a message, and under which names a receiver knows an alarm.
struct NoticeOthersTests {
    private func item(
        _ subject: String,
        _ state: NoticeState = .firing,
        _ kind: EventKind = .nodeOffline,
        isCovered: Bool = false
    ) -> NoticeItem {
        NoticeItem(
            state: state,
            kind: kind,
            severity: .critical,
            site: "a",
            subject: subject,
            text: "",
            since: WallTime(milliseconds: 0),
            sequence: 1,
            isCovered: isCovered
        )
    }

    private func text(_ items: [NoticeItem], leftOut: Int = 0) -> String {
        NoticeOthers(items, leftOut: leftOut).text
    }

    @Test func `others are named while they are few, and counted by what they are when not`() {
        #expect(text([item("n1")]) == "")
        #expect(text([item("n1"), item("n2")]) == "also n2")
        #expect(text((1...4).map { item("n\($0)") }) == "also n2, n3, n4")
        #expect(text((1...5).map { item("n\($0)") }) == "also 4 more nodes")
        #expect(text([item("n1")], leftOut: 1) == "also 1 more matter")
        #expect(
            text([item("n1"), item("n2"), item("store", .firing, .storeLow)]) == "also n2, store"
        )
    }

    private func subject(_ headline: String, also: String = "", template: String? = nil) -> String {
        var first = item("n1")
        first.text = headline + "."
        return NoticeFiller(
            cluster: "prod",
            state: .firing,
            now: WallTime(milliseconds: 1_000),
            items: [(first, "")],
            leftOut: 0,
            also: also,
            alsoBrief: also.isEmpty ? "" : "and 3 more",
            rules: NotifyRules()
        ).subject(template ?? NoticeTemplate.defaultSubject)
    }

    @Test func `a long subject keeps how bad it is, where and what`() {
        #expect(subject("Node n1 is Offline") == "[prod] CRITICAL Node n1 is Offline")
        #expect(
            subject("Node n1 is Offline", also: "also n2")
                == "[prod] CRITICAL Node n1 is Offline; also n2"
        )
        let names = (2...4).map { "a-node-with-a-long-name-\($0).example.com" }
        #expect(
            subject("Node n1 is Offline", also: "also \(names.joined(separator: ", "))")
                == "[prod] CRITICAL Node n1 is Offline; and 3 more"
        )
        let lost =
            "Site north seems lost: 1 of 4 nodes of site north are Online, at least 3 are needed, for "
            + "1m00s without a break"
        #expect(
            subject(lost)
                == "[prod] CRITICAL Site north seems lost: 1 of 4 nodes of site north are Online, at least "
                + "3 are needed…"
        )
        #expect(
            subject(lost, also: "also n2")
                == "[prod] CRITICAL Site north seems lost: 1 of 4 nodes of site north are Online, at "
                + "least 3 are needed…; and 3 more"
        )
        let word = String(repeating: "x", count: 300)
        #expect(subject(word).count == 120)
        let many = subject(
            "Text " + String(repeating: "long ", count: 60),
            template: "{{text}} {{text}}"
        )
        #expect(many.count <= 120 && many.hasSuffix("long…"), "\(many)")
    }

    @Test func `what is over is said to be, beside what is not`() {
        #expect(text([item("n1"), item("n2", .resolved)]) == "n2 is well again")
        #expect(
            text([item("n1"), item("n2"), item("n3", .resolved), item("n4", .resolved)])
                == "also n2; n3, n4 are well again"
        )
        #expect(text([item("n1", .resolved), item("n2", .resolved)]) == "also n2")
        #expect(
            text([item("n1"), item("task 7", .told, .taskFailed)]) == "told as well: task 7"
        )
    }

    @Test func `a site's own headline stands for its nodes, and for no second threshold`() {
        let site = item("a", .firing, .siteBelowMinimum)
        #expect(text([site, item("n1", isCovered: true)], leftOut: 0) == "")
        #expect(text([site, item("n1")]) == "also n1")
        #expect(text([site, site]) == "also 1 more threshold of a")
    }

    @Test func `the subject of a mail names the nodes`() {
        var (stage, nodes) = Stage.told(nodes: 4)
        for connection in nodes[..<3] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[3]], for: 8)
        #expect(stage.subjects == ["[test] CRITICAL Node n1 is Offline; also n2, n3"])
        let first = stage.attach("n1", incarnation: 2)
        stage.live([nodes[3], first], for: 12)
        #expect(stage.subjects.last == "[test] RESOLVED Node n1 is Online")
        #expect(stage.messages.last?.thread == stage.messages.first?.id)
    }

    // MARK: Under which names it is known

    private var two: NotifyRules {
        var rules = NotifyRules.ops()
        rules.thresholds = [NotifyThreshold(name: "dr", site: "a", minimum: 2)]
        return rules
    }

    @Test func `two thresholds of one site are told apart`() throws {
        var (stage, nodes) = Stage.told(nodes: 3, minimum: 3, rules: two)
        for connection in nodes[..<2] { stage.step(.disconnected(connection, .timedOut)) }
        stage.live([nodes[2]], for: 8)
        let items = try #require(stage.messages.first).items
        #expect(
            items.filter { $0.kind == .siteBelowMinimum }.map(\.about) == ["a/minimum", "a/dr"]
        )
        #expect(items.filter { $0.kind == .nodeOffline }.allSatisfy { $0.about.isEmpty })
        try stage.expectStored()
    }

    @Test func `a node's loss that its site stands for is marked, one told before is not`() throws {
        var (stage, nodes) = Stage.told(nodes: 3, minimum: 2)
        stage.lose(nodes[0], others: Array(nodes[1...]))
        stage.live(Array(nodes[1...]), for: 12)
        stage.lose(nodes[1], others: [nodes[2]])
        stage.live([nodes[2]], for: 8)
        let last = try #require(stage.messages.last { $0.items.first?.kind == .siteBelowMinimum })
        #expect(last.items.filter(\.isCovered).map(\.subject) == ["n2"])
        try stage.expectStored()
    }

    @Test func `who was told another severity is told that it is over, also after a restart`()
        throws
    {
        var (stage, _) = Stage.told(
            nodes: 1,
            rules: .ops { $0.kinds = [KindPattern("store.*")] }
        )
        let total: UInt64 = 100 << 30
        stage.step(.storeSpace(free: 4 << 30, total: total))
        stage.pass(.seconds(5))
        #expect(stage.messages.last?.severity == .warning)
        #expect(stage.messages.last?.items.first?.formerSeverities == [])
        stage.restart()
        stage.step(.storeSpace(free: 100 << 20, total: total))
        stage.pass(.seconds(30))
        #expect(stage.messages.last?.severity == .critical)
        #expect(stage.messages.last?.items.first?.formerSeverities == [.warning])
        try stage.expectStored()
        stage.step(.storeSpace(free: 90 << 30, total: total))
        stage.pass(.seconds(30))
        let end = try #require(stage.messages.last?.items.first)
        #expect(end.state == .resolved && end.severity == .critical)
        #expect(end.formerSeverities == [.warning])
    }

    @Test func `what got worse and ended before that was told ends as it is known`() throws {
        var (stage, _) = Stage.told(
            nodes: 1,
            rules: .ops {
                $0.kinds = [KindPattern("store.*")]
                $0.groupInterval = .seconds(300)
            }
        )
        let total: UInt64 = 100 << 30
        stage.step(.storeSpace(free: 4 << 30, total: total))
        stage.pass(.seconds(5))
        stage.step(.storeSpace(free: 100 << 20, total: total))
        stage.step(.storeSpace(free: 90 << 30, total: total))
        stage.pass(.seconds(400))
        #expect(stage.messages.count == 2)
        let end = try #require(stage.messages.last?.items.first)
        #expect(end.state == .resolved && end.severity == .warning)
        #expect(end.formerSeverities == [])
    }
}
