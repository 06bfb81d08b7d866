import ControllerCore
import Host
import Logging
import Model
import Protocol
import Store

/// What the driver's thread owns. Only that thread calls it.
final class DriverLoop: @unchecked Sendable {
    private var machine: ControllerMachine
    private let inbox: Inbox<Driver.Item>
    private let committer: GroupCommitter
    private let reserve: Driver.Reserve
    private let outlets: Driver.Outlets
    private let feed: EventFeed
    private var supply: PayloadSupply
    private let shortage: Shortage
    private var meters: DriverMeters
    private var deliveries = DeliveryLog()
    private let log: Logger

    private var lastTicket: UInt64 = 0
    private var durableTicket: UInt64 = 0
    /// Steps that the committer did not take because it had failed; in order.
    private var unsubmitted: [(ticket: UInt64, writes: [StoreWrite])] = []
    /// What goes out when its ticket is durable; in order.
    private var outbound: [Outbound] = []
    private var waiting: [RequestID: @Sendable (Reply.Outcome) -> Void] = [:]
    /// Since when the journal cannot be written: nothing is decided until it can.
    private var stalledSince: Instant? {
        didSet { shortage.set(isStalled: isStalled, isShort: isShort) }
    }
    /// The reserve was given up: what is left of the disk is for what runs by itself, and operators'
    /// changes are refused before they are decided.
    private var isShort = false {
        didSet { shortage.set(isStalled: isStalled, isShort: isShort) }
    }
    /// Attempts whose orders went out without their payload, and so not at all; told to the machine
    /// when the step that gave them is over.
    private var missing: [PayloadSupply.Missing] = []
    private var isLate = false
    /// Nothing is decided any more.
    private var hasStopped = false

    private struct Outbound {
        var ticket: UInt64
        var since: Instant
        var effects: ControllerEffects
        var read: (@Sendable () -> Void)?
    }

    private static let retryInterval: Duration = .seconds(1)
    /// How long a command that was decided waits for the journal before it is told so.
    private static let patience: Duration = .seconds(3)

    private var isStalled: Bool { stalledSince != nil }

    init(
        machine: ControllerMachine,
        inbox: Inbox<Driver.Item>,
        committer: GroupCommitter,
        reserve: Driver.Reserve,
        outlets: Driver.Outlets,
        feed: EventFeed,
        supply: PayloadSupply,
        shortage: Shortage,
        meters: DriverMeters,
        log: Logger
    ) {
        self.machine = machine
        self.inbox = inbox
        self.committer = committer
        self.reserve = reserve
        self.outlets = outlets
        self.feed = feed
        self.supply = supply
        self.shortage = shortage
        self.meters = meters
        self.log = log
    }

    func run(first: ControllerEffects) {
        handle(first)
        while let items = inbox.take(timeout: untilNextWake(), takeOrdinary: !isStalled) {
            for item in items { handle(item) }
            if hasStopped { return }
            if let stalledSince {
                retryJournal()
                if BootClock.now() - stalledSince > Self.patience { giveUpWaiting() }
            } else if let deadline = machine.nextDeadline, BootClock.now() >= deadline {
                step(.deadlineReached)
            }
            tellMissing()
            watchReserve()
            watchJournal()
        }
    }

    /// Not while the journal cannot be written: nothing is decided then.
    private func tellMissing() {
        guard !isStalled else { return }
        let told = missing
        missing = []
        for one in told { step(.payloadLost(one.attempt, one.problem)) }
    }

    private func untilNextWake() -> Duration? {
        if isStalled { return Self.retryInterval }
        if !missing.isEmpty { return .zero }
        let now = BootClock.now()
        var wait = machine.nextDeadline.map { $0 - now }
        if let oldest = outbound.first {
            let late = oldest.since + lateAfter - now
            wait = min(wait ?? late, max(late, .milliseconds(100)))
        }
        if isShort { wait = min(wait ?? Self.retryInterval, Self.retryInterval) }
        return wait.map { max($0, .zero) }
    }

    private var lateAfter: Duration {
        .nanoseconds(machine.settings.lease.wait.nanoseconds / 2)
    }

    private func handle(_ item: Driver.Item) {
        guard !hasStopped else { return handleAfterStop(item) }
        switch item {
        case .event(let event): step(event)
        case .line(let connection, let event):
            step(event)
            outlets.taken(connection)
        case .command(let event, let reply):
            guard !isStalled, !isShort else { return reply(.refused(Shortage.refusal)) }
            guard let id = event.request else { preconditionFailure("a command without a number") }
            waiting[id] = reply
            step(event)
        case .submission(let connection, let submission, let known, let at):
            submit(submission, known, at, connection)
            outlets.taken(connection)
        case .read(let body):
            let now = Self.moment()
            let tell = body(machine, now)
            if isStalled || lastTicket == durableTicket {
                tell()
            } else {
                outbound.append(
                    Outbound(
                        ticket: lastTicket,
                        since: now.instant,
                        effects: ControllerEffects(),
                        read: tell
                    )
                )
            }
        case .durable(let ticket):
            durableTicket = max(durableTicket, ticket)
            meters.durable(upTo: ticket)
            release()
        case .journalFailed(let error): journalFailed(error)
        case .stop(let done):
            stop()
            done()
        }
    }

    /// What is durable is still answered; what is not, because the journal has failed, is not
    /// acknowledged by the end of the program.
    private func stop() {
        step(.stopping)
        committer.stop()
        hasStopped = true
        inbox.close()
        while let items = inbox.take(timeout: .zero, takeOrdinary: true) {
            for item in items {
                handleAfterStop(item)
            }
        }
        release()
        for reply in waiting.values { reply(.refused(Self.stopping)) }
        feed.finish()
    }

    private func handleAfterStop(_ item: Driver.Item) {
        switch item {
        case .durable(let ticket): durableTicket = max(durableTicket, ticket)
        case .command(_, let reply): reply(.refused(Self.stopping))
        case .read(let body): body(machine, Self.moment())()
        case .stop(let done): done()
        case .event, .line, .submission, .journalFailed: break
        }
    }

    // MARK: Tasks

    private func submit(
        _ submission: LocalSubmission,
        _ known: TaskKeyRecord?,
        _ lookedUpAt: Instant,
        _ connection: ConnectionID
    ) {
        if isShort { return decline(submission, Shortage.refusal, connection) }
        var known = known
        if let key = submission.task.idempotencyKey,
            BootClock.now() - lookedUpAt > TaskStore.lookUpAgeMax
        {
            // It has waited for a full disk: the machine may have forgotten by now what was
            // accepted in the moment in which the key was looked up.
            do throws(StoreError) {
                known = try supply.tasks.known([key])[key]
            } catch {
                log.critical(
                    "An idempotency key cannot be read",
                    metadata: ["error": "\(error)"]
                )
                return decline(submission, Shortage.refusal, connection)
            }
        }
        step(.offered(connection, submission, known: known))
    }

    private func decline(
        _ submission: LocalSubmission,
        _ refused: Refused,
        _ connection: ConnectionID
    ) {
        outlets.send([submission.declined(refused, to: connection)])
    }

    private static let stopping = Refused(
        .notActive,
        "the controller stops",
        mend: "look whether it is done when the controller runs again"
    )

    static func moment() -> Moment {
        Moment(instant: BootClock.now(), wall: WallClock.now())
    }

    private func step(_ event: ControllerEvent) {
        let now = Self.moment()
        let effects = machine.step(event, at: now)
        meters.stepped(event, effects, machine, at: now)
        handle(effects)
    }

    private func handle(_ effects: ControllerEffects) {
        var effects = effects
        let orders = effects.certificates
        effects.certificates = []
        if !effects.journal.isEmpty {
            lastTicket += 1
            meters.decided(lastTicket)
            supply.cache.note(effects.journal)
            submit(lastTicket, effects.journal.map(JournalWriter.write))
        }
        if !effects.isEmpty {
            outbound.append(
                Outbound(
                    ticket: lastTicket,
                    since: BootClock.now(),
                    effects: effects,
                    read: nil
                )
            )
        }
        if lastTicket == durableTicket { release() }
        for order in orders {
            guard let issued = outlets.certify(order) else {
                step(.certificateFailed(order.id))
                continue
            }
            step(.certificateIssued(order.id, issued))
        }
    }

    // MARK: The journal

    private func submit(_ ticket: UInt64, _ writes: [StoreWrite]) {
        guard unsubmitted.isEmpty else { return unsubmitted.append((ticket, writes)) }
        do throws(StoreError) {
            try committer.submit(ticket: ticket, writes: writes)
        } catch {
            unsubmitted.append((ticket, writes))
            journalFailed(error)
        }
    }

    /// A full disk is waited out, the reserve given up for what is under way; anything else leaves
    /// open what is durable, and only a new start can tell.
    private func journalFailed(_ error: StoreError) {
        guard error.code == .full || error.code == .refused else { return outlets.fail(error) }
        guard !isStalled else { return }
        stalledSince = BootClock.now()
        log.critical(
            "The journal cannot be written; nothing is decided until it can",
            metadata: ["error": "\(error)"]
        )
        if error.code == .full {
            isShort = true
            reserve.release()
        }
        retryJournal()
    }

    /// There is no telling when there will be room. Who waits is told that the outcome is open, and
    /// who only reads gets what is decided, which the answer says: ``Shortage/isStalled``.
    private func giveUpWaiting() {
        for reply in waiting.values {
            reply(
                .refused(
                    Refused(
                        .storage,
                        "the disk of the controller is full: whether this will be done is open",
                        mend: "free space in the controller's state directory; then look before "
                            + "you repeat it"
                    )
                )
            )
        }
        waiting.removeAll()
        for index in outbound.indices {
            outbound[index].read?()
            outbound[index].read = nil
        }
    }

    private func watchReserve() {
        guard isShort, !isStalled, reserve.regain() else { return }
        isShort = false
        log.notice("There is room on the disk again; changes are taken")
    }

    private func retryJournal() {
        committer.retry()
        while let next = unsubmitted.first {
            do throws(StoreError) {
                try committer.submit(ticket: next.ticket, writes: next.writes)
                unsubmitted.removeFirst()
            } catch {
                return
            }
        }
    }

    private func watchJournal() {
        guard let oldest = outbound.first else {
            if isLate { setLate(false) }
            return
        }
        let isLateNow = BootClock.now() - oldest.since > lateAfter
        if isLateNow != isLate { setLate(isLateNow) }
    }

    private func setLate(_ late: Bool) {
        isLate = late
        log.warning("The journal is \(late ? "late" : "in time again")")
        if !isStalled { step(.journalLate(late)) }
    }

    private func release() {
        var count = 0
        for item in outbound {
            guard item.ticket <= durableTicket else { break }
            count += 1
            carryOut(item)
        }
        outbound.removeFirst(count)
        if isStalled, unsubmitted.isEmpty, durableTicket == lastTicket {
            stalledSince = nil
            log.notice("The journal can be written again")
        }
    }

    private func carryOut(_ item: Outbound) {
        if !item.effects.sends.isEmpty {
            let supplied = supply.supplied(item.effects.sends)
            outlets.send(supplied.sends)
            missing += supplied.missing
        }
        for close in item.effects.closes { outlets.close(close) }
        for reply in item.effects.replies {
            waiting.removeValue(forKey: reply.request)?(reply.outcome)
        }
        if !item.effects.hookCancels.isEmpty { outlets.cancelHooks(item.effects.hookCancels) }
        for call in item.effects.hooks { outlets.execute(call) }
        if !item.effects.deliveries.isEmpty { outlets.deliver(item.effects.deliveries) }
        item.read?()
        meters.carriedOut(item.effects)
        for change in item.effects.journal { tell(change) }
    }

    /// What is durable now, to whoever follows and to the log.
    private func tell(_ change: JournalEntry) {
        switch change {
        case .event(let event):
            feed.publish(event)
            log.log(
                level: event.severity.logLevel,
                "\(event.text)",
                metadata: event.metadata
            )
        case .put(.delivery(let record)): deliveries.note(record, at: BootClock.now(), to: log)
        default: break
        }
    }
}

extension ControllerEvent {
    var request: RequestID? {
        switch self {
        case .command(let id, _, _), .submitted(let id, _, _): id
        case .signingRequested(_, let request):
            switch request.purpose {
            case .enrolOperator(let id, _, _), .renewOperator(let id, _): id
            case .enrolNode, .renewNode: nil
            }
        default: nil
        }
    }
}

extension Severity {
    var logLevel: Logger.Level {
        switch self {
        case .info: .info
        case .warning: .warning
        case .critical: .critical
        }
    }
}

extension ClusterEvent {
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "event": "\(kind.rawValue)", "event.sequence": "\(sequence)", "subject": "\(subject)",
        ]
        if !cause.isEmpty { metadata["cause"] = "\(cause)" }
        if !consequence.isEmpty { metadata["consequence"] = "\(consequence)" }
        return metadata
    }
}

extension LocalSubmission {
    /// The answer to a submission that is turned down before it is decided.
    func declined(_ refused: Refused, to connection: ConnectionID) -> Send {
        Send(
            connection: connection,
            message: .work(
                .declined(
                    reference: reference,
                    code: refused.code,
                    text: "\(refused.text); \(refused.mend)",
                    retry: .seconds(10)
                )
            )
        )
    }
}
