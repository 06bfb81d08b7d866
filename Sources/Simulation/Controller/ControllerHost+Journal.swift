import ControllerCore
import Model

// Group commit in the order of the steps; what depends on a step goes out when it is durable.

extension ControllerHost {
    func commit() {
        guard committing == nil, !queued.isEmpty else { return }
        committing = queued
        queued = []
        let life = process.life
        world.after(world.between(50_000, commitTimeMax)) { world in
            let host: ControllerHost = world.controller
            guard host.process.isAlive, host.process.life == life, let batches = host.committing
            else { return }
            host.committing = nil
            host.write(batches)
            if world.plan.has(.controllerCrash), !world.isCalm, world.happens(perMille: 2) {
                // Between the disk and the first word of it.
                return world.restartController()
            }
            let ticket = batches.last?.ticket ?? 0
            host.process.run(in: world, life: life) { _ in
                host.durableTicket = ticket
                host.release()
                host.commit()
            }
        }
        watchJournal()
    }

    func write(_ batches: [Batch]) {
        for batch in batches {
            world.checks.beforeCommit(batch.entries)
            for entry in batch.entries {
                if let problem = store.apply(entry) { world.fail(problem) }
                if case .event(let event) = entry {
                    world.say("event \(event.sequence)", "\(event.text) [\(event.cause)]")
                }
            }
        }
    }

    func release() {
        while let first = outbound.first, first.ticket <= durableTicket {
            outbound.removeFirst()
            carryOut(first.effects)
            guard process.isAlive else { return }
        }
    }

    private func carryOut(_ effects: ControllerEffects) {
        for send in effects.sends {
            guard let connection = world.connection(send.connection) else { continue }
            write(send.message, to: connection)
            if world.plan.has(.controllerCrash), !world.isCalm, world.happens(perMille: 1) {
                return world.restartController()
            }
        }
        for close in effects.closes {
            guard let connection = world.connection(close.connection),
                connection.isOpenAtServer
            else { continue }
            connection.isOpenAtServer = false
            world.send(.end(isReset: false), connection, toServer: false)
            let life = process.life
            world.after(millisecond) { world in
                self.process.run(in: world, life: life) { _ in
                    self.step(.disconnected(close.connection, .closedByUs(close.code)))
                }
            }
        }
        for reply in effects.replies {
            world.operators.answered(reply)
        }
        world.cancelledHooks += effects.hookCancels.map { (process.life, $0) }
        for hook in effects.hooks { world.carryOut(hook) }
        for delivery in effects.deliveries { deliver(delivery) }
    }

    /// As the real driver does: what waits longer than half of X makes the journal late.
    private func watchJournal() {
        guard !isWatched else { return }
        isWatched = true
        let life = process.life
        world.after(500 * millisecond) { world in
            let host: ControllerHost = world.controller
            guard host.process.life == life else { return }
            host.isWatched = false
            host.process.run(in: world, life: life) { _ in host.lookAtJournal() }
        }
    }

    private func lookAtJournal() {
        let limit = settings.lease.wait.nanoseconds / 2
        let late = outbound.first.map { (moment.instant - $0.since).nanoseconds > limit } ?? false
        if late != isLate {
            isLate = late
            step(.journalLate(late))
        }
        if committing != nil || isLate { watchJournal() }
    }
}
