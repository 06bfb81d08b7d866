import AgentCore
import ControllerCore
import Model
import Protocol

/// What must hold of the world, looked at from outside the machines, with the knowledge of real
/// time that no machine has.
final class Checks {
    struct Told: Hashable {
        var node: NodeID
        var verb: String
    }

    /// What is followed of one node over the controller's lives.
    struct NodeView {
        /// The connection that was welcomed last.
        var welcomed: ConnectionID?
        /// Clock of the controller at the last sign of life that its machine was given.
        var lastHeard: Instant?
        /// Real time at which the last heartbeat arrived at the controller's machine.
        var lastArrival: Int64 = 0
        /// The one before.
        var arrivalBefore: Int64 = 0
        var losses: [Instant] = []
        var lastLoss: Instant?
        var isReleased = false
        var session: UInt32 = 0
        var isRemoved = false
        var isHeld = false
        /// It was copied, or set back to an old state.
        var isDoubtful = false
        /// It was set back to an old state: what its journal said is gone.
        var isSetBack = false
        /// A conflict was told, or an operator has said who is believed, after this session.
        var readyHosts: [Int] = []
    }

    /// What is followed of one machine.
    struct HostView {
        /// Real time of the last heartbeat that was answered with a lease.
        var leasedAt: Int64?
        /// On its clock, and by this life of its agent: the latest end of any lease it was given.
        var leaseEnd: Instant?
        var floor: FencingToken?
        var highest = FencingToken.zero
        var incarnation: UInt64 = 0
    }

    unowned let world: World
    var nodes = OrderedTable<NodeID, NodeView>()
    var hostViews: [HostView] = []
    var orders = OrderedTable<UInt64, Told>()
    var tokenKeys = OrderedTable<JoinTokenID, KeyFingerprint>()
    /// Orders that no controller gave.
    var forged: [UInt64] = []
    /// Sources of the audit records that are durable; only looked up.
    var audited: Set<String> = []
    var controllerStart: Instant = .origin
    var forgivenAt: Instant = .origin
    /// Controller's own real time until which its view may be late: it was stopped.
    var resumedAt: Int64 = 0
    var epoch = Epoch.zero
    /// `run/node` of every proof that is durable, since a site was fenced last; only looked up.
    var fencesSeen: Set<String> = []
    var runsSeen = OrderedTable<RunID, RunRecord>()
    var automatic = AutomaticView()
    /// Runs that a backup had under way: whom they have fenced may have acted again since.
    var runsOfBackup: [RunID] = []
    var notices = NoticeChecks()
    /// The store was replaced, and the operator who knows that this site is active has not said so yet.
    var saidLater: SiteName?

    init(world: World) {
        self.world = world
    }

    func view(_ host: AgentHost) -> HostView { hostViews[host.index] }

    func hosts(of node: NodeID) -> [AgentHost] {
        world.hosts.filter { $0.identity?.node == node }
    }

    // MARK: Looked at all the time

    func inspect() {
        for host in world.hosts {
            for leash in host.allLeashes where leash.isRunningSomething { checkLife(of: leash) }
        }
        checkFences()
        checkRunFences()
        world.work?.checks.inspect()
        if !world.controller.process.isPaused, world.now - resumedAt > 100 * millisecond {
            checkDetection()
        }
    }

    /// The node's last lease, L/(1−ρ), S and P.
    private func checkLife(of leash: LeashHost) {
        guard leash.isSelfFenced else { return }
        let terms = world.terms
        guard let leasedAt = view(leash.host).leasedAt else {
            return world.fail("\(leash.name) runs and never had a lease")
        }
        let million: Int64 = 1_000_000
        let longest =
            terms.length.nanoseconds / (million - terms.driftPartsPerMillion) * million
            + million + (terms.stopTime + terms.pauseTime).nanoseconds
        guard world.now > leasedAt + longest else { return }
        world.fail(
            "self-fenced \(leash.name) runs \((world.now - leasedAt) / millisecond)ms after the "
                + "heartbeat of its last lease was sent"
        )
    }

    /// I1: what the controller says has ended has ended.
    func checkFences() {
        guard let machine = world.controller.machine else { return }
        for member in machine.nodes.values
        where member.isFenceTold && member.reachability == .unreachable {
            for host in hosts(of: member.record.id) {
                for leash in host.allLeashes where leash.isSelfFenced && leash.isRunningSomething {
                    world.fail(
                        "I1: the controller holds \(member.record.name) for fenced, and "
                            + "\(leash.name) runs"
                    )
                }
            }
        }
    }

    private func checkDetection() {
        guard let machine = world.controller.machine, machine.tiltUntil == nil else { return }
        let now = world.controller.moment.instant
        let interval = world.terms.heartbeatInterval.nanoseconds
        let longest = Duration.nanoseconds(interval * 7 / 2 + 60 * millisecond)
        for member in machine.nodes.values
        where member.record.membership == .joined && member.record.status == .online {
            let heard = nodes[member.record.id]?.lastHeard ?? controllerStart
            let last = max(heard, max(controllerStart, forgivenAt))
            guard now - last > longest else { continue }
            world.fail(
                "detection: \(member.record.name) is Online, and was heard "
                    + "\((now - last).forPeople) ago"
            )
        }
    }

    // MARK: Processes

    func childStarts(_ leash: ServiceLeash) {
        checkLife(of: leash)
        checkFences()
        checkRunFences()
        checkSite(of: leash)
        let host = leash.host
        let others = host.leashes.filter {
            $0 !== leash && $0.launch.service == leash.launch.service && $0.isRunningSomething
        }
        if let other = others.first { world.fail("\(leash.name) starts beside \(other.name)") }
        checkOtherMachines(leash)
        if let floor = view(host).floor, leash.launchToken <= floor {
            world.fail("I3: \(leash.name) starts under the stated floor \(floor)")
        }
    }

    /// Of a node that was copied only one machine runs a self-fenced service: the lease arithmetic
    /// promises that, whichever of them the controller believes.
    private func checkOtherMachines(_ leash: ServiceLeash) {
        guard leash.isSelfFenced, let node = leash.host.identity?.node else { return }
        for host in hosts(of: node) where host !== leash.host {
            for other in host.leashes
            where other.isSelfFenced && other.launch.service == leash.launch.service
                && other.isRunningSomething
            {
                world.fail("\(leash.name) starts beside \(other.name) of another machine")
            }
        }
    }

    func groupEnded(_ leash: LeashHost) {
        guard leash.isSelfFenced else { return }
        checkLife(of: leash)
    }

    // MARK: Agents

    func agentStarted(_ host: AgentHost) { hostViews[host.index].leaseEnd = nil }

    func agentLaunches(_ host: AgentHost, _ id: LaunchID, _ launch: Launch) {
        let isDrainable = launch.definition.kind == .drainable
        let drill = launch.environment.first { $0.name == "MUSTER_DRILL" }?.value
        checkDrill(host, id, launch, drill)
        if !host.wasTold || (!isDrainable && host.toldRole != .active && drill == nil) {
            world.fail("\(host.name) launches \(id), and was told that it is a standby, or nothing")
        }
        if launch.definition.isSelfFenced {
            guard let deadline = launch.deadline else {
                return world.fail("\(host.name) launches self-fenced \(id) without a deadline")
            }
            checkLease(host, deadline)
        }
    }

    func checkLease(_ host: AgentHost, _ end: Instant) {
        guard let latest = view(host).leaseEnd else {
            return world.fail("\(host.name) has a lease that nobody gave it in this life")
        }
        if end > latest {
            world.fail("\(host.name)'s lease is \((end - latest).forPeople) too long")
        }
    }

    func afterAgentStep(_ host: AgentHost, _ event: AgentEvent, _ effects: AgentEffects) {
        guard let machine = host.machine else { return }
        if let end = machine.leaseEnd { checkLease(host, end) }
        for case .extend(_, let deadline) in effects.leashes { checkLease(host, deadline) }
    }

    /// I2: nothing durable goes back.
    func agentPersists(_ host: AgentHost, _ memory: AgentMemory) {
        let view = view(host)
        if memory.highest < view.highest {
            world.fail("I2: \(host.name) forgets \(view.highest) for \(memory.highest)")
        }
        if memory.incarnation < view.incarnation {
            world.fail("I2: \(host.name) goes back to incarnation \(memory.incarnation)")
        }
        hostViews[host.index].highest = memory.highest
        hostViews[host.index].incarnation = memory.incarnation
    }

    func agentSends(_ host: AgentHost, _ message: AgentMessage, _ bytes: [UInt8]) {
        if world.traces || !isRoutine(message) {
            world.say(host.name, world.readable(bytes))
        }
        world.work?.checks.agentSends(host, message)
        switch message {
        case .ready(let nonce):
            let durable = host.disk.flatMap { try? AgentMemory(lines: $0) }
            if durable?.nonce != nonce {
                world.fail("\(host.name) says READY before its nonce is durable")
            }
        case .beat(let beat):
            if let floor = beat.floor { checkFloor(host, floor) }
            if let floor = beat.exclusiveFloor { checkExclusiveFloor(host, floor) }
        case .done(let order): checkDone(host, order)
        case .failed(let order, _):
            if forged.contains(order) { world.fail("\(host.name) has acted on a forged order") }
        default: break
        }
    }

    private func isRoutine(_ message: AgentMessage) -> Bool {
        switch message {
        case .beat, .load, .disk, .data: true
        default: false
        }
    }

    private func checkFloor(_ host: AgentHost, _ floor: FencingToken) {
        for leash in host.allLeashes where leash.isRunningSomething {
            var token = FencingToken(leash.machine.token) ?? leash.launchToken
            // A floor says nothing of tasks one by one.
            token.work = nil
            if token <= floor {
                world.fail("I3: \(host.name) states \(floor), and \(leash.name) of \(token) runs")
            }
        }
        hostViews[host.index].floor = max(view(host).floor ?? .zero, floor)
    }

    private func checkExclusiveFloor(_ host: AgentHost, _ floor: FencingToken) {
        for leash in host.allLeashes where leash.isRunningSomething {
            if let service = leash as? ServiceLeash, service.definition.kind == .drainable {
                continue
            }
            if let task = leash as? TaskLeash, world.work?.checks.isDrainable(task) ?? false {
                continue
            }
            var token = FencingToken(leash.machine.token) ?? leash.launchToken
            token.work = nil
            if token <= floor {
                world.fail("I3: \(host.name) states \(floor), and exclusive \(leash.name) runs")
            }
        }
    }

    private func checkDone(_ host: AgentHost, _ order: UInt64) {
        if forged.contains(order) { world.fail("\(host.name) has acted on a forged order") }
        guard let told = orders[order], told.verb.hasPrefix("STOP ") else { return }
        let service = told.verb.dropFirst(5)
        for leash in host.leashes
        where leash.launch.service.text == service && leash.isRunningSomething {
            world.fail("I3: \(host.name) says that \(service) has stopped, and \(leash.name) runs")
        }
    }

    /// I9: after a second machine of the same identity had its session, the first one must not get
    /// another without a verdict.
    func noteReady(_ id: ConnectionID, _ node: NodeID) {
        guard let host = world.connection(id)?.host else { return }
        change(node) { view in
            if view.readyHosts.last != host { view.readyHosts.append(host) }
        }
        if let hosts = nodes[node]?.readyHosts, hosts.count >= 3 {
            world.fail("I9: two machines take turns as \(node): \(hosts)")
        }
    }

    /// Its state file was replaced by an older one.
    func forgetDurable(_ host: AgentHost) {
        hostViews[host.index].highest = .zero
        hostViews[host.index].incarnation = 0
    }

    func change(_ node: NodeID, _ body: (inout NodeView) -> Void) {
        if nodes[node] == nil { nodes[node] = NodeView() }
        nodes.update(node, body)
    }
}
