import API

/// Tasks with every member that there can be.
enum TaskSamples {
    static let request: TaskRequest = {
        var request = TaskRequest(type: "PUSH")
        request.account = "acme"
        request.attributes = ["region": "eu"]
        request.priority = 7
        request.exclusiveKey = "customer-7"
        request.ordered = true
        request.key = "order-1"
        request.attempts = 3
        request.retryDelayMilliseconds = 1_000
        request.notBefore = "2026-11-25T18:00:00.000Z"
        request.payload = "text"
        request.payloadBase64 = "AA=="
        return request
    }()

    static let batch = TaskBatchAnswer(
        asOf: "",
        answers: [
            TaskAnswer(id: 1, known: false), TaskAnswer(id: 1, known: true),
            TaskAnswer(code: "busy", detail: "the queue is full", mend: "try again"),
        ]
    )

    static let summary: TaskSummary = {
        var summary = TaskSummary(
            id: 41,
            type: "PUSH",
            account: "acme",
            attributes: ["region": "eu"],
            state: "assigned",
            since: "",
            live: true,
            submittedBy: "alice",
            acceptedAt: "",
            attempt: 2,
            failures: 1,
            payloadBytes: 900
        )
        summary.node = "a-1"
        summary.started = true
        summary.notBefore = ""
        summary.exclusiveKey = "customer-7"
        summary.ordered = true
        summary.key = "order-1"
        summary.result = TaskResult(outcome: "failed", status: 3, signal: 9, detail: "why")
        return summary
    }()

    static let detail: TaskDetail = {
        var detail = TaskDetail(
            asOf: "",
            task: summary,
            interruptions: 1,
            attempts: [TaskAttemptDetail(attempt: 1, node: "a-2", endedAt: "", outcome: "lost")]
        )
        detail.assignment = TaskAssignment(
            node: "a-1",
            attempt: 2,
            handler: "push",
            delivery: "exclusive",
            token: "1.1/2",
            started: true,
            cancel: "drained"
        )
        detail.decision = TaskDecision(rule: "home", view: 12)
        detail.attemptsMax = 3
        detail.retryDelayMilliseconds = 1_000
        return detail
    }()

    static let output = TaskOutput(
        asOf: "",
        id: 41,
        attempt: 2,
        offset: 0,
        dataBase64: "AA==",
        next: 1,
        final: false
    )

    static let explanation: TaskExplanation = {
        var candidate = TaskCandidate(node: "a-1", assigned: 2, slots: 4)
        candidate.obstacle = "cordoned"
        candidate.preferred = true
        candidate.room = "room: 2 of 4 slots"
        candidate.loadPerProcessorThousandths = 900
        candidate.memoryUsedPerMille = 120
        var explanation = TaskExplanation(
            asOf: "",
            id: 41,
            state: "assigned",
            text: "node a-1 runs it",
            type: "PUSH",
            candidates: [candidate]
        )
        explanation.policy = "account-affinity"
        explanation.rule = "home"
        explanation.view = 12
        explanation.viewedAt = ""
        explanation.node = "a-1"
        return explanation
    }()

    static let work = WorkStatus(
        policy: "account-affinity",
        states: [WorkStateCount(state: "waiting", count: 3, oldestMilliseconds: 4_000)],
        payloadBytes: 900,
        queueCountMax: 1_000_000,
        queueBytesMax: 1 << 30,
        accepted: 9,
        done: 5,
        cancelled: 1,
        repeated: 1
    )

    static let nodePolicy: NodePolicy = {
        var policy = NodePolicy(
            node: "a-1",
            site: "a",
            preferredTypes: ["PGP"],
            preferredAttributes: ["region=eu"],
            clearPerMille: 800
        )
        policy.slotsMax = 9
        policy.loadPerProcessorMaxThousandths = 2_000
        policy.memoryUsedMaxPerMille = 950
        policy.runningMax = 8
        return policy
    }()

    static let policy = ClusterPolicy(
        asOf: "",
        policy: "account-affinity",
        strict: false,
        affinityWidth: 1,
        patienceMilliseconds: 5_000,
        attemptsMax: 5,
        retryDelayMilliseconds: 120_000,
        retryDelayMaxMilliseconds: 120_000,
        queueCountMax: 1_000_000,
        queueBytesMax: 1 << 30,
        historyMilliseconds: 604_800_000,
        typesStrict: false,
        types: ["PUSH"],
        attributes: ["region"],
        nodes: [nodePolicy]
    )

    /// A whole status and a node, with what they say of tasks.
    static let status: ClusterStatus = {
        var status = Samples.degraded
        status.work = work
        return status
    }()

    static let node: NodeDetail = {
        var node = Samples.detail
        node.node.tasksAssigned = 2
        node.node.tasksStarted = 1
        node.node.overload = "load 2.10 per CPU, overloaded from 2.00"
        node.policy = nodePolicy
        node.handlers = [
            HandlerDetail(
                name: "push",
                types: ["PUSH"],
                slots: 4,
                prefetch: 1,
                delivery: "exclusive",
                timeLimitMilliseconds: 60_000
            )
        ]
        return node
    }()

    static let pulse = StreamPulse(
        asOf: "",
        work: work,
        nodeHeartbeatAgesMilliseconds: ["a-1": 3],
        siteHeartbeatAgesMilliseconds: ["a": 3]
    )
}
