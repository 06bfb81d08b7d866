import ControllerCore
import Host
import Logging
import Model
import Protocol
import Synchronization

/// Executes hooks on the controller's host, as the configuration defines them. Each has a thread of
/// its own while it runs; what is beyond the limit waits its turn.
///
/// Safe to use from any thread. A hook's end is told exactly once, unless the runner was stopped: the
/// next controller takes the step up again.
final class HookRunner: Sendable {
    /// Hooks that run at the same time. A site of some hundred nodes is fenced in a few turns.
    static let runningMax = 32
    /// How long ``stop()`` waits for hooks that were told to end.
    private static let stopWait: Duration = .seconds(10)

    typealias Ended = @Sendable (_ id: UInt64, _ isDone: Bool, _ text: String) -> Void

    private struct State {
        var running = 0
        var waiting: [HookCall] = []
        var isStopped = false
        /// What runs, by its number, with the bell that ends it. Only looked up.
        var bells: [UInt64: Descriptor] = [:]
        /// What has a thread of its own, or is getting one. Only looked up.
        var begun: Set<UInt64> = []
        /// Of those, what was cancelled and has not ended yet: nothing begins beside it.
        var ending: Set<UInt64> = []

        var mayStart: Bool { !isStopped && ending.isEmpty && running < HookRunner.runningMax }
    }

    private let definitions: OrderedTable<HookName, HookDefinition>
    private let ended: Ended
    private let log: Logger
    private let state = Mutex(State())
    /// Its reading end becomes readable when the runner is stopped.
    private let bell: (read: Descriptor, write: Descriptor)

    init(
        _ definitions: OrderedTable<HookName, HookDefinition>,
        log: Logger,
        ended: @escaping Ended
    ) throws(HostError) {
        self.definitions = definitions
        self.log = log
        self.ended = ended
        bell = try Descriptor.pipe()
    }

    /// Starts a hook, or says at once why it cannot be.
    func execute(_ call: HookCall) {
        guard definitions[call.name] != nil else {
            return ended(
                call.id,
                false,
                "hook \(call.name) is not defined on the controller's host: add hooks.\(call.name) "
                    + "to the controller's configuration and restart it"
            )
        }
        let mayStart = state.withLock { state -> Bool in
            if state.isStopped { return false }
            guard state.mayStart else {
                state.waiting.append(call)
                return false
            }
            state.running += 1
            state.begun.insert(call.id)
            return true
        }
        if mayStart { start(call) }
    }

    /// Nobody waits for these any more: what has not begun never does, and what runs is ended as at the
    /// end of its time. What is given later begins when that is gone: an undo does not run beside the
    /// act that it undoes.
    func cancel(_ ids: [UInt64]) {
        let bells = state.withLock { state -> [Descriptor] in
            state.waiting.removeAll { ids.contains($0.id) }
            // One that has no bell yet looks whether it was cancelled when it has.
            let begun = ids.filter { state.begun.contains($0) }
            state.ending.formUnion(begun)
            return begun.compactMap { state.bells[$0] }
        }
        for bell in bells { try? bell.writeAll([1]) }
    }

    /// Ends what runs and waits until it is gone. Nothing is told any more.
    func stop() {
        state.withLock {
            $0.isStopped = true
            $0.waiting = []
        }
        try? bell.write.writeAll([1])
        let deadline = BootClock.now() + Self.stopWait
        while state.withLock({ $0.running }) > 0, BootClock.now() < deadline {
            _ = HookProcess.pause(milliseconds: 20)
        }
    }

    private func start(_ call: HookCall) {
        let hasThread = startThread { [self] in
            run(call)
            for next in finish(call.id) { start(next) }
        }
        guard !hasThread else { return }
        // What waits would be started by the end of another; without any it would wait for ever.
        let stranded = state.withLock { state -> [HookCall] in
            state.running -= 1
            state.begun.remove(call.id)
            state.ending.remove(call.id)
            guard state.running == 0 else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for call in [call] + stranded {
            tell(call, false, "there is no room for another thread on the controller's host")
        }
    }

    /// - Returns: what may start in its place.
    private func finish(_ id: UInt64) -> [HookCall] {
        state.withLock { state in
            state.running -= 1
            state.bells[id] = nil
            state.begun.remove(id)
            state.ending.remove(id)
            var next: [HookCall] = []
            while state.mayStart, !state.waiting.isEmpty {
                let call = state.waiting.removeFirst()
                state.running += 1
                state.begun.insert(call.id)
                next.append(call)
            }
            return next
        }
    }

    private func run(_ call: HookCall) {
        guard let definition = definitions[call.name] else { return }
        let own: (read: Descriptor, write: Descriptor)
        do {
            own = try Descriptor.pipe()
        } catch {
            return tell(call, false, "there is no room for another hook: \(error)")
        }
        let isCancelled = state.withLock { state -> Bool in
            state.bells[call.id] = own.write
            return state.ending.contains(call.id)
        }
        guard !isCancelled else { return tell(call, false, "cancelled before it began") }
        log.notice("A hook begins", metadata: ["hook": "\(call.name)"])
        let outcome = HookProcess(call, definition, bells: [bell.read, own.read]).outcome()
        log.notice(
            "A hook has ended",
            metadata: [
                "hook": "\(call.name)", "done": "\(outcome.isDone)", "how": "\(outcome.how)",
                "output": "\(outcome.output)",
            ]
        )
        tell(call, outcome.isDone, outcome.text)
    }

    private func tell(_ call: HookCall, _ isDone: Bool, _ text: String) {
        guard !state.withLock({ $0.isStopped }) else { return }
        ended(call.id, isDone, text)
    }
}
