import ControllerCore
import Model
import Protocol
import Testing

/// A copy of a node that connects before the first machine has shown its nonce again, and nodes that
/// only look like one because they were switched off and on.
struct CopyTests {
    static let running = ServiceReport.plain("db", .running, isWanted: true, isSelfFenced: true)
    static let stopped = ServiceReport.plain("db", .stopped, isSelfFenced: true)

    /// Of a HELLO by another boot, with the nonce of today.
    private func comes(_ stage: inout Stage) -> String {
        let connection = stage.hello("n1", incarnation: 9, boot: "another")
        return stage.verbs(connection).joined(separator: " ")
    }

    private func record(_ stage: Stage) -> NodeRecord {
        stage.machine.member(named: "n1")!.record
    }

    @Test func `a copy that comes first gets no lease while the first machine has one`() {
        var stage = Stage()
        let node = stage.online("n1", [Self.running])
        stage.live([node], for: 5)
        // It has the nonce, and db is wanted on the copied disk: with a lease it would start db.
        #expect(comes(&stage) == "ERR")
        #expect(stage.closed.last == .notNow)
        // The first machine goes on as before.
        stage.live([node], for: 30)
        #expect(stage.verbs(node).last == "LEASE")
        #expect(stage.status("n1") == .online)
        #expect(comes(&stage) == "ERR")
    }

    @Test func `a node that was switched off and on waits for the end of its last lease`() {
        var stage = Stage()
        let node = stage.online("n1", [Self.running])
        stage.live([node], for: 2)
        stage.step(.disconnected(node, .closedByPeer))
        stage.pass(.milliseconds(15_999))
        #expect(comes(&stage) == "ERR")
        stage.pass(.milliseconds(1))
        #expect(comes(&stage) == "WELCOME")
    }

    @Test func `the same machine comes back at once`() {
        var stage = Stage()
        let node = stage.online("n1", [Self.running])
        stage.live([node], for: 2)
        stage.step(.disconnected(node, .closedByPeer))
        let same = stage.hello("n1", incarnation: 2)
        #expect(stage.verbs(same) == ["WELCOME"])
    }

    @Test(arguments: [ServiceReport.plain("web", .running, isWanted: true), stopped])
    func `a machine on which nothing self-fenced may run comes back at once`(
        _ report: ServiceReport
    ) {
        var stage = Stage()
        stage.ask(.addSite("b"))
        // On a standby site db is there and not wanted.
        let node = stage.online("n1", [report], site: report.isSelfFenced ? "b" : "a")
        stage.live([node], for: 2)
        stage.step(.disconnected(node, .closedByPeer))
        #expect(comes(&stage) == "WELCOME")
    }

    @Test func `an order to start is enough: that it was followed may be lost with its session`() {
        var stage = Stage()
        let node = stage.online("n1", [Self.stopped])
        #expect(stage.verbs(node).last == "START")
        #expect(record(stage).mayRunFenced)
        // Superseded, but the node may have got it all the same.
        stage.ask(.service(.stop, "db", "n1"))
        #expect(stage.openOrders(of: "n1").isEmpty)
        stage.live([node], for: 20)
        stage.step(.disconnected(node, .closedByPeer))
        #expect(comes(&stage) == "ERR")
        stage.pass(.seconds(16))
        #expect(comes(&stage) == "WELCOME")
    }

    @Test func `a service that was stopped keeps another boot out for one lease, not for ever`() {
        for (seconds, answer) in [(5, "ERR"), (17, "WELCOME")] {
            var stage = Stage()
            let node = stage.online("n1", [Self.stopped])
            #expect(stage.verbs(node).last == "START")
            stage.say(.service(Self.running), on: node)
            for order in stage.openOrders(of: "n1") { stage.say(.done(order: order.id), on: node) }
            stage.live([node], for: 20)
            stage.ask(.service(.stop, "db", "n1"))
            stage.say(.service(Self.stopped), on: node)
            for order in stage.openOrders(of: "n1") { stage.say(.done(order: order.id), on: node) }
            stage.live([node], for: seconds)
            #expect(record(stage).mayRunFenced == (answer == "ERR"))
            stage.step(.disconnected(node, .closedByPeer))
            #expect(comes(&stage) == answer)
        }
    }

    @Test(arguments: [ServiceState.stopped, .starting, .running, .stopping, .backoff, .failed])
    func `what failed may still have processes, and what is wanted starts by itself`(
        _ state: ServiceState
    ) {
        for isWanted in [true, false] {
            var stage = Stage()
            stage.ask(.addSite("b"))
            let report = ServiceReport.plain("db", state, isWanted: isWanted, isSelfFenced: true)
            // On a standby site the controller does not start it.
            let node = stage.online("n1", [report], site: "b")
            stage.live([node], for: 20)
            let isAtRest = state == .stopped && !isWanted
            #expect(comes(&stage) == (isAtRest ? "WELCOME" : "ERR"), "\(state) \(isWanted)")
        }
    }

    @Test func `a controller that was restarted counts every lease as granted just now`() {
        var stage = Stage()
        let node = stage.online("n1", [Self.running])
        stage.live([node], for: 2)
        stage.pass(.seconds(60))
        stage.restart()
        #expect(comes(&stage) == "ERR")
        stage.pass(.seconds(16))
        #expect(comes(&stage) == "WELCOME")

        var other = Stage()
        other.online("n1", [.plain("web", .running, isWanted: true)])
        other.restart()
        #expect(comes(&other) == "WELCOME")
    }

    /// The backup may be of a time at which the node had joined and no session yet.
    @Test(arguments: [true, false])
    func `a restored store knows neither the last machine nor what it was given`(_ wasThere: Bool) {
        var stage = Stage()
        if wasThere { stage.online("n1") } else { stage.join("n1") }
        let backup = stage.store.values
        let (machine, _) = ControllerMachine.started(
            settings: stage.machine.settings,
            records: backup,
            generation: 2,
            lastEventSequence: 0,
            seed: 1,
            at: stage.now
        )
        stage.machine = machine
        #expect(comes(&stage) == "ERR")
        // Whoever was known at the time of the backup need not wait.
        let known = stage.hello("n1", incarnation: 3)
        #expect(stage.verbs(known) == [wasThere ? "WELCOME" : "ERR"])
    }
}
