import AgentCore
import ControllerCore
import Model
import Protocol

// What operators do all day, and what they do when it is calm again.

extension Operators {
    func work() {
        guard world.plan.has(.operators) else { return }
        world.after(world.between(0, 2 * world.plan.operatorInterval)) { world in
            guard !world.isCalm else { return }
            self.doSomething()
            self.work()
        }
    }

    private func doSomething() {
        let account = accounts[Int(world.chance.below(UInt64(accounts.count)))]
        let force = world.happens(perMille: 300)
        if world.plan.has(.runs), world.happens(perMille: 400) {
            if world.happens(perMille: 500) { return tendRun(isCalm: false) }
            return ask(
                someRunVerb(),
                by: world.happens(perMille: 800) ? root : account,
                force: force
            )
        }
        let isOfWork = world.plan.has(.taskSettings) && world.happens(perMille: 400)
        let verb = isOfWork ? someWorkSetting(someName) : someVerb()
        ask(verb, by: account, force: force)
        // A double click.
        if world.happens(perMille: 100) { ask(verb, by: account, force: force) }
    }

    private var someName: NodeName {
        let members = world.controller.machine?.nodes.values.map(\.record.name) ?? []
        guard !members.isEmpty, !world.happens(perMille: 50) else { return "nobody" }
        return members[Int(world.chance.below(UInt64(members.count)))]
    }

    private var someService: ServiceName? {
        let names: [ServiceName] = ["db", "app", "web", "nothing"]
        return world.happens(perMille: 300) ? nil : names[Int(world.chance.below(4))]
    }

    private func someVerb() -> Command.Verb {
        let name = someName
        let wall = world.controller.moment.wall
        switch world.chance.below(22) {
        case 0: return .cordon(name)
        case 1, 2: return .uncordon(name)
        case 3, 4:
            return .drain(name, within: .seconds(20), keepServices: world.happens(perMille: 300))
        case 5:
            return .beginMaintenance(
                name,
                owner: "olga",
                until: wall + .seconds(world.between(5, 60)),
                keepServices: world.happens(perMille: 300)
            )
        case 6: return .endMaintenance(name)
        case 7: return .release(name)
        case 8, 9: return .service(.stop, someService, name)
        case 10, 11: return .service(.start, someService, name)
        case 12, 13: return .service(.restart, someService, name)
        case 14: return .preflight(world.happens(perMille: 500) ? [] : [name])
        case 15: return .setSiteMinimum("a", UInt32(world.between(0, 3)))
        case 16:
            return .set(
                [.cluster, .site("a"), .node(name)][Int(world.chance.below(3))],
                key: "env.K\(world.between(0, 3))",
                value: "value \(world.between(0, 9)) \"with = signs\""
            )
        case 17: return .unset(.cluster, key: "env.K\(world.between(0, 3))")
        case 18:
            guard !tokens.isEmpty else { return .backup(path: "/backup") }
            return .revokeToken(tokens[Int(world.chance.below(UInt64(tokens.count)))])
        case 19: return world.happens(perMille: 300) ? .removeNodes([name]) : .cordon(name)
        case 20: return .addSite("b")
        default: return .backup(path: "/backup")
        }
    }

    /// Mends what only people can mend, until nothing of that kind is left.
    func tidyUp() {
        tendRun(isCalm: true)
        guard let machine = world.controller.machine else { return }
        for record in machine.nodes.values.map(\.record) where record.conflict != nil {
            switch record.membership {
            case .joined: ask(.release(record.name), reason: "copy stopped")
            case .removing: ask(.removeNodes([record.name]), reason: "it is off", force: true)
            case .invited, .removed: break
            }
        }
        for member in machine.nodes.values where member.record.membership == .joined {
            let record = member.record
            if isOvertaken(record) {
                ask(.removeNodes([record.name]), reason: "its copy has renewed", force: true)
            }
            if let drain = record.drain, drain.keepServices { ask(.uncordon(record.name)) }
            for known in member.services.values
            where known.report.state == .failed && known.report.isWanted
                && machine.role(of: record.site) == .active
            {
                ask(.service(.start, known.report.name, record.name))
            }
        }
    }

    /// A copy that was released in the node's place has renewed the certificate: the node's own is none
    /// any more, and its machine has to join anew.
    private func isOvertaken(_ record: NodeRecord) -> Bool {
        world.hosts.contains { host in
            !host.isClone && host.identity?.node == record.id && record.key != host.key
                && !record.previousKeys.contains(host.key)
        }
    }
}
