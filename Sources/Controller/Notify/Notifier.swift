import ControllerCore
import Host
import Model
import Synchronization

/// Makes attempts to deliver notices, off the thread that decides.
///
/// What goes through one server is a lane: a mail server, a webhook, an Alertmanager, a command. A lane
/// has threads of its own while it has something to do, so that one that hangs holds back nobody
/// else. Attempts for one destination follow each other in the order in which they were given.
///
/// Safe to use from any thread. Each attempt is answered once, unless the notifier was stopped: the
/// next controller makes it again.
final class Notifier: Sendable {
    /// Attempts that wait or are made at the same time; one more has failed at once.
    static let attemptsMax = 2_000
    /// Mails are sent one by one to each recipient, and to so many at the same time.
    static let mailThreadsMax = 4
    /// How long ``stop()`` waits for what is under way.
    private static let stopWait: Duration = .seconds(5)
    /// How long ``settle()`` waits for what is under way.
    static let settleWait: Duration = .seconds(3)

    /// What came of an attempt, and how long it took.
    typealias Answered = @Sendable (Delivery, DeliveryOutcome, _ took: Duration) -> Void

    private enum Lane: Hashable {
        case mail
        case webhook(String)
        case alertmanager(String)
        case command(String)

        var threadsMax: Int { self == .mail ? Notifier.mailThreadsMax : 1 }
    }

    private struct Line {
        var waiting: [Delivery] = []
        var threads = 0
        /// Who is being told something now. Only looked up.
        var busy: Set<Destination> = []
    }

    private struct State {
        /// Only looked up.
        var lines: [Lane: Line] = [:]
        var count = 0
        var threads = 0
        /// Nothing new is begun.
        var isEnding = false
        var isStopped = false

        mutating func end() {
            isEnding = true
            lines = lines.mapValues { line in
                var line = line
                line.waiting = []
                return line
            }
        }
    }

    private let settings: NotifySettings
    private let cluster: String
    private let answered: Answered
    private let state = Mutex(State())
    private let stopFlag = StopFlag()
    /// Its reading end becomes readable when the notifier is stopped.
    private let bell: (read: Descriptor, write: Descriptor)

    init(
        _ settings: NotifySettings,
        cluster: String,
        answered: @escaping Answered
    ) throws(HostError) {
        self.settings = settings
        self.cluster = cluster
        self.answered = answered
        bell = try Descriptor.pipe()
    }

    /// Takes attempts and returns at once.
    func deliver(_ deliveries: [Delivery]) {
        for delivery in deliveries {
            guard let lane = lane(of: delivery.destination) else {
                tell(delivery, .refused(Self.unknown(delivery.destination)))
                continue
            }
            deliver(delivery, lane)
        }
    }

    private enum Taken {
        case queued
        case started
        case full
        case stopped
    }

    private func deliver(_ delivery: Delivery, _ lane: Lane) {
        let taken = state.withLock { state -> Taken in
            if state.isEnding { return .stopped }
            guard state.count < Self.attemptsMax else { return .full }
            state.count += 1
            state.lines[lane, default: Line()].waiting.append(delivery)
            guard state.lines[lane]?.threads ?? 0 < lane.threadsMax else { return .queued }
            state.lines[lane]?.threads += 1
            state.threads += 1
            return .started
        }
        switch taken {
        case .queued, .stopped: break
        case .full:
            tell(
                delivery,
                .failed(
                    "more than \(Self.attemptsMax) attempts to deliver notices wait; see which "
                        + "server is slow: muster notify pending"
                )
            )
        case .started:
            if !startThread({ [self] in work(lane) }) { strand(lane) }
        }
    }

    /// Begins nothing any more, and waits a little for what is under way, which is answered still. What
    /// waits is left to the next controller.
    func settle() {
        state.withLock { $0.end() }
        awaitThreads(Self.settleWait)
    }

    /// Ends what can be ended and waits a little for the rest. Nothing is answered any more.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.end()
        }
        stopFlag.raise()
        try? bell.write.writeAll([1])
        awaitThreads(Self.stopWait)
    }

    private func awaitThreads(_ wait: Duration) {
        let deadline = BootClock.now() + wait
        while state.withLock({ $0.threads }) > 0, BootClock.now() < deadline {
            _ = HookProcess.pause(milliseconds: 20)
        }
    }

    // MARK: The threads

    private func work(_ lane: Lane) {
        while let delivery = next(lane) {
            let begun = BootClock.now()
            let outcome = attempt(delivery)
            let took = BootClock.now() - begun
            state.withLock { state in
                state.count -= 1
                _ = state.lines[lane]?.busy.remove(delivery.receiver)
            }
            if let outcome { tell(delivery, outcome, took) }
        }
    }

    /// The first that waits and whose receiver has none under way. Without one the thread ends, in
    /// the same moment in which that is seen: whoever comes later starts another.
    private func next(_ lane: Lane) -> Delivery? {
        state.withLock { state in
            var line = state.lines[lane] ?? Line()
            defer { state.lines[lane] = line }
            let index = line.waiting.firstIndex { !line.busy.contains($0.receiver) }
            guard let index, !state.isStopped else {
                line.threads -= 1
                state.threads -= 1
                return nil
            }
            let delivery = line.waiting.remove(at: index)
            line.busy.insert(delivery.receiver)
            return delivery
        }
    }

    /// There was no thread to be had. What waits is left to the lane's other threads; without any, it
    /// has failed.
    private func strand(_ lane: Lane) {
        let stranded = state.withLock { state -> [Delivery] in
            var line = state.lines[lane] ?? Line()
            defer { state.lines[lane] = line }
            line.threads -= 1
            state.threads -= 1
            guard line.threads == 0 else { return [] }
            defer { line.waiting = [] }
            state.count -= line.waiting.count
            return line.waiting
        }
        for delivery in stranded {
            tell(delivery, .failed("there is no room for another thread on the controller's host"))
        }
    }

    private func tell(
        _ delivery: Delivery,
        _ outcome: DeliveryOutcome,
        _ took: Duration = .zero
    ) {
        guard !state.withLock({ $0.isStopped }) else { return }
        answered(delivery, outcome, took)
    }

    // MARK: The attempts

    private func attempt(_ delivery: Delivery) -> DeliveryOutcome? {
        switch delivery.destination {
        case .mail(let to, let among):
            guard let mail = settings.mail else { break }
            return Mailer(settings: mail, cluster: cluster, stop: stopFlag)
                .send(delivery.message, to: to, among: among)
        case .webhook(let name):
            guard let webhook = settings.webhooks[name] else { break }
            return WebSender.webhook(name, webhook, delivery, cluster: cluster, stop: stopFlag)
        case .alertmanager(let name):
            guard let settings = settings.alertmanagers[name] else { break }
            return WebSender.alertmanager(
                name,
                settings,
                delivery,
                cluster: cluster,
                stop: stopFlag
            )
        case .command(let name):
            guard let definition = settings.commands[name] else { break }
            return CommandSender(
                name: name,
                definition: definition,
                cluster: cluster,
                bell: bell.read
            ).send(delivery)
        }
        return .refused(Self.unknown(delivery.destination))
    }

    /// - Returns: nil when the configuration has nothing of that name.
    private func lane(of destination: Destination) -> Lane? {
        switch destination {
        case .mail: settings.mail == nil ? nil : .mail
        case .webhook(let name): settings.webhooks[name].map { _ in .webhook(name) }
        case .alertmanager(let name): settings.alertmanagers[name].map { _ in .alertmanager(name) }
        case .command(let name): settings.commands[name].map { _ in .command(name) }
        }
    }

    private static func unknown(_ destination: Destination) -> String {
        let (what, setting) =
            switch destination {
            case .mail: ("mail", "notify.mail")
            case .webhook(let name): ("webhook \(name)", "notify.webhooks.\(name)")
            case .alertmanager(let name): ("alertmanager \(name)", "notify.alertmanagers.\(name)")
            case .command(let name): ("command \(name)", "notify.commands.\(name)")
            }
        return "\(what) is not set up on the controller's host: add \(setting) to the controller's "
            + "configuration and restart it"
    }
}

extension Delivery {
    /// Whoever else gets the same mail does not make it another's.
    fileprivate var receiver: Destination {
        if case .mail(let to, _) = destination { return .mail(to: to, among: []) }
        return destination
    }
}
