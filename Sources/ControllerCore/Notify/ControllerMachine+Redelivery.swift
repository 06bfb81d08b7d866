public import Model
import Protocol

// What operators say of messages on their way, and of those that did not arrive.

extension ControllerMachine {
    private func delivery(_ number: UInt64) throws(Refused) -> DeliveryRecord {
        guard let delivery = notify.deliveries[number] else {
            throw Refused(
                .unknownName,
                "there is no delivery \(number)",
                mend: "muster notify pending"
            )
        }
        return delivery
    }

    mutating func retryDelivery(_ number: UInt64) throws(Refused) -> Reply.Outcome {
        var delivery = try delivery(number)
        switch delivery.state {
        case .delivered:
            throw Refused(.notNow, "delivery \(number) has arrived already")
        case .pending:
            guard notify.underWay[number] == nil else {
                return .done("delivery \(number) is under way", orders: [])
            }
        case .refused, .givenUp, .dropped:
            notify.ended.removeAll { $0 == number }
            notify.pendingCount += 1
            delivery.state = .pending
            delivery.endedAt = nil
            delivery.queuedAt = now.wall
        }
        delivery.nextAt = now.wall
        notify.deliveries[number] = delivery
        put(.delivery(delivery))
        notify.queue.insert(.init(at: now.instant, delivery: number))
        return .done("delivery \(number) is attempted now", orders: [])
    }

    /// What waits is attempted now, and what did not arrive once more.
    mutating func retryDeliveries() throws(Refused) -> Reply.Outcome {
        let waiting = notify.deliveries.values.filter {
            $0.state == .pending && notify.underWay[$0.number] == nil
        }
        let numbers = waiting.map(\.number) + notify.undelivered(at: now.wall).map(\.number)
        for number in numbers { _ = try retryDelivery(number) }
        guard !numbers.isEmpty else {
            return .done("nothing waits, and nothing is left that did not arrive", orders: [])
        }
        let verb = numbers.count == 1 ? "is" : "are"
        return .done(
            "\(counted(numbers.count, "delivery", "deliveries")) \(verb) attempted now",
            orders: []
        )
    }

    mutating func dropDelivery(_ number: UInt64, by: String) throws(Refused) -> Reply.Outcome {
        var delivery = try delivery(number)
        let text = "dropped by \(by)"
        switch delivery.state {
        case .pending:
            delivery.lastError = text
            end(&delivery, as: .dropped)
        case .refused, .givenUp:
            // Why it did not arrive stays told.
            delivery.state = .dropped
            delivery.lastError = kept(
                "\(text); \(delivery.lastError)",
                bytesMax: DeliveryRecord.errorBytesMax
            )
            notify.deliveries[number] = delivery
            put(.delivery(delivery))
        case .delivered, .dropped:
            throw Refused(.notNow, "delivery \(number) is \(delivery.state.rawValue) already")
        }
        return .done("delivery \(number) is dropped", orders: [])
    }

    /// Nobody needs any more what did not arrive.
    mutating func dropUndelivered(by: String) throws(Refused) -> Reply.Outcome {
        let numbers = notify.undelivered(at: now.wall).map(\.number)
        for number in numbers { _ = try dropDelivery(number, by: by) }
        return .done(
            numbers.isEmpty
                ? "nothing is left that did not arrive"
                : "\(counted(numbers.count, "delivery", "deliveries")) dropped",
            orders: []
        )
    }
}

extension NotifyBook {
    /// For so long what did not arrive is shown.
    public static let undeliveredShown: Duration = .seconds(7 * 86_400)

    /// What was refused or given up lately, the newest first; not a test whose place has taken something
    /// since.
    public func undelivered(at now: WallTime) -> [DeliveryRecord] {
        var takenAt: OrderedTable<String, WallTime> = OrderedTable()
        var found: [(at: WallTime, record: DeliveryRecord)] = []
        for record in deliveries.values {
            let at = record.endedAt ?? record.queuedAt
            let place = record.destination.text
            switch record.state {
            case .delivered: takenAt[place] = max(at, takenAt[place] ?? at)
            case .refused, .givenUp:
                guard now - at <= Self.undeliveredShown else { continue }
                found.append((at, record))
            case .pending, .dropped: break
            }
        }
        return found.filter { at, record in
            !isTest(record) || (takenAt[record.destination.text].map { $0 <= at } ?? true)
        }
        .sorted { ($0.at, $0.record.number) > ($1.at, $1.record.number) }
        .map(\.record)
    }

    /// Of that, what somebody has to see to: no tests, and nothing for places that no receiver has any
    /// more.
    public func missed(at now: WallTime) -> [DeliveryRecord] {
        let places = knownPlaces
        return undelivered(at: now).filter {
            !isTest($0) && places.contains($0.destination.text)
        }
    }

    private func isTest(_ record: DeliveryRecord) -> Bool {
        notices[record.notice]?.message.state == .test
    }

    var knownPlaces: [String] {
        (rules?.receivers ?? []).flatMap(\.destinations).map(\.text)
    }
}
