import ControllerCore
import Model
import Protocol
import Testing

extension NotifyRules {
    /// One receiver that is told of everything that matters, quickly.
    static func ops(_ change: (inout NotifyRoute) -> Void = { _ in }) -> NotifyRules {
        var route = NotifyRoute(
            kinds: ["node.*", "site.*", "notice.*", "run.*", "controller.doubted"].map {
                KindPattern($0)
            },
            receivers: ["ops"],
            groupWait: .seconds(2),
            groupInterval: .seconds(10),
            repeatInterval: .seconds(600)
        )
        change(&route)
        return NotifyRules(
            receivers: [
                NotifyReceiver(name: "ops", mail: ["ops@example.com"]),
                NotifyReceiver(name: "chat", webhooks: ["chat"]),
            ],
            routes: [route],
            undeliverable: ["chat"]
        )
    }
}

extension Stage {
    static let channels = NotifyChannels(
        hasMail: true,
        webhooks: ["chat"],
        alertmanagers: ["am"],
        commands: ["page"]
    )

    /// Site `a`, so many nodes Online, and rules.
    static func told(
        nodes: Int,
        minimum: UInt32 = 0,
        rules: NotifyRules? = .ops()
    ) -> (Stage, [ConnectionID]) {
        var stage = Stage()
        var connections: [ConnectionID] = []
        for number in 1...nodes { connections.append(stage.online(NodeName("n\(number)")!)) }
        if minimum > 0 { stage.ask(.setSiteMinimum("a", minimum)) }
        if let rules { stage.ask(.setNotifyRules(rules)) }
        stage.events = []
        return (stage, connections)
    }

    /// The connection ends, and the detection interval passes.
    mutating func lose(_ connection: ConnectionID, others: [ConnectionID]) {
        step(.disconnected(connection, .timedOut))
        live(others, for: 4)
    }

    /// Every attempt that was not answered yet comes to this end.
    mutating func deliver(_ outcome: DeliveryOutcome = .delivered) {
        while !deliveries.isEmpty {
            let waiting = deliveries
            deliveries = []
            for delivery in waiting {
                step(.delivered(delivery.number, attempt: delivery.attempt, outcome))
            }
        }
    }

    /// Every message that was ever decided and is kept, the oldest first.
    var messages: [NoticeMessage] { machine.notify.notices.values.map(\.message) }
    var subjects: [String] { messages.map(\.subject) }
    var openAlarms: [String] {
        machine.notify.alarms.values.filter { $0.state == .firing }
            .map { "\($0.kind.rawValue) \($0.subject)" }
    }
    /// What the store holds is what the machine knows, and can be read back.
    func expectStored() throws {
        let held = store.values.filter { record in
            switch record {
            case .notifyRules, .silence, .alarm, .notice, .delivery: true
            default: false
            }
        }
        let known = machine.notify.records
        #expect(held.count == known.count)
        for record in known {
            #expect(store["\(record.table.rawValue)/\(record.key)"] == record)
            let line = try Line.parse(record.line.bytes.dropLast(), limits: .record)
            let read = try Record(table: record.table, line: line)
            #expect(read == record)
        }
    }
}
