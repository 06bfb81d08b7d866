import ControllerCore
import Founding
import Glibc
import Model
import Protocol

// What a switchover costs in the controller's machine alone, by the steps of its plan, at several
// numbers of nodes: half of them at each of two sites, each with one exclusive service that starts and
// stops at once. Processor time, and what one message costs: compare the sizes of one run. The digest is
// of everything that the machine has written and sent: a mend of its speed leaves it as it is.
//
//   Runs [SIZE,SIZE...] [SWITCHOVERS]

func processorTime() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// A node as the machine sees it.
struct Player {
    var isRunning: Bool
    var sequence: UInt64 = 1
    var token = FencingToken.zero
    var role: SiteRole = .standby

    /// Nothing older runs.
    var floor: FencingToken {
        FencingToken(epoch: token.epoch, session: token.session - 1)
    }

    var report: ServiceReport {
        ServiceReport(
            name: "app",
            order: 0,
            isSelfFenced: false,
            isDrainable: false,
            state: isRunning ? .running : .stopped,
            isWanted: isRunning
        )
    }
}

struct Plant {
    var machine: ControllerMachine
    var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000),
        wall: WallTime(milliseconds: 1_700_000_000_000)
    )
    var request: UInt64 = 0
    var connection: UInt64 = 0
    var links: [ConnectionID] = []
    var players: [ConnectionID: Player] = [:]
    var queue: [(ConnectionID, AgentMessage)] = []
    var head = 0
    var spent: [String: Duration] = [:]
    var steps: [String: Int] = [:]
    var order: [String] = []
    var digest: UInt64 = 0xcbf29ce484222325

    init(nodes: Int) {
        machine = Founding.machine(active: "paris", at: now)
        ask(.addSite("lyon"))
        for index in 0..<nodes { join(index) }
        pump()
    }
    mutating func ask(_ verb: Command.Verb) {
        request += 1
        step(.command(RequestID(request), Founding.admin, Command(verb, reason: "measured")))
    }
    mutating func mix(_ text: String) {
        for byte in text.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100000001b3 }
    }
    mutating func step(_ event: ControllerEvent) {
        let name =
            machine.runs.liveRun.map { run in
                machine.runs.steps(of: run.id)[Int(run.step)].step.name.text
            } ?? "-"
        let begin = processorTime()
        let effects = machine.step(event, at: now)
        let time = processorTime() - begin
        if spent[name] == nil { order.append(name) }
        spent[name, default: .zero] += time
        steps[name, default: 0] += 1
        for entry in effects.journal { mix("\(entry)") }
        for send in effects.sends { mix("\(send)") }
        for order in effects.certificates {
            step(Founding.issued(order, at: now))
        }
        for send in effects.sends { hear(send.message, send.connection) }
    }
    mutating func say(_ message: AgentMessage, _ link: ConnectionID) {
        queue.append((link, message))
    }
    mutating func pump() {
        while head < queue.count {
            let (link, message) = queue[head]; head += 1
            step(.received(link, message, fresh: ""))
        }
        queue.removeAll(); head = 0
    }
    mutating func beat(_ link: ConnectionID, floor: FencingToken? = nil) {
        guard var player = players[link] else { return }
        player.sequence += 1
        players[link] = player
        let health: Health = player.isRunning || player.role == .standby ? .healthy : .failing
        var beat = Beat(sequence: player.sequence, sent: 1, wall: now.wall, health: health)
        beat.floor = floor
        say(.beat(beat), link)
    }
    mutating func become(_ running: Bool, _ link: ConnectionID) {
        guard var player = players[link], player.isRunning != running else { return }
        player.isRunning = running
        players[link] = player
        say(.service(player.report), link)
    }
    mutating func hear(_ message: ControllerMessage, _ link: ConnectionID) {
        guard var player = players[link] else { return }
        switch message {
        case .welcome(let welcome):
            player.token = welcome.token; player.role = welcome.role; players[link] = player
        case .role(let role, let token, _, _):
            let before = (player.role, player.token)
            player.role = role; player.token = max(player.token, token); players[link] = player
            if role == .standby {
                become(false, link)
                if before != (role, player.token) { beat(link, floor: player.floor) }
            }
        case .start(let order): become(true, link); say(.done(order: order.order), link)
        case .stop(let order): become(false, link); say(.done(order: order.order), link)
        case .preflight(let order, _): say(.done(order: order), link)
        case .config(let version, let count):
            if count == 0 { say(.configured(version: version), link) }
        default: break
        }
    }
    mutating func join(_ index: Int) {
        let site: SiteName = index % 2 == 0 ? "paris" : "lyon"
        let token = TokenSeed(id: JoinTokenID("t-\(index)")!, secretHash: "h")
        ask(.createToken(token, site: site, node: nil))
        let name = NodeName("\(site)-\(index / 2 + 1)")!
        let key = KeyFingerprint("key-\(index)")
        connection += 1
        let stranger = ConnectionID(connection)
        step(.connected(stranger, .stranger, address: "192.0.2.1"))
        step(.received(stranger, .hello(Hello(speaker: .stranger)), fresh: ""))
        step(
            .signingRequested(
                stranger,
                SigningRequest(
                    purpose: .enrolNode(
                        token: token.id,
                        secretHash: "h",
                        name: name,
                        fresh: NodeID("id-\(index)")!
                    ),
                    key: key
                )
            )
        )
        connection += 1
        let link = ConnectionID(connection)
        let id = machine.member(named: name)!.record.id
        links.append(link)
        players[link] = Player(isRunning: site == "paris")
        step(.connected(link, .node(id, key: key), address: "192.0.2.2"))
        step(
            .received(
                link,
                .hello(
                    Hello(
                        speaker: .agent,
                        versionMax: WireLimits.versions.upperBound,
                        incarnation: 1,
                        bootID: "b-\(index)",
                        machineID: "m-\(index)"
                    )
                ),
                fresh: "nonce-\(index)"
            )
        )
        step(.received(link, .ready(nonce: "nonce-\(index)"), fresh: ""))
        step(.received(link, .service(players[link]!.report), fresh: ""))
        step(.received(link, .synced(services: 1, handlers: 0, attempts: 0), fresh: ""))
        beat(link)
        pump()
    }
    mutating func turn(to site: SiteName) {
        ask(.startRun(RunRequest(kind: .switchover, to: site)))
        pump()
        var rounds = 0
        while machine.runs.live != nil {
            rounds += 1
            if rounds > 50 { print("stuck", machine.runs.liveRun!.text); return }
            now = Moment(instant: now.instant + .seconds(1), wall: now.wall + .seconds(1))
            for link in links {
                let player = players[link]!
                beat(link, floor: player.role == .standby ? player.floor : nil)
            }
            pump()
            if let due = machine.nextDeadline, due <= now.instant { step(.deadlineReached); pump() }
        }
    }
}
func milliseconds(_ time: Duration) -> Double {
    let (seconds, attoseconds) = time.components
    return Double(seconds) * 1_000 + Double(attoseconds / 1_000_000_000_000) / 1_000
}

let arguments = CommandLine.arguments.dropFirst()
let sizes = (arguments.first ?? "100,500,1000").split(separator: ",").compactMap { Int($0) }
let runs = arguments.dropFirst().first.flatMap { Int($0) } ?? 2
for size in sizes {
    var plant = Plant(nodes: size)
    for run in 0..<runs {
        plant.spent = [:]
        plant.steps = [:]
        plant.order = []
        plant.turn(to: run % 2 == 0 ? "lyon" : "paris")
        let whole = plant.order.reduce(Duration.zero) { $0 + (plant.spent[$1] ?? .zero) }
        let digest = String(plant.digest, radix: 16)
        print("\(size) nodes: \(milliseconds(whole)) ms, digest \(digest)")
        for name in plant.order {
            guard let spent = plant.spent[name], let count = plant.steps[name] else { continue }
            let each = milliseconds(spent / count) * 1_000
            print("    \(name): \(milliseconds(spent)) ms, \(count) messages, \(each) us each")
        }
    }
}
