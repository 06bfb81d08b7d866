import Benchmark
import ControllerCore
import Founding
import Model
import Protocol

/// A controller's machine with nodes, stepped as its shell steps it.
struct Plant {
    var machine: ControllerMachine
    var now = Moment(
        instant: Instant(nanoseconds: 1_000_000_000_000),
        wall: WallTime(milliseconds: 1_700_000_000_000)
    )
    var request: UInt64 = 0
    var connection: UInt64 = 0
    var given: [(ConnectionID, RunOrder)] = []
    var journalEntries = 0

    init(nodes: Int, slots: UInt16) {
        machine = Founding.machine(active: "a", at: now)
        for index in 0..<nodes { join(index, slots: slots) }
    }

    mutating func step(_ event: ControllerEvent) {
        let effects = machine.step(event, at: now)
        journalEntries += effects.journal.count
        for send in effects.sends {
            if case .work(.run(let order)) = send.message {
                given.append((send.connection, order))
            }
        }
        for order in effects.certificates {
            step(Founding.issued(order, at: now))
        }
    }

    private mutating func join(_ index: Int, slots: UInt16) {
        let token = TokenSeed(id: JoinTokenID("t-\(index)")!, secretHash: "h")
        request += 1
        step(
            .command(
                RequestID(request),
                Founding.admin,
                Command(.createToken(token, site: nil, node: nil))
            )
        )
        let name = NodeName("n\(index)")!
        let key = KeyFingerprint("key-\(index)")
        connection += 1
        let stranger = ConnectionID(connection)
        step(.connected(stranger, .stranger, address: "192.0.2.1"))
        step(.received(stranger, .hello(Hello(speaker: .stranger)), fresh: ""))
        let purpose = SigningRequest.Purpose.enrolNode(
            token: token.id,
            secretHash: "h",
            name: name,
            fresh: NodeID("id-\(index)")!
        )
        step(.signingRequested(stranger, SigningRequest(purpose: purpose, key: key)))
        connection += 1
        let link = ConnectionID(connection)
        let id = machine.member(named: name)!.record.id
        step(.connected(link, .node(id, key: key), address: "192.0.2.2"))
        let hello = Hello(speaker: .agent, incarnation: 1, bootID: "b", machineID: "m")
        step(.received(link, .hello(hello), fresh: "nonce-\(index)"))
        step(.received(link, .ready(nonce: "nonce-\(index)"), fresh: ""))
        let handler = HandlerReport(
            name: "push",
            types: [.push],
            slots: slots,
            prefetch: 0,
            delivery: .exclusive
        )
        step(.received(link, .work(.handler(handler)), fresh: ""))
        step(.received(link, .synced(services: 0, handlers: 1, attempts: 0), fresh: ""))
        let beat = Beat(sequence: 1, sent: 1, wall: now.wall, health: .healthy)
        step(.received(link, .beat(beat), fresh: ""))
        for order in machine.orders.values where !order.isEnded && order.node == id {
            step(.received(link, .done(order: order.id), fresh: ""))
        }
    }

    mutating func submit(_ count: Int, accounts: Int) {
        let offers = (0..<count).map { index in
            TaskOffer(
                submission: TaskSubmission(type: .push, account: "account-\(index % accounts)"),
                payload: Array(repeating: 120, count: 100)
            )
        }
        request += 1
        step(.submitted(RequestID(request), Founding.admin, offers))
    }

    /// Ends what was given first, so that the next is given.
    mutating func turn() {
        let (link, order) = given.removeFirst()
        let result = AttemptResult(outcome: .done, status: 0)
        step(.received(link, .work(.result(order.attempt, result)), fresh: ""))
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput],
        warmupIterations: 1,
        scalingFactor: .kilo,
        maxDuration: .seconds(3)
    )

    Benchmark("accept, batches of 100") { benchmark in
        var plant = Plant(nodes: 0, slots: 1)
        benchmark.startMeasurement()
        for _ in 0..<10 { plant.submit(100, accounts: 1_000) }
    }

    for (name, waiting) in [("1 000", 1_000), ("100 000", 100_000), ("1 000 000", 1_000_000)] {
        Benchmark(
            "result taken and next task given, \(name) waiting, 20 nodes",
            configuration: .init(maxIterations: 3)
        ) { benchmark in
            var plant = Plant(nodes: 20, slots: 4)
            for _ in 0..<waiting / 1_000 + 2 { plant.submit(1_000, accounts: 1_000) }
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { plant.turn() }
            benchmark.stopMeasurement()
        }
    }

    Benchmark(
        "result taken and next task given, 100 000 waiting, 500 nodes",
        configuration: .init(maxIterations: 3)
    ) { benchmark in
        var plant = Plant(nodes: 500, slots: 4)
        for _ in 0..<110 { plant.submit(1_000, accounts: 1_000) }
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { plant.turn() }
        benchmark.stopMeasurement()
    }

    Benchmark("yardstick: a line of the protocol written and read") { benchmark in
        let result = AttemptResult(outcome: .done, status: 0)
        let message = AgentMessage.work(
            .result(TaskAttempt(task: TaskID(1_234), attempt: 1), result)
        )
        for _ in benchmark.scaledIterations {
            let line = try! Line.parse(message.line.description, limits: .member)
            blackHole(try! AgentMessage(line))
        }
    }
}
