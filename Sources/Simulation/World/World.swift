import ControllerCore
import Model

/// The whole simulated world of one seed: real time, machines, the network between them, what goes
/// wrong, and the checkers that look on.
///
/// It alone knows real time; the machines see their own clocks.
final class World {
    let seed: UInt64
    let plan: FaultPlan
    /// ρ, S and P of every seed.
    let terms: LeaseTerms
    var chance: SeededGenerator
    private(set) var now: Int64 = 0
    private var queue = EventQueue()
    private(set) var happenings: UInt64 = 0

    var controller: ControllerHost!
    var hosts: [AgentHost] = []
    var links: [HostLink] = []
    var connections: [Connection] = []
    var operators: Operators!
    var checks: Checks!
    /// Tasks, in seeds that have any.
    var work: Work?
    /// A data set, in seeds that have one.
    var data: DataWorld?

    /// Files on the shared path.
    var markers = OrderedTable<String, Bool>()

    /// What the hook `redirect` does.
    var isRedirected = false
    /// Hooks that a life of the controller has cancelled.
    var cancelledHooks: [(life: Int, id: UInt64)] = []

    /// Copies of the controller's store, the oldest first.
    var storeCopies: [DurableStore] = []

    /// After it nothing goes wrong any more.
    var isCalm = false
    private(set) var failure: String?
    private(set) var failedAt: Int64 = 0
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let traces: Bool

    init(seed: UInt64, without: [Fault], traces: Bool) {
        self.seed = seed
        self.traces = traces
        chance = SeededGenerator(seed: seed)
        plan = FaultPlan(&chance, seed: seed, without: without)
        terms = LeaseTerms()
    }

    func at(_ time: Int64, _ action: @escaping (World) -> Void) {
        queue.push(at: max(time, now), action)
    }

    func after(_ delay: Int64, _ action: @escaping (World) -> Void) {
        queue.push(at: now + max(0, delay), action)
    }

    /// Runs until `end` is reached or something is wrong.
    func run(until end: Int64) {
        while failure == nil, let time = queue.nextTime, time <= end, let next = queue.pop() {
            now = next.time
            happenings += 1
            next.action(self)
        }
        if failure == nil { now = max(now, end) }
    }

    func fail(_ reason: @autoclosure () -> String) {
        guard failure == nil else { return }
        failure = reason()
        failedAt = now
        say("FAILED", failure ?? "")
    }

    // MARK: Chance

    func between(_ low: Int64, _ high: Int64) -> Int64 {
        low >= high ? low : low + Int64(chance.below(UInt64(high - low + 1)))
    }

    func happens(perMille: UInt64) -> Bool { chance.chance(perMille: perMille) }

    func text(_ prefix: String) -> String {
        let digits = String(chance.next(), radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: Trace

    /// One line of the trace; its bytes are always part of the hash.
    func say(_ who: String, _ what: String) {
        mix(UInt64(bitPattern: now))
        for byte in who.utf8 { mix(UInt64(byte)) }
        for byte in what.utf8 { mix(UInt64(byte)) }
        if traces {
            let milliseconds = now / millisecond
            let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
            print("\(milliseconds / 1_000).\(fraction) \(who): \(what)")
        }
    }

    /// A line as people can read it: long data is cut.
    func readable(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.dropLast(), as: UTF8.self)
        guard text.utf8.count > 160 else { return text }
        let words = text.split(separator: " ").map { word in
            word.hasPrefix("data=") && word.utf8.count > 40
                ? "\(word.prefix(32))…(\(word.utf8.count))" : String(word)
        }
        return words.joined(separator: " ")
    }

    func mix(_ value: UInt64) {
        hash = (hash ^ value) &* 0x0000_0100_0000_01b3
    }
}
