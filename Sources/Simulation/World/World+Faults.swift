import AgentCore
import ControllerCore
import Model
import Protocol

// What goes wrong, and when.

extension World {
    func unleashFaults() {
        after(between(0, 2 * plan.faultInterval)) { world in
            guard !world.isCalm else { return }
            world.breakSomething()
            world.unleashFaults()
        }
    }

    private func breakSomething() {
        guard !plan.faults.isEmpty else { return }
        let fault = plan.faults[Int(chance.below(UInt64(plan.faults.count)))]
        let host = hosts[Int(chance.below(UInt64(hosts.count)))]
        say("fault", "\(fault.rawValue) \(host.name)")
        switch fault {
        case .partition: cut(host, toServer: true, toClient: true, for: someDuration)
        case .oneWay:
            let toServer = happens(perMille: 500)
            cut(host, toServer: toServer, toClient: !toServer, for: someDuration)
        case .clog:
            links[host.index].clog = between(100 * millisecond, 4 * second)
            links[host.index].clogUntil = now + between(second, 20 * second)
        case .loss:
            links[host.index].lossPerMille = 300
            after(20 * second) { $0.links[host.index].lossPerMille = 0 }
        case .reset: if let link = host.link { reset(link) }
        case .flapping: flap(host, times: Int(between(3, 12)))
        case .agentCrash: stopAgent(host)
        case .agentPause: pause(host)
        case .leashPause: pauseLeash(of: host)
        case .leashKill:
            if let leash = someLeash(of: host) {
                host.killLeash(leash)
            }
        case .reboot:
            host.reboot()
            after(between(second, 20 * second)) { _ in host.boot() }
        case .controllerCrash: restartController()
        case .controllerPause: pauseController()
        case .slowJournal:
            controller.commitTimeMax = between(100 * millisecond, 12 * second)
            after(between(second, 15 * second)) { $0.controller.commitTimeMax = 4 * millisecond }
        case .slowAgentDisk:
            host.persistTimeMax = between(100 * millisecond, 6 * second)
            after(between(second, 20 * second)) { _ in host.persistTimeMax = 5 * millisecond }
        case .fullAgentDisk:
            host.isDiskFull = true
            after(between(second, 20 * second)) { _ in host.isDiskFull = false }
        case .wallStep:
            let step = Duration.seconds(between(-3_600, 3_600))
            if happens(perMille: 500) {
                controller.clock.wallOffset = step
            } else {
                host.clock.wallOffset = step
            }
        case .clone: clone(host)
        case .oldState: restoreOldState(of: host)
        case .staleLines: forge(host)
        case .strangers: letStrangerTry()
        case .childEnds, .childStubborn, .slowKill, .drift, .operators, .slowTimers, .checksFail,
            .findingsFail, .renewal, .tasks, .taskFails, .taskHangs, .taskSpawnFails,
            .taskDeliveries, .journalError, .slowLookup, .taskOrders, .taskSettings, .spooling,
            .runs, .hookFails, .following, .drains, .data, .siege, .automatic, .restore:
            break
        case .siteLoss: loseSite(of: host)
        case .reload: reload(host)
        }
    }

    private var someDuration: Int64 {
        [500 * millisecond, 2 * second, 5 * second, 20 * second, 35 * second][
            Int(chance.below(5))
        ] + between(0, second)
    }

    // MARK: The network

    func cut(_ host: AgentHost, toServer: Bool, toClient: Bool, for time: Int64) {
        if toServer { links[host.index].toServerCutUntil = now + time }
        if toClient { links[host.index].toClientCutUntil = now + time }
        after(time) { $0.heal(host.index) }
    }

    private func flap(_ host: AgentHost, times: Int) {
        guard times > 0, !isCalm else { return }
        if happens(perMille: 500), let link = host.link {
            reset(link)
        } else {
            cut(host, toServer: true, toClient: true, for: between(second, 5 * second))
        }
        after(between(2 * second, 8 * second)) { $0.flap(host, times: times - 1) }
    }

    private func loseSite(of host: AgentHost) {
        let isPower = happens(perMille: 400)
        let time = between(5 * second, 70 * second)
        // Somebody is woken by it.
        if happens(perMille: 700) {
            after(between(2 * second, 15 * second)) { $0.operators.failOver(from: host.site) }
        }
        for other in hosts where other.site == host.site {
            if isPower {
                other.reboot()
                after(time + between(0, 5 * second)) { _ in other.boot() }
            } else {
                cut(other, toServer: true, toClient: true, for: time)
            }
        }
    }

    // MARK: Processes

    private func stopAgent(_ host: AgentHost) {
        guard host.process.isAlive else { return }
        if happens(perMille: 200), !host.process.isPaused {
            // By the service manager; it starts it again.
            return host.step(.stopping(.restarting))
        }
        host.crashAgent()
        after(between(50 * millisecond, happens(perMille: 300) ? 30 * second : 3 * second)) { _ in
            host.startAgent()
        }
    }

    private func pause(_ host: AgentHost) {
        guard host.process.isAlive, !host.process.isPaused else { return }
        host.process.pause()
        let life = host.process.life
        after(someDuration) { world in
            if host.process.life == life { host.process.resume(in: world) }
        }
    }

    /// The first there is; where there are tasks or canaries, half of the time one of theirs.
    private func someLeash(of host: AgentHost) -> LeashHost? {
        let tasks = (host.taskLeashes + host.writerLeashes).filter { $0.process.isAlive }
        if !tasks.isEmpty, happens(perMille: 500) {
            return tasks[Int(chance.below(UInt64(tasks.count)))]
        }
        return host.leashes.first { $0.process.isAlive }
    }

    private func pauseLeash(of host: AgentHost) {
        guard let leash = someLeash(of: host), !leash.process.isPaused else { return }
        leash.process.pause()
        after(between(0, terms.pauseTime.nanoseconds - 10 * millisecond)) { world in
            leash.process.resume(in: world)
        }
    }

    func restartController() {
        controller.crash()
        after(between(20 * millisecond, happens(perMille: 200) ? 20 * second : 2 * second)) {
            $0.controller.start()
        }
    }

    private func pauseController() {
        guard controller.process.isAlive, !controller.process.isPaused else { return }
        controller.process.pause()
        after(someDuration) { world in world.resumeController() }
    }

    func resumeController() {
        checks.controllerResumed()
        controller.process.resume(in: self)
        checks.controllerResumed()
    }

    func timerDelay() -> Int64 {
        between(0, plan.has(.slowTimers) ? 20 * millisecond : millisecond)
    }

    // MARK: Identities

    private func clone(_ host: AgentHost) {
        guard !host.isClone, let disk = host.disk, host.identity != nil, hosts.count < 12 else {
            return
        }
        let clone = AgentHost(
            world: self,
            index: hosts.count,
            site: host.site,
            definitions: host.definitions,
            clock: someClock(),
            key: host.key,
            isClone: true
        )
        clone.identity = host.identity
        if let node = host.identity?.node { checks.change(node) { $0.isDoubtful = true } }
        clone.disk = disk
        clone.handlers = host.handlers
        clone.taskDisk = host.taskDisk
        clone.taskDisk.startProcess()
        clone.bootID = text("boot-")
        add(clone)
        checks.hostViews[clone.index].highest = checks.hostViews[host.index].highest
        after(between(0, 5 * second)) { _ in clone.startAgent() }
    }

    private func restoreOldState(of host: AgentHost) {
        guard let backup = host.backups.last, host.process.isAlive else { return }
        host.crashAgent()
        host.disk = backup.state
        host.taskDisk = backup.tasks
        host.taskDisk.startProcess()
        host.backups = []
        checks.forgetDurable(host)
        if let node = host.identity?.node {
            checks.change(node) { view in
                view.isDoubtful = true
                view.isSetBack = true
            }
        }
        after(between(second, 3 * second)) { _ in host.startAgent() }
    }

    private func letStrangerTry() {
        guard let token = operators.tokens.last, hosts.count < 12 else { return }
        let stranger = AgentHost(
            world: self,
            index: hosts.count,
            site: "a",
            definitions: [],
            clock: someClock(),
            key: KeyFingerprint(text("key-")),
            isClone: true
        )
        add(stranger)
        let isGuess = happens(perMille: 500)
        stranger.join(
            token: token,
            secret: isGuess ? "guess" : Operators.secretHash(token),
            name: "stranger"
        )
    }

    // MARK: Lines that no controller of today would send

    private func forge(_ host: AgentHost) {
        guard let link = host.link, let machine = host.machine, machine.isInSession,
            let incarnation = machine.incarnation as UInt64?,
            let service = host.definitions.first?.name
        else { return }
        let today = machine.highestToken
        var old = today
        if old.session > 0, happens(perMille: 500) {
            old.session -= 1
        } else {
            old.epoch.counter -= 1
            old.session += 5
        }
        if let leash = host.taskLeashes.last(where: {
            $0.isRunningSomething && $0.attempt.attempt > 1
        }), happens(perMille: 800) {
            return forgeLowerAttempt(than: leash, token: today, link)
        }
        let number = 9_000_000 + chance.below(1_000_000)
        checks.forged.append(number)
        let order = ServiceOrder(order: number, token: old, service: service)
        let message: ControllerMessage
        switch chance.below(4) {
        case 0: message = .stop(order)
        case 1: message = .restart(order)
        case 2:
            guard let sequence = link.beatsSent.keys.last, let sent = link.beatsSent[sequence]
            else { return }
            message = .lease(
                Lease(
                    sequence: sequence,
                    sent: host.clock.local(sent).nanoseconds,
                    incarnation: incarnation - 1,
                    length: .seconds(100),
                    token: today
                )
            )
        default: message = .start(order)
        }
        send(.line(message.line.bytes), link, toServer: false)
    }

    /// An order of an attempt before one that the node has: it must not be followed.
    private func forgeLowerAttempt(
        than leash: TaskLeash,
        token: FencingToken,
        _ link: Connection
    ) {
        guard let type = leash.launch.definition.types.first,
            let payload = work?.checks.tasks[leash.attempt.task]?.payload,
            payload.count <= WorkLimits.inlineBytesMax
        else { return }
        var attempt = leash.attempt
        attempt.attempt -= 1
        let order = RunOrder(
            attempt: attempt,
            token: token,
            handler: leash.launch.definition.name,
            type: type,
            submittedAt: controller.moment.wall,
            payloadBytes: UInt32(payload.count),
            payload: payload
        )
        send(.line(ControllerMessage.work(.run(order)).line.bytes), link, toServer: false)
    }
}
