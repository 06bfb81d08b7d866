import AgentCore
import Host
import Logging
import Model
import Protocol
import Transport

extension Driver {
    /// Does what a step asks for. Nothing in it depends on anything else in it being durable: that
    /// comes out of a later step.
    func perform(_ effects: AgentEffects) {
        if let request = effects.persist { persister.put(request) }
        if let write = effects.taskJournal { journal.put(.append(write)) }
        if let write = effects.taskJournalRewrite { journal.put(.replace(write)) }
        spool.put(effects.spool.map { .keep($0) } + effects.unspool.map { .remove($0) })
        for command in effects.leashes { perform(command) }
        for command in effects.tasks {
            pendingEvents += tasks.perform(command, at: BootClock.now())
        }
        for command in effects.workers {
            pendingEvents += tasks.perform(command, at: BootClock.now())
        }
        link.send(effects.sends)
        for command in effects.connection {
            switch command {
            case .dial(let id, let controller):
                log.debug(
                    "dialling",
                    metadata: ["controller": "\(link.endpoint(controller)?.description ?? "")"]
                )
                link.dial(id, controller: controller)
            case .close(let id, _): link.close(id)
            }
        }
        for request in effects.checks { run(request) }
        for request in effects.preflight { run(request) }
        for command in effects.comparing { comparing.perform(command) }
        for request in effects.dataRuns { run(request) }
        if effects.wantsSample { samples.ask() }
        if let command = effects.renewal { renewal.perform(command) }
        submissions?.answer(effects.submissionAnswers)
        for notice in effects.notices { write(notice) }
        if effects.mayExit { leave() }
    }

    private func perform(_ command: LeashCommand) {
        if case .launch(let id, let launch) = command,
            case .unit(let unit) = launch.definition.program
        {
            return units.launch(id, launch, unit: unit)
        }
        guard units.holds(command.launchID) else {
            pendingNews += leashes.perform(command, at: BootClock.now())
            return
        }
        // A unit has no lease to prolong and no token to show.
        if case .stop(let id, let timeout) = command { units.stop(id, timeout: timeout) }
    }

    private func run(_ request: CheckRequest) {
        let definition = configuration.services.first { $0.name == request.id.service }
        let surroundings = definition.map { CheckSurroundings(of: $0) } ?? CheckSurroundings()
        checks.run(request, in: surroundings) { [inbox] outcome, took in
            inbox.put(.checkFinished(request.id, outcome, took: took))
        }
    }

    /// The machine runs one program of a kind for a data set at a time, so that there are few threads.
    private func run(_ request: DataRun) {
        let hasBegun = startThread { [inbox] in
            inbox.put(.dataFinished(request.id, DataProgram(request: request).run()))
        }
        if !hasBegun {
            inbox.put(.dataFinished(request.id, .failed("the system has no room for a thread")))
        }
    }

    private func run(_ request: PreflightRequest) {
        let inbox = inbox
        let preflight = preflight
        let own = leashes.processIDs.union(tasks.processIDs)
        let order: UInt64
        switch request {
        case .everything(let number): order = number
        case .probe(let probe): order = probe.order
        }
        let hasBegun = startThread {
            switch request {
            case .everything:
                inbox.put(.found(order: order, preflight.everything(ownProcesses: own)))
            case .probe(let probe): inbox.put(.found(order: order, [preflight.probe(probe)]))
            }
        }
        guard !hasBegun else { return }
        let finding = PreflightFinding(
            check: "agent",
            outcome: .failed,
            text: "no room for a thread",
            mend: "raise the limit of processes of muster-agent"
        )
        inbox.put(.found(order: order, [finding]))
    }

    private func write(_ notice: AgentNotice) {
        let level: Logger.Level =
            switch notice.level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        var metadata: Logger.Metadata = [:]
        for fact in notice.facts { metadata[fact.key] = "\(fact.value)" }
        log.log(level: level, "\(notice.text)", metadata: metadata)
    }
}
