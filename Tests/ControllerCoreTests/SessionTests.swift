import ControllerCore
import Model
import Protocol
import Testing

struct SessionTests {
    @Test func `a node comes Online by HELLO, READY, SYNCED and its preflight`() {
        var stage = Stage()
        stage.join("n1")
        #expect(stage.status("n1") == .offline)
        let connection = stage.attach("n1")
        #expect(stage.reason("n1").contains("preflight"))
        for order in stage.openOrders(of: "n1") {
            stage.say(.done(order: order.id), on: connection)
        }
        #expect(stage.status("n1") == .online)
        #expect(
            stage.verbs(connection) == ["WELCOME", "CONFIG", "PREFLIGHT", "LEASE"]
        )
    }

    @Test func `a lease names the heartbeat, the incarnation and the token`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.beat(connection)
        guard case .lease(let lease)? = stage.sent.last?.message else {
            Issue.record("the beat was not answered with a lease")
            return
        }
        #expect(lease.sequence == 2)
        #expect(lease.sent == 2)
        #expect(lease.incarnation == 1)
        #expect(lease.length == .seconds(12))
        #expect(
            lease.token
                == FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)
        )
    }

    @Test func `silence is suspect first, and Offline after 3.5 s at the latest`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.live([connection], for: 5)
        stage.pass(.milliseconds(2_499))
        #expect(stage.status("n1") == .online)
        #expect(stage.machine.member(named: "n1")?.reachability == .suspect)
        stage.pass(.milliseconds(1_001))
        #expect(stage.status("n1") == .offline)
        #expect(stage.reason("n1").contains("no heartbeat"))
        #expect(stage.closed.last == .tooSlow)
    }

    @Test func `a reset shows at once`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.step(.disconnected(connection, .closedByPeer))
        #expect(stage.status("n1") == .offline)
        #expect(stage.reason("n1").contains("reset"))
    }

    @Test func `a frozen controller blames itself and withholds leases for an interval`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.live([connection], for: 3)
        stage.advance(.seconds(30))
        stage.step(.deadlineReached)
        #expect(stage.told(.controllerTilted) == 1)
        #expect(stage.status("n1") == .online)
        stage.beat(connection)
        #expect(stage.verbs(connection).last == "ALIVE")
        stage.live([connection], for: 4)
        #expect(stage.verbs(connection).last == "LEASE")
        #expect(stage.status("n1") == .online)
    }

    @Test func `sessions that end while the controller is frozen are no losses of their nodes`() {
        var stage = Stage()
        var connection = stage.online("n1")
        for incarnation in UInt64(2)...4 {
            stage.live([connection], for: 5)
            stage.advance(.seconds(11))
            stage.step(.disconnected(connection, .closedByPeer))
            #expect(stage.status("n1") == .offline)
            connection = stage.attach("n1", incarnation: incarnation)
            #expect(stage.status("n1") == .online)
        }
        #expect(stage.told(.controllerTilted) == 3)
        #expect(stage.told(.nodeHeld) == 0)
        #expect(stage.machine.member(named: "n1")?.losses == [])
    }

    @Test func `a silence that began while the controller was frozen is no loss either`() {
        var stage = Stage()
        var connection = stage.online("n1")
        for incarnation in UInt64(2)...4 {
            stage.live([connection], for: 5)
            stage.advance(.seconds(11))
            stage.step(.deadlineReached)
            stage.pass(.seconds(5))
            #expect(stage.reason("n1").contains("no heartbeat"))
            connection = stage.attach("n1", incarnation: incarnation)
        }
        #expect(stage.told(.nodeHeld) == 0)
        #expect(stage.status("n1") == .online)
    }

    @Test func `what is lost after the controller has heard it again counts`() {
        var stage = Stage()
        var connection = stage.online("n1")
        stage.step(.disconnected(connection, .closedByPeer))
        connection = stage.attach("n1", incarnation: 2)
        stage.live([connection], for: 5)
        stage.advance(.seconds(11))
        stage.step(.deadlineReached)
        stage.live([connection], for: 5)
        stage.step(.disconnected(connection, .closedByPeer))
        stage.attach("n1", incarnation: 3)
        #expect(stage.told(.nodeHeld) == 1)
    }

    @Test func `a deadline that has passed when it is made known is no tilt`() {
        var stage = Stage()
        stage.join("n1")
        stage.pass(.seconds(60))
        let connection = stage.hello("n1")
        stage.say(.ready(nonce: stage.machine.member(named: "n1")!.record.nonce), on: connection)
        // Its last lease counts from the start of the controller, long ago.
        stage.step(.disconnected(connection, .closedByPeer))
        stage.pass(.seconds(1))
        #expect(stage.told(.controllerTilted) == 0)
    }

    @Test func `each loss but the first is held twice as long, and can be released`() {
        var stage = Stage()
        stage.online("n1")
        var holds: [Duration] = []
        for incarnation in UInt64(2)...4 {
            stage.step(.disconnected(ConnectionID(stage.lastConnection), .closedByPeer))
            stage.attach("n1", incarnation: incarnation)
            let until = stage.machine.member(named: "n1")?.heldUntil
            holds.append(until.map { $0 - stage.now.instant } ?? .zero)
        }
        #expect(holds == [.zero, .seconds(30), .seconds(60)])
        #expect(stage.status("n1") == .offline)
        stage.ask(.release("n1"))
        #expect(stage.status("n1") == .online)
    }

    @Test func `a hold ends by itself`() {
        var stage = Stage()
        var connection = stage.online("n1")
        for incarnation in UInt64(2)...3 {
            stage.step(.disconnected(connection, .closedByPeer))
            connection = stage.attach("n1", incarnation: incarnation)
        }
        stage.live([connection], for: 29)
        #expect(stage.status("n1") == .offline)
        stage.live([connection], for: 2)
        #expect(stage.status("n1") == .online)
    }

    @Test func `a copy of a node is noticed and both are held under a new session`() {
        var stage = Stage()
        let original = stage.online("n1")
        let used = stage.machine.member(named: "n1")!.record.previousNonce
        #expect(used.isEmpty)
        let copy = stage.hello("n1", nonce: "an older one", incarnation: 2, boot: "other")
        #expect(stage.verbs(copy) == ["ERR"])
        #expect(stage.verbs(original).last == "ERR")
        #expect(stage.told(.nodeConflicted) == 1)
        #expect(stage.machine.member(named: "n1")?.record.session == 2)
        #expect(stage.status("n1") == .offline)
        stage.ask(.release("n1"))
        let next = stage.hello("n1", nonce: "whatever", incarnation: 5)
        #expect(stage.verbs(next) == ["WELCOME"])
    }

    @Test func `a late HELLO of the same incarnation is turned away without a verdict, once`() {
        var stage = Stage()
        stage.online("n1")
        let late = stage.hello("n1", nonce: "the first of all")
        #expect(stage.verbs(late) == ["ERR"])
        #expect(stage.told(.nodeConflicted) == 0)
        #expect(stage.status("n1") == .online)
        _ = stage.hello("n1", nonce: "the first of all")
        #expect(stage.told(.nodeConflicted) == 1)
    }

    @Test func `a late HELLO of an incarnation before is turned away without a verdict, once`() {
        var stage = Stage()
        stage.online("n1")
        stage.attach("n1", incarnation: 3)
        let late = stage.hello("n1", nonce: "of incarnation 2", incarnation: 2)
        #expect(stage.verbs(late) == ["ERR"])
        #expect(stage.told(.nodeConflicted) == 0)
        _ = stage.hello("n1", nonce: "of incarnation 2", incarnation: 2)
        #expect(stage.told(.nodeConflicted) == 1)
    }

    @Test func `a node whose READY was lost may show the nonce before it again`() {
        var stage = Stage()
        stage.online("n1")
        let nonce = stage.machine.member(named: "n1")!.record.nonce
        let first = stage.hello("n1", nonce: nonce)
        #expect(stage.verbs(first) == ["WELCOME"])
        let second = stage.hello("n1", nonce: nonce)
        #expect(stage.verbs(second) == ["WELCOME"])
        #expect(stage.told(.nodeConflicted) == 0)
    }

    @Test func `a higher epoch stops leases, orders and commands`() {
        var stage = Stage()
        let other = stage.online("n2")
        stage.join("n1")
        let highest = FencingToken(epoch: Epoch(generation: 1, counter: 9), session: 1)
        _ = stage.hello("n1", highest: highest)
        #expect(stage.machine.doubt == highest.epoch)
        stage.beat(other)
        #expect(stage.verbs(other).last == "ALIVE")
        stage.ask(.cordon("n2"))
        #expect(stage.lastRefusal == .notActive)
    }

    @Test func `every key that a node may have installed is accepted until the newest was used`() {
        var stage = Stage()
        let connection = stage.online("n1")
        let id = stage.machine.member(named: "n1")!.record.id
        for key in ["key-second", "key-third"] {
            let request = SigningRequest(purpose: .renewNode, key: KeyFingerprint(key))
            stage.step(.signingRequested(connection, request))
        }
        #expect(stage.verbs(connection).suffix(2) == ["RENEWED", "RENEWED"])
        for key in ["key-n1", "key-second", "key-third"] {
            let nonce = stage.machine.member(named: "n1")!.record.nonce
            let next = stage.connect(.node(id, key: KeyFingerprint(key)))
            stage.say(.hello(Hello(speaker: .agent, incarnation: 1, nonce: nonce)), on: next)
            #expect(stage.verbs(next) == ["WELCOME"], "\(key)")
            let fresh = stage.machine.member(named: "n1")!.record.nonce
            stage.say(.ready(nonce: fresh), on: next)
        }
        #expect(stage.machine.member(named: "n1")!.record.previousKeys.isEmpty)
    }

    @Test func `a connection that may not speak is closed before it says a word`() {
        var stage = Stage()
        let live = stage.online("n1")
        let id = stage.machine.member(named: "n1")!.record.id
        let stolen = stage.connect(.node(id, key: KeyFingerprint("another key")))
        #expect(stage.verbs(stolen) == ["ERR"])
        #expect(stage.closed == [.badCertificate])

        // One that is open and silent when its node is removed goes with it.
        let silent = stage.connect(.node(id, key: KeyFingerprint("key-n1")))
        #expect(stage.verbs(silent).isEmpty)
        stage.ask(.removeNodes(["n1"]), force: true)
        #expect(stage.verbs(silent) == ["ERR"])
        #expect(stage.verbs(live).last == "ERR")
        let late = stage.connect(.node(id, key: KeyFingerprint("key-n1")))
        #expect(stage.verbs(late) == ["ERR"])
        #expect(stage.closed.last == .removed)
    }

    @Test func `a node has four connections at most`() {
        var stage = Stage()
        stage.join("n1")
        let id = stage.machine.member(named: "n1")!.record.id
        let peer = Peer.node(id, key: KeyFingerprint("key-n1"))
        let first = stage.connect(peer)
        for _ in 2...4 { _ = stage.connect(peer) }
        #expect(stage.closed.isEmpty)
        _ = stage.connect(peer)
        #expect(stage.closed == [.tooFast])
        stage.step(.disconnected(first, .closedByPeer))
        stage.step(.disconnected(ConnectionID(stage.lastConnection), .closedByUs(.tooFast)))
        _ = stage.connect(peer)
        #expect(stage.closed == [.tooFast])
    }

    @Test func `a session ends with its node's certificate, whatever the wall clock does`() {
        var stage = Stage()
        stage.certificateLife = .seconds(60)
        let connection = stage.online("n1")
        stage.live([connection], for: 30)
        stage.now.wall = stage.now.wall + .seconds(3_600)
        stage.step(.deadlineReached)
        #expect(stage.status("n1") == .online)
        for _ in 0..<31 {
            stage.pass(.seconds(1))
            if stage.closed.isEmpty { stage.beat(connection) }
        }
        #expect(stage.closed == [.badCertificate])
        #expect(stage.status("n1") == .offline)
        #expect(stage.reason("n1").contains("certificate ended"))
    }
}
