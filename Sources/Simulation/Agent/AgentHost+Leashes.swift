import AgentCore
import Model
import Protocol

// Leashes, checks and preflight, as the agent's shell does them.

extension AgentHost {
    func obey(_ command: LeashCommand) {
        switch command {
        case .launch(let id, let launch):
            world.checks.agentLaunches(self, id, launch)
            let leash = ServiceLeash(host: self, launch: id, launch)
            leashes.append(leash)
            spawn(leash)
        case .extend(let id, let deadline): leash(id)?.order(.extend(deadline: deadline))
        case .authorise(let id, let token): leash(id)?.order(.authorise(token: "\(token)"))
        case .stop(let id, let timeout): leash(id)?.order(.stop(grace: timeout))
        case .destroy(let id): if let leash = leash(id) { killLeash(leash) }
        }
    }

    private func leash(_ id: LaunchID) -> ServiceLeash? {
        leashes.last { $0.launch == id && !$0.isForgotten }
    }

    // MARK: Of all kinds

    var allLeashes: [LeashHost] { leashes + taskLeashes + writerLeashes }

    func spawn(_ leash: LeashHost) {
        let life = process.life
        world.after(world.between(millisecond, 20 * millisecond)) { _ in
            guard self.allLeashes.contains(where: { $0 === leash }) else { return }
            leash.start()
            // Also when this agent has died meanwhile: the leash waits for the next.
            if self.process.isAlive, self.process.life == life { leash.connect(agentLife: life) }
        }
    }

    func heard(_ report: LeashReport, from leash: LeashHost, life: Int) {
        process.run(in: world, life: life) { _ in
            guard leash.agentLife == life, !leash.isForgotten else { return }
            self.translate(report, from: leash)
        }
    }

    private func translate(_ report: LeashReport, from leash: LeashHost) {
        switch report {
        case .state(let state):
            guard let processID = state.processID, !leash.hasToldStart else { return }
            leash.hasToldStart = true
            step(leash.event(.started(processID: UInt32(processID))))
        case .started(let processID):
            guard !leash.hasToldStart else { return }
            leash.hasToldStart = true
            step(leash.event(.started(processID: UInt32(processID))))
        case .exited(let result):
            if let task = leash as? TaskLeash { reportTask(task) }
            if result.cause == .deadlinePassed { step(leash.event(.leaseEnded)) }
            step(leash.event(.exited(result.programExit)))
        case .empty(let result):
            leash.isForgotten = true
            leash.order(.acknowledge)
            if result.exit == nil {
                step(leash.event(.notStarted(reason: result.cause.rawValue)))
            } else {
                step(leash.event(.emptied))
            }
        case .unkillable(let processes):
            step(leash.event(.unkillable(processes: processes)))
        case .refused: break
        }
    }

    private func remove(_ leash: LeashHost) {
        leashes.removeAll { $0 === leash }
        taskLeashes.removeAll { $0 === leash }
        writerLeashes.removeAll { $0 === leash }
        tellLeftover(leash)
    }

    /// The leash has left by itself.
    func leashLeft(_ leash: LeashHost) {
        if !leash.isReplayedEqual() { world.fail("\(leash.name) is not what its events make") }
        if leash.isForgotten || leash.agentLife == nil { return remove(leash) }
        // The agent sees the end of the socket and reads the file.
        let life = process.life
        world.after(millisecond) { world in
            self.process.run(in: world, life: life) { _ in
                guard !leash.isForgotten, let record = leash.record else { return }
                self.translate(record, from: leash)
                self.remove(leash)
            }
        }
    }

    /// SIGKILL to a leash: its child dies with it, the agent or the service manager ends the rest.
    func killLeash(_ leash: LeashHost) {
        guard leash.process.isAlive else { return }
        world.say(leash.name, "is killed")
        leash.process.end()
        leash.killOrphansMain()
        let life = process.life
        world.after(world.between(millisecond, 50 * millisecond)) { world in
            leash.killOrphans()
            self.remove(leash)
            self.process.run(in: world, life: life) { _ in
                guard !leash.isForgotten else { return }
                leash.isForgotten = true
                self.step(leash.event(.lost))
                self.step(leash.event(.emptied))
            }
        }
    }

    /// What a new agent finds in the folders of the leashes.
    func adoptLeashes() -> [AdoptedLeash] {
        leashes.removeAll { $0.isForgotten }
        var found: [AdoptedLeash] = []
        let life = process.life
        for leash in leashes {
            guard leash.process.isAlive || leash.isRunningSomething || !leash.hasBegun else {
                continue
            }
            let state = leash.stateForAgent
            guard state.phase != .empty else {
                leash.isForgotten = true
                leash.connect(agentLife: life)
                leash.order(.acknowledge)
                continue
            }
            found.append(
                AdoptedLeash(
                    launch: leash.launch,
                    token: FencingToken(state.token) ?? leash.launchToken,
                    processID: state.processID.map { UInt32($0) },
                    hasDeadline: leash.isSelfFenced
                )
            )
            leash.connect(agentLife: life)
            leash.hasToldStart = state.processID != nil
        }
        return found
    }

    // MARK: Checks and preflight

    func answer(_ check: CheckRequest) {
        let life = process.life
        world.after(world.between(millisecond, 200 * millisecond)) { world in
            self.process.run(in: world, life: life) { world in
                let passes =
                    self.leashes.contains {
                        $0.launch.service == check.id.service && $0.group?.isMainAlive == true
                    }
                    && !(world.plan.has(.checksFail) && !world.isCalm
                        && world.happens(perMille: 200))
                self.step(
                    .checkFinished(
                        check.id,
                        passes ? .passed(output: "fine") : .failed(output: "no \"answer\""),
                        took: .milliseconds(3)
                    )
                )
            }
        }
    }

    func answer(_ request: PreflightRequest) {
        let order: UInt64
        var findings: [PreflightFinding] = []
        switch request {
        case .everything(let number):
            order = number
            findings.append(
                PreflightFinding(check: "shared-path:/shared", outcome: .passed, text: "usable")
            )
            if world.plan.has(.findingsFail), !world.isCalm, world.happens(perMille: 400) {
                findings.append(
                    PreflightFinding(check: "free-space:/", outcome: .failed, text: "full")
                )
            }
        case .probe(let probe):
            order = probe.order
            findings.append(world.share(probe))
        }
        let life = process.life
        world.after(world.between(millisecond, 300 * millisecond)) { world in
            self.process.run(in: world, life: life) { _ in
                self.step(.found(order: order, findings))
            }
        }
    }
}

extension LeashResult {
    var programExit: ProgramExit {
        switch exit {
        case .exited(let status): .exited(UInt8(truncatingIfNeeded: status))
        case .signaled(let signal): .signalled(UInt8(truncatingIfNeeded: signal))
        case nil: .exited(0)
        }
    }
}
