import ControllerCore
import Dispatch
import Glibc
import Model
import Protocol
import Store
import Synchronization

@testable import Controller

/// A driver on a fake store, and a record of what it lets out.
final class World: Sendable {
    static let admin = Caller(
        name: OperatorName("admin"),
        key: KeyFingerprint("admin's key"),
        source: "a test"
    )

    let store = FakeStore()
    let driver: Driver
    let room = Room()
    let wire = Wire()
    private let told = Mutex<[String]>([])

    init(and records: [Record] = [], settings: ControllerSettings = ControllerSettings()) throws {
        let founded = try World.founding() + records
        let room = room
        let wire = wire
        let configuration = try ControllerConfiguration.parse("log: {level: critical}", path: "x")
        driver = try Driver(
            store: store,
            reserve: Driver.Reserve(
                release: { room.release() },
                regain: { room.regain() }
            ),
            log: ProgramLog.start(configuration)
        )
        let (machine, first) = ControllerMachine.started(
            settings: settings,
            records: founded,
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: DriverLoop.moment()
        )
        driver.start(
            machine: machine,
            first: first,
            outlets: Driver.Outlets(
                certify: { _ in nil },
                send: { wire.send($0) },
                close: { wire.close($0) },
                execute: { wire.execute($0) },
                cancelHooks: { wire.cancelHooks($0) },
                deliver: { wire.deliver($0) },
                taken: { wire.take($0) },
                fail: { error in room.fail(error) }
            )
        )
    }

    static func founding() throws -> [Record] {
        let entries = ControllerMachine.founding(
            cluster: ClusterRecord(
                id: ClusterID("6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f90"),
                name: "test",
                createdAt: WallTime(milliseconds: 0),
                epoch: Epoch(generation: 1, counter: 1),
                activeSite: SiteName("north")
            ),
            operatorNamed: OperatorName("admin"),
            key: admin.key,
            serial: "1",
            notAfter: WallTime(milliseconds: 4_000_000_000_000)
        )
        return entries.compactMap { entry in
            if case .put(let record) = entry { record } else { nil }
        }
    }

    /// Adds a site, and writes down the answer when it comes.
    func addSite(_ name: String) async -> String {
        let outcome = await driver.perform(
            Command(.addSite(SiteName(name)!)),
            by: World.admin
        )
        let text =
            switch outcome {
            case .done: "done \(name)"
            case .refused(let refused): "\(refused.code.rawValue) \(name)"
            case .certificate, .preflightStarted, .runStarted, .tasks, .texts: "unexpected \(name)"
            }
        told.withLock { $0.append(text) }
        return text
    }

    var answers: [String] { told.withLock { $0 } }

    func siteNames() async -> [String] {
        await driver.read { machine, _ in machine.sites.keys.map(\.text) }
    }
}

/// What goes out to agents.
final class Wire: Sendable {
    private struct State {
        var sent: [Send] = []
        var closed: [Close] = []
        var hooks: [HookCall] = []
        var deliveries: [Delivery] = []
        var taken = 0
    }

    private let state = Mutex(State())

    var sent: [Send] { state.withLock { $0.sent } }
    var closed: [Close] { state.withLock { $0.closed } }
    var hooks: [HookCall] { state.withLock { $0.hooks } }
    var deliveries: [Delivery] { state.withLock { $0.deliveries } }
    var taken: Int { state.withLock { $0.taken } }

    func send(_ sends: [Send]) { state.withLock { $0.sent += sends } }
    func close(_ close: Close) { state.withLock { $0.closed.append(close) } }
    func execute(_ call: HookCall) { state.withLock { $0.hooks.append(call) } }
    func cancelHooks(_ ids: [UInt64]) {
        state.withLock { $0.hooks.removeAll { ids.contains($0.id) } }
    }
    func deliver(_ deliveries: [Delivery]) { state.withLock { $0.deliveries += deliveries } }
    func take(_ connection: ConnectionID) { state.withLock { $0.taken += 1 } }

    /// Of messages about tasks.
    var work: [ControllerWorkMessage] {
        sent.compactMap { if case .work(let message) = $0.message { message } else { nil } }
    }
}

/// The reserve and the end of the program, as the driver meets them.
final class Room: Sendable {
    private struct State {
        var released = 0
        var isThere = false
        var failure: StoreError?
    }

    private let state = Mutex(State())

    var released: Int { state.withLock { $0.released } }
    var failure: StoreError? { state.withLock { $0.failure } }

    func release() { state.withLock { $0.released += 1 } }
    func regain() -> Bool { state.withLock { $0.isThere } }
    func make() { state.withLock { $0.isThere = true } }
    func fail(_ error: StoreError) { state.withLock { $0.failure = error } }
}

/// Awaits a condition: asks every few milliseconds, until it holds or the time is over.
func eventually(
    within limit: Duration = .seconds(20),
    _ condition: @escaping @Sendable () -> Bool
) async -> Bool {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            let rounds = Int(limit / .milliseconds(5))
            for _ in 0..<rounds where !condition() { _ = poll(nil, 0, 5) }
            continuation.resume(returning: condition())
        }
    }
}
