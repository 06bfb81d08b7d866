import ControllerCore
import Model
import Protocol
import Testing

/// An operator reads a file of both nodes.
struct FileReadingTests {
    private static func pair(isShown: Bool = true) -> DriftStage {
        var pair = DriftStage()
        pair.look(pair.production, "app", [DriftStage.file("etc/a", "a")])
        pair.look(pair.standby, "app", [DriftStage.file("etc/a", "b")], isShown: isShown)
        pair.answer()
        pair.have("a text that comes in pieces\n", at: "etc/a", pair.production)
        pair.have("another\n", at: "etc/a", pair.standby)
        return pair
    }

    /// Asks, and lets the nodes answer.
    private func read(
        _ pair: inout DriftStage,
        _ path: String = "etc/a",
        by caller: Caller = Stage.admin
    ) -> Reply.Outcome? {
        let count = pair.stage.replies.count
        pair.stage.lastRequest += 1
        let command = Command(.readFile("n2", "app", path: path))
        pair.stage.step(.command(RequestID(pair.stage.lastRequest), caller, command))
        pair.answer()
        return pair.stage.replies.count > count ? pair.stage.replies.last : nil
    }

    private func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `the texts of both are given to an operator, and that is written down before`()
        throws
    {
        var pair = Self.pair()
        let audits = pair.stage.audits.count
        guard case .texts(let texts)? = read(&pair) else {
            Issue.record("no texts")
            return
        }
        #expect(text(texts.productionText) == "a text that comes in pieces\n")
        #expect(text(texts.standbyText) == "another\n")
        #expect(texts.standby == "n2" && texts.production == "n1")
        let audit = try #require(pair.stage.audits.dropFirst(audits).first)
        #expect(audit.verb == "drift.read" && audit.object == "n2/app/etc/a")
        #expect(audit.outcome == "done")
        // Each reading anew.
        _ = read(&pair)
        #expect(pair.stage.audits.count == audits + 2)
    }

    @Test func `in doubt no node is asked for a file`() {
        var pair = Self.pair()
        let highest = FencingToken(epoch: Epoch(generation: 1, counter: 9), session: 1)
        pair.stage.join("n3")
        _ = pair.stage.hello("n3", highest: highest)
        let sent = pair.stage.sent.count
        guard case .refused(let refused)? = read(&pair) else {
            Issue.record("it was not refused")
            return
        }
        #expect(refused.code == .notActive)
        #expect(pair.stage.sent.dropFirst(sent).allSatisfy { $0.message.line.verb != "SHOW" })
        #expect(pair.stage.audits.last?.verb == "drift.read")
    }

    @Test func `a viewer sees names and no texts`() {
        var pair = Self.pair()
        let viewer = Caller(name: "eva", key: KeyFingerprint("key-eva"), source: "console")
        let token = pair.stage.seed()
        pair.stage.ask(.addOperator("eva", .viewer, token: token))
        pair.stage.lastRequest += 1
        pair.stage.step(
            .signingRequested(
                nil,
                SigningRequest(
                    purpose: .enrolOperator(
                        RequestID(pair.stage.lastRequest),
                        token: token.id,
                        secretHash: token.secretHash
                    ),
                    key: viewer.key
                )
            )
        )
        _ = read(&pair, by: viewer)
        #expect(pair.stage.lastRefusal == .forbidden)
        #expect(pair.stage.audits.last?.outcome == "forbidden")
        #expect(pair.stage.audits.last?.actor == "eva")
    }

    @Test func `nothing is asked of a node that does not let it be shown`() {
        var pair = Self.pair(isShown: false)
        let sent = pair.stage.sent.count
        _ = read(&pair)
        #expect(pair.stage.lastRefusal == .forbidden && pair.stage.sent.count == sent)
    }

    @Test func `a file of one node alone is shown against nothing`() {
        var pair = Self.pair()
        pair.have(nil, at: "etc/a", pair.production)
        guard case .texts(let texts)? = read(&pair) else {
            Issue.record("no texts")
            return
        }
        #expect(texts.productionText == nil && text(texts.standbyText) == "another\n")
        pair.have(nil, at: "etc/a", pair.standby)
        _ = read(&pair)
        #expect(pair.stage.lastRefusal == .unknownName)
    }

    @Test func `a node that refuses, goes or is silent ends it`() {
        var pair = Self.pair()
        func ask() -> UInt64 {
            pair.stage.lastRequest += 1
            let command = Command(.readFile("n2", "app", path: "etc/a"))
            pair.stage.step(.command(RequestID(pair.stage.lastRequest), Stage.admin, command))
            for case (_, .comparing(.show(let show))) in pair.stage.sent.reversed() {
                return show.request
            }
            return 0
        }
        // The last that was asked is the production node.
        let request = ask()
        let refused = AgentComparingMessage.unlisted(
            request: request,
            code: .invalid,
            text: "it is not text"
        )
        pair.stage.say(.comparing(refused), on: pair.production)
        #expect(pair.stage.lastRefusal == .invalid)
        _ = ask()
        pair.live(for: 16)
        #expect(pair.stage.lastRefusal == .tooSlow)
        _ = ask()
        pair.stage.step(.disconnected(pair.standby, .closedByPeer))
        #expect(pair.stage.lastRefusal == .notNow)
    }

    @Test func `pieces that do not fit end it`() {
        var pair = Self.pair()
        pair.stage.lastRequest += 1
        let command = Command(.readFile("n2", "app", path: "etc/a"))
        pair.stage.step(.command(RequestID(pair.stage.lastRequest), Stage.admin, command))
        for case (let connection, .comparing(.show(let show))) in pair.stage.sent
        where connection == pair.standby {
            let piece = AgentComparingMessage.text(
                request: show.request,
                at: 5,
                total: 10,
                data: [1]
            )
            pair.stage.say(.comparing(piece), on: connection)
        }
        #expect(pair.stage.lastRefusal == .badLine)
    }

    @Test func `only so many at once`() {
        var pair = Self.pair()
        for _ in 0..<9 {
            pair.stage.lastRequest += 1
            let command = Command(.readFile("n1", "app", path: "etc/a"))
            pair.stage.step(.command(RequestID(pair.stage.lastRequest), Stage.admin, command))
        }
        #expect(pair.stage.lastRefusal == .tooFast)
    }
}
