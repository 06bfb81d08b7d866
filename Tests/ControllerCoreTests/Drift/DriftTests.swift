import ControllerCore
import Model
import Protocol
import Testing

/// What the controller makes of the digests and lists that the nodes of a pair tell it.
struct DriftTests {
    typealias File = FileEntry

    @Test func `digests that are alike are compared at once, and nobody is asked for a list`() {
        var pair = DriftStage()
        let files = [DriftStage.file("etc/app.conf", "a")]
        pair.look(pair.production, "app", files)
        #expect(pair.view("app")?.state == .unknown)
        #expect(pair.view("app")?.reason == "only node n1 lists it")
        pair.look(pair.standby, "app", files)
        pair.answer()
        #expect(pair.view("app")?.state == .fine && pair.lists == 0)
    }

    @Test func `a difference is named file by file`() {
        var pair = DriftStage()
        var link = File(path: "bin/run", kind: .link, owner: "root:root", target: "run-1")
        pair.look(
            pair.production,
            "app",
            [
                DriftStage.file("bin/a", "a"), DriftStage.file("bin/b", "b"),
                DriftStage.file("bin/c", "c"), DriftStage.file("bin/d", "d"),
                DriftStage.file("bin/e", "e"), DriftStage.file("bin/f", "f"), link,
            ]
        )
        link.target = "run-2"
        pair.look(
            pair.standby,
            "app",
            [
                DriftStage.file("bin/a", "a"), DriftStage.file("bin/b", "B"),
                DriftStage.file("bin/c", "c", mode: 0o755),
                DriftStage.file("bin/d", "d", owner: "app:app"),
                File(path: "bin/e", kind: .fifo, mode: 0o644, owner: "root:root"),
                DriftStage.file("bin/g", "g"), link,
            ]
        )
        pair.answer()
        #expect(pair.view("app")?.state == .drift && pair.view("app")?.count == 7)
        #expect(
            pair.differences("app") == [
                "content bin/b", "mode bin/c", "owner bin/d", "kind bin/e",
                "only-production bin/f", "only-standby bin/g", "target bin/run",
            ]
        )
    }

    @Test func `long lists are gone through part by part`() {
        var pair = DriftStage()
        var files = (0..<450).map { DriftStage.file("data/\(1_000 + $0)", "x") }
        pair.look(pair.production, "data", files)
        files[10] = DriftStage.file(files[10].path, "y")
        files.remove(at: 440)
        files.append(DriftStage.file("zzz", "z"))
        pair.look(pair.standby, "data", files)
        pair.answer()
        #expect(
            pair.differences("data") == [
                "content data/1010", "only-production data/1440", "only-standby zzz",
            ]
        )
        #expect(pair.lists == 6)
        // Told again, nothing is asked again.
        pair.look(pair.standby, "data", files)
        pair.answer()
        #expect(pair.lists == 6 && pair.view("data")?.count == 3)
    }

    @Test func `all differences are counted and some are kept`() {
        var pair = DriftStage()
        let files = (0..<500).map { DriftStage.file("data/\(1_000 + $0)", "x") }
        pair.look(pair.production, "data", files)
        pair.look(pair.standby, "data", files.map { DriftStage.file($0.path, "y") })
        pair.answer()
        #expect(pair.view("data")?.count == 500 && pair.differences("data").count == 200)
    }

    @Test func `names that only look alike are two`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("caf\u{E9}", "x")])
        pair.look(pair.standby, "app", [DriftStage.file("cafe\u{301}", "x")])
        pair.answer()
        #expect(
            pair.view("app")?.differences.map(\.aspects) == [[.onlyStandby], [.onlyProduction]]
        )
    }

    @Test func `what is private is drift where it is alike, whatever the digests`() {
        var pair = DriftStage()
        let same = DriftStage.file("etc/machine.key", "secret")
        pair.look(
            pair.production,
            "keys",
            [same, DriftStage.file("etc/own", "1")],
            kind: .private
        )
        pair.look(pair.standby, "keys", [same, DriftStage.file("etc/own", "2")], kind: .private)
        pair.answer()
        #expect(pair.differences("keys") == ["equal etc/machine.key"])
        pair.look(
            pair.standby,
            "keys",
            [DriftStage.file("etc/machine.key", "other"), DriftStage.file("etc/own", "2")],
            kind: .private
        )
        pair.answer()
        #expect(pair.view("keys")?.state == .fine)
        // Digests that are alike say that everything is.
        pair.look(pair.production, "two", [same], kind: .private)
        pair.look(pair.standby, "two", [same], kind: .private)
        pair.answer()
        #expect(pair.differences("two") == ["equal etc/machine.key"])
    }

    @Test func `what cannot be said is unknown, and why is said`() throws {
        var pair = DriftStage()
        let files = [DriftStage.file("etc/a", "a")]
        pair.look(pair.production, "app", files)
        pair.look(pair.standby, "app", files, definition: "fedcba9876543210")
        #expect(try #require(pair.view("app")).reason.contains("define it differently"))
        pair.look(pair.standby, "app", [], problem: "/opt/app cannot be opened")
        #expect(pair.view("app")?.reason == "node n2: /opt/app cannot be opened")
        pair.look(pair.standby, "app", files, problem: "etc/b cannot be read")
        pair.answer()
        let incomplete = try #require(pair.view("app"))
        #expect(incomplete.state == .unknown && incomplete.reason.contains("etc/b cannot be read"))
        // A difference is one all the same.
        pair.look(pair.standby, "app", files + files2, problem: "etc/b cannot be read")
        pair.answer()
        #expect(pair.view("app")?.state == .drift)
        pair.look(pair.standby, "app", files)
        #expect(pair.view("app")?.state == .fine)
        pair.live(for: 179)
        #expect(pair.view("app")?.state == .fine)
        pair.live(for: 3)
        let old = try #require(pair.view("app"))
        #expect(old.state == .unknown && old.reason.contains("the last look of node n2 is 3m"))
        pair.stage.say(.comparing(.uncompared("app")), on: pair.standby)
        #expect(pair.view("app")?.reason == "only node n1 lists it")
    }

    private let files2 = [DriftStage.file("etc/c", "c")]

    @Test func `a node that is away makes it unknown, and what was known stays to be read`() throws
    {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")])
        pair.answer()
        pair.stage.step(.disconnected(pair.production, .closedByPeer))
        let view = try #require(pair.view("app"))
        #expect(view.state == .unknown && view.reason == "node n1 has no session")
        #expect(view.count == 1 && view.comparedAt != nil)
    }

    @Test func `an agent of version 2 is said to be too old`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.stage.step(.disconnected(pair.standby, .closedByPeer))
        pair.stage.attach("n2", [.plain("db")], incarnation: 2, versionMax: 2)
        #expect(pair.view("app")?.reason == "the agent of n2 is too old to be compared")
    }

    @Test func `a list that has changed meanwhile is compared anew when that is told`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "c")])
        pair.answer()
        #expect(pair.differences("app") == ["content etc/a"])
        #expect(pair.view("app")?.differences.first?.standby?.size == 1)
    }

    @Test func `a node that does not answer is told of, and asked again later`() throws {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")], interval: .seconds(600))
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")], interval: .seconds(600))
        pair.answer(upTo: 1)
        pair.live(for: 31)
        let reason = try #require(pair.view("app")).reason
        #expect(reason.contains("no answer from n"))
        pair.live(for: 31)
        pair.answer()
        #expect(pair.view("app")?.state == .drift)
    }

    @Test(arguments: 0..<4)
    func `a list that cannot be is not believed`(kind: Int) throws {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")])
        let list = try #require(
            pair.stage.sent.lazy.compactMap { sent -> ListRequest? in
                guard sent.connection == pair.standby,
                    case .comparing(.list(let list)) = sent.message
                else { return nil }
                return list
            }.first
        )
        func say(_ path: String) {
            let entry = AgentComparingMessage.entry(
                request: list.request,
                File(path: path, kind: .file)
            )
            pair.stage.say(.comparing(entry), on: pair.standby)
        }
        func end(next: UInt32?) {
            let end = AgentComparingMessage.listed(request: list.request, next: next)
            pair.stage.say(.comparing(end), on: pair.standby)
        }
        switch kind {
        case 0:
            say("b")
            say("a")
        case 1:
            say("a")
            say("a")
        case 2: end(next: 1)
        default: for index in 0...ComparingLimits.entriesPerPartMax { say("\(10_000 + index)") }
        }
        let reason = try #require(pair.view("app")).reason
        #expect(reason.hasPrefix("it could not be compared: node n2: its list"))
    }

    @Test func `more sets than a node may report end its session`() throws {
        var pair = DriftStage()
        for index in 0...ComparingLimits.setsMax {
            pair.look(pair.standby, try #require(ComparedSetName("s-\(index)")), [])
        }
        #expect(pair.stage.closed.last == .badLine)
    }

    @Test func `a pair that is none any more is forgotten`() {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")])
        pair.answer()
        pair.stage.ask(.unpairNode("n1"))
        #expect(pair.views.isEmpty)
        pair.stage.ask(.pairNodes(standby: "n2", production: "n1"))
        #expect(pair.view("app")?.state == .unknown)
        pair.answer()
        #expect(pair.view("app")?.state == .drift)
    }
}
