import API
import ArgumentParser
import Model

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "What is active, what is wrong, and what happened last, in one screen.",
        discussion: """
            Exits 0 when the cluster is healthy and 2 when it is degraded, down or without an active \
            site. With --check it prints one line and exits as monitoring plugins do: 0 OK, 1 WARNING, \
            2 CRITICAL, 3 UNKNOWN (no controller answers, or it lets us not in).
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Flag(help: "One line for a monitoring system, with its exit statuses.")
    var check = false

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func validate() throws {
        if check && (watch || output.format != .table) {
            throw ValidationError("--check stands alone: no --watch and no -o.")
        }
    }

    func run() async throws {
        if check { return try await runCheck() }
        try await Session.run(connection) { session in
            if watch {
                var view = LiveView(session: session, model: LiveStatus())
                view.format = output.format
                return try await view.run()
            }
            let answer: Answer<ClusterStatus> = try await session.client.get(Route.getStatus.path)
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                show(answer.value, style: session.style)
            }
            if answer.value.verdict != .healthy { throw QuietExit(status: .degraded) }
        }
    }

    private func show(_ status: ClusterStatus, style: Style) {
        let size = Terminal.size
        let isScreen = Terminal.isOutput && output.format != .wide
        // The last row is for the next prompt.
        var screen = StatusScreen(
            status: status,
            style: style,
            now: WallTime(iso8601: status.asOf) ?? TimeText.now(),
            width: size.columns,
            height: isScreen ? size.rows - 1 : nil
        )
        screen.isCut = Terminal.isOutput
        for line in screen.lines() { Terminal.writeLine(line) }
    }

    private func runCheck() async throws {
        let state: StatusCheck.State
        do {
            let status: ClusterStatus = try await Session.run(connection) { session in
                let answer: Answer<ClusterStatus> = try await session.client.get(
                    Route.getStatus.path
                )
                return answer.value
            }
            state = StatusCheck.state(status)
            Terminal.writeLine(StatusCheck.line(status))
        } catch let error as ConsoleError {
            state = .unknown
            Terminal.writeLine(StatusCheck.unknown(error))
        }
        throw ExitCode(state.rawValue)
    }
}
