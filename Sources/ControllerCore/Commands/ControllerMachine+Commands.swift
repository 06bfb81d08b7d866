import Model
import Protocol

// Commands of operators: admitted, carried out, answered and audited, each exactly once. (Of those
// who read an output piece by piece, one record stands for many.)

extension ControllerMachine {
    /// The account behind a certificate, or nil: unknown, removed, or another key.
    public func account(of caller: Caller) -> OperatorRecord? {
        guard let account = operators[caller.name],
            caller.key == account.key || caller.key == account.previousKey
        else { return nil }
        return account
    }

    mutating func execute(_ command: Command, by caller: Caller, request: RequestID) {
        var outcome: Result<Reply.Outcome, Refused>
        do {
            try authorize(command.verb.name, caller, isReading: mayInDoubt(command))
            try authorizeRun(command.verb, caller)
            try checkTexts(of: command)
            try checkLock(command.verb)
            retirePreviousKey(of: caller)
            outcome = .success(try carryOut(command, caller, request))
        } catch {
            outcome = .failure(error)
        }
        let word: String
        switch outcome {
        case .success(let done):
            word = "done"
            // What nodes must be asked for is given when they have answered.
            if drift.readings[request] == nil { reply(request, done) }
            guard !isAuditedAlready(command.verb, caller) else { return }
        case .failure(let refused):
            word = refused.code.rawValue
            reply(request, .refused(refused))
        }
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: caller.name.text,
                    key: caller.key.text,
                    source: caller.source,
                    verb: command.verb.name,
                    object: kept(command.verb.object, bytesMax: 4 * Limits.textBytesMax),
                    reason: kept(command.reason, bytesMax: Limits.textBytesMax),
                    parameters: command.verb.parameters + (command.force ? " force" : ""),
                    outcome: word
                )
            )
        )
    }

    /// - Parameter isReading: a controller that does not act still shows what it has.
    func authorize(
        _ verb: String,
        _ caller: Caller,
        isReading: Bool = false
    ) throws(Refused) {
        guard let account = account(of: caller) else {
            throw Refused(
                .forbidden,
                "no operator \(caller.name) with this certificate",
                mend: "ask an admin: muster operator add \(caller.name)"
            )
        }
        guard let least = Authorization.least(for: verb), account.role >= least else {
            let needed = Authorization.least(for: verb)?.rawValue ?? "no role"
            throw Refused(
                .forbidden,
                "\(verb) needs the role \(needed); \(caller.name) is \(account.role.rawValue)",
                mend: "ask an admin"
            )
        }
        if !isReading { try refuseInDoubt() }
    }

    /// One node's word is enough to stop a controller, and its key may be stolen: whoever shows what is
    /// not so can be removed all the same. It is told nothing of it before this controller acts again.
    private func mayInDoubt(_ command: Command) -> Bool {
        if case .removeNodes = command.verb, command.force, doubt != nil { return true }
        return command.verb.isReading
    }

    /// Invariant I2: nodes are told nothing by a controller that has met a higher epoch.
    func refuseInDoubt() throws(Refused) {
        guard let doubt, !isUnsaid else {
            guard isUnsaid else { return }
            throw Refused(
                .notActive,
                isSetBack
                    ? "this controller does not act: its store was set back, or is a copy"
                    : "this controller does not act: its store may be older than the last change of the "
                        + "active site",
                mend: Self.sayWhichSite
            )
        }
        throw Refused(
            .notActive,
            "this controller does not act: node \(doubtShownBy) has shown the higher epoch \(doubt)",
            mend: "muster status; then on the controller's host: muster-controller adopt"
        )
    }

    /// Whoever decides how a run goes on could have ordered it.
    private func authorizeRun(_ verb: Command.Verb, _ caller: Caller) throws(Refused) {
        let id: RunID
        switch verb {
        case .retryStep(let run, _), .skipStep(let run, _), .abortRun(let run),
            .answerRun(let run, _, _):
            id = run
        default: return
        }
        guard let run = runs.runs[id] else { return }
        let order = "run.\(run.kind.rawValue)"
        guard let account = account(of: caller), let least = Authorization.least(for: order),
            account.role < least
        else { return }
        throw Refused(
            .forbidden,
            "run \(id) is a \(run.kind.rawValue), which needs the role \(least.rawValue) to order and "
                + "to decide over; \(caller.name) is \(account.role.rawValue)",
            mend: "ask an admin"
        )
    }

    /// What people write is kept in records and in the audit log, so it has a limit.
    private func checkTexts(of command: Command) throws(Refused) {
        var texts = [("the reason", command.reason)]
        switch command.verb {
        case .addNode(_, _, let address, _): texts.append(("the address", address ?? ""))
        case .beginMaintenance(_, let owner, _, _): texts.append(("the owner", owner))
        case .removeNodes(let names), .preflight(let names):
            guard names.count <= Limits.namesMax else {
                throw Refused(.invalid, "at most \(Limits.namesMax) nodes can be named at once")
            }
        default: break
        }
        for (what, text) in texts where text.utf8.count > Limits.textBytesMax {
            throw Refused(.invalid, "\(what) has more than \(Limits.textBytesMax) bytes")
        }
    }

    /// Once the new certificate was used, the one before it is no longer accepted.
    private mutating func retirePreviousKey(of caller: Caller) {
        guard var account = operators[caller.name], account.previousKey != nil,
            caller.key == account.key
        else { return }
        account.previousKey = nil
        operators[caller.name] = account
        put(.operatorAccount(account))
    }

    private mutating func carryOut(
        _ command: Command,
        _ caller: Caller,
        _ request: RequestID
    ) throws(Refused) -> Reply.Outcome {
        let by = caller.name.text
        switch command.verb {
        case .addNode(let name, let site, let address, let token):
            return try addNode(name, site, address, token, by: by)
        case .removeNodes(let names):
            return try removeNodes(names, by: by, reason: command.reason, force: command.force)
        case .cordon(let name):
            return try cordon(name, by: by, reason: command.reason, force: command.force)
        case .uncordon(let name): return try uncordon(name, by: by)
        case .drain(let name, let within, let keep):
            return try drain(name, within, keep, by: by, command.reason, command.force)
        case .beginMaintenance(let name, let owner, let until, let keep):
            return try beginMaintenance(name, owner, until, keep, by: by, command)
        case .endMaintenance(let name): return try endMaintenance(name, by: by)
        case .release(let name): return try release(name, by: by, reason: command.reason)
        case .service(let action, let service, let node):
            return try orderService(action, service, on: node, by: by)
        case .createToken(let seed, let site, let node):
            return try createToken(seed, site, node, by: by)
        case .revokeToken(let id): return try revokeToken(id, by: by)
        case .addOperator(let name, let role, let token):
            return try addOperator(name, role, token, by: by)
        case .removeOperator(let name): return try removeOperator(name, by: by)
        case .addSite(let name): return try addSite(name, by: by)
        case .removeSite(let name): return try removeSite(name, by: by)
        case .setSiteMinimum(let name, let minimum): return try setMinimum(name, minimum, by: by)
        case .set(let scope, let key, let value):
            return try set(scope, key, value, by: by, reason: command.reason)
        case .unset(let scope, let key): return try unset(scope, key, by: by)
        case .preflight(let names): return try preflight(names)
        case .backup(let path):
            tell(.backupMade, .info, "controller", "A backup was ordered by \(by).", cause: path)
            return .done("backup to \(path)", orders: [])
        case .readPayload(let id): return .done("the payload of task \(id)", orders: [])
        case .readOutput(let id): return .done("the output of task \(id)", orders: [])
        case .readRunOutputs(let run): return .done("outputs of run \(run)", orders: [])
        case .readFile(let node, let set, let path):
            try readFile(node, set, path, for: request)
            return .done("\(path) of \(set)", orders: [])
        case .cancelTasks(let ids):
            return try handleTasks(ids, "cancelled") { $0.cancel($1) }
        case .addSchedule(let draft): return try addSchedule(draft, by: by)
        case .removeSchedule(let name): return try removeSchedule(name, by: by)
        case .pauseSchedule(let name):
            return try pauseSchedule(name, by: by, reason: command.reason)
        case .resumeSchedule(let name): return try resumeSchedule(name, by: by)
        case .setCalendar(let name, let dates): return try setCalendar(name, dates, by: by)
        case .removeCalendar(let name): return try removeCalendar(name, by: by)
        case .pairNodes(let standby, let production):
            return try pair(standby, with: production, by: by)
        case .unpairNode(let name): return try unpair(name, by: by)
        case .setSiteForm(let site, let isWarm): return try setForm(site, isWarm: isWarm)
        case .setPlan(let draft): return try setPlan(draft, by: by)
        case .removePlan(let name): return try removePlan(name, by: by)
        case .startRun(let request):
            return try startRun(request, by: by, reason: command.reason, force: command.force)
        case .retryStep(let run, let step):
            return try retryStep(run, step, by: by, reason: command.reason)
        case .skipStep(let run, let step):
            return try skipStep(run, step, by: by, reason: command.reason)
        case .abortRun(let run): return try abortRun(run, by: by, reason: command.reason)
        case .certifyNode(let run, let node):
            return try certify(run, node, by: by, reason: command.reason)
        case .answerRun(let run, let isYes, let step):
            return try answerRun(run, step, isYes, by: by, reason: command.reason)
        case .acceptLoss(let run, let acceptsLoss, let divergence):
            return try acceptLoss(
                run,
                acceptsLoss: acceptsLoss,
                divergence: divergence,
                by: by,
                reason: command.reason
            )
        case .pauseAutomatic: return try pauseAutomatic(by: by, reason: command.reason)
        case .resumeAutomatic: return try resumeAutomatic(by: by)
        case .liftBrake: return try liftBrake(by: by, reason: command.reason)
        case .setNotifyRules(let rules): return try setNotifyRules(rules, by: by)
        case .addSilence(let draft):
            return try addSilence(draft, by: by, reason: command.reason)
        case .endSilence(let number): return try endSilence(number, by: by)
        case .testReceiver(let name): return try testReceiver(name, by: by)
        case .retryDelivery(let number): return try retryDelivery(number)
        case .retryDeliveries: return try retryDeliveries()
        case .dropDelivery(let number): return try dropDelivery(number, by: by)
        case .dropUndelivered: return try dropUndelivered(by: by)
        case .retryTasks(let ids): return try handleTasks(ids, "given again") { $0.retry($1) }
        case .resolveTasks(let ids, let isDone):
            return try handleTasks(ids, "resolved") { $0.resolve($1, as: isDone ? .done : .failed) }
        }
    }

    func id(of name: NodeName) throws(Refused) -> NodeID {
        guard let id = nodeIDs[name] else {
            let near = NearestName.to(name.text, among: nodeIDs.keys.map(\.text))
            throw Refused(
                .unknownName,
                "there is no node \(name)",
                mend: near.map { "did you mean \($0)?" } ?? "muster node list"
            )
        }
        return id
    }
}
