public import Model
import Protocol

/// What is durable of notifications, and when something is due: a part of the controller's machine.
public struct NotifyBook: Hashable, Sendable {
    /// Open alarms, and what has happened and is yet to be told. What comes on top of it is only
    /// counted; thresholds always find room.
    public static let alarmsMax = 10_000
    public static let silencesMax = 200
    /// Deliveries that wait or are under way.
    public static let pendingMax = 10_000
    /// Deliveries that have ended, for `muster notify list`.
    public static let historyMax = 1_000
    /// Attempts that the shell has at once.
    public static let underWayMax = 64
    /// Of those, through one server.
    public static let underWayPerServerMax = 8
    static let groupsMax = 2_000
    /// What has happened and is told one by one, of one group, before it is only counted.
    static let oncePerGroupMax = 200
    static let retryFirst: Duration = .seconds(5)
    static let retryMax: Duration = .seconds(900)
    /// Of what could not be delivered, which no route says anything of.
    static let undeliverableWait: Duration = .seconds(10)
    static let undeliverableInterval: Duration = .seconds(300)
    /// The wall clock may be set: look again at least so often.
    static let lookInterval: Duration = .seconds(5)
    /// A node that is back, or is Offline for another reason, is counted within this time.
    static let thresholdsLookWithin: Duration = .milliseconds(100)

    /// The rules that hold; nil before there were any.
    public internal(set) var record: NotifyRulesRecord?
    /// By their numbers.
    public internal(set) var alarms: OrderedTable<UInt64, AlarmRecord> = OrderedTable()
    public internal(set) var silences: OrderedTable<UInt64, SilenceRecord> = OrderedTable()
    public internal(set) var notices: OrderedTable<UInt64, NoticeRecord> = OrderedTable()
    public internal(set) var deliveries: OrderedTable<UInt64, DeliveryRecord> = OrderedTable()

    /// Alarms that fire, or whose end is yet to be told, by what opens and closes them.
    var keys: OrderedTable<String, UInt64> = OrderedTable()
    var groups: OrderedTable<String, NoticeGroup> = OrderedTable()
    /// The attempts that the shell has, by the delivery.
    var underWay: OrderedTable<UInt64, UInt32> = OrderedTable()
    /// When deliveries are due; one that is not pending any more is passed over.
    var queue = BinaryHeap<Turn>()
    /// Deliveries that are due and wait for their turn, by the server they go through.
    var ready: OrderedTable<String, [UInt64]> = OrderedTable()
    /// Deliveries that have ended, the oldest first.
    var ended: [UInt64] = []
    var pendingCount = 0
    /// Groups are looked through again then.
    var groupsLookAt: Instant?
    var silencesLookAt: Instant?
    var areGroupsDue = false
    /// Numbers were given in this step.
    var isCounterDue = false

    /// Of what a site has Online may have changed.
    var areThresholdsDue = true
    var thresholdsLookAt: Instant?
    var thresholds: OrderedTable<String, ThresholdWatch> = OrderedTable()
    var watch = NoticeWatch()

    struct Turn: Hashable, Comparable, Sendable {
        var at: Instant
        var delivery: UInt64

        static func < (left: Turn, right: Turn) -> Bool {
            (left.at, left.delivery) < (right.at, right.delivery)
        }
    }

    public var rules: NotifyRules? { record?.rules }

    public init() {}

    /// The open alarm of a key, or one whose end is yet to be told.
    func alarm(_ key: String) -> AlarmRecord? { keys[key].flatMap { alarms[$0] } }

    func isOpen(_ key: String) -> Bool { alarm(key)?.state == .firing }

    public func silence(of alarm: AlarmRecord, at now: WallTime) -> SilenceRecord? {
        silences.values.first { $0.draft.until > now && $0.draft.matches(alarm) }
    }

    var nextDeadline: Instant? {
        earlier(
            earlier(groupsLookAt, silencesLookAt),
            earlier(earlier(thresholdsLookAt, watch.lookAt), queue.first?.at)
        )
    }

    mutating func lookAtThresholds(by time: Instant) {
        thresholdsLookAt = min(thresholdsLookAt ?? time, time)
    }

    /// Everything that the store holds of it.
    public var records: [Record] {
        (record.map { [.notifyRules($0)] } ?? []) + silences.values.map { .silence($0) }
            + alarms.values.map { .alarm($0) } + notices.values.map { .notice($0) }
            + deliveries.values.map { .delivery($0) }
    }

    /// 5 s, twice as long with each attempt, up to 15 min.
    static func backOff(after attempts: UInt32) -> Duration {
        let doublings = min(max(0, Int64(attempts) - 1), 20)
        return .nanoseconds(min(retryFirst.nanoseconds << doublings, retryMax.nanoseconds))
    }

    // MARK: Restoring

    mutating func restore(_ record: Record) {
        switch record {
        case .notifyRules(let rules): self.record = rules
        case .silence(let silence): silences[silence.number] = silence
        case .alarm(let alarm):
            alarms[alarm.number] = alarm
            if !alarm.key.isEmpty { keys[alarm.key] = alarm.number }
        case .notice(let notice): notices[notice.number] = notice
        case .delivery(let delivery): deliveries[delivery.number] = delivery
        default: preconditionFailure("not a record of notifications")
        }
    }

    /// When every record is there: what waits is due, and groups know when they spoke last.
    mutating func restored(at now: Moment) {
        for delivery in deliveries.values where delivery.state == .pending {
            pendingCount += 1
            // One that was under way is attempted again: whether it arrived is not known, and its
            // identity tells the other side.
            let left = delivery.nextAt.map { max(.zero, $0 - now.wall) } ?? .zero
            // However far the wall clock was set back meanwhile.
            let most = Self.backOff(after: delivery.attempts)
            queue.insert(Turn(at: now.instant + min(left, most), delivery: delivery.number))
        }
        ended = deliveries.values.filter { $0.state != .pending }
            .sorted {
                ($0.endedAt ?? $0.queuedAt, $0.number) < ($1.endedAt ?? $1.queuedAt, $1.number)
            }
            .map(\.number)
        for notice in notices.values where !notice.group.isEmpty {
            let ago = max(.zero, now.wall - notice.message.at)
            var group = groups[notice.group] ?? NoticeGroup()
            group.sentAt = now.instant - ago
            group.thread = notice.message.thread ?? notice.message.id
            groups[notice.group] = group
        }
        for alarm in alarms.values {
            for target in alarm.targets {
                var group = groups[target.group] ?? NoticeGroup()
                switch target.state {
                case .waiting, .uncovered, .ending: group.pending.append(alarm.number)
                case .told: group.told.append(alarm.number)
                case .covered: break
                }
                if alarm.state == .told { group.onceCount += 1 }
                groups[target.group] = group
            }
        }
        // The message that has told of it is not kept any more: the time until it is told again
        // begins anew.
        for (key, group) in groups where group.sentAt == nil && !group.told.isEmpty {
            groups.update(key) { $0.sentAt = now.instant }
        }
        areGroupsDue = true
        silencesLookAt = silences.isEmpty ? nil : now.instant
    }
}

/// Asked for in every step.
private func earlier(_ one: Instant?, _ other: Instant?) -> Instant? {
    guard let one else { return other }
    guard let other else { return one }
    return min(one, other)
}

/// What one receiver is told together.
struct NoticeGroup: Hashable, Sendable {
    /// The first message about what still fires, or of the run it is about.
    var thread: String?
    /// When it was spoken to last.
    var sentAt: Instant?
    /// When the next message goes; nil while there is nothing to say.
    var due: Instant?
    /// Alarms that the next message tells of.
    var pending: [UInt64] = []
    /// Alarms that were told and still fire.
    var told: [UInt64] = []
    /// Of `pending`, those that are no alarms.
    var onceCount = 0
    /// What there was no room for.
    var leftOut = 0
}

/// Since when a threshold's rule holds without a break, as this controller saw it.
struct ThresholdWatch: Hashable, Sendable {
    var belowSince: Instant?
    var fineSince: Instant?
    /// A message of it was held back once, because it seemed to be nearly over.
    var wasHeldBack = false
}

/// What is looked at now and then.
struct NoticeWatch: Hashable, Sendable {
    var lookAt: Instant?
    /// Since when a site's readiness is other than it was told.
    var readiness: OrderedTable<SiteName, Instant> = OrderedTable()
    /// Those who were turned away lately, the oldest first.
    var turnedAway: [TurnedAwayCount] = []
    var controllerCertificateEnd: WallTime?
    var controllerCertificateLife: Duration?

    struct TurnedAwayCount: Hashable, Sendable {
        var who: String
        var since: Instant
        var count: Int
    }
}
