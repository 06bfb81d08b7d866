import AgentCore
import ControllerCore
import Model
import Protocol

// How a world is made, and how it comes to rest.

extension World {
    func make() {
        checks = Checks(world: self)
        operators = Operators(world: self)
        if plan.has(.tasks) { work = Work(world: self) }
        if plan.has(.data) { data = DataWorld(world: self) }
        var settings = ControllerSettings()
        settings.lease = terms
        settings.holdDownBase = .seconds(5)
        settings.holdDownMax = .seconds(20)
        settings.removalDeadline = .seconds(30)
        settings.channels = NotifyChannels(hasMail: true, webhooks: ["chat"])
        if plan.has(.automatic) {
            settings.failover = FailoverSettings(mode: .automatic, authority: .outside)
        }
        let fastest = plan.has(.drift) ? terms.driftPartsPerMillion : 0
        let rate = plan.isBoundary ? fastest : between(-fastest, fastest)
        controller = ControllerHost(
            world: self,
            settings: settings,
            clock: SimulatedClock(
                offset: 5_000 * second,
                partsPerMillion: rate,
                wallOffset: .zero
            )
        )
        let cluster = ClusterRecord(
            id: "c-1",
            name: "simulated",
            createdAt: controller.clock.wall(0),
            epoch: Epoch(generation: 1, counter: 1),
            activeSite: "a"
        )
        controller.found(
            ControllerMachine.founding(
                cluster: cluster,
                operatorNamed: "root",
                key: operators.root.key,
                serial: "1",
                notAfter: controller.clock.wall(0) + .seconds(1_000_000)
            )
        )
        for _ in 0..<plan.hosts { add(someHost(site: "a")) }
        for _ in 0..<plan.standbyHosts { add(someHost(site: "b")) }
        controller.start()
        operators.bootstrap()
        operators.work()
        work?.begin()
        data?.begin()
        after(10 * second) { $0.unleashFaults() }
        if plan.has(.siege) { besiege() }
        if plan.has(.restore) { tendBackups() }
        inspectForever()
    }

    func add(_ host: AgentHost) {
        hosts.append(host)
        links.append(HostLink())
        checks.hostViews.append(Checks.HostView())
        work?.checks.follow(host)
    }

    func someClock() -> SimulatedClock {
        let slowest = plan.has(.drift) ? terms.driftPartsPerMillion : 0
        return SimulatedClock(
            offset: between(2_000, 9_000) * second,
            partsPerMillion: plan.isBoundary ? -slowest : between(-slowest, slowest),
            wallOffset: .milliseconds(between(-200, 200))
        )
    }

    private func someHost(site: SiteName) -> AgentHost {
        let host = AgentHost(
            world: self,
            index: hosts.count,
            site: site,
            definitions: someDefinitions(),
            clock: someClock(),
            key: KeyFingerprint(text("key-"))
        )
        if let work { host.handlers = work.someHandlers() }
        return host
    }

    private func someDefinitions() -> [ServiceDefinition] {
        var definitions: [ServiceDefinition] = []
        let names: [ServiceName] = ["db", "app", "web"]
        for (index, name) in names.enumerated() where index == 0 || happens(perMille: 600) {
            var definition = ServiceDefinition(
                name: name,
                program: .command(
                    start: ["/bin/\(name)"],
                    stop: happens(perMille: 300) ? ["/bin/stop"] : nil
                ),
                kind: happens(perMille: 800) ? .exclusive : .drainable,
                order: UInt16(index / (happens(perMille: 300) ? 2 : 1)),
                isRequired: happens(perMille: 700),
                isSelfFenced: happens(perMille: plan.has(.siege) ? 930 : 600)
            )
            definition.stopTimeout = .seconds(between(1, 6))
            definition.startTimeout = .seconds(20)
            definition.restart.delayMax = .seconds(8)
            definition.restart.limit = 8
            if happens(perMille: 500) {
                definition.checks = [
                    CheckDefinition(
                        name: "answers",
                        action: .command(["/bin/check"]),
                        interval: .seconds(2),
                        timeout: .seconds(1)
                    )
                ]
            }
            definitions.append(definition)
        }
        return definitions
    }

    private func inspectForever() {
        after(100 * millisecond) { world in
            world.checks.inspect()
            world.inspectForever()
        }
    }

    func connection(_ id: ConnectionID) -> Connection? {
        let index = Int(id.number) - 1
        return connections.indices.contains(index) ? connections[index] : nil
    }

    /// One file system that all machines share.
    func share(_ probe: Probe) -> PreflightFinding {
        let check = "shared-path-same:\(probe.path)"
        switch probe.action {
        case .write: markers[probe.marker] = true
        case .remove: markers[probe.marker] = nil
        case .read:
            guard markers[probe.marker] != nil else {
                return PreflightFinding(check: check, outcome: .failed, text: "no marker")
            }
        }
        return PreflightFinding(check: check, outcome: .passed, text: "fine")
    }

    // MARK: Rest

    /// Nothing goes wrong any more: everything is mended that was broken, copies are gone.
    func calmDown() {
        say("calm", "begins")
        isCalm = true
        controller.commitTimeMax = 4 * millisecond
        controller.clock.wallOffset = .zero
        for host in hosts {
            links[host.index] = HostLink()
            heal(host.index)
            host.clock.wallOffset = .zero
            host.persistTimeMax = 5 * millisecond
            host.isDiskFull = false
            if host.isClone {
                host.crashAgent()
                for leash in host.allLeashes {
                    leash.killOrphans()
                    leash.process.end()
                }
                host.leashes = []
                host.taskLeashes = []
                host.writerLeashes = []
                host.identity = nil
                host.joining = nil
            } else {
                host.boot()
                host.process.resume(in: self)
                host.startAgent()
            }
        }
        resumeController()
        if checks.saidLater != nil { adoptStore() }
        controller.start()
        work?.calmDown()
        data?.calmDown()
        tidyForever()
    }

    private func tidyForever() {
        after(5 * second) { world in
            world.operators.tidyUp()
            world.tidyForever()
        }
    }
}
