import ControllerCore
import Model
import Protocol
import Testing

/// What becomes true by the passing of time, or is told by the shell.
struct NoticeWatchTests {
    @Test func `a controller that was not stopped is missed by the next one`() {
        var stage = Stage()
        stage.restart()
        #expect(stage.told(.controllerLost) == 1)
        stage.step(.stopping)
        stage.restart()
        #expect(stage.told(.controllerLost) == 1)
        #expect(stage.told(.controllerStarted) == 3)
    }

    @Test func `a store that fills up is told, graver once, and relieved`() {
        var (stage, _) = Stage.told(nodes: 1)
        let total: UInt64 = 100 << 30
        for (free, low, relieved) in [
            (50, 0, 0), (5 << 10, 0, 0), (4 << 10, 1, 0), (3 << 10, 1, 0), (400, 2, 0), (300, 2, 0),
            (5 << 10, 2, 0), (7 << 10, 2, 1), (4 << 10, 3, 1),
        ] as [(UInt64, Int, Int)] {
            let free = free == 50 ? total / 2 : free << 20
            stage.step(.storeSpace(free: free, total: total))
            #expect(stage.told(.storeLow) == low)
            #expect(stage.told(.storeRelieved) == relieved)
        }
    }

    @Test func `a certificate that nobody renews is told before it ends`() {
        var stage = Stage()
        stage.certificateLife = .seconds(6_000)
        let connection = stage.online("n1")
        stage.live([connection], for: 4_950)
        #expect(stage.told(.certificateExpiring) == 0)
        stage.live([connection], for: 120)
        #expect(stage.told(.certificateExpiring) == 1)
        #expect(stage.openAlarms.contains("certificate.expiring n1"))
        let request = SigningRequest(purpose: .renewNode, key: KeyFingerprint("key-new"))
        stage.step(.signingRequested(connection, request))
        stage.live([connection], for: 60)
        #expect(!stage.openAlarms.contains("certificate.expiring n1"))
        stage.step(.certificateKnown(end: stage.now.wall + .seconds(3_600)))
        #expect(stage.openAlarms.contains("certificate.expiring issuing certificate"))
        stage.step(.certificateKnown(end: stage.now.wall + .seconds(90 * 86_400)))
        #expect(!stage.openAlarms.contains("certificate.expiring issuing certificate"))
    }

    @Test func `somebody who is turned away again and again is told of once`() {
        var stage = Stage()
        func request(_ actor: String, port: Int) -> ControllerEvent {
            .turnedAway(
                TurnedAway(
                    actor: actor,
                    key: KeyFingerprint("k"),
                    source: "192.0.2.9:\(port)",
                    verb: "node.add",
                    object: "",
                    refused: Refused(.forbidden, "no")
                )
            )
        }
        for port in 0..<30 { stage.step(request("eve", port: port)) }
        #expect(stage.told(.accessLockedOut) == 1)
        for number in 0..<500 { stage.step(request("e\(number)", port: number)) }
        #expect(stage.told(.accessLockedOut) == 1)
        stage.pass(.seconds(700))
        for port in 0..<9 { stage.step(request("eve", port: port)) }
        #expect(stage.told(.accessLockedOut) == 1)
        stage.step(request("eve", port: 9))
        #expect(stage.told(.accessLockedOut) == 2)
    }

    @Test func `a standby that is not ready for a while is told, and its end`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 400)
        #expect(stage.told(.readinessLost) == 0)
        stage.step(.disconnected(standby, .timedOut))
        stage.live([production], for: 200)
        #expect(stage.told(.readinessLost) == 0)
        stage.live([production], for: 200)
        #expect(stage.told(.readinessLost) == 1)
        #expect(stage.openAlarms.contains("readiness.lost b"))
        let back = stage.attach("n2", [.plain("db")], incarnation: 2)
        stage.live([production, back], for: 400)
        #expect(stage.told(.readinessRegained) == 1)
    }

    @Test func `a site whose last drill is long ago is told`() {
        var (stage, _, _) = Stage.twoSites()
        stage.pass(.seconds(60))
        #expect(stage.told(.drillOverdue) == 0)
        stage.wallOffset = .seconds(400 * 86_400)
        stage.pass(.seconds(60))
        #expect(stage.told(.drillOverdue) == 1)
        stage.restart()
        stage.pass(.seconds(60))
        #expect(stage.told(.drillOverdue) == 1)
    }

    @Test func `a controller in doubt says that it doubts, and nothing else`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.attach("n2", incarnation: 2)
        let higher = FencingToken(epoch: Epoch(generation: 9, counter: 1), session: 1)
        _ = stage.hello("n1", incarnation: 2, highest: higher)
        #expect(stage.machine.doubt != nil)
        stage.live([nodes[1]], for: 60)
        #expect(!stage.messages.isEmpty)
        #expect(stage.messages.flatMap(\.items).allSatisfy { $0.kind == .controllerDoubted })
    }
}
