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

    /// What stands first in a message, and is what that is of: what is wrong now, what has happened and
    /// matters, what is over, the rest of what has happened, and what still is wrong and was told with its
    /// site. Of these what is worse, what a person has to decide, what is of a whole site.
    var rank: Rank {
        Rank(
            order: order,
            severity: -alarm.severity.rank,
            scope: alarm.kind.isDecision ? 0 : alarm.kind.isOfSite ? 1 : 2,
            number: alarm.number
        )
    }

    private var order: Int {
        switch alarm.state {
        case .firing: target?.state == .uncovered ? 4 : 0
        case .told, .test: alarm.severity == .info ? 3 : 1
        case .resolved: 2
        }
    }

    struct Rank: Comparable {
        var order: Int
        var severity: Int
        var scope: Int
        var number: UInt64

        static func < (left: Rank, right: Rank) -> Bool {
            (left.order, left.severity, left.scope, left.number)
                < (right.order, right.severity, right.scope, right.number)
        }
    }
}
