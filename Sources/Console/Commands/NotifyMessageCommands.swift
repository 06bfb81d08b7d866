import API
import ArgumentParser
import Model

struct NotifyTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a test message to a receiver, and say what each place has answered.",
        discussion: """
            It goes the way of every other message. Waits for the first attempt of each place. Exits 0 \
            when each has taken it, 1 when one has not, 4 when it takes longer than --timeout.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var wait: WaitOptions

    @Argument(
        help: ArgumentHelp("The receiver's name.", valueName: "receiver"),
        completion: Completions.receivers
    )
    var name: String

    func run() async throws {
        try await Session.run(connection) { session in
            let posted: Answer<NoticePosted> = try await session.client.send(
                .testReceiver,
                Route.testReceiver.path(name),
                PlainChange(reason: change.reason, force: change.forced)
            )
            let number = posted.value.notice
            guard !wait.detach else {
                Terminal.writeLine(posted.value.text)
                return Terminal.writeErrorLine("not waiting; look with `muster notify list`")
            }
            var notice: Notice?
            let waiting = Waiting(
                session: session,
                timeoutMilliseconds: wait.timeout?.milliseconds ?? Waiting.timeoutDefault,
                lookAgain: "muster notify list --receiver \(name)"
            )
            try await waiting.until {
                let answer: Answer<Notice> = try await session.client.get(
                    Route.showNotice.path("\(number)")
                )
                notice = answer.value
                let open = answer.value.deliveries.filter { !Self.isAnswered($0) }
                return open.first.map { "waiting for \($0.destination)" }
            }
            try report(notice?.deliveries ?? [], session.style)
        }
    }

    /// One that has failed and is tried again has been answered.
    static func isAnswered(_ delivery: NotifyDelivery) -> Bool {
        delivery.state != "pending" || delivery.error != nil
    }

    private func report(_ deliveries: [NotifyDelivery], _ style: Style) throws {
        for delivery in deliveries {
            let tone: Tone = delivery.state == "delivered" ? .good : .bad
            let state = delivery.state == "pending" ? "not delivered yet" : delivery.state
            let error = delivery.error.map { ": \($0)" } ?? ""
            Terminal.writeLine(
                "\(style.paint(style.symbol(tone), tone)) \(delivery.destination): \(state)\(error)"
            )
        }
        guard deliveries.contains(where: { $0.state != "delivered" }) else { return }
        if let pending = deliveries.first(where: { $0.state == "pending" }) {
            Terminal.writeErrorLine(
                "it is tried again; to leave that: `muster notify pending drop \(pending.number)`"
            )
        }
        if let lost = deliveries.first(where: { !["pending", "delivered"].contains($0.state) }) {
            Terminal.writeErrorLine(
                "what was \(lost.state) is not tried again; when that is mended: "
                    + "`muster notify pending retry \(lost.number)`"
            )
        }
        throw QuietExit(status: .failed)
    }
}

struct NotifyPendingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pending",
        abstract: "Messages that wait to be delivered: why, and when they are tried next.",
        subcommands: [NotifyPendingList.self, NotifyRetry.self, NotifyDrop.self],
        defaultSubcommand: NotifyPendingList.self
    )
}

struct NotifyPendingList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "What waits or is under way, the newest first; below it, what did not arrive.",
        discussion: """
            What was refused or given up in the last 7 days is shown too: mend what OUTCOME says, then \
            `muster notify pending retry --all`. Exits 2 when an attempt has failed, or something did \
            not arrive.
            """,
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<NotifyDeliveryList> = try await session.client.get(
                Route.listNotices.path,
                query: [("pending", "true"), ("limit", "\(NotifyDeliveryList.limitMax)")]
            )
            let lost = answer.value.undelivered ?? []
            try session.show(
                answer,
                answer.value.deliveries + lost,
                NotifyWords.listing(style: session.style, at: answer.asOf),
                list,
                ifEmpty: "nothing waits to be delivered"
            )
            if !list.output.format.isForPrograms, let first = lost.first {
                hint(answer.value, first, session.options.colour.errorStyle)
            }
            guard lost.isEmpty, answer.value.deliveries.allSatisfy({ $0.error == nil }) else {
                throw QuietExit(status: .degraded)
            }
        }
    }

    /// What did not arrive is not tried again by itself.
    private func hint(_ list: NotifyDeliveryList, _ first: NotifyDelivery, _ style: Style) {
        if list.deliveries.isEmpty { Terminal.writeErrorLine("nothing waits to be delivered") }
        let count = list.undelivered?.count ?? 0
        let number = count == 1 ? "\(first.number)" : "--all"
        Terminal.writeErrorLine(
            "\(counted(count, "message")) did not arrive, and \(count == 1 ? "is" : "are") not tried"
                + " again"
        )
        Terminal.writeErrorLine(
            "\(style.paint("hint:", .accent)) when that is mended: "
                + "`muster notify pending retry \(number)`"
        )
    }
}

/// The number of a delivery, or all of them.
struct DeliveriesArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("As `muster notify pending` shows it.", valueName: "number")
    )
    var number: UInt64?

    @Flag(help: "All of them, instead of one.")
    var all = false

    func validate() throws {
        guard all == (number == nil) else {
            throw ValidationError(
                all ? "--all stands for itself." : "Say the number of a delivery, or --all."
            )
        }
    }
}

struct NotifyRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Try a delivery now: one that waits, was given up, refused or dropped.",
        discussion: """
            With --all everything that `muster notify pending` shows: what waits, and what was given up \
            or refused in the last 7 days.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var deliveries: DeliveriesArgument

    func run() async throws {
        guard let number = deliveries.number else {
            return try await change.sendAlone(.retryDeliveries, over: connection)
        }
        try await change.send(.retryDelivery, "\(number)", over: connection)
    }
}

struct NotifyDrop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Drop a delivery that waits, was given up or refused: it is not tried any more.",
        discussion: """
            With --all what was given up or refused in the last 7 days, and nothing that waits.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var deliveries: DeliveriesArgument

    func run() async throws {
        guard let number = deliveries.number else {
            return try await change.sendAlone(.dropUndelivered, over: connection)
        }
        try await change.send(.dropDelivery, "\(number)", over: connection)
    }
}
