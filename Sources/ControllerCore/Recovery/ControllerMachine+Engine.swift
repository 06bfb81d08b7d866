import Model
import Protocol

// The engine of runs: one step after the other, each durable before its effect and after it. What a
// step waits for is looked at, not remembered, so that a controller that was started again goes on
// where the other one was.

extension ControllerMachine {
    /// What a look at a step has shown.
    enum StepProgress: Hashable {
        case waiting(String)
        case done(String)
        case failed(String)
    }

    /// Goes on with the live run as far as it can.
    mutating func settleRun() {
        guard runs.isDue, mayAct, settling == nil, let id = runs.live else { return }
        runs.isDue = false
        var rounds = 0
        while let run = runs.runs[id], !run.state.isEnded {
            rounds += 1
            // Steps that fail at once and are tried again without a pause: go on in the next step.
            guard rounds < 500 else {
                runs.isDue = true
                return expect(by: now.instant + .milliseconds(100))
            }
            let isMoving =
                switch run.state {
                case .running: advance(run)
                case .rollingBack: rollBack(run)
                case .asking, .done, .aborted: false
                }
            if !isMoving { break }
        }
        if runs.live == nil { runs.isDue = true }
    }

    /// - Returns: whether there may be more to do at once.
    private mutating func advance(_ run: RunRecord) -> Bool {
        guard let record = runs.stepRecords[.init(run: run.id, index: run.step)] else {
            preconditionFailure("run \(run.id) has no step \(run.step)")
        }
        switch record.state {
        case .pending:
            guard endingHooks(of: record).isEmpty else { return false }
            begin(record, of: run)
            return true
        case .delayed: return tryAgain(record, of: run)
        case .running:
            prepareDeadline(record)
            return weigh(look(at: record, of: run), record, of: run)
        case .verifying:
            prepareDeadline(record)
            return weigh(verification(of: record, run), record, of: run)
        case .done, .skipped: return next(after: run)
        case .failed: return false
        case .undoing, .undone: preconditionFailure("step \(record.index) of \(run.id) is undone")
        }
    }

    private mutating func next(after run: RunRecord) -> Bool {
        runs.isResumed = false
        guard run.step + 1 < run.stepCount else {
            finish(run)
            return false
        }
        amendRun(run.id) {
            $0.step += 1
            $0.text = ""
        }
        return true
    }

    private mutating func tryAgain(_ record: RunStepRecord, of run: RunRecord) -> Bool {
        let retryAt =
            runs.retryAt ?? now.instant + max(.zero, (record.notBefore ?? now.wall) - now.wall)
        runs.retryAt = retryAt
        guard now.instant >= retryAt else {
            expect(by: retryAt)
            return false
        }
        guard endingHooks(of: record).isEmpty else { return false }
        begin(record, of: run)
        return true
    }

    /// After a restart the step has what was left of its time, by the clock on the wall, and never
    /// more than all of it.
    private mutating func prepareDeadline(_ record: RunStepRecord) {
        guard runs.deadline == nil else { return }
        let spent = record.startedAt.map { max(.zero, now.wall - $0) } ?? .zero
        runs.deadline = now.instant + max(.seconds(1), record.step.timeout - spent)
    }

    private mutating func weigh(
        _ progress: StepProgress,
        _ record: RunStepRecord,
        of run: RunRecord
    ) -> Bool {
        switch progress {
        case .waiting(let text):
            guard let deadline = runs.deadline else { return false }
            if now.instant >= deadline { return timeOut(record, of: run, text) }
            expect(by: deadline)
            // What is asked about a drain depends on what else is done about the lost site.
            if runThatDrains?.id != run.id { noteWaiting(run.id) }
            if text != run.text { amendRun(run.id) { $0.text = text } }
            return false
        case .done(let text):
            if record.state == .running, record.step.verify != nil {
                amendStep(record) {
                    $0.state = .verifying
                    $0.text = text
                }
                return true
            }
            complete(record, text)
            return true
        case .failed(let text):
            fail(record, of: run, text)
            return true
        }
    }

    /// Time is over. What still runs after a drain is ended by the fence; all else has failed.
    private mutating func timeOut(
        _ record: RunStepRecord,
        of run: RunRecord,
        _ text: String
    ) -> Bool {
        let limit = record.step.timeout.forPeople
        if record.step.act == .drainTasks {
            complete(record, "after \(limit) \(text): the fence ends it")
        } else if !runs.isCut, endsDrains(record.step.act, of: run),
            draining(on: run.from).count > 0
        {
            runs.isCut = true
            runs.deadline = now.instant + Self.cutPatience
            cutDrains(of: run, because: "not ended within \(limit)")
        } else {
            fail(record, of: run, "not within \(limit): \(text)")
        }
        return true
    }

    private mutating func complete(_ record: RunStepRecord, _ text: String) {
        clearStepState()
        if runs.runs[record.run]?.askedSince != nil { endAsking(record.run) }
        note(record, .done, text)
        amendStep(record) { [now] in
            $0.state = .done
            $0.endedAt = now.wall
            $0.text = kept(text, bytesMax: RunStepRecord.textBytesMax)
        }
        auditOwn("run.step", "\(record.run)/\(record.step.name)", reason: text)
    }

    private mutating func fail(_ record: RunStepRecord, of run: RunRecord, _ text: String) {
        clearStepState()
        cancelHooks(of: record)
        note(record, .failed, text)
        let step = record.step
        if record.attempt <= step.retries {
            return amendStep(record) { [now] in
                $0.state = .delayed
                $0.notBefore = now.wall + step.retryDelay
                $0.text = kept(text, bytesMax: RunStepRecord.textBytesMax)
            }
        }
        tell(
            .runStepFailed,
            .critical,
            "run \(run.id)",
            "Step \(step.name) of run \(run.id) (\(run.kind.rawValue) to \(run.to)) has failed.",
            cause: text,
            consequence: "muster run show \(run.id)"
        )
        auditOwn("run.step-failed", "\(run.id)/\(step.name)", reason: text)
        switch step.onFailure {
        case .skip where step.act.maySkip:
            note(record, .skipped, "as the plan says")
            amendStep(record) { [now] in
                $0.state = .skipped
                $0.endedAt = now.wall
                $0.text = "failed, and left out as the plan says: \(text)"
            }
        case .rollBack where !run.isActivated:
            amendStep(record) { [now] in
                $0.state = .failed
                $0.endedAt = now.wall
                $0.text = text
            }
            beginRollBack(run.id, "step \(step.name) has failed: \(text)")
        case .ask, .skip, .rollBack:
            amendStep(record) {
                $0.state = .failed
                $0.text = text
            }
            askOperator(run.id, text)
        }
    }

    mutating func askOperator(_ id: RunID, _ text: String) {
        countWaiting(id)
        amendRun(id) { [now] in
            $0.state = .asking
            $0.text = kept(text, bytesMax: RunStepRecord.textBytesMax)
            // A question that nobody has answered in time has been waited for already.
            $0.askedSince = $0.askedSince ?? now.wall
        }
    }

    /// What is known of a step while it is under way, and must not outlive it.
    mutating func clearStepState() {
        runs.deadline = nil
        runs.retryAt = nil
        runs.isCut = false
        effects.hookCancels += runs.calls.keys
        runs.calls = OrderedTable()
    }

    private mutating func finish(_ run: RunRecord) {
        clearStepState()
        // A run that has ended leaves nothing to wait for. What its plan has left out is cut.
        if run.tasksLinger { cutDrains(of: run, because: "run \(run.id) has ended") }
        for site in [run.from, run.to] { amendSite(site) { $0.held = GroupSet() } }
        amendRun(run.id) { [now] in
            $0.state = .done
            $0.endedAt = now.wall
            $0.isDraining = false
            $0.lingers = false
            $0.text = ""
        }
        runs.live = nil
        touchNodes(of: run.from)
        touchNodes(of: run.to)
        tell(
            .runEnded,
            .info,
            "run \(run.id)",
            run.kind == .drill
                ? "Drill \(run.id) of site \(run.to) has passed."
                : "Run \(run.id) has ended: site \(run.to) is active under epoch \(cluster.epoch).",
            cause: "\(run.kind.rawValue) from \(run.from) by \(run.by)",
            consequence: "after \(elapsed(since: run.startedAt)); "
                + "muster run report \(run.id)"
        )
        auditOwn("run.end", "\(run.id)", reason: "\(run.kind.rawValue) to \(run.to): done")
        auditReport(run.id)
        forgetOldRuns()
    }

    // MARK: Hooks of the controller's host

    mutating func call(
        _ hook: HookName,
        _ purpose: HookPurpose,
        _ record: RunStepRecord,
        _ run: RunRecord,
        more: [TaskAttribute] = []
    ) {
        runs.lastCall += 1
        runs.calls[runs.lastCall] = purpose
        effects.hooks.append(
            HookCall(
                id: runs.lastCall,
                name: hook,
                variables: activeVariables
                    + (hookContext(record, run) + more).map { HookCall.Variable($0) },
                timeout: record.step.timeout
            )
        )
    }

    /// The one context that every hook gets.
    func hookContext(_ record: RunStepRecord, _ run: RunRecord) -> [TaskAttribute] {
        let isDrill = run.kind == .drill
        let epoch =
            isDrill ? drillEpoch(of: run) : run.epochAfter ?? run.epochBefore
        let values = [
            ("BY", run.by), ("EPOCH", "\(epoch)"), ("FROM", run.from.text),
            ("KIND", run.kind.rawValue), ("REASON", run.reason), ("RUN", "\(run.id)"),
            ("STEP", record.step.name.text), ("STEP_ATTEMPT", "\(record.attempt)"),
            ("TO", run.to.text),
        ]
        return values.compactMap { name, value in
            let line = value.unicodeScalars.map { $0.isPlain ? String($0) : " " }.joined()
            let text = kept(line, bytesMax: TaskAttribute.valueBytesMax)
            return TaskAttribute(name: name, value: text)
        }
    }

    private func drillEpoch(of run: RunRecord) -> Epoch {
        FencingToken(epoch: run.epochBefore, session: 0).inDrill(run.id.number).epoch
    }

    /// The shell says how a hook has ended.
    mutating func hookEnded(_ id: UInt64, isDone: Bool, _ text: String) {
        guard let purpose = runs.calls[id] else { return }
        runs.calls[id] = nil
        runs.isDue = true
        guard let run = runs.liveRun else { return }
        let index = run.step
        guard let record = runs.stepRecords[.init(run: run.id, index: index)] else { return }
        let text = kept(text, bytesMax: RunStepRecord.textBytesMax)
        switch purpose {
        case .act(run.id, index) where record.state == .running:
            _ = weigh(actEnded(record, isDone, text), record, of: run)
        case .probe(run.id, index) where record.state == .running:
            runs.isResumed = false
            if isDone { complete(record, "found done after a restart: \(text)") }
        case .verify(run.id, index) where record.state == .verifying:
            _ = weigh(
                isDone ? .done(record.text) : .failed("its verify hook says no: \(text)"),
                record,
                of: run
            )
        case .undo(run.id, index) where record.state == .undoing:
            note(record, isDone ? .undone : .notUndone, text)
            amendStep(record) {
                $0.state = .undone
                $0.text = isDone ? "undone: \(text)" : RunStepRecord.notUndone + text
            }
            guard !isDone else { return }
            tell(
                .runStepFailed,
                .critical,
                "run \(run.id)",
                "Step \(record.step.name) of run \(run.id) could not be undone.",
                cause: text,
                consequence: "look at it by hand"
            )
        case .fence(run.id, let node):
            fenceCommandEnded(node, record, run, isDone, text)
        case .act, .probe, .verify, .undo, .fence: break
        }
    }

    private mutating func actEnded(
        _ record: RunStepRecord,
        _ isDone: Bool,
        _ text: String
    ) -> StepProgress {
        if isDone { return .done(text) }
        guard case .check = record.step.act else { return .failed(text) }
        // Asked again until its time is over.
        let pause = max(record.step.retryDelay, .seconds(1))
        runs.retryAt = now.instant + pause
        expect(by: now.instant + pause)
        return .waiting(text)
    }

    private mutating func verification(
        of record: RunStepRecord,
        _ run: RunRecord
    ) -> StepProgress {
        guard let hook = record.step.verify else { return .done(record.text) }
        let purpose = HookPurpose.verify(run.id, record.index)
        if !runs.calls.values.contains(purpose) { call(hook, purpose, record, run) }
        return .waiting("hook \(hook) is asked whether it is so")
    }

    // MARK: Records

    mutating func amendRun(_ id: RunID, _ body: (inout RunRecord) -> Void) {
        runs.runs.update(id, body)
        if let run = runs.runs[id] { put(.run(run)) }
        runs.isDue = true
    }

    mutating func amendStep(_ record: RunStepRecord, _ body: (inout RunStepRecord) -> Void) {
        let key = RunBook.StepKey(run: record.run, index: record.index)
        runs.stepRecords.update(key, body)
        if let step = runs.stepRecords[key] { put(.runStep(step)) }
        runs.isDue = true
    }

    mutating func amendSite(_ name: SiteName, _ body: (inout SiteRecord) -> Void) {
        guard let before = sites[name] else { return }
        sites.update(name, body)
        if let site = sites[name], site != before { put(.site(site)) }
        watch.isDue = true
        notify.areThresholdsDue = true
    }

    mutating func touchNodes(of site: SiteName) {
        for member in nodes.values where member.record.site == site {
            touched.append(member.record.id)
        }
    }

    /// Every node with a session is told which part its site has, under today's token.
    mutating func tellRoles() {
        for member in nodes.values {
            guard let link = member.link else { continue }
            let site = member.record.site
            send(
                .role(
                    role(of: site),
                    token: token(of: member.record),
                    drill: runs.drill(of: site),
                    drains: member.record.drains
                ),
                to: link.connection
            )
            touched.append(member.record.id)
        }
    }
}

extension PlanAct {
    /// Safety rests on these two; no operator can leave them out.
    var maySkip: Bool { !isFence && self != .activate }
}
