import AgentCore
import Model
import Protocol
import Testing

/// Random events in a random world, likely and unlikely ones, with rules that are looked at after
/// every step from outside the machine.
struct StormTests {
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `no storm of events breaks a rule`(seed: UInt64) {
        var storm = Storm(seed: seed)
        for _ in 0..<1_500 { storm.advance() }
        #expect(storm.problems.isEmpty, "seed \(seed): \(storm.problems)")
    }

    @Test func `storms reach what they are to test`() {
        var launches = 0
        var sessions = 0
        var crashes = 0
        for seed in 0..<20 as Range<UInt64> {
            var storm = Storm(seed: seed)
            for _ in 0..<1_500 { storm.advance() }
            launches += storm.launchCount
            sessions += storm.sessions
            crashes += storm.crashes
        }
        #expect(launches > 50)
        #expect(sessions > 100)
        #expect(crashes > 100)
    }
}

private struct Storm {
    static let services: [ServiceDefinition] = [
        .plain("db", order: 1, isSelfFenced: true),
        .plain("app", order: 2, checks: [ServiceTests.check]),
        .plain("sftp", kind: .drainable, isRequired: false),
    ]

    var random: SeededGenerator
    var scene: Scene
    /// What the disk will still hold after a crash, and what was asked of it since.
    var asked: [PersistRequest] = []
    var isConnected = false
    var isAuthorised = false
    var held: OrderedTable<LaunchID, FencingToken> = OrderedTable()
    var checks: [CheckID] = []
    var orderNumber: UInt64 = 0
    var floor: FencingToken?
    var highest = FencingToken.zero
    var repeatedInstant = 0
    var problems: [String] = []
    var launchCount = 0
    var sessions = 0
    var crashes = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        scene = Scene(Self.services, controllers: 2, seed: seed)
        step(.started([]))
    }

    mutating func advance() {
        if let event = nextEvent() { step(event) }
        if random.chance(perMille: 700) { acknowledge() }
    }

    // MARK: What happens

    private mutating func nextEvent() -> AgentEvent? {
        switch random.below(100) {
        case 0..<35: return timePasses()
        case 35..<45: return .connected(link: scene.link)
        case 45..<48: return .disconnected(link: someLink, reason: "reset")
        case 48..<52:
            scene.token.session += random.chance(perMille: 300) ? 1 : 0
            return .received(link: scene.link, .welcome(scene.welcome(someRole)))
        case 52..<62: return .received(link: someLink, someMessage())
        case 62..<85: return leashNews()
        case 85..<92:
            guard !checks.isEmpty else { return nil }
            let id = checks.remove(at: Int(random.below(UInt64(checks.count))))
            let passes = random.chance(perMille: 700)
            return .checkFinished(
                id,
                passes ? .passed(output: "") : .failed(output: "no"),
                took: .zero
            )
        case 92..<94: return .sampled(Load(), disks: [])
        case 94..<95: return .persistFailed(reason: "full")
        case 95..<96: return .certificateMeasured(remaining: .seconds(60), life: .seconds(90))
        case 96..<97: return .renewal(.requested(signingRequest: "x"))
        case 97..<98:
            return .reconfigured(
                random.chance(perMille: 800) ? Self.services : Array(Self.services.prefix(1)),
                sharedPaths: []
            )
        default:
            if random.chance(perMille: 300) { crash() }
            return nil
        }
    }

    private mutating func timePasses() -> AgentEvent {
        if random.chance(perMille: 30) {
            scene.now += random.duration(in: .zero ... .seconds(30))
        } else if let deadline = scene.machine.nextDeadline {
            scene.now = max(scene.now, deadline)
        }
        return .deadlineReached(wall: WallTime(milliseconds: 0))
    }

    private var someLink: UInt64 {
        mutating get { random.chance(perMille: 900) ? scene.link : random.below(5) }
    }

    private var someRole: SiteRole {
        mutating get { random.chance(perMille: 800) ? .active : .standby }
    }

    private mutating func someMessage() -> ControllerMessage {
        let service = Self.services[Int(random.below(3))].name
        var token = scene.token
        if random.chance(perMille: 100) { token.session = UInt32(random.below(9)) }
        orderNumber += random.chance(perMille: 900) ? 1 : 0
        let order = ServiceOrder(order: orderNumber, token: token, service: service)
        switch random.below(16) {
        case 0..<5: return .start(order)
        case 5: return .stop(order)
        case 6: return .restart(order)
        case 7..<11:
            let beat = scene.lastBeat
            return .lease(
                Lease(
                    sequence: beat.sequence,
                    sent: beat.sent,
                    incarnation: scene.machine.incarnation,
                    length: .seconds(12),
                    token: token
                )
            )
        case 11: return .alive(sequence: scene.lastBeat.sequence, sent: scene.lastBeat.sent)
        case 12:
            if random.chance(perMille: 300) { scene.token.epoch.counter += 1 }
            return .role(someRole, token: scene.token)
        case 13: return .config(version: orderNumber, count: 1)
        case 14: return .set(Setting(key: "env.A", value: "\(orderNumber)", scope: .node))
        default:
            let code = RefusalCode.allCases[Int(random.below(UInt64(RefusalCode.allCases.count)))]
            return .error(code: code, text: "")
        }
    }

    private mutating func leashNews() -> AgentEvent? {
        guard !held.isEmpty else { return nil }
        let launch = held.keys[Int(random.below(UInt64(held.count)))]
        switch random.below(12) {
        case 0..<5: return .leash(launch, .started(processID: 7))
        case 5: return .leash(launch, .exited(.exited(UInt8(random.below(2)))))
        case 6..<9:
            // Only what was stopped, or ended, becomes empty.
            held[launch] = nil
            return .leash(launch, .emptied)
        case 9: return .leash(launch, .lost)
        case 10: return .leash(launch, .leaseEnded)
        default: return .leash(launch, .unkillable(processes: 1))
        }
    }

    /// The process dies; the disk keeps what it acknowledged, or any later request.
    private mutating func crash() {
        crashes += 1
        var memory = scene.disk
        if !asked.isEmpty, random.chance(perMille: 500) {
            memory = asked[Int(random.below(UInt64(asked.count)))].memory
        }
        asked = []
        checks = []
        isConnected = false
        isAuthorised = false
        highest = memory.highest
        scene.disk = memory
        scene.restart(Self.services)
        scene.link = 0
        let adopted = held.map {
            AdoptedLeash(
                launch: $0.0,
                token: $0.1,
                processID: random.chance(perMille: 900) ? 1 : nil
            )
        }
        step(.started(adopted))
    }

    private mutating func acknowledge() {
        guard let last = asked.last else { return }
        asked = []
        scene.disk = last.memory
        step(.persisted(upTo: last.revision))
    }

    // MARK: What must hold

    private mutating func step(_ event: AgentEvent) {
        let before = scene.now
        if case .received(scene.link, .error(let code, _)) = event, isConnected,
            code == .removed || code == .conflicted
        {
            isAuthorised = false
        }
        if case .disconnected(scene.link, _) = event { isConnected = false }
        let effects = scene.step(event)
        // A connection that the machine had given up meanwhile is none: it says no HELLO on it.
        if case .connected(scene.link) = event, effects.verbs == ["HELLO"] { isConnected = true }
        if let request = effects.persist { asked.append(request) }
        for message in effects.sends { check(message) }
        for command in effects.leashes { check(command) }
        checks += effects.checks.map(\.id)
        if !effects.sends.isEmpty, !isConnected { complain("sent without a connection") }
        for case .close in effects.connection { isConnected = false }
        for case .dial in effects.connection { isConnected = false }
        if scene.machine.highestToken < highest { complain("the token went down") }
        highest = scene.machine.highestToken
        if scene.machine.durableToken > scene.disk.highest {
            complain("acts under \(scene.machine.durableToken), durable is \(scene.disk.highest)")
        }
        checkSpin(event, before)
    }

    private mutating func checkSpin(_ event: AgentEvent, _ before: Instant) {
        guard case .deadlineReached = event, let next = scene.machine.nextDeadline,
            next <= scene.now
        else {
            repeatedInstant = 0
            return
        }
        repeatedInstant += 1
        if repeatedInstant > 4 { complain("nothing moves on at \(scene.now)") }
    }

    private mutating func check(_ message: AgentMessage) {
        switch message {
        case .ready(let nonce):
            sessions += 1
            isAuthorised = true
            if scene.disk.nonce != nonce { complain("READY before its nonce was durable") }
        case .configured(let version):
            if scene.disk.settingsVersion < version { complain("CONFIGURED before it was durable") }
        case .beat(let beat): check(floor: beat.floor)
        default: break
        }
    }

    private mutating func check(floor told: FencingToken?) {
        guard let told else { return }
        if let floor, told < floor { complain("the stop statement went down") }
        floor = told
        for (launch, token) in held where token <= told {
            complain("\(launch) under \(token) runs, and the statement says \(told)")
        }
        if told >= scene.disk.highest { complain("a statement about what is not durable") }
    }

    private mutating func check(_ command: LeashCommand) {
        switch command {
        case .launch(let id, let launch):
            launchCount += 1
            if held.keys.contains(where: { $0.service == id.service }) {
                complain("\(id.service) was launched twice")
            }
            held[id] = launch.token
            if let floor, launch.token <= floor { complain("launched under a stopped token") }
            if launch.token > scene.disk.highest { complain("launched under a token not durable") }
            if !isAuthorised { complain("launched before a controller said so") }
            if scene.disk.wishes[id.service]?.isWanted != true {
                complain("\(id.service) was launched and is not wanted durably")
            }
            if scene.machine.siteRole == .standby, launch.definition.kind == .exclusive {
                complain("\(id.service) was launched on a standby site")
            }
            if launch.definition.isSelfFenced, launch.deadline.map({ $0 <= scene.now }) ?? true {
                complain("\(id.service) was launched without a lease")
            }
        case .extend(_, let deadline):
            if deadline <= scene.now { complain("a lease of the past was given on") }
        case .authorise(let id, let token): held[id] = token
        case .stop, .destroy: break
        }
    }

    private mutating func complain(_ text: String) {
        if problems.count < 3 { problems.append(text) }
    }
}
