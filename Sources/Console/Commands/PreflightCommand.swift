import API
import ArgumentParser
import Model

struct PreflightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preflight",
        abstract: "Check that nodes have what they need: clock, paths, ports, space, names.",
        discussion: "Exits 0 when all passed, 2 when some did not, 4 when a node did not answer."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The nodes (default: every joined node).", completion: Completions.nodes)
    var nodes: [String] = []

    @Option(help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout: DurationArgument = DurationArgument(milliseconds: 60_000)

    @Flag(help: "Show the checks that passed as well.")
    var all = false

    func run() async throws {
        try await Session.run(connection) { session in
            let started: Answer<PreflightStarted> = try await session.client.send(
                .startPreflight,
                nil,
                PreflightRequest(
                    nodes: nodes.isEmpty ? nil : nodes,
                    reason: change.reason,
                    force: change.forced
                )
            )
            let answer = try await finished(started.value.run, session)
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                show(answer.value, session)
            }
            let outcomes = answer.value.findings.map(\.outcome)
            if !answer.value.waiting.isEmpty { throw QuietExit(status: .timedOut) }
            if outcomes.contains(where: { $0 != "passed" }) { throw QuietExit(status: .degraded) }
        }
    }

    private func finished(
        _ run: UInt64,
        _ session: Session
    ) async throws -> Answer<PreflightRun> {
        var latest: Answer<PreflightRun>?
        let waiting = Waiting(
            session: session,
            timeoutMilliseconds: timeout.milliseconds,
            lookAgain: "muster node show"
        )
        do {
            try await waiting.until {
                let answer: Answer<PreflightRun> = try await session.client.get(
                    Route.showPreflight.path("\(run)")
                )
                latest = answer
                guard answer.value.finishedAt == nil else { return nil }
                let missing = answer.value.waiting
                return "waiting for \(missing.prefix(5).joined(separator: ", "))"
                    + (missing.count > 5 ? " and \(missing.count - 5) more" : "")
            }
        } catch let error as ConsoleError where error.status == .timedOut {
            guard latest != nil else { throw error }
        }
        guard let latest else { throw QuietExit(status: .failed) }
        return latest
    }

    private func show(_ run: PreflightRun, _ session: Session) {
        let findings = run.findings.filter { all || $0.outcome != "passed" }
        let lines = PreflightWords.lines(
            findings,
            style: session.style,
            width: session.width
        )
        for line in lines { Terminal.writeLine(line) }
        func count(_ outcome: String) -> Int { run.findings.count { $0.outcome == outcome } }
        var parts = ["\(count("passed")) passed"]
        for outcome in ["warning", "failed", "unknown"] where count(outcome) > 0 {
            parts.append("\(count(outcome)) \(outcome)")
        }
        let nodes = Set(run.findings.map(\.node)).count
        parts.append(counted(nodes, "node"))
        if !run.waiting.isEmpty {
            parts.append("no answer from \(run.waiting.joined(separator: ", "))")
        }
        Terminal.writeLine(parts.joined(separator: ", "))
    }
}
