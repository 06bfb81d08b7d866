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

    @Test func `five wrong secrets burn a token`() {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.createToken(token, site: nil, node: nil))
        for _ in 1...5 { stage.enrol(token, name: "n1", key: "key-1", secretHash: "guess") }
        #expect(stage.told(.tokenBurnt) == 1)
        stage.enrol(token, name: "n1", key: "key-1")
        #expect(stage.closed.count == 6)
        #expect(stage.machine.nodes.isEmpty)
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
}
