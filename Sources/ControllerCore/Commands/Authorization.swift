public import Model
import Protocol

/// The least role that may give a command. The table is data; what is not in it is refused.
public enum Authorization {
    /// Every verb an operator can be refused, with the least role it needs.
    public static let table: [(verb: String, least: OperatorRole)] = [
        ("node.add", .admin),
        ("node.remove", .admin),
        ("node.cordon", .operator),
        ("node.uncordon", .operator),
        ("node.drain", .operator),
        ("node.maintenance.begin", .operator),
        ("node.maintenance.end", .operator),
        ("node.release", .operator),
        ("service.start", .operator),
        ("service.stop", .operator),
        ("service.restart", .operator),
        ("token.create", .admin),
        ("token.revoke", .admin),
        ("operator.add", .admin),
        ("operator.remove", .admin),
        ("site.add", .admin),
        ("site.remove", .admin),
        ("site.set-minimum", .admin),
        ("config.set", .admin),
        ("config.unset", .admin),
        ("preflight", .operator),
        ("backup", .admin),
        ("task.submit", .operator),
        ("task.cancel", .operator),
        ("task.retry", .operator),
        ("task.resolve", .operator),
        ("task.payload", .operator),
        ("task.output", .viewer),
        ("drift.read", .operator),
        ("schedule.add", .operator),
        ("schedule.remove", .operator),
        ("schedule.pause", .operator),
        ("schedule.resume", .operator),
        ("calendar.set", .operator),
        ("calendar.remove", .operator),
        ("node.pair", .admin),
        ("node.unpair", .admin),
        ("site.set-form", .admin),
        ("plan.set", .admin),
        ("plan.remove", .admin),
        ("run.switchover", .admin),
        ("run.failover", .admin),
        ("run.failback", .admin),
        ("run.drill", .operator),
        ("run.retry", .operator),
        ("run.skip", .admin),
        ("run.abort", .operator),
        ("run.certify", .admin),
        ("run.answer", .operator),
        ("run.accept", .admin),
        ("automatic.pause", .operator),
        ("automatic.resume", .admin),
        ("automatic.lift-brake", .admin),
        ("notify.set", .admin),
        ("notify.silence", .operator),
        ("notify.unsilence", .operator),
        ("notify.test", .operator),
        ("notify.retry", .operator),
        ("notify.retry-all", .operator),
        ("notify.drop", .operator),
        ("notify.drop-all", .operator),
    ]

    public static func least(for verb: String) -> OperatorRole? {
        table.first { $0.verb == verb }?.least
    }
}

extension Command.Verb {
    /// The verb's name in the audit log and the authorisation table.
    public var name: String {
        switch self {
        case .addNode: "node.add"
        case .removeNodes: "node.remove"
        case .cordon: "node.cordon"
        case .uncordon: "node.uncordon"
        case .drain: "node.drain"
        case .beginMaintenance: "node.maintenance.begin"
        case .endMaintenance: "node.maintenance.end"
        case .release: "node.release"
        case .service(let action, _, _): "service.\(action.rawValue)"
        case .createToken: "token.create"
        case .revokeToken: "token.revoke"
        case .addOperator: "operator.add"
        case .removeOperator: "operator.remove"
        case .addSite: "site.add"
        case .removeSite: "site.remove"
        case .setSiteMinimum: "site.set-minimum"
        case .set: "config.set"
        case .unset: "config.unset"
        case .preflight: "preflight"
        case .backup: "backup"
        case .cancelTasks: "task.cancel"
        case .retryTasks: "task.retry"
        case .resolveTasks: "task.resolve"
        case .readPayload: "task.payload"
        case .readOutput, .readRunOutputs: "task.output"
        case .readFile: "drift.read"
        case .addSchedule: "schedule.add"
        case .removeSchedule: "schedule.remove"
        case .pauseSchedule: "schedule.pause"
        case .resumeSchedule: "schedule.resume"
        case .setCalendar: "calendar.set"
        case .removeCalendar: "calendar.remove"
        case .pairNodes: "node.pair"
        case .unpairNode: "node.unpair"
        case .setSiteForm: "site.set-form"
        case .setPlan: "plan.set"
        case .removePlan: "plan.remove"
        case .startRun(let request): "run.\(request.kind.rawValue)"
        case .retryStep: "run.retry"
        case .skipStep: "run.skip"
        case .abortRun: "run.abort"
        case .certifyNode: "run.certify"
        case .answerRun: "run.answer"
        case .acceptLoss: "run.accept"
        case .pauseAutomatic: "automatic.pause"
        case .resumeAutomatic: "automatic.resume"
        case .liftBrake: "automatic.lift-brake"
        case .setNotifyRules: "notify.set"
        case .addSilence: "notify.silence"
        case .endSilence: "notify.unsilence"
        case .testReceiver: "notify.test"
        case .retryDelivery: "notify.retry"
        case .retryDeliveries: "notify.retry-all"
        case .dropDelivery: "notify.drop"
        case .dropUndelivered: "notify.drop-all"
        }
    }

    /// What it is about.
    public var object: String {
        switch self {
        case .addNode(let name, _, _, _), .cordon(let name), .uncordon(let name),
            .drain(let name, _, _), .beginMaintenance(let name, _, _, _),
            .endMaintenance(let name), .release(let name):
            name.text
        case .removeNodes(let names), .preflight(let names):
            names.map(\.text).joined(separator: ",")
        case .service(_, let service, let node): "\(node)/\(service?.text ?? "*")"
        case .createToken(let seed, _, _): seed.id.text
        case .revokeToken(let id): id.text
        case .readFile(let node, let set, let path): "\(node)/\(set)/\(path)"
        case .addOperator(let name, let role, _): "\(name) as \(role.rawValue)"
        case .removeOperator(let name): name.text
        case .addSite(let name), .removeSite(let name): name.text
        case .setSiteMinimum(let name, let minimum): "\(name) to \(minimum)"
        case .set(let scope, let key, _), .unset(let scope, let key): "\(scope.text)/\(key)"
        case .backup(let path): path
        case .cancelTasks(let ids), .retryTasks(let ids), .resolveTasks(let ids, _):
            ids.prefix(100).map { "\($0)" }.joined(separator: ",")
                + (ids.count > 100 ? " and \(ids.count - 100) more" : "")
        case .readPayload(let id), .readOutput(let id): "\(id)"
        case .readRunOutputs(let run): "run \(run)"
        case .addSchedule(let draft): draft.name.text
        case .removeSchedule(let name), .pauseSchedule(let name), .resumeSchedule(let name):
            name.text
        case .setCalendar(let name, _), .removeCalendar(let name): name.text
        case .pairNodes(let standby, let production): "\(standby) with \(production)"
        case .unpairNode(let name): name.text
        case .setSiteForm(let site, _): site.text
        case .setPlan(let draft): draft.name.text
        case .removePlan(let name): name.text
        case .startRun(let request): request.to.text
        case .retryStep(let run, _), .skipStep(let run, _), .abortRun(let run),
            .answerRun(let run, _, _), .acceptLoss(let run, _, _):
            "\(run)"
        case .certifyNode(let run, let node): "\(run)/\(node)"
        case .pauseAutomatic, .resumeAutomatic, .liftBrake: "automatic"
        case .setNotifyRules: "notify-rules"
        case .addSilence(let draft): kept(draft.matchers, bytesMax: 300)
        case .endSilence(let number): "silence \(number)"
        case .testReceiver(let name): name.text
        case .retryDelivery(let number), .dropDelivery(let number): "delivery \(number)"
        case .retryDeliveries, .dropUndelivered: "deliveries"
        }
    }

    /// What was asked, in full; a token's secret was never here.
    public var parameters: String {
        switch self {
        case .addNode(_, let site, let address, let token):
            "site=\(site?.text ?? "") address=\(address ?? "") token=\(token.id)"
        case .drain(_, let within, let keep): "within=\(within.forPeople) keep-services=\(keep)"
        case .beginMaintenance(_, let owner, let until, let keep):
            "owner=\(owner) until=\(until.iso8601) keep-services=\(keep)"
        case .createToken(let seed, let site, let node):
            "site=\(site?.text ?? "") node=\(node?.text ?? "") "
                + "lifetime=\(seed.lifetime.forPeople)"
        case .addOperator(_, let role, let token): "role=\(role.rawValue) token=\(token.id)"
        case .setSiteMinimum(_, let minimum): "minimum=\(minimum)"
        case .set(_, _, let value): "value=\(value)"
        case .removeNodes, .cordon, .uncordon, .endMaintenance, .release, .service, .revokeToken,
            .removeOperator, .addSite, .removeSite, .unset, .preflight, .backup, .cancelTasks,
            .retryTasks, .readPayload, .readOutput, .readRunOutputs, .readFile, .removeSchedule,
            .pauseSchedule,
            .resumeSchedule, .setCalendar,
            .removeCalendar, .pairNodes, .unpairNode, .removePlan, .abortRun, .certifyNode,
            .pauseAutomatic, .resumeAutomatic, .liftBrake, .endSilence,
            .testReceiver, .retryDelivery, .retryDeliveries, .dropDelivery, .dropUndelivered:
            ""
        case .setNotifyRules(let rules): kept(rules.source, bytesMax: 16 << 10)
        case .addSilence(let draft):
            "owner=\(kept(draft.owner, bytesMax: 200)) until=\(draft.until.iso8601)"
        case .setSiteForm(_, let isWarm): "form=\(isWarm ? "warm" : "cold")"
        case .setPlan(let draft):
            "kinds=\(draft.kinds.map(\.rawValue).joined(separator: ",")) "
                + draft.steps.map(\.line.description).joined(separator: " | ")
        case .startRun(let request):
            "plan=\(request.plan?.text ?? "")"
                + (request.acceptsLoss ? " accept-data-loss" : "")
                + (request.acceptedDivergence.map { " accept-divergence=\($0)" } ?? "")
        case .retryStep(_, let step), .skipStep(_, let step): step.map { "step=\($0)" } ?? ""
        case .answerRun(_, let isYes, let step):
            "answer=\(isYes ? "yes" : "no")" + (step.map { " step=\($0)" } ?? "")
        case .acceptLoss(_, let acceptsLoss, let divergence):
            [acceptsLoss ? "accept-data-loss" : nil, divergence.map { "accept-divergence=\($0)" }]
                .compactMap { $0 }.joined(separator: " ")
        case .addSchedule(let draft):
            "\(draft.recurrence) type=\(draft.submission.type) overlap=\(draft.overlap.rawValue) "
                + "missed=\(draft.missed.rawValue)"
        case .resolveTasks(let ids, let isDone):
            "tasks=\(ids.count) as=\(isDone ? "done" : "failed")"
        }
    }
}
