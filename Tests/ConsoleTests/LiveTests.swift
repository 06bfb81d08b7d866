import API
import ArgumentParser
import Foundation
import Host
import Model
import Testing

@testable import Console

@Suite struct `Live views` {
    private let frame = LiveFrame(style: .plain, width: 80, height: 24)

    private func nodes(problems: Bool = false) throws -> LiveNodes {
        let options = try ListOptions.parse([])
        var model = LiveNodes(
            filter: NodeFilter(isProblemsOnly: problems),
            options: options
        )
        model.entries = Samples.nodes.map { .init(node: $0, at: BootClock.now()) }
        model.clock.set(Samples.now.iso8601)
        return model
    }

    @Test func `a changed node takes its place and a removed one leaves`() throws {
        var model = try nodes()
        var node = Samples.nodes[1]
        node.status = "online"
        let mustFetch = model.apply(.change(StreamChange(node: node), json: []))
        #expect(!mustFetch)
        #expect(model.entries.map(\.node.name) == ["a-1", "a-2", "a-3", "b-1"])
        #expect(model.lines(frame)[0].hasPrefix("4 of 4 Online"))
        _ = model.apply(.change(StreamChange(removedNode: "a-3"), json: []))
        #expect(model.entries.map(\.node.name) == ["a-1", "a-2", "b-1"])
    }

    @Test func `a node that is not known yet is asked for, so that it comes in its place`() throws {
        var model = try nodes()
        let mustFetch = model.apply(
            .change(StreamChange(node: Samples.node("a-9")), json: [])
        )
        #expect(mustFetch)
    }

    @Test func `a pulse makes the ages young again, those without one grow older`() throws {
        var model = try nodes()
        let old = BootClock.now() - .seconds(100)
        for index in model.entries.indices { model.entries[index].at = old }
        let pulse = StreamPulse(
            asOf: "",
            nodeHeartbeatAgesMilliseconds: ["a-1": 70],
            siteHeartbeatAgesMilliseconds: [:]
        )
        _ = model.apply(.pulse(pulse))
        let aged = model.entries.map { $0.aged(at: BootClock.now()) }
        #expect((70..<5_000).contains(aged[0].heartbeatAgeMilliseconds ?? 0))
        #expect((aged[0].load?.ageMilliseconds ?? 0) >= 102_300)
        #expect((aged[2].heartbeatAgeMilliseconds ?? 0) >= 100_420)
    }

    @Test func `off a terminal there is a line for a change that matters, and none else`() throws {
        let model = try nodes()
        func lines(_ node: NodeSummary) -> [String] {
            model.changes(
                by: .change(StreamChange(node: node), json: []),
                style: .plain
            )
        }
        var busy = Samples.nodes[0]
        busy.load?.processorBusyPerMille = 900
        #expect(lines(busy) == [])
        var gone = Samples.nodes[0]
        gone.status = "offline"
        gone.reason = "service tm stopped"
        #expect(lines(gone) == ["03:14:15  a-1  Offline  service tm stopped"])
    }

    @Test func `more rows than the terminal has are counted`() throws {
        var model = try nodes()
        model.entries = (0..<50).map { .init(node: Samples.node("n-\($0)"), at: BootClock.now()) }
        let lines = model.lines(frame)
        #expect(lines.count == 24)
        #expect(lines.last == "+30 more rows")
    }

    @Test func `the status follows changes and pulses`() {
        var model = LiveStatus()
        _ = model.apply(.change(StreamChange(status: Samples.healthy), json: []))
        let change = StreamUpdate.change(StreamChange(status: Samples.down), json: [])
        let said = model.changes(by: change, style: .plain)
        #expect(said.count == 1 && said[0].contains("MUSTER CRITICAL: prod: site a: 0 of 3"))
        _ = model.apply(change)
        #expect(model.changes(by: change, style: .plain) == [])
        let pulse = StreamPulse(
            asOf: Samples.now.iso8601,
            nodeHeartbeatAgesMilliseconds: [:],
            siteHeartbeatAgesMilliseconds: ["b": 2_700]
        )
        _ = model.apply(.pulse(pulse))
        let lines = model.lines(frame)
        #expect(lines.contains { $0.contains("site b") && $0.contains("heard 2.7s ago") })
    }

    @Test func `a stream that breaks is taken up again where it was, until it is refused`() throws {
        let frames = try [
            "id: 41\nevent: event\ndata: \(JSONLine.text(Samples.events[3]))\n\n",
            "event: pulse\ndata: {}\n\n",
        ]
        let refusal = Failure(code: "forbidden", detail: "alice was removed", mend: "muster login")
        let page = EventPage(asOf: "", events: [Samples.events[0]], next: 40)
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/events": ["body": try FakeCluster.json(page)],
            "GET /api/v1/events/stream": [
                ["stream": frames], ["status": 403, "body": try FakeCluster.json(refusal)],
            ],
        ])
        let run = try cluster.muster("event", "list", "--follow", "-o", "json")
        #expect(run.status == 3)
        #expect(run.error.contains("connection lost: the controller ended the stream"))
        #expect(run.error.hasSuffix("error: alice was removed\nhint: muster login\n"))
        let shown = run.output.split(separator: "\n").map(String.init)
        #expect(
            shown == [try JSONLine.text(Samples.events[0]), try JSONLine.text(Samples.events[3])]
        )
        let streams = try cluster.requests().filter {
            ($0["path"] as? String ?? "").hasPrefix("/api/v1/events/stream")
        }
        #expect(streams.map { $0["lastEventID"] as? String } == ["40", "41"])
    }

    @Test func `watching off a terminal writes a line for each change`() throws {
        let frames = try [
            "event: change\ndata: \(JSONLine.text(StreamChange(status: Samples.healthy)))\n\n",
            "event: change\ndata: \(JSONLine.text(StreamChange(status: Samples.down)))\n\n",
        ]
        let refusal = try FakeCluster.json(Failure(code: "forbidden", detail: "enough"))
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)],
            "GET /api/v1/events/stream": [["stream": frames], ["status": 403, "body": refusal]],
        ])
        let run = try cluster.muster("status", "--watch")
        #expect(run.status == 3)
        #expect(run.output.split(separator: "\n").count == 1)
        #expect(run.output.contains("MUSTER CRITICAL: prod: site a: 0 of 3 nodes Online"))
        #expect(!run.output.contains("\u{1B}"))
    }
}
