import ControllerCore
import Model
import Protocol
import Testing

struct EnrolmentTests {
    @Test func `a token enrols one key once, and its answer can be repeated`() {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.sent.last?.message.line.verb == "ENROLLED")
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.sent.last?.message.line.verb == "ENROLLED")
        #expect(stage.machine.nodes.count == 1)
        stage.enrol(token, name: "n2", key: "key-2")
        #expect(stage.closed.last == .badToken)
        #expect(stage.machine.nodes.count == 1)
    }

    @Test func `the lost answer is given again for ten minutes only`() {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        stage.enrol(token, name: "n1", key: "key-1")
        stage.pass(.seconds(601))
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.closed.last == .badToken)
    }

    @Test func `an unknown, a revoked and an expired token are refused`() {
        var stage = Stage()
        let revoked = stage.seed()
        stage.ask(.createToken(revoked, site: nil, node: nil))
        stage.ask(.revokeToken(revoked.id))
        stage.enrol(revoked, name: "n1", key: "key-1")
        #expect(stage.closed == [.badToken])
        stage.enrol(stage.seed(), name: "n1", key: "key-1")
        #expect(stage.closed == [.badToken, .badToken])
        let old = stage.seed()
        stage.ask(.createToken(old, site: nil, node: nil))
        stage.pass(.seconds(901))
        stage.enrol(old, name: "n1", key: "key-1")
        #expect(stage.closed == [.badToken, .badToken, .badToken])
        #expect(stage.audits.filter { $0.verb == "node.enrol" }.count == 3)
        #expect(stage.machine.nodes.isEmpty)
    }

    @Test func `wrong secrets are counted and end no token`() {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        for _ in 1...20 { stage.enrol(token, name: "n1", key: "key-1", secretHash: "guess") }
        #expect(stage.closed == Array(repeating: .badToken, count: 20))
        #expect(stage.machine.tokens[token.id]?.wrongSecrets == 20)
        #expect(stage.told(.tokenBurnt) == 0)
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.sent.last?.message.line.verb == "ENROLLED")
        // Afterwards there is nothing left to guess.
        stage.enrol(token, name: "n1", key: "key-1", secretHash: "guess")
        #expect(stage.machine.tokens[token.id]?.wrongSecrets == 20)
    }

    @Test func `what a token would be refused for is told without doing anything`() {
        var stage = Stage()
        let token = stage.seed()
        func refusal(_ hash: String? = nil) -> String? {
            stage.machine.refusal(
                of: token.id,
                secretHash: hash ?? token.secretHash,
                purpose: .node,
                at: stage.now.wall
            )?.text
        }
        #expect(refusal() == "this join token is not valid")
        stage.ask(.createToken(token, site: nil, node: nil))
        #expect(refusal() == nil)
        #expect(refusal("guess") == "this join token is not valid")
        #expect(stage.machine.tokens[token.id]?.wrongSecrets == 0)
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(refusal() == nil)
        stage.enrol(token, name: "n2", key: "key-2")
        #expect(stage.closed.last == .badToken)
        stage.pass(.seconds(601))
        #expect(refusal() == "this join token was used already")
        let old = stage.seed()
        stage.ask(.createToken(old, site: nil, node: nil))
        stage.pass(.seconds(901))
        let expired = stage.machine.refusal(
            of: old.id,
            secretHash: old.secretHash,
            purpose: .node,
            at: stage.now.wall
        )
        #expect(expired?.text.contains("expired") == true)
    }

    @Test func `a name that is taken and a key that is known are refused`() {
        var stage = Stage()
        stage.join("n1")
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        stage.enrol(token, name: "n1", key: "another key")
        #expect(stage.closed.last == .duplicate)
        stage.enrol(token, name: "n2", key: "key-n1")
        #expect(stage.closed.last == .duplicate)
        stage.enrol(token, key: "another key")
        #expect(stage.closed.last == .invalid)
        #expect(stage.machine.nodes.count == 1)
    }

    @Test func `an invited node joins under its own name alone`() {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.addNode("n1", site: nil, address: "192.0.2.1", token: token))
        stage.enrol(token, name: "other", key: "key-1")
        #expect(stage.closed.last == .badToken)
        stage.enrol(token, key: "key-1")
        #expect(stage.machine.member(named: "n1")?.record.membership == .joined)
        stage.ask(.addNode("n2", site: nil, address: "192.0.2.1", token: stage.seed()))
        #expect(stage.lastRefusal == .duplicate)
        stage.ask(.addNode("n1", site: nil, address: nil, token: stage.seed()))
        #expect(stage.lastRefusal == .duplicate)
    }

    @Test func `the limit of nodes holds`() {
        var settings = ControllerSettings()
        settings.nodeLimit = 1
        var stage = Stage(settings: settings)
        stage.join("n1")
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        stage.enrol(token, name: "n2", key: "key-2")
        #expect(stage.closed.last == .nodeLimit)
    }

    @Test func `the last admin cannot be removed`() {
        var stage = Stage()
        stage.ask(.removeOperator("root"))
        #expect(stage.lastRefusal == .notNow)
    }

    @Test func `while the authority cannot sign who asks is told and no token is used up`() {
        var stage = Stage()
        let session = stage.online("n1")
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        let invitation = stage.seed()
        stage.ask(.addOperator("ann", .viewer, token: invitation))
        let store = stage.store
        let asked = SigningRequest(
            purpose: .enrolOperator(
                RequestID(7_000),
                token: invitation.id,
                secretHash: invitation.secretHash
            ),
            key: KeyFingerprint("key-ann")
        )

        stage.isSigning = false
        stage.enrol(token, name: "n2", key: "key-n2")
        #expect(stage.closed.last == .notNow)
        let renewal = SigningRequest(purpose: .renewNode, key: KeyFingerprint("key-next"))
        stage.step(.signingRequested(session, renewal))
        #expect(stage.sent.last?.message.line.verb == "REFUSED")
        #expect(stage.status("n1") == .online)
        stage.step(.signingRequested(nil, asked))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.store == store)
        #expect(
            stage.audits.filter { $0.outcome == "not-now" }.map(\.verb)
                == ["node.enrol", "node.renew", "operator.enrol"]
        )

        stage.isSigning = true
        stage.enrol(token, name: "n2", key: "key-n2")
        #expect(stage.machine.member(named: "n2")?.record.membership == .joined)
        stage.step(.signingRequested(session, renewal))
        #expect(stage.sent.last?.message.line.verb == "RENEWED")
        stage.step(.signingRequested(nil, asked))
        #expect(stage.lastRefusal == nil)
    }

    @Test func `an operator's key is accepted until the one of a renewal was used`() {
        var stage = Stage()
        func caller(_ key: String) -> Caller {
            Caller(name: "root", key: KeyFingerprint(key), source: "console")
        }
        func renew(from old: String, to new: String) {
            let purpose = SigningRequest.Purpose.renewOperator(RequestID(8_000), caller(old))
            let request = SigningRequest(purpose: purpose, key: KeyFingerprint(new))
            stage.step(.signingRequested(nil, request))
        }
        // Two replies are lost: what the operator holds is the first key all the time.
        for key in ["key-second", "key-third"] {
            renew(from: "key-root", to: key)
            #expect(stage.lastRefusal == nil)
            #expect(stage.machine.account(of: caller("key-root")) != nil, "\(key)")
        }
        #expect(stage.machine.account(of: caller("key-second")) == nil)
        stage.ask(.addSite("b"), by: caller("key-third"))
        #expect(stage.lastRefusal == nil)
        stage.ask(.addSite("c"), by: caller("key-root"))
        #expect(stage.lastRefusal == .forbidden)
        renew(from: "key-root", to: "key-fourth")
        #expect(stage.lastRefusal == .forbidden)
        #expect(stage.audits.last?.verb == "operator.renew")
        #expect(stage.audits.last?.outcome == "forbidden")
    }

    @Test func `the tokens of a site end with the site`() {
        var stage = Stage()
        stage.ask(.addSite("b"))
        let token = stage.seed()
        stage.ask(.createToken(token, site: "b", node: nil))
        let other = stage.seed()
        stage.ask(.createToken(other, site: "a", node: nil))
        stage.ask(.removeSite("b"))
        #expect(stage.lastRefusal == nil)
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.closed.last == .badToken)
        stage.enrol(other, name: "n1", key: "key-1")
        #expect(stage.machine.member(named: "n1")?.record.site == "a")
    }

    @Test func `renewals are audited, refused ones too, and have a limit`() {
        var stage = Stage()
        stage.join("n2")
        let connection = stage.online("n1")
        func renew(_ key: String) {
            let request = SigningRequest(purpose: .renewNode, key: KeyFingerprint(key))
            stage.step(.signingRequested(connection, request))
        }
        func audited() -> [String] {
            stage.audits.filter { $0.verb == "node.renew" }
                .map { "\($0.actor) \($0.key) \($0.outcome)" }
        }
        renew("key-next")
        renew("key-n2")
        #expect(audited() == ["n1 key-next done", "n1 key-n2 duplicate"])
        #expect(stage.audits.last?.source == "192.0.2.\(stage.lastConnection)")
        for number in 3...300 { renew("key-\(number)") }
        #expect(audited().count == 300)
        renew("one too many")
        #expect(stage.verbs(connection).last == "REFUSED")
        #expect(audited().count == 300)
        stage.live([connection], for: 3_601)
        renew("an hour later")
        #expect(stage.verbs(connection).last == "RENEWED")
    }
}
