import ControllerCore
import Model

// A siege: the active site is lost as a whole, again and again, from the power or from the network,
// and while it is away its work moves.

extension World {
    func besiege() {
        let pause =
            plan.has(.automatic)
            ? between(25 * second, 70 * second) : between(15 * second, 40 * second)
        after(pause) { world in
            guard !world.isCalm else { return }
            if let site = world.controller.machine?.cluster.activeSite { world.storm(site) }
            world.besiege()
        }
        if plan.has(.automatic), happens(perMille: 300) { operators.tendAutomatic() }
    }

    private func storm(_ site: SiteName) {
        let isAutomatic = plan.has(.automatic)
        let time =
            isAutomatic ? between(62 * second, 110 * second) : between(18 * second, 50 * second)
        say("siege", "site \(site)")
        // Long enough together, and not without a break.
        if isAutomatic, happens(perMille: 300) {
            isolate(site, for: between(35 * second, 50 * second))
            after(between(60 * second, 75 * second)) { world in
                guard !world.isCalm else { return }
                world.isolate(site, for: world.between(30 * second, 50 * second))
            }
        } else {
            isolate(site, for: time)
        }
        // The controller is away for a part of it.
        if isAutomatic, happens(perMille: 250) {
            after(between(5 * second, 55 * second)) { world in
                guard !world.isCalm, world.controller.process.isAlive,
                    !world.controller.process.isPaused
                else { return }
                world.controller.process.pause()
                world.after(world.between(3 * second, 12 * second)) { $0.resumeController() }
            }
        }
        guard !isAutomatic, happens(perMille: 850) else { return }
        after(between(second, 6 * second)) { world in
            if !world.isCalm { world.operators.failOver(from: site) }
        }
        for delay in [8, 14, 20] as [Int64] {
            after(delay * second) { world in
                if !world.isCalm { world.operators.tendRun(isCalm: false) }
            }
        }
    }

    private func isolate(_ site: SiteName, for time: Int64) {
        let isPower = happens(perMille: 150)
        let isDeaf = happens(perMille: 500)
        let isFrozen = happens(perMille: 500)
        for host in hosts where host.site == site {
            if isPower {
                host.reboot()
                after(time + between(0, 3 * second)) { _ in host.boot() }
            } else {
                // Where the answers come through, the last lease is the longest.
                cut(host, toServer: true, toClient: isDeaf, for: time)
                if isFrozen { freezeAgent(of: host, for: time) }
            }
        }
    }

    /// Then nobody but the leashes ends what runs under the lease.
    private func freezeAgent(of host: AgentHost, for time: Int64) {
        after(between(200 * millisecond, 8 * second)) { world in
            guard !world.isCalm, host.process.isAlive, !host.process.isPaused else { return }
            host.process.pause()
            let life = host.process.life
            world.after(time) { world in
                if host.process.life == life { host.process.resume(in: world) }
            }
        }
    }
}
