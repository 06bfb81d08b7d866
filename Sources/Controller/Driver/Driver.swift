import Calendar
import ControllerCore
import Foundation
import Host
import Logging
import Model
import Protocol
import Store
import Synchronization

/// The one consumer that steps the controller's machine.
///
/// A thread of its own takes events from the inbox, steps the machine, gives the journal to the
/// committer, and lets sends and replies out when everything they rest on is durable. Nothing else
/// touches the machine.
final class Driver: Sendable {
    /// What the driver needs of the world.
    struct Outlets: Sendable {
        /// Signs a certificate for a key that a signing request has shown.
        var certify: @Sendable (CertificateOrder) -> ControllerCore.IssuedCertificate?
        var send: @Sendable ([Send]) -> Void
        var close: @Sendable (Close) -> Void
        /// Executes a hook on this host; its end comes back as an event.
        var execute: @Sendable (HookCall) -> Void
        /// These hooks are not waited for any more.
        var cancelHooks: @Sendable ([UInt64]) -> Void
        /// Brings notices to where they go; what came of each comes back as an event.
        var deliver: @Sendable ([Delivery]) -> Void
        /// Lines that have been dealt with may be followed by others.
        var taken: @Sendable (ConnectionID) -> Void
        /// The program cannot go on: the outcome of a commit is unknown.
        var fail: @Sendable (StoreError) -> Void
    }

    /// Room that is kept on the disk for when it is full.
    struct Reserve: Sendable {
        var release: @Sendable () -> Void
        /// - Returns: whether there is room again.
        var regain: @Sendable () -> Bool
    }

    enum Item: Sendable {
        case event(ControllerEvent)
        /// An event that came as a line of this connection.
        case line(ConnectionID, ControllerEvent)
        case command(ControllerEvent, @Sendable (Reply.Outcome) -> Void)
        /// A line that submits a task, with what was looked up of its idempotency key, and when.
        case submission(ConnectionID, LocalSubmission, TaskKeyRecord?, at: Instant)
        /// Looks at the machine and gives back how to tell what it has seen.
        case read(@Sendable (ControllerMachine, Moment) -> @Sendable () -> Void)
        case durable(UInt64)
        case journalFailed(StoreError)
        case stop(@Sendable () -> Void)
    }

    private let inbox: Inbox<Item>
    private let store: any Store
    private let reserve: Reserve
    private let log: Logger
    private let requests = Atomic<UInt64>(1)
    let feed = EventFeed()
    let tasks: TaskStore
    let meters = ControllerMeters()
    /// The disk is full: what can wait is turned away before it is decided.
    let shortage = Shortage()

    init(store: any Store, reserve: Reserve, log: Logger) throws(HostError) {
        inbox = try Inbox()
        self.store = store
        self.reserve = reserve
        self.log = log
        tasks = TaskStore(store: store)
    }

    /// Starts the thread.
    func start(
        machine: ControllerMachine,
        first: ControllerEffects,
        outlets: Outlets
    ) {
        let inbox = inbox
        let committer = GroupCommitter(
            store: store,
            queueLimit: 65_536,
            onDurable: { inbox.put(.durable($0), in: .urgent) },
            onFailure: { inbox.put(.journalFailed($0), in: .urgent) }
        )
        let loop = DriverLoop(
            machine: machine,
            inbox: inbox,
            committer: committer,
            reserve: reserve,
            outlets: outlets,
            feed: feed,
            supply: PayloadSupply(tasks: tasks, log: log),
            shortage: shortage,
            meters: DriverMeters(meters),
            log: log
        )
        let thread = Thread { loop.run(first: first) }
        thread.name = "muster-driver"
        thread.start()
    }

    func put(_ event: ControllerEvent) {
        inbox.put(.event(event), in: .ordinary)
    }

    func put(_ event: ControllerEvent, line connection: ConnectionID) {
        inbox.put(.line(connection, event), in: .ordinary)
    }

    /// The rules of a time zone, ahead of any command that is given after this.
    func learn(_ zone: ZoneName, _ rules: ZoneRules) {
        inbox.put(.event(.zoneLoaded(zone, rules)), in: .urgent)
    }

    /// Gives a command and waits for its reply, which comes when it is durable.
    func perform(_ command: Command, by caller: Caller) async -> Reply.Outcome {
        let id = nextRequest()
        return await answer(.command(id, caller, command))
    }

    /// For signing requests of operators.
    func perform(_ make: (RequestID) -> ControllerEvent) async -> Reply.Outcome {
        let id = nextRequest()
        return await answer(make(id))
    }

    /// Submits tasks and waits for the answers, which come when they are durable.
    func submit(_ offers: [TaskOffer], by caller: Caller) async -> Reply.Outcome {
        var offers = offers
        do throws(StoreError) {
            let known = try tasks.known(offers.compactMap(\.submission.idempotencyKey))
            for index in offers.indices {
                offers[index].known = offers[index].submission.idempotencyKey.flatMap { known[$0] }
            }
        } catch {
            return .refused(keysUnreadable(error))
        }
        let id = nextRequest()
        return await answer(.submitted(id, caller, offers))
    }

    /// A line of a node that submits a task.
    ///
    /// The key is looked up here, on the thread that has read the line, so that the thread that
    /// decides does not wait for the disk, and the pieces of the payload stay behind it.
    ///
    /// - Throws: why it was not taken.
    func submit(_ submission: LocalSubmission, line connection: ConnectionID) throws(Refused) {
        if shortage.isOn { throw Shortage.refusal }
        try TaskLine.check(submission.task)
        let now = BootClock.now()
        var known: TaskKeyRecord?
        if let key = submission.task.idempotencyKey {
            do throws(StoreError) {
                known = try tasks.known([key])[key]
            } catch {
                throw keysUnreadable(error)
            }
        }
        inbox.put(.submission(connection, submission, known, at: now), in: .ordinary)
    }

    private func keysUnreadable(_ error: StoreError) -> Refused {
        log.critical(
            "Idempotency keys cannot be read",
            metadata: ["error": "\(error)"]
        )
        return Refused(
            .storage,
            "the controller cannot read its store",
            mend: "look into the controller's log"
        )
    }

    private func nextRequest() -> RequestID {
        RequestID(requests.wrappingAdd(1, ordering: .relaxed).oldValue)
    }

    private func answer(_ event: ControllerEvent) async -> Reply.Outcome {
        await withCheckedContinuation { continuation in
            inbox.put(.command(event) { continuation.resume(returning: $0) }, in: .urgent)
        }
    }

    /// Reads the machine, on the thread that decides: briefly. The answer is given when everything
    /// it may rest on is durable; where the journal cannot be written it is given all the same, and
    /// ``Shortage/isStalled`` says so until that is made good.
    func read<Result: Sendable>(
        _ body: @escaping @Sendable (ControllerMachine, Moment) -> Result
    ) async -> Result {
        await withCheckedContinuation { continuation in
            inbox.put(
                .read { machine, now in
                    let result = body(machine, now)
                    return { continuation.resume(returning: result) }
                },
                in: .urgent
            )
        }
    }

    /// A copy to look at, so that the thread that decides does not wait for a view.
    func views() async -> NodeViews {
        let (machine, now) = await read { ($0.withoutTasks, $1) }
        return NodeViews(machine: machine, now: now)
    }

    /// Says goodbye to every agent, makes what waits durable and ends the thread.
    func stop() async {
        await withCheckedContinuation { continuation in
            inbox.put(.stop { continuation.resume() }, in: .urgent)
        }
    }
}
