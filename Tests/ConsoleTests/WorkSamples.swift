import API
import Model

// Tasks and schedules of the night in question.

extension Samples {
    static func task(
        _ id: UInt64,
        _ state: String,
        seconds: Int64 = 60,
        _ change: (inout TaskSummary) -> Void = { _ in }
    ) -> TaskSummary {
        var task = TaskSummary(
            id: id,
            type: "PUSH",
            account: "acme",
            attributes: ["region": "eu"],
            state: state,
            since: ago(seconds),
            live: state != "done" && state != "cancelled",
            submittedBy: "alice",
            acceptedAt: ago(seconds + 30),
            payloadBytes: 2_048
        )
        change(&task)
        return task
    }

    static let failedResult = TaskResult(
        outcome: "failed",
        status: 3,
        ranMilliseconds: 1_500,
        processorMilliseconds: 900,
        memoryBytesMax: 10 << 20,
        outputBytes: 4_096
    )

    static let running = task(17, "assigned") {
        $0.node = "a-1"
        $0.started = true
        $0.attempt = 1
    }

    static let failed = task(18, "failed", seconds: 18_120) {
        $0.node = "a-2"
        $0.attempt = 5
        $0.failures = 5
        $0.result = failedResult
    }

    static let delayed = task(19, "delayed") {
        $0.attempt = 1
        $0.failures = 1
        $0.notBefore = ago(-90)
        $0.result = failedResult
    }

    static let done = task(20, "done") {
        $0.node = "a-1"
        $0.attempt = 1
        $0.result = TaskResult(outcome: "done", status: 0)
    }

    static func detail(of task: TaskSummary) -> TaskDetail {
        var detail = TaskDetail(
            asOf: now.iso8601,
            task: task,
            attempts: [
                TaskAttemptDetail(
                    attempt: 1,
                    node: "a-2",
                    endedAt: ago(600),
                    outcome: "timed-out"
                )
            ]
        )
        detail.decision = TaskDecision(rule: "home", view: 7)
        return detail
    }

    static let work = WorkStatus(
        policy: "account-affinity",
        states: [
            WorkStateCount(state: "waiting", count: 12, oldestMilliseconds: 200_000),
            WorkStateCount(state: "delayed", count: 0),
            WorkStateCount(state: "assigned", count: 40, oldestMilliseconds: 7_260_000),
            WorkStateCount(state: "failed", count: 3, oldestMilliseconds: 18_120_000),
            WorkStateCount(state: "unknown", count: 0),
        ],
        payloadBytes: 1 << 20,
        queueCountMax: 1_000_000,
        queueBytesMax: 1 << 30,
        accepted: 2_000,
        done: 1_945,
        cancelled: 0,
        repeated: 2
    )

    static var why: TaskExplanation {
        var home = TaskCandidate(node: "a-1", assigned: 3, slots: 4)
        home.loadPerProcessorThousandths = 420
        home.memoryUsedPerMille = 610
        var cordoned = TaskCandidate(node: "a-2", assigned: 0, slots: 4)
        cordoned.obstacle = "cordoned"
        let other = TaskCandidate(node: "a-3", assigned: 1, slots: 4)
        var why = TaskExplanation(
            asOf: now.iso8601,
            id: 17,
            state: "assigned",
            text: "node a-1 runs it, by the rule home",
            type: "PUSH",
            candidates: [home, cordoned, other]
        )
        why.policy = "account-affinity"
        why.rule = "home"
        why.view = 7
        why.viewedAt = ago(60)
        why.node = "a-1"
        return why
    }

    static let policy: ClusterPolicy = {
        var node = NodePolicy(
            node: "a-1",
            site: "a",
            preferredTypes: ["PGP"],
            preferredAttributes: ["region=eu"],
            clearPerMille: 800
        )
        node.loadPerProcessorMaxThousandths = 2_000
        node.memoryUsedMaxPerMille = 950
        return ClusterPolicy(
            asOf: now.iso8601,
            policy: "attribute-match",
            strict: true,
            affinityWidth: 1,
            patienceMilliseconds: 5_000,
            attemptsMax: 5,
            retryDelayMilliseconds: 120_000,
            retryDelayMaxMilliseconds: 120_000,
            queueCountMax: 1_000_000,
            queueBytesMax: 1 << 30,
            historyMilliseconds: 604_800_000,
            typesStrict: false,
            types: ["PUSH", "PULL"],
            attributes: ["region"],
            nodes: [node]
        )
    }()

    static var schedule: ScheduleSummary {
        var schedule = ScheduleSummary(
            name: "nightly",
            recurrence: "calendar 0 3 * * MON-FRI in Europe/Berlin",
            type: "MAINTENANCE",
            excluded: ["*-12-25"],
            calendars: ["holidays"],
            createdBy: "alice",
            createdAt: ago(86_400),
            firings: 4,
            skipped: 1
        )
        schedule.next = ago(-3_600)
        schedule.lastDue = ago(82_800)
        schedule.lastTask = 17
        return schedule
    }
}
