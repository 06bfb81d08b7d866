import ControllerCore
import Model
import Protocol
import Testing

/// Messages on their way: written before they go, and never twice by intent.
struct OutboxTests {
    /// A node is lost and its message is decided.
    private func decided(rules: NotifyRules = .ops()) -> (Stage, ConnectionID) {
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 3)
        return (stage, nodes[1])
    }

    @Test func `a message is written before it is attempted`() throws {
        var (stage, nodes) = Stage.told(nodes: 2, rules: .ops { $0.groupWait = .seconds(5) })
        stage.lose(nodes[0], others: [nodes[1]])
        var found: ControllerEffects?
        for _ in 0..<200 where found == nil {
            stage.advance(.milliseconds(20))
            let effects = stage.step(.deadlineReached)
            if !effects.deliveries.isEmpty { found = effects }
        }
        let effects = try #require(found)
        let tables = effects.journal.compactMap { entry -> RecordTable? in
            if case .put(let record) = entry { record.table } else { nil }
        }
        #expect(tables.contains(.notice) && tables.contains(.delivery) && tables.contains(.alarm))
        #expect(tables.contains(.cluster))
        let delivery = try #require(effects.deliveries.first)
        #expect(delivery.attempt == 1)
        let isPlain = delivery.message.id.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 46
        }
        #expect(isPlain)
    }

    @Test
    func `a controller killed before the answer says the same again, under the same identity`()
        throws
    {
        var (stage, _) = decided()
        let first = try #require(stage.deliveries.first)
        #expect(stage.deliveries.count == 1)
        for life in 2...4 {
            stage.deliveries = []
            stage.restart()
            let third = stage.attach("n2", incarnation: UInt64(life))
            stage.live([third], for: 2)
            let again = try #require(stage.deliveries.first)
            #expect(stage.deliveries.count == 1)
            #expect(again.number == first.number)
            #expect(again.message == first.message)
            #expect(again.attempt == UInt32(life))
        }
        // The answer of an attempt of an earlier life is none of this one's.
        stage.step(.delivered(first.number, attempt: 1, .delivered))
        #expect(stage.machine.notify.deliveries[first.number]?.state == .pending)
        stage.deliver()
        #expect(stage.machine.notify.deliveries[first.number]?.state == .delivered)
        stage.restart()
        stage.pass(.seconds(2))
        #expect(stage.deliveries.isEmpty)
        #expect(stage.messages.filter { $0.id == first.message.id }.count == 1)
        try stage.expectStored()
    }

    @Test func `a wall clock that is set back keeps nothing waiting for longer than its turn`()
        throws
    {
        var (stage, _) = decided()
        let first = try #require(stage.deliveries.first)
        stage.step(.delivered(first.number, attempt: 1, .failed("nobody listens")))
        stage.deliveries = []
        stage.wallOffset = .seconds(-3_600)
        stage.restart()
        stage.pass(.seconds(7))
        #expect(stage.deliveries.contains { $0.number == first.number && $0.attempt == 2 })
    }

    @Test func `a decision that was lost with its transaction is made again, once`() {
        var (stage, nodes) = Stage.told(nodes: 2)
        stage.lose(nodes[0], others: [nodes[1]])
        // Everything up to the decision is durable, and it is not.
        stage.restart()
        let second = stage.attach("n2", incarnation: 2)
        stage.live([second], for: 15)
        #expect(stage.messages.count == 1)
        stage.deliver()
        stage.restart()
        stage.pass(.seconds(3))
        #expect(stage.messages.count == 1)
    }

    @Test func `what fails is tried again, ever later, and given up with a notice by another way`()
        throws
    {
        var rules = NotifyRules.ops()
        rules.giveUpAfter = .seconds(3_600)
        var (stage, other) = decided(rules: rules)
        let number = try #require(stage.deliveries.first?.number)
        var waits: [Int64] = []
        var last = stage.now.instant
        while stage.machine.notify.deliveries[number]?.state == .pending, waits.count < 60 {
            let mine = stage.deliveries.filter { $0.number == number }
            stage.deliveries.removeAll { $0.number == number }
            for delivery in mine {
                waits.append((stage.now.instant - last).wholeMilliseconds)
                last = stage.now.instant
                stage.step(.delivered(number, attempt: delivery.attempt, .failed("no route")))
            }
            stage.live([other], for: 1)
        }
        #expect(stage.machine.notify.deliveries[number]?.state == .givenUp)
        for (wait, base) in zip(waits.dropFirst(), [5, 10, 20, 40, 80, 160, 320, 640, 900]) {
            let range = Int64(base) * 800...Int64(base) * 1_200 + 1_000
            #expect(range.contains(wait), "\(wait) after \(base) s")
        }
        #expect(stage.told(.noticeUndeliverable) == 1)
        stage.live([other], for: 12)
        let notice = try #require(
            stage.machine.notify.notices.values.first { $0.receiver == "chat" }
        )
        #expect(notice.message.subject.contains("mail to ops@example.com"))
        #expect(notice.isAboutDeliveries)
        // That one fails too: nobody is told, and nothing goes on for ever.
        stage.deliver(.refused("gone"))
        stage.live([other], for: 60)
        #expect(stage.told(.noticeUndeliverable) == 1)
    }

    @Test func `what is refused is given up at once, and told to be well when it is`() {
        var (stage, other) = decided()
        stage.deliver(.refused("no such user"))
        #expect(stage.told(.noticeUndeliverable) == 1)
        stage.live([other], for: 12)
        stage.deliver()
        #expect(stage.openAlarms.contains("notice.undeliverable mail to ops@example.com"))
        let number = stage.machine.notify.deliveries.values.first { $0.state == .refused }?.number
        stage.ask(.retryDelivery(number ?? 0))
        stage.deliver()
        #expect(stage.machine.notify.deliveries[number ?? 0]?.state == .delivered)
        #expect(stage.told(.noticeDeliverable) == 1)
        #expect(!stage.openAlarms.contains { $0.hasPrefix("notice") })
    }

    @Test func `a destination is not told that it takes nothing`() {
        var rules = NotifyRules.ops()
        rules.undeliverable = ["ops"]
        rules.receivers[0].webhooks = ["chat"]
        var (stage, other) = decided(rules: rules)
        for delivery in stage.deliveries {
            let isMail = delivery.destination != .webhook("chat")
            stage.step(
                .delivered(delivery.number, attempt: 1, isMail ? .refused("no") : .delivered)
            )
        }
        stage.deliveries = []
        stage.live([other], for: 12)
        #expect(stage.deliveries.map(\.destination) == [.webhook("chat")])
    }

    @Test func `a test goes the same way, and so do a drop and a retry`() {
        var (stage, nodes) = Stage.told(nodes: 1)
        stage.ask(.testReceiver("opz"))
        #expect(stage.lastRefusal == .unknownName)
        stage.ask(.testReceiver("ops"))
        #expect(stage.deliveries.count == 1)
        #expect(stage.subjects == ["[test] TEST A test of the receiver ops by root"])
        #expect(stage.messages.first?.state == .test)
        let number = stage.deliveries[0].number
        stage.deliver(.failed("busy"))
        stage.ask(.dropDelivery(number))
        #expect(stage.machine.notify.deliveries[number]?.state == .dropped)
        stage.live(nodes, for: 10)
        #expect(stage.deliveries.isEmpty)
        stage.ask(.dropDelivery(number))
        #expect(stage.lastRefusal == .notNow)
        stage.ask(.retryDelivery(number))
        #expect(stage.deliveries.map(\.attempt) == [2])
        stage.deliver()
        stage.ask(.retryDelivery(number))
        #expect(stage.lastRefusal == .notNow)
        #expect(stage.told(.noticeUndeliverable) == 0)
    }

    @Test func `all that did not arrive is tried again at once, with what waits`() throws {
        var (stage, other) = decided()
        stage.deliver(.refused("no such user"))
        stage.live([other], for: 12)
        // That one is about the first, and its place is down.
        stage.deliver(.failed("busy"))
        #expect(stage.machine.notify.undelivered(at: stage.now.wall).count == 1)
        stage.ask(.retryDeliveries)
        #expect(stage.deliveries.count == 2)
        #expect(stage.audits.last?.verb == "notify.retry-all")
        stage.ask(.retryDeliveries)
        #expect(stage.deliveries.count == 2, "they are under way")
        stage.deliver()
        #expect(stage.machine.notify.undelivered(at: stage.now.wall).isEmpty)
        #expect(stage.machine.notify.deliveries.values.allSatisfy { $0.state == .delivered })
        try stage.expectStored()
    }

    @Test func `what did not arrive is left to be seen to, until it is tried again or dropped`()
        throws
    {
        var (stage, other) = decided()
        stage.deliver(.refused("no such user"))
        func missed() -> Int { stage.machine.notify.missed(at: stage.now.wall).count }
        #expect(missed() == 1)
        let number = try #require(stage.machine.notify.missed(at: stage.now.wall).first?.number)
        // The place takes messages again: this one is left nevertheless.
        stage.ask(.testReceiver("ops"))
        stage.deliver()
        stage.live([other], for: 12)
        stage.deliver()
        #expect(!stage.openAlarms.contains { $0.hasPrefix("notice") })
        #expect(missed() == 1)
        stage.ask(.dropUndelivered)
        #expect(missed() == 0)
        let dropped = stage.machine.notify.deliveries[number]
        #expect(dropped?.state == .dropped)
        #expect(dropped?.lastError == "dropped by root; no such user")
        stage.ask(.dropDelivery(number))
        #expect(stage.lastRefusal == .notNow)
        stage.ask(.retryDelivery(number))
        stage.deliver(.refused("no such user"))
        #expect(missed() == 1)
        // Nobody is told by this place any more.
        var rules = NotifyRules.ops()
        rules.receivers[0].mail = ["other@example.com"]
        stage.ask(.setNotifyRules(rules))
        #expect(missed() == 0)
        #expect(stage.machine.notify.undelivered(at: stage.now.wall).count == 1)
        stage.advance(.seconds(8 * 86_400))
        #expect(stage.machine.notify.undelivered(at: stage.now.wall).isEmpty)
        try stage.expectStored()
    }

    @Test func `as many attempts at once as the shell takes, and a history that ends`() throws {
        var (stage, _) = Stage.told(nodes: 1)
        for _ in 0..<100 { stage.ask(.testReceiver("ops")) }
        #expect(stage.deliveries.count == NotifyBook.underWayPerServerMax)
        stage.deliver()
        for _ in 0..<(NotifyBook.historyMax + 50) {
            stage.ask(.testReceiver("ops"))
            stage.deliver()
        }
        #expect(stage.machine.notify.deliveries.count == NotifyBook.historyMax)
        #expect(stage.machine.notify.notices.count == NotifyBook.historyMax)
        try stage.expectStored()
    }

    @Test func `a server that hangs holds back nobody else`() {
        var (stage, _) = Stage.told(nodes: 1)
        for _ in 0..<100 { stage.ask(.testReceiver("chat")) }
        #expect(stage.deliveries.count == NotifyBook.underWayPerServerMax)
        stage.ask(.testReceiver("ops"))
        #expect(
            stage.deliveries.last?.destination
                == .mail(to: "ops@example.com", among: ["ops@example.com"])
        )
        let first = stage.deliveries[0]
        let count = stage.deliveries.count
        stage.step(.delivered(first.number, attempt: 1, .failed("timed out")))
        #expect(stage.deliveries.count == count + 1)
        #expect(stage.deliveries.last?.destination == .webhook("chat"))
    }
}
