import AgentCore
import Model

/// The leash of one launch of one service.
final class ServiceLeash: LeashHost {
    let launch: LaunchID
    let definition: ServiceDefinition
    /// It was launched for a drill, under a token that production refuses.
    let drill: String?

    init(host: AgentHost, launch: LaunchID, _ order: Launch) {
        self.launch = launch
        definition = order.definition
        drill = order.environment.first { $0.name == "MUSTER_DRILL" }?.value
        var spec = LeashSpec(
            token: "\(order.token)",
            program: "/bin/\(launch.service)",
            arguments: ["\(launch.service)"],
            onDisconnect: .keep
        )
        spec.deadline = order.deadline
        spec.stopGrace = order.definition.stopTimeout
        if case .command(_, let stop?) = order.definition.program { spec.stopArguments = stop }
        super.init(host: host, name: "\(launch)", token: order.token, spec)
    }

    override func event(_ news: LeashNews) -> AgentEvent { .leash(launch, news) }

    override func spawnFailure() -> LeashFailure? {
        guard world.plan.has(.childEnds), !world.isCalm, world.happens(perMille: 30) else {
            return nil
        }
        return LeashFailure(stage: "exec", path: "", code: 2, reason: "not found")
    }

    override func began(_ group: ChildGroup) { world.checks.childStarts(self) }

    override func follow(_ group: ChildGroup) {
        guard world.plan.has(.childEnds), !world.isCalm, world.happens(perMille: 300) else {
            return
        }
        world.after(world.between(10 * millisecond, 40 * second)) { world in
            if !world.isCalm { self.mainEnds(by: .exited(status: 3)) }
        }
    }

    override func emptied() { world.checks.groupEnded(self) }
}
