import Model
public import Protocol

/// The tables of the store. A record is one line of text under `(table, key)`.
public enum RecordTable: String, Hashable, Comparable, Sendable, CaseIterable {
    case cluster
    case site
    case node
    case token
    case operators
    case setting
    case task
    case taskState = "task-state"
    case taskEnd = "task-end"
    case dispatchView = "dispatch-view"
    case schedule
    case calendar
    case plan
    case run
    case runStep = "run-step"
    case fence
    case ledger
    case dataSet = "data-set"
    case fork
    case divergence
    case lagHour = "lag-hour"
    case loss
    case late
    case runDeed = "run-deed"
    case notifyRules = "notify-rules"
    case silence
    case alarm
    case notice
    case delivery

    /// Rows that a machine is started with; of the others there may be millions.
    public var isLoaded: Bool { self != .taskEnd && self != .ledger && self != .late }

    public static func < (left: RecordTable, right: RecordTable) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One durable fact, replaced as a whole.
public enum Record: Hashable, Sendable {
    case cluster(ClusterRecord)
    case site(SiteRecord)
    case node(NodeRecord)
    case token(TokenRecord)
    case operatorAccount(OperatorRecord)
    case setting(SettingRecord)
    case task(TaskRecord)
    case taskState(TaskStateRecord)
    case taskEnd(TaskEndRecord)
    case dispatchView(DispatchView)
    case schedule(ScheduleRecord)
    case calendar(CalendarRecord)
    case plan(PlanRecord)
    case run(RunRecord)
    case runStep(RunStepRecord)
    case fence(FenceRecord)
    case ledger(LedgerRecord)
    case dataSet(DataSetRecord)
    case fork(ForkRecord)
    case divergence(DivergenceRecord)
    case lagHour(LagHourRecord)
    case loss(LossRecord)
    case late(LateRecord)
    case runDeed(RunDeedRecord)
    case notifyRules(NotifyRulesRecord)
    case silence(SilenceRecord)
    case alarm(AlarmRecord)
    case notice(NoticeRecord)
    case delivery(DeliveryRecord)

    public var table: RecordTable {
        switch self {
        case .cluster: .cluster
        case .site: .site
        case .node: .node
        case .token: .token
        case .operatorAccount: .operators
        case .setting: .setting
        case .task: .task
        case .taskState: .taskState
        case .taskEnd: .taskEnd
        case .dispatchView: .dispatchView
        case .schedule: .schedule
        case .calendar: .calendar
        case .plan: .plan
        case .run: .run
        case .runStep: .runStep
        case .fence: .fence
        case .ledger: .ledger
        case .dataSet: .dataSet
        case .fork: .fork
        case .divergence: .divergence
        case .lagHour: .lagHour
        case .loss: .loss
        case .late: .late
        case .runDeed: .runDeed
        case .notifyRules: .notifyRules
        case .silence: .silence
        case .alarm: .alarm
        case .notice: .notice
        case .delivery: .delivery
        }
    }

    public var key: String {
        switch self {
        case .cluster: "cluster"
        case .site(let site): site.name.text
        case .node(let node): node.id.text
        case .token(let token): token.id.text
        case .operatorAccount(let account): account.name.text
        case .setting(let setting): setting.storeKey
        case .task(let task): task.id.storeKey
        case .taskState(let state): state.id.storeKey
        case .taskEnd(let end): end.id.storeKey
        case .dispatchView(let view): TaskID(view.number).storeKey
        case .schedule(let schedule): schedule.draft.name.text
        case .calendar(let calendar): calendar.name.text
        case .plan(let plan): plan.draft.name.text
        case .run(let run): run.id.storeKey
        case .runStep(let step): step.storeKey
        case .fence(let fence): fence.storeKey
        case .ledger(let entry): entry.storeKey
        case .dataSet(let record): record.name.text
        case .fork(let fork): fork.storeKey
        case .divergence(let record): record.storeKey
        case .lagHour(let record): record.storeKey
        case .loss(let loss): loss.storeKey
        case .late(let late): late.task.storeKey
        case .runDeed(let deed): deed.storeKey
        case .notifyRules: NotifyRulesRecord.storeKey
        case .silence(let silence): silence.storeKey
        case .alarm(let alarm): alarm.storeKey
        case .notice(let notice): notice.storeKey
        case .delivery(let delivery): delivery.storeKey
        }
    }

    public var line: Line {
        switch self {
        case .cluster(let cluster): cluster.line
        case .site(let site): site.line
        case .node(let node): node.line
        case .token(let token): token.line
        case .operatorAccount(let account): account.line
        case .setting(let setting): setting.line
        case .task(let task): task.line
        case .taskState(let state): state.line
        case .taskEnd(let end): end.line
        case .dispatchView(let view): view.line
        case .schedule(let schedule): schedule.line
        case .calendar(let calendar): calendar.line
        case .plan(let plan): plan.line
        case .run(let run): run.line
        case .runStep(let step): step.line
        case .fence(let fence): fence.line
        case .ledger(let entry): entry.line
        case .dataSet(let record): record.line
        case .fork(let fork): fork.line
        case .divergence(let record): record.line
        case .lagHour(let record): record.line
        case .loss(let loss): loss.line
        case .late(let late): late.line
        case .runDeed(let deed): deed.line
        case .notifyRules(let rules): rules.line
        case .silence(let silence): silence.line
        case .alarm(let alarm): alarm.line
        case .notice(let notice): notice.line
        case .delivery(let delivery): delivery.line
        }
    }

    public init(table: RecordTable, line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch table {
        case .cluster: self = .cluster(try ClusterRecord(fields))
        case .site: self = .site(try SiteRecord(fields))
        case .node: self = .node(try NodeRecord(fields))
        case .token: self = .token(try TokenRecord(fields))
        case .operators: self = .operatorAccount(try OperatorRecord(fields))
        case .setting: self = .setting(try SettingRecord(fields))
        case .task: self = .task(try TaskRecord(fields))
        case .taskState: self = .taskState(try TaskStateRecord(fields))
        case .taskEnd: self = .taskEnd(try TaskEndRecord(fields))
        case .dispatchView: self = .dispatchView(try DispatchView(fields))
        case .schedule: self = .schedule(try ScheduleRecord(fields))
        case .calendar: self = .calendar(try CalendarRecord(fields))
        case .plan: self = .plan(try PlanRecord(fields))
        case .run: self = .run(try RunRecord(fields))
        case .runStep: self = .runStep(try RunStepRecord(fields))
        case .fence: self = .fence(try FenceRecord(fields))
        case .ledger: self = .ledger(try LedgerRecord(fields))
        case .dataSet: self = .dataSet(try DataSetRecord(fields))
        case .fork: self = .fork(try ForkRecord(fields))
        case .divergence: self = .divergence(try DivergenceRecord(fields))
        case .lagHour: self = .lagHour(try LagHourRecord(fields))
        case .loss: self = .loss(try LossRecord(fields))
        case .late: self = .late(try LateRecord(fields))
        case .runDeed: self = .runDeed(try RunDeedRecord(fields))
        case .notifyRules: self = .notifyRules(try NotifyRulesRecord(fields))
        case .silence: self = .silence(try SilenceRecord(fields))
        case .alarm: self = .alarm(try AlarmRecord(fields))
        case .notice: self = .notice(try NoticeRecord(fields))
        case .delivery: self = .delivery(try DeliveryRecord(fields))
        }
    }
}
