import ControllerCore
import Model

/// What those who are told may rely on: one identity is one content, and nothing is told twice by
/// intent.
struct NoticeChecks {
    struct Story: Hashable, Comparable {
        /// A destination.
        var to: String
        /// The number of the alarm, or of the event that has happened.
        var sequence: UInt64
        var isEnd: Bool

        static func < (left: Story, right: Story) -> Bool {
            (left.to, left.sequence, left.isEnd ? 1 : 0)
                < (right.to, right.sequence, right.isEnd ? 1 : 0)
        }
    }

    /// By their identity.
    var messages = OrderedTable<String, NoticeMessage>()
    /// The message that has told of it.
    var stories = OrderedTable<Story, String>()
    /// The attempt that was made last, by the delivery.
    var attempts = OrderedTable<UInt64, UInt32>()
    /// Deliveries whose end is durable.
    var ended = OrderedTable<UInt64, Bool>()
    /// What runs ask, as far as is durable.
    var questions = OrderedTable<RunID, [String]>()
    /// Since when the live run waits for a person who was not told, by the controller's clock.
    var untoldSince: Instant?
}

extension Checks {
    func delivers(_ delivery: Delivery) {
        let message = delivery.message
        if let before = notices.messages[message.id], before != message {
            world.fail("message \(message.id) says something else than it did")
        }
        notices.messages[message.id] = message
        if let last = notices.attempts[delivery.number], delivery.attempt <= last {
            world.fail("attempt \(delivery.attempt) of delivery \(delivery.number) follows \(last)")
        }
        notices.attempts[delivery.number] = delivery.attempt
        if notices.ended[delivery.number] == true {
            world.fail("delivery \(delivery.number) has ended and is attempted again")
        }
        guard world.controller.store.record(.delivery, TaskID(delivery.number).storeKey) != nil
        else { return world.fail("delivery \(delivery.number) is attempted and not durable") }
        for item in message.items { noteStory(item, of: delivery) }
    }

    /// What has happened, and the end of what was wrong, is told in one message to each. What goes
    /// on may be told again.
    private func noteStory(_ item: NoticeItem, of delivery: Delivery) {
        guard item.state == .told || item.state == .resolved else { return }
        let story = NoticeChecks.Story(
            to: delivery.destination.text,
            sequence: item.sequence,
            isEnd: item.state == .resolved
        )
        if let before = notices.stories[story], before != delivery.message.id {
            world.fail(
                "\(item.kind.rawValue) \(item.subject) (\(item.sequence)) is told to \(story.to) by "
                    + "\(before) and by \(delivery.message.id)"
            )
        }
        notices.stories[story] = delivery.message.id
    }

    func commits(_ delivery: DeliveryRecord) {
        notices.ended[delivery.number] = delivery.state == .pending ? nil : true
    }

    /// A question of a run is told in the transaction that has it first, and never again while it stands,
    /// whichever controller it is.
    func commitsQuestions(_ entries: [JournalEntry]) {
        var new: [String] = []
        for entry in entries {
            switch entry {
            case .put(.run(let run)):
                let known = notices.questions[run.id] ?? []
                new += run.questions.filter { !known.contains($0) }
                notices.questions[run.id] = run.questions
            case .event(let event) where event.kind == .runWaiting:
                if new.isEmpty { world.fail("nothing new is asked: \(event.text)") }
                new = []
            default: break
            }
        }
        if let question = new.first { world.fail("nobody was told of: \(question)") }
    }

    /// What a run that goes on shows that it waits for was told.
    func checkQuestions(at moment: Moment) {
        guard let machine = world.controller.machine, machine.isGranting, machine.settling == nil,
            let run = machine.runs.liveRun, run.state == .running,
            let untold = machine.personNeeds(of: run).compactMap(\.commands.first)
                .first(where: { !run.questions.contains($0) })
        else { return notices.untoldSince = nil }
        let since = notices.untoldSince ?? moment.instant
        notices.untoldSince = since
        if moment.instant - since > .seconds(5) { world.fail("shown and not told: \(untold)") }
    }

    /// - Returns: what should have been told by now and was not.
    func unrestOfNotices(_ machine: ControllerMachine) -> String? {
        let now = world.controller.moment.wall
        for alarm in machine.notify.alarms.values {
            for target in alarm.targets
            where [.waiting, .uncovered, .ending].contains(target.state) {
                let isSilent = machine.notify.silence(of: alarm, at: now) != nil
                // Of what cannot be delivered one message is made in five minutes, and no run is so long.
                guard !isSilent, alarm.kind != .noticeUndeliverable,
                    now - (alarm.endedAt ?? alarm.since) > .seconds(30)
                else { continue }
                // Further losses wait for their turn, and a message of it is on record.
                guard alarm.further == 0 else { continue }
                return "\(alarm.kind.rawValue) \(alarm.subject) is not told to \(target.receiver)"
            }
        }
        for delivery in machine.notify.deliveries.values
        where delivery.state == .pending
            && now - delivery.queuedAt > .seconds(120)
        {
            return "delivery \(delivery.number) is pending since \(delivery.queuedAt.iso8601)"
        }
        return nil
    }
}
