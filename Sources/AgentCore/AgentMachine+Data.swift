import Model
import Protocol

// The data sets within the agent's machine.

extension AgentMachine {
    mutating func receivedData(_ message: ControllerDataMessage, at now: Instant) {
        guard dataLink != nil else { return }
        switch message {
        case .canary(let name, let canary, let token):
            let situation = DataWatch.Situation(
                authority: authority,
                leaseEnd: lease.end,
                obstacle: writeObstacle,
                incarnation: memory.incarnation
            )
            data.ordered(name, canary, token, situation, at: now)
        }
    }

    /// The session that is told of data sets, from its first report on.
    private var dataLink: UInt64? {
        guard let session, session.version >= WireLimits.siteVersion, session.nextBeatAt != nil
        else { return nil }
        return session.id
    }

    /// Only the active site writes: not a standby, nor one in its drill.
    private var writeObstacle: String? {
        if isLeaving { return "the agent is stopping" }
        if isDismissed { return "the node has no part in the cluster" }
        if memory.highest != authority { return "a newer token is not durable yet" }
        return memory.role == .active ? nil : "the site is not the active one"
    }

    /// Tells of definitions, begins what is due, and hands over what the watch has to say.
    mutating func settleData(at now: Instant, _ effects: inout AgentEffects) {
        data.settle(link: dataLink, at: now)
        data.settleWritings(at: now, patience: configuration.timing.stopGrace)
        effects.sends += data.sends.map { .data($0) }
        effects.dataRuns += data.runs
        effects.tasks += data.commands
        effects.notices += data.notices
        data.sends = []
        data.runs = []
        data.commands = []
        data.notices = []
    }

    mutating func redefine(_ definitions: [DataSetDefinition], at now: Instant) {
        configuration.dataSets = definitions
        data.define(definitions, at: now)
    }
}
