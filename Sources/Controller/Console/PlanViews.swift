import API
import ControllerCore
import Model
import Protocol

// Plans as the console's interface shows them. Functions of their arguments alone.

extension PlanSummary {
    init(_ record: PlanRecord) {
        self.init(
            name: record.draft.name.text,
            kinds: record.draft.kinds.map(\.rawValue),
            version: record.version,
            steps: UInt32(record.draft.steps.count),
            by: record.by,
            at: record.at.iso8601
        )
    }
}

extension PlanDetail {
    /// - Parameter steps: as a kind of run carries them out; the plan's own when left out.
    init(_ record: PlanRecord, steps: [PlanStep]? = nil, asOf: String) {
        self.init(
            asOf: asOf,
            plan: PlanSummary(record),
            steps: (steps ?? record.draft.steps).enumerated().map {
                PlanStepDetail($1, number: $0 + 1)
            },
            lines: PlanFile.lines(of: record.draft)
        )
    }
}

extension PlanStepDetail {
    /// - Parameter number: from 1.
    init(_ step: PlanStep, number: Int) {
        self.init(
            number: UInt32(number),
            name: step.name.text,
            act: step.act.word,
            what: step.act.sentence,
            timeoutMilliseconds: step.timeout.milliseconds,
            retries: step.retries,
            retryDelayMilliseconds: step.retryDelay.milliseconds,
            onFailure: step.onFailure.rawValue,
            pointOfNoReturn: step.act == .activate
        )
        verifyHook = step.verify?.text
        undoHook = step.undo?.text
        inDrill = step.isInDrill ? true : nil
    }
}

extension PlanAct {
    /// What it does, for people.
    var sentence: String {
        switch self {
        case .gate: "ask whether the new site may take over"
        case .drainTasks: "give the old site nothing new and let its tasks end"
        case .stop(_, let groups, let scope):
            "stop \(Self.services(groups, scope)) at the old site"
        case .start(let groups, let scope):
            "start \(Self.services(groups, scope)) at the new site, in order"
        case .fence(let hook):
            "prove every node of the old site unable to act"
                + (hook.map { ", by hook \($0) where it cannot be reached" } ?? "")
        case .activate: "make the new site the active one: from here on there is no way back"
        case .hook(let name, let place): "execute hook \(name) on \(place.sentence)"
        case .check(let name, let place):
            "ask hook \(name) on \(place.sentence) until it says yes"
        case .ask(let text): "ask an operator: \(text)"
        case .verify: "wait until the new site has its minimum of nodes Online"
        case .notify(let text): "tell: \(text)"
        case .sandbox(let work):
            "let the standby site run \(work.count) tasks of type \(work.type) in isolation"
        case .isolate: "let the standby site's services run under a token that production refuses"
        case .endDrill: "stop what the drill has started: the site is an idle standby again"
        }
    }

    private static func services(_ groups: [GroupName], _ scope: ServiceScope) -> String {
        let kind = scope == .all ? "" : "\(scope.rawValue) "
        guard !groups.isEmpty else {
            return scope == .all ? "all services" : "all \(kind)services"
        }
        let list = groups.map(\.text).joined(separator: ", ")
        return "\(kind)services of \(list)"
    }
}

extension HookPlace {
    var sentence: String {
        switch self {
        case .controller: "the controller's host"
        case .every(.from): "every node of the old site"
        case .every(.to): "every node of the new site"
        case .one(.from): "one node of the old site"
        case .one(.to): "one node of the new site"
        case .node(let name): "node \(name)"
        }
    }
}
