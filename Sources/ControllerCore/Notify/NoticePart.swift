import Model

/// An alarm as one receiver is told of it.
struct NoticePart {
    let alarm: AlarmRecord
    /// What the receiver was told of it before.
    let target: AlarmRecord.Target?

    init(_ alarm: AlarmRecord, _ receiver: ReceiverName) {
        self.alarm = alarm
        target = alarm.targets.first { $0.receiver == receiver }
    }

    /// What stands first in a message, and is what that is of: what is wrong now, what is over, and what
    /// still is wrong and was told with its site; of these what is of a whole site, and what is worse.
    var rank: Rank {
        let news = alarm.state != .firing ? 2 : target?.state == .uncovered ? 4 : 0
        return Rank(
            order: news + (alarm.kind.isOfSite ? 0 : 1),
            severity: -alarm.severity.rank,
            number: alarm.number
        )
    }

    struct Rank: Comparable {
        var order: Int
        var severity: Int
        var number: UInt64

        static func < (left: Rank, right: Rank) -> Bool {
            (left.order, left.severity, left.number) < (right.order, right.severity, right.number)
        }
    }
}
