import API
import ControllerCore
import Model
import Protocol

// Tasks as the console's interface shows them. Functions of their arguments alone.

extension TaskSummary {
    init(_ view: TaskView) {
        self.init(
            id: view.id.number,
            type: view.submission.type.text,
            account: view.submission.account,
            attributes: view.submission.attributes.values,
            priority: view.submission.priority,
            state: view.state.rawValue,
            since: view.since.iso8601,
            live: true,
            submittedBy: view.submittedBy,
            acceptedAt: view.acceptedAt.iso8601,
            attempt: view.attempt,
            failures: view.failures,
            payloadBytes: view.payloadBytes
        )
        add(view.submission)
        notBefore = view.notBefore?.iso8601
        node = view.node?.text ?? view.traces.last?.node.text
        started = view.assignment?.isStarted
        rule = view.assignment?.decision.rule.rawValue
        result = view.result.map { TaskResult($0) }
    }

    init(_ record: TaskEndRecord) {
        self.init(
            id: record.id.number,
            type: record.submission.type.text,
            account: record.submission.account,
            attributes: record.submission.attributes.values,
            priority: record.submission.priority,
            state: record.state.rawValue,
            since: record.endedAt.iso8601,
            live: false,
            submittedBy: record.submittedBy,
            acceptedAt: record.acceptedAt.iso8601,
            attempt: record.attempt,
            payloadBytes: record.payloadBytes
        )
        add(record.submission)
        node = record.node?.text
        rule = record.decision?.rule.rawValue
        result = record.result.map { TaskResult($0) }
    }

    private mutating func add(_ submission: TaskSubmission) {
        exclusiveKey = submission.exclusiveKey?.text
        ordered = submission.exclusiveKey?.isOrdered
        key = submission.idempotencyKey
    }
}

extension [TaskAttribute] {
    fileprivate var values: [String: String] {
        Dictionary(map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}

extension TaskResult {
    init(_ result: AttemptResult) {
        self.init(
            outcome: result.outcome.rawValue,
            status: result.status,
            signal: result.signal,
            detail: result.detail,
            permanent: result.isPermanent,
            ranMilliseconds: result.ranMilliseconds,
            processorMilliseconds: result.processorMilliseconds,
            memoryBytesMax: result.memoryBytesMax,
            outputBytes: result.outputBytes
        )
    }
}

extension TaskDetail {
    init(_ view: TaskView, asOf: String) {
        self.init(
            asOf: asOf,
            task: TaskSummary(view),
            interruptions: view.interruptions,
            attempts: view.traces.map { TaskAttemptDetail($0) }
        )
        add(view.submission)
        guard let assignment = view.assignment else { return }
        self.assignment = TaskAssignment(
            node: view.node?.text ?? "",
            attempt: assignment.attempt,
            handler: assignment.handler.text,
            delivery: assignment.delivery.rawValue,
            token: "\(assignment.token)",
            started: assignment.isStarted,
            cancel: assignment.cancel?.rawValue
        )
        decision = TaskDecision(assignment.decision)
    }

    init(_ record: TaskEndRecord, asOf: String) {
        self.init(
            asOf: asOf,
            task: TaskSummary(record),
            attempts: record.traces.map { TaskAttemptDetail($0) }
        )
        add(record.submission)
        decision = record.decision.map { TaskDecision($0) }
    }

    private mutating func add(_ submission: TaskSubmission) {
        attemptsMax = submission.attemptsMax
        retryDelayMilliseconds = submission.retryDelay.map(\.milliseconds)
    }
}

extension TaskDecision {
    init(_ decision: Decision) {
        self.init(rule: decision.rule.rawValue, view: decision.view)
    }
}

extension TaskAttemptDetail {
    init(_ trace: AttemptTrace) {
        self.init(
            attempt: trace.attempt,
            node: trace.node.text,
            endedAt: trace.endedAt.iso8601,
            outcome: trace.outcome
        )
    }
}

extension TaskCandidate {
    init(_ entry: DispatchView.Entry) {
        self.init(node: entry.node.text, assigned: entry.assigned, slots: entry.slots)
        obstacle = entry.obstacle
        loadPerProcessorThousandths = entry.loadPerProcessor
        memoryUsedPerMille = entry.memoryPerMille
    }
}

extension TaskExplanation {
    /// By the rules of now, of a task that no node has.
    init(_ view: TaskView, _ explanation: Explanation, asOf: String) {
        self.init(
            asOf: asOf,
            id: view.id.number,
            state: view.state.rawValue,
            text: explanation.text,
            type: view.submission.type.text,
            candidates: explanation.candidates.map { candidate in
                var shown = TaskCandidate(candidate.entry)
                shown.preferred = candidate.isPreferred
                shown.room = candidate.room
                return shown
            }
        )
        policy = explanation.policy.rawValue
        rule = explanation.rule.rawValue
    }

    /// By the decision that was made.
    mutating func add(_ decision: Decision, _ view: DispatchView?, node: String?) {
        rule = decision.rule.rawValue
        self.view = decision.view
        self.node = node
        guard let view else {
            text += "; the view of the cluster that this was decided on is not kept any more"
            return
        }
        policy = view.policy.rawValue
        viewedAt = view.at.iso8601
        candidates = view.entries.map { TaskCandidate($0) }
    }
}

extension Duration {
    var milliseconds: UInt64 { UInt64(max(0, wholeMilliseconds)) }
}

// MARK: Work in figures

extension NodeViews {
    var work: WorkStatus {
        let work = machine.work
        return WorkStatus(
            policy: work.rules.policy.rawValue,
            states: TaskState.allCases.filter { $0 != .done && $0 != .cancelled }.map { state in
                WorkStateCount(
                    state: state.rawValue,
                    count: work.counts.count(of: state),
                    oldestMilliseconds: work.oldest(state).map { (now.wall - $0).milliseconds }
                )
            },
            payloadBytes: work.counts.bytes,
            keptBytes: work.counts.kept,
            queueCountMax: work.rules.queueCountMax,
            queueBytesMax: work.rules.queueBytesMax,
            accepted: work.counts.accepted,
            done: work.counts.done,
            cancelled: work.counts.cancelled,
            repeated: work.counts.repeated
        )
    }

    var policy: ClusterPolicy {
        let rules = machine.work.rules
        return ClusterPolicy(
            asOf: asOf,
            policy: rules.policy.rawValue,
            strict: rules.isStrict,
            affinityWidth: rules.affinityWidth,
            patienceMilliseconds: rules.patience.milliseconds,
            attemptsMax: rules.attemptsMax,
            retryDelayMilliseconds: rules.retryDelay.milliseconds,
            retryDelayMaxMilliseconds: rules.retryDelayMax.milliseconds,
            queueCountMax: rules.queueCountMax,
            queueBytesMax: rules.queueBytesMax,
            historyMilliseconds: rules.history.milliseconds,
            typesStrict: rules.isTypesStrict,
            types: (TaskType.known + rules.declaredTypes).map(\.text),
            attributes: rules.declaredAttributes,
            nodes: members().map(policy)
        )
    }

    func policy(of member: Member) -> NodePolicy {
        let preferences = machine.preferences(of: member.record)
        var policy = NodePolicy(
            node: member.record.name.text,
            site: member.record.site.text,
            preferredTypes: preferences.types.map(\.text),
            preferredAttributes: preferences.attributes.map(\.description),
            clearPerMille: preferences.clearPerMille
        )
        policy.slotsMax = preferences.slotsMax
        policy.loadPerProcessorMaxThousandths = preferences.loadMax
        policy.memoryUsedMaxPerMille = preferences.memoryMax
        policy.runningMax = preferences.runningMax
        return policy
    }

    func handlers(of member: Member) -> [HandlerDetail] {
        machine.work.handlers(of: member.record.id).map { handler in
            HandlerDetail(
                name: handler.name.text,
                types: handler.types.map(\.text),
                slots: handler.slots,
                prefetch: handler.prefetch,
                delivery: handler.delivery.rawValue,
                timeLimitMilliseconds: handler.timeLimit.map(\.milliseconds)
            )
        }
    }
}
