import ControllerCore
import Model
import Protocol

/// The controller's machine in its shell: connections, journal, deadlines, certificates.
final class ControllerHost {
    unowned let world: World
    let settings: ControllerSettings
    let process = SimulatedProcess()
    var clock: SimulatedClock
    var machine: ControllerMachine?
    var store = DurableStore()
    /// Of the store; raised when it was replaced.
    var generation: UInt16 = 1
    private(set) var log: [(event: ControllerEvent, moment: Moment)] = []
    private(set) var startState: ControllerMachine?
    private var wakeNumber: UInt64 = 0
    private var freshNumber: UInt64 = 0
    private var serial: UInt64 = 0

    /// Submissions of nodes, and their pieces, that wait for a look-up; only looked up themselves.
    var lookups: [ConnectionID: [AgentMessage]] = [:]

    // The journal: ControllerHost+Journal.swift
    var lastTicket: UInt64 = 0
    var durableTicket: UInt64 = 0
    var queued: [Batch] = []
    var committing: [Batch]?
    var outbound: [Outbound] = []
    var isLate = false
    var isWatched = false
    /// Commits take this long at most.
    var commitTimeMax: Int64 = 4 * millisecond

    struct Batch {
        var ticket: UInt64
        var entries: [JournalEntry]
    }

    struct Outbound {
        var ticket: UInt64
        var since: Instant
        var effects: ControllerEffects
    }

    init(world: World, settings: ControllerSettings, clock: SimulatedClock) {
        self.world = world
        self.settings = settings
        self.clock = clock
    }

    var moment: Moment {
        Moment(instant: clock.local(world.now), wall: clock.wall(world.now))
    }

    func found(_ entries: [JournalEntry]) {
        for entry in entries {
            if let problem = store.apply(entry) { world.fail(problem) }
        }
    }

    // MARK: Life

    func start() {
        guard !process.isAlive else { return }
        let records: [Record]
        do throws(StoreProblem) {
            records = try store.records()
        } catch {
            return world.fail("the store cannot be read back: \(error.text)")
        }
        process.start()
        world.say("controller", "starts with \(records.count) records")
        lastTicket = 0
        durableTicket = 0
        queued = []
        committing = nil
        outbound = []
        isLate = false
        isWatched = false
        lookups = [:]
        log = []
        let seed = world.chance.next()
        let (machine, effects) = ControllerMachine.started(
            settings: settings,
            records: records,
            generation: generation,
            lastEventSequence: store.lastEventSequence,
            revision: store.version,
            seed: seed,
            at: moment
        )
        self.machine = machine
        startState = machine
        world.checks.controllerStarted()
        handle(effects)
        arm()
    }

    /// Killed: what was on its way to the disk is there or not, everything else is gone.
    func crash() {
        guard process.isAlive else { return }
        if let committing, world.happens(perMille: 500) { write(committing) }
        world.say("controller", "is killed")
        world.checks.controllerEnds()
        process.end()
        machine = nil
        queued = []
        committing = nil
        outbound = []
        world.operators.controllerEnded()
        // The kernel closes its connections.
        for connection in world.connections where connection.isOpenAtServer {
            connection.isOpenAtServer = false
            world.send(.end(isReset: true), connection, toServer: false)
        }
    }

    // MARK: Steps

    func run(_ action: @escaping (World) -> Void) {
        process.run(in: world, life: process.life, action)
    }

    func step(_ event: ControllerEvent) {
        guard machine != nil else { return }
        let moment = moment
        log.append((event, moment))
        world.checks.beforeControllerStep(event, at: moment)
        guard let effects = machine?.step(event, at: moment) else { return }
        world.checks.afterControllerStep(event, effects, at: moment)
        handle(effects)
        arm()
    }

    private func handle(_ effects: ControllerEffects) {
        var effects = effects
        let orders = effects.certificates
        effects.certificates = []
        if !effects.journal.isEmpty {
            lastTicket += 1
            queued.append(Batch(ticket: lastTicket, entries: effects.journal))
            commit()
        }
        if !effects.isEmpty {
            outbound.append(
                Outbound(ticket: lastTicket, since: moment.instant, effects: effects)
            )
        }
        if lastTicket == durableTicket { release() }
        for order in orders {
            serial += 1
            let subject =
                switch order.subject {
                case .node(let node): "node:\(node)"
                case .operatorNamed(let name): "operator:\(name)"
                }
            let issued = IssuedCertificate(
                serial: "\(process.life)-\(serial)",
                notAfter: clock.wall(world.now) + .seconds(100_000),
                certificate: "\(subject)|\(order.key)",
                issuer: "authority"
            )
            step(.certificateIssued(order.id, issued))
        }
    }

    private func arm() {
        wakeNumber += 1
        guard let deadline = machine?.nextDeadline else { return }
        let number = wakeNumber
        let life = process.life
        let time = max(clock.real(of: deadline), world.now) + world.timerDelay()
        world.at(time) { world in
            let host: ControllerHost = world.controller
            host.process.run(in: world, life: life) { _ in
                guard host.wakeNumber == number else { return }
                host.step(.deadlineReached)
            }
        }
    }

    // MARK: Packets

    func take(_ packet: Connection.Packet, _ connection: Connection) {
        guard process.isAlive else {
            if case .end = packet { return }
            return world.send(.end(isReset: true), connection, toServer: false)
        }
        if case .open = packet {
        } else {
            guard connection.isOpenAtServer, connection.serverLife == process.life else {
                if case .end = packet { return }
                return world.send(.end(isReset: true), connection, toServer: false)
            }
        }
        if case .open = packet {
            connection.serverLife = process.life
            connection.isOpenAtServer = true
        }
        run { _ in self.handle(packet, connection) }
    }

    private func handle(_ packet: Connection.Packet, _ connection: Connection) {
        guard connection.isOpenAtServer else { return }
        switch packet {
        case .open: world.send(.accepted, connection, toServer: false)
        case .accepted: break
        case .finished:
            step(.connected(connection.id, connection.peer, address: "host-\(connection.host)"))
        case .line(let bytes): read(bytes, connection)
        case .end:
            connection.isOpenAtServer = false
            step(.disconnected(connection.id, .closedByPeer))
        }
    }

    private func read(_ bytes: [UInt8], _ connection: Connection) {
        let message: AgentMessage
        do {
            let limits: LineLimits = connection.isStranger ? .stranger : .member
            message = try AgentMessage(Line.parse(bytes.dropLast(), limits: limits))
        } catch {
            let text = String(decoding: bytes, as: UTF8.self)
            return world.fail("the agent's line cannot be read (\(error)): \(text)")
        }
        switch message {
        case .enrol(let enrolment): enrol(enrolment, connection)
        case .renew(let request):
            let key = KeyFingerprint(request)
            step(.signingRequested(connection.id, SigningRequest(purpose: .renewNode, key: key)))
        case .work(.submit), .work(.submitPart): offer(message, connection)
        default:
            step(.received(connection.id, message, fresh: world.text("f")))
            if case .hello(let hello) = message, hello.speaker == .stranger, let machine {
                write(
                    .authority(
                        certificate: "authority",
                        cluster: machine.cluster.id,
                        wall: moment.wall
                    ),
                    to: connection
                )
            }
        }
    }

    private func enrol(_ enrolment: Enrolment, _ connection: Connection) {
        let parts = enrolment.token.split(separator: "/")
        guard parts.count == 2, let token = JoinTokenID(String(parts[0])) else {
            return world.fail("not a token of the simulation: \(enrolment.token)")
        }
        freshNumber += 1
        guard let fresh = NodeID("fresh-\(process.life)-\(freshNumber)") else { return }
        let purpose = SigningRequest.Purpose.enrolNode(
            token: token,
            secretHash: String(parts[1]),
            name: enrolment.name,
            fresh: fresh
        )
        let request = SigningRequest(purpose: purpose, key: KeyFingerprint(enrolment.request))
        step(.signingRequested(connection.id, request))
    }

    func write(_ message: ControllerMessage, to connection: Connection) {
        guard connection.isOpenAtServer else { return }
        if case .work(.run(let order)) = message { return run(order, to: connection) }
        let bytes = message.line.bytes
        world.checks.controllerSends(message, bytes, to: connection)
        world.send(.line(bytes), connection, toServer: false)
    }
}
