import ControllerCore
import Model
import Protocol

/// Two sites whose nodes, hooks and operator do what is asked of them by themselves, so that a whole
/// run goes through, and its controller may be killed at any transaction of it.
struct RunWorld {
    struct Node {
        var name: NodeName
        var services: [ServiceReport]
        /// Nil when it cannot be reached.
        var connection: ConnectionID?
        var token = FencingToken.zero
        /// Messages of the stage that it has seen.
        var seen = 0
        /// Hooks that run on it.
        var holding: [TaskAttempt] = []
    }

    var stage: Stage
    var nodes: [Node] = []
    let request: RunRequest
    /// Programs that were running when the controller was killed end well all the same.
    var hooksOutlive = true
    /// What each hook has done, in the order in which it did.
    var deeds: [String] = []
    var lives = 1
    private var hooksSeen = 0
    /// Hooks that were called when the first life ended.
    private var hooksOfFirstLife = 0

    static let warm = HandlerReport(
        name: "warm",
        types: [TaskType(hook: "warm")],
        slots: 1,
        prefetch: 0,
        delivery: .exclusive
    )

    /// Site `a` is active; a failover finds both of its nodes out of reach: one that fences itself,
    /// and one that does not.
    init(_ kind: RunKind, plan: PlanName? = nil) {
        request = RunRequest(kind: kind, to: kind == .failback ? "a" : "b", plan: plan)
        stage = Stage()
        stage.ask(.addSite("b"))
        for (name, site, isFenced) in [
            ("n1", "a", true), ("n2", "a", false), ("n3", "b", false),
        ] as [(NodeName, SiteName, Bool)] {
            let isActive = site == "a"
            let services: [ServiceReport] = [
                .plain(
                    "db",
                    isActive ? .running : .stopped,
                    isWanted: isActive,
                    isSelfFenced: isFenced
                ),
                .plain(
                    "sftp",
                    isActive ? .running : .stopped,
                    isWanted: isActive,
                    isDrainable: true
                ),
            ]
            let connection = stage.online(name, services, handlers: [Self.warm], site: site)
            nodes.append(Node(name: name, services: services, connection: connection))
        }
        for index in nodes.indices { react(index) }
        if plan != nil { stage.ask(.setPlan(Self.written)) }
        guard kind == .failback else { return }
        var before = RunWorld(.switchover)
        before.drive()
        (stage, nodes, deeds) = (before.stage, before.nodes, [])
        stage.moves = []
    }

    /// Hooks of the controller's host that can be probed, one on nodes, a check and a question.
    static var written: PlanDraft {
        func hook(_ name: StepName, verify: HookName) -> PlanStep {
            PlanStep(
                name: name,
                act: .hook(HookName(name.text)!, .controller),
                timeout: .seconds(60),
                verify: verify
            )
        }
        return .around(
            before: [
                hook("redirect", verify: "is-redirected"),
                PlanStep(name: "lag", act: .check("lag-is-small", .controller)),
                PlanStep(name: "sure", act: .ask("sure?")),
                PlanStep(name: "stop", act: .stop(.from, groups: [], .exclusive)),
            ],
            after: [
                hook("promote", verify: "is-primary"),
                PlanStep(name: "warm", act: .hook("warm", .every(.to))),
                PlanStep(name: "start", act: .start(groups: [], .all)),
                PlanStep(name: "verify", act: .verify),
                PlanStep(name: "sessions", act: .stop(.from, groups: [], .drainable)),
            ]
        )
    }

    // MARK: Time

    /// Until the run has ended; every life of the controller is followed by another.
    mutating func drive() {
        if request.kind == .failover { loseSite() }
        for _ in 0..<300 {
            if stage.isDead { revive() }
            if let run, run.state.isEnded { break }
            for index in nodes.indices { react(index) }
            answerHooks()
            operate()
            for node in nodes { beat(node) }
            stage.pass(.milliseconds(500))
        }
        for index in nodes.indices { react(index) }
    }

    var run: RunRecord? {
        stage.machine.runs.runs.values.last { $0.kind == request.kind && $0.to == request.to }
    }

    private mutating func loseSite() {
        for index in 0..<2 {
            guard let connection = nodes[index].connection else { continue }
            stage.step(.disconnected(connection, .closedByPeer))
            nodes[index].connection = nil
        }
    }

    private mutating func revive() {
        let pending = stage.hooks[hooksSeen...].map(\.name)
        hooksSeen = stage.hooks.count
        if hooksOutlive { for name in pending { _ = outcome(of: name) } }
        lives += 1
        hooksOfFirstLife = hooksSeen
        stage.death = nil
        stage.restart()
        for index in nodes.indices {
            // What the old process has sent and the node has not seen is lost with its session.
            nodes[index].seen = stage.sent.count
            guard nodes[index].connection != nil else { continue }
            nodes[index].connection = stage.attach(
                nodes[index].name,
                nodes[index].services,
                handlers: [Self.warm],
                holding: nodes[index].holding.map { ($0, .running) }
            )
        }
    }

    // MARK: Nodes

    private mutating func react(_ index: Int) {
        while nodes[index].seen < stage.sent.count {
            let (connection, message) = stage.sent[nodes[index].seen]
            nodes[index].seen += 1
            guard let own = nodes[index].connection, connection == own else { continue }
            hear(message, index, own)
        }
        guard let connection = nodes[index].connection else { return }
        for attempt in nodes[index].holding { stage.end(attempt, on: connection) }
        // What nobody has heard is told again.
        if !stage.isDead { nodes[index].holding = [] }
    }

    private mutating func hear(
        _ message: ControllerMessage,
        _ index: Int,
        _ connection: ConnectionID
    ) {
        switch message {
        case .welcome(let welcome):
            take(welcome.role, welcome.token, drill: welcome.drill, index, connection)
        case .role(let role, let token, let drill, _):
            take(role, token, drill: drill, index, connection)
        case .start(let order):
            turn(order.service, on: true, index, connection)
            stage.say(.done(order: order.order), on: connection)
        case .stop(let order):
            turn(order.service, on: false, index, connection)
            stage.say(.done(order: order.order), on: connection)
        case .work(.run(let order)):
            guard !nodes[index].holding.contains(order.attempt) else { return }
            nodes[index].holding.append(order.attempt)
            deeds.append("warm on \(nodes[index].name)")
        default: break
        }
    }

    private mutating func take(
        _ role: SiteRole,
        _ token: FencingToken,
        drill: UInt64?,
        _ index: Int,
        _ connection: ConnectionID
    ) {
        nodes[index].token = max(nodes[index].token, token)
        guard role == .standby, drill == nil else { return }
        for service in nodes[index].services
        where !service.isDrainable && service.state != .stopped {
            turn(service.name, on: false, index, connection)
        }
    }

    private mutating func turn(
        _ name: ServiceName,
        on isWanted: Bool,
        _ index: Int,
        _ connection: ConnectionID
    ) {
        guard let place = nodes[index].services.firstIndex(where: { $0.name == name }) else {
            return
        }
        nodes[index].services[place].isWanted = isWanted
        nodes[index].services[place].state = isWanted ? .running : .stopped
        stage.say(.service(nodes[index].services[place]), on: connection)
    }

    private mutating func beat(_ node: Node) {
        guard let connection = node.connection else { return }
        let services = node.services.filter { $0.state != .stopped }
        var older = node.token
        older.session -= 1
        stage.beat(
            connection,
            floor: services.isEmpty && node.holding.isEmpty ? older : nil,
            exclusiveFloor: services.allSatisfy(\.isDrainable) && node.holding.isEmpty ? older : nil
        )
    }

    // MARK: Hooks and the operator

    private mutating func answerHooks() {
        while hooksSeen < stage.hooks.count, !stage.isDead {
            let hook = stage.hooks[hooksSeen]
            hooksSeen += 1
            stage.step(.hookEnded(hook.id, isDone: outcome(of: hook.name), text: "it said so"))
        }
    }

    private mutating func outcome(of hook: HookName) -> Bool {
        switch hook.text {
        case "is-redirected": return deeds.contains("redirect")
        case "is-primary": return deeds.contains("promote")
        case "lag-is-small": return true
        default:
            deeds.append(hook.text)
            return true
        }
    }

    private mutating func operate() {
        guard let run else { return order(.startRun(request)) }
        for need in stage.machine.personNeeds(of: run) {
            if need.text == "sure?" { order(.answerRun(run.id, isYes: true)) }
            if need.commands[0].contains("certify \(run.id) n2") {
                order(.certifyNode(run.id, "n2"))
            }
        }
    }

    private mutating func order(_ verb: Command.Verb) {
        stage.lastRequest += 1
        let command = Command(verb, reason: "because")
        stage.step(.command(RequestID(stage.lastRequest), Stage.admin, command))
    }

    // MARK: What came of it

    /// All that must be the same, whoever was killed on the way.
    var end: [String] {
        let machine = stage.machine
        var end = [
            "run \(run?.state.rawValue ?? "never began")",
            "site \(machine.cluster.activeSite) active under \(machine.cluster.epoch)",
            "activations \(stage.audits.count { $0.verb == "run.activate" })",
        ]
        end += stage.steps().map { "step \($0)" }
        for node in nodes {
            end += node.services.map { "\(node.name) \($0.name) \($0.state.rawValue)" }
        }
        return end + deeds.sorted()
    }

    /// The probe that the second life has asked before anything else, to see whether a step has had
    /// its effect.
    var askedFirst: HookName? {
        guard lives > 1, hooksOfFirstLife < stage.hooks.count else { return nil }
        let first = stage.hooks[hooksOfFirstLife].name
        return ["is-redirected", "is-primary"].contains(first) ? first : nil
    }

    /// How long the run took by its own record, milliseconds.
    var took: Int64 {
        guard let run, let endedAt = run.endedAt else { return 0 }
        return (endedAt - run.startedAt).wholeMilliseconds
    }
}
