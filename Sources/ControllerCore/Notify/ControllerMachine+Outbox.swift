import Model
import Protocol

// Messages on their way: each is written before it is attempted, attempted until it is taken,
// refused or too old, and has the same identity in every attempt.

extension ControllerMachine {
    /// The next number of a silence, notice or delivery; durable in this step.
    mutating func noticeNumber() -> UInt64 {
        cluster.lastNotice += 1
        notify.isCounterDue = true
        return cluster.lastNotice
    }

    /// `n.NUMBER.CLUSTER`: of the letters that a Message-ID may have.
    func messageID(_ number: UInt64) -> String {
        let name = cluster.id.text.map { $0 == "_" ? "-" : $0 }
        return "n.\(number).\(String(name))"
    }

    /// Writes a message and a delivery of it to each destination.
    ///
    /// - Returns: nil when there is no destination.
    @discardableResult
    mutating func post(
        to receiver: ReceiverName,
        _ destinations: [Destination],
        group: String,
        thread: String? = nil,
        isAboutDeliveries: Bool = false,
        _ state: NoticeState,
        _ items: [(item: NoticeItem, advice: String)],
        folded: [NoticeItem] = [],
        leftOut: Int = 0
    ) -> NoticeRecord? {
        guard !destinations.isEmpty else { return nil }
        let number = noticeNumber()
        var message = message(
            id: messageID(number),
            thread: thread,
            state,
            items,
            leftOut: leftOut
        )
        message.folded = Array(folded.prefix(NoticeMessage.itemsMax))
        let notice = NoticeRecord(
            number: number,
            receiver: receiver,
            group: group,
            isAboutDeliveries: isAboutDeliveries,
            message: message
        )
        notify.notices[number] = notice
        put(.notice(notice))
        for destination in destinations {
            let delivery = DeliveryRecord(
                number: noticeNumber(),
                notice: number,
                receiver: receiver,
                destination: destination,
                severity: notice.message.severity,
                queuedAt: now.wall
            )
            notify.deliveries[delivery.number] = delivery
            put(.delivery(delivery))
            notify.pendingCount += 1
            notify.queue.insert(.init(at: now.instant, delivery: delivery.number))
        }
        makeRoom()
        return notice
    }

    /// Begins what is due, as many at once as the shell takes, and of those as many through one server
    /// as leave room for the others when it hangs.
    mutating func settleOutbox() {
        while let turn = notify.queue.first, turn.at <= now.instant {
            _ = notify.queue.removeFirst()
            guard let delivery = notify.deliveries[turn.delivery], delivery.state == .pending,
                notify.underWay[turn.delivery] == nil
            else { continue }
            let server = delivery.destination.server
            if notify.ready[server] == nil { notify.ready[server] = [] }
            notify.ready.update(server) { $0.append(turn.delivery) }
        }
        for (server, numbers) in notify.ready {
            var busy = notify.underWay.keys.count {
                notify.deliveries[$0]?.destination.server == server
            }
            var taken = 0
            while taken < numbers.count, busy < NotifyBook.underWayPerServerMax,
                notify.underWay.count < NotifyBook.underWayMax
            {
                if begin(numbers[taken]) { busy += 1 }
                taken += 1
            }
            let left = numbers.dropFirst(taken)
            notify.ready[server] = left.isEmpty ? nil : Array(left)
        }
    }

    private mutating func begin(_ number: UInt64) -> Bool {
        guard var delivery = notify.deliveries[number], delivery.state == .pending,
            notify.underWay[number] == nil,
            let message = notify.notices[delivery.notice]?.message
        else { return false }
        delivery.attempts += 1
        delivery.nextAt = nil
        notify.deliveries[delivery.number] = delivery
        notify.underWay[delivery.number] = delivery.attempts
        put(.delivery(delivery))
        effects.deliveries.append(
            Delivery(
                number: delivery.number,
                attempt: delivery.attempts,
                destination: delivery.destination,
                message: message
            )
        )
        return true
    }

    mutating func delivered(_ number: UInt64, attempt: UInt32, _ outcome: DeliveryOutcome) {
        guard notify.underWay[number] == attempt else { return }
        notify.underWay[number] = nil
        guard var delivery = notify.deliveries[number], delivery.state == .pending else { return }
        switch outcome {
        case .delivered:
            delivery.lastError = ""
            end(&delivery, as: .delivered)
            takesAgain(delivery.destination)
        case .refused(let text):
            delivery.lastError = kept(text, bytesMax: DeliveryRecord.errorBytesMax)
            end(&delivery, as: .refused)
            undeliverable(delivery, "it was refused: \(delivery.lastError)")
        case .failed(let text):
            delivery.lastError = kept(text, bytesMax: DeliveryRecord.errorBytesMax)
            let limit = notify.rules?.giveUpAfter ?? NotifyRules.giveUpAfterDefault
            if now.wall - delivery.queuedAt >= limit {
                end(&delivery, as: .givenUp)
                let tried = counted(delivery.attempts, "attempt")
                undeliverable(
                    delivery,
                    "given up after \(limit.forPeople) and \(tried): \(delivery.lastError)"
                )
            } else {
                retry(&delivery)
            }
        }
    }

    /// A fifth more or less than ``NotifyBook/backOff(after:)``.
    private mutating func retry(_ delivery: inout DeliveryRecord) {
        let base = NotifyBook.backOff(after: delivery.attempts).nanoseconds
        let wait = generator.duration(
            in: .nanoseconds(base - base / 5)...Duration.nanoseconds(base + base / 5)
        )
        delivery.nextAt = now.wall + wait
        notify.deliveries[delivery.number] = delivery
        put(.delivery(delivery))
        notify.queue.insert(.init(at: now.instant + wait, delivery: delivery.number))
        expect(by: now.instant + wait)
    }

    mutating func end(_ delivery: inout DeliveryRecord, as state: DeliveryRecord.State) {
        delivery.state = state
        delivery.nextAt = nil
        delivery.endedAt = now.wall
        notify.deliveries[delivery.number] = delivery
        put(.delivery(delivery))
        notify.pendingCount -= 1
        notify.ended.append(delivery.number)
        while notify.ended.count > NotifyBook.historyMax {
            forget(notify.ended.removeFirst())
        }
    }

    private mutating func forget(_ number: UInt64) {
        guard let delivery = notify.deliveries[number] else { return }
        notify.deliveries[number] = nil
        effects.journal.append(.delete(table: .delivery, key: delivery.storeKey))
        // Deliveries of a notice have the numbers behind its own.
        let first = notify.deliveries.lowerBound(delivery.notice)
        let isUsed =
            first < notify.deliveries.count
            && notify.deliveries.values[first].notice == delivery.notice
        guard !isUsed, let notice = notify.notices[delivery.notice] else { return }
        notify.notices[delivery.notice] = nil
        effects.journal.append(.delete(table: .notice, key: notice.storeKey))
    }

    /// Above the limit the oldest of the least severity are dropped, some at once.
    private mutating func makeRoom() {
        guard notify.pendingCount > NotifyBook.pendingMax else { return }
        let count = notify.pendingCount - NotifyBook.pendingMax + NotifyBook.pendingMax / 100
        let least = notify.deliveries.values
            .filter { $0.state == .pending && notify.underWay[$0.number] == nil }
            .sorted { ($0.severity.rank, $0.number) < ($1.severity.rank, $1.number) }
            .prefix(count)
        for delivery in least {
            var delivery = delivery
            delivery.lastError = "the outbox was full"
            end(&delivery, as: .dropped)
        }
        tell(
            .noticesDropped,
            .critical,
            "outbox",
            "\(counted(least.count, "delivery", "deliveries")) of notices were dropped.",
            cause: "more than \(NotifyBook.pendingMax) wait to be delivered",
            consequence: "muster notify pending"
        )
    }

    // MARK: What cannot be delivered

    /// Told by another way, once until the destination takes something again; and never when the
    /// message told of such itself.
    private mutating func undeliverable(_ delivery: DeliveryRecord, _ cause: String) {
        guard let notice = notify.notices[delivery.notice], !notice.isAboutDeliveries,
            notice.message.state != .test
        else { return }
        let subject = delivery.destination.text
        guard !notify.isOpen(alarmKey(.noticeUndeliverable, subject)) else { return }
        tell(
            .noticeUndeliverable,
            .critical,
            subject,
            "A notice could not be delivered to \(delivery.receiver): \(subject).",
            cause: "\(cause) (\(kept(notice.message.subject, bytesMax: 120)))",
            consequence: "muster notify pending; muster notify pending retry \(delivery.number)"
        )
    }

    private mutating func takesAgain(_ destination: Destination) {
        guard notify.isOpen(alarmKey(.noticeUndeliverable, destination.text)) else { return }
        tell(
            .noticeDeliverable,
            .info,
            destination.text,
            "Notices are delivered again: \(destination.text)."
        )
    }
}

extension Severity {
    /// 0 for the least.
    var rank: Int {
        switch self {
        case .info: 0
        case .warning: 1
        case .critical: 2
        }
    }
}
