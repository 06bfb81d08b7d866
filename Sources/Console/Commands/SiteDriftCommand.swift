import API
import ArgumentParser
import Model

struct SiteDriftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift",
        abstract: "What differs between the nodes of a site and their pairs.",
        discussion: """
            What is compared is said in agent.conf, in sections [files NAME], [private NAME] and \
            [version NAME]. Exits 0 when all of it was compared and is as it should be, and 2 when \
            there is drift, or something is not known.
            """
    )

    /// Files whose texts are asked for by one command.
    static let diffsMax = 50

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(
        help: ArgumentHelp(
            "The site's name (default: every standby site).",
            valueName: "site"
        ),
        completion: Completions.sites
    )
    var site: String?

    @Flag(
        help: """
            Show texts line by line, where both nodes let them be shown; needs an operator, and is \
            audited.
            """
    )
    var diff = false

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func validate() throws {
        if diff && (watch || output.format.isForPrograms) {
            throw ValidationError("--diff is for people: no --watch, no -o json or yaml.")
        }
    }

    func run() async throws {
        try await Session.run(connection) { session in
            if watch {
                var view = LiveView(session: session, model: LiveDrift(site: site, output: output))
                view.format = output.format
                return try await view.run()
            }
            let answers = try await Self.answers(site, session)
            if output.format.isForPrograms {
                try emit(answers)
            } else {
                try await show(answers, session)
            }
            if answers.contains(where: { $0.value.state != "fine" }) {
                throw QuietExit(status: .degraded)
            }
        }
    }

    /// Of one site, or of every site that would take over.
    static func answers(
        _ site: String?,
        _ session: Session
    ) async throws -> [Answer<SiteDrift>] {
        var names = [site].compactMap { $0 }
        if names.isEmpty {
            let list: Answer<SiteList> = try await session.client.get(Route.listSites.path)
            names = list.value.sites.filter { $0.role != "active" }.map(\.name)
            guard !names.isEmpty else {
                throw ConsoleError(
                    .failed,
                    "there is no standby site",
                    hint: "muster site add NAME"
                )
            }
        }
        var answers: [Answer<SiteDrift>] = []
        for name in names {
            answers.append(try await session.client.get(Route.showDrift.path(name)))
        }
        return answers
    }

    /// One site is the interface's own answer; several are in a list.
    private func emit(_ answers: [Answer<SiteDrift>]) throws {
        if site != nil, let answer = answers.first {
            return Terminal.write(try Emit.text(answer.json, as: output.format))
        }
        struct Sites: Encodable { var sites: [SiteDrift] }
        let json = try JSONLine.bytes(Sites(sites: answers.map(\.value)))
        Terminal.write(try Emit.text(json, as: output.format))
    }

    private func show(_ answers: [Answer<SiteDrift>], _ session: Session) async throws {
        for (index, answer) in answers.enumerated() {
            if index > 0 { Terminal.writeLine("") }
            let lines = DriftWords.lines(
                answer.value,
                style: session.style,
                width: session.width,
                at: answer.asOf,
                showsAll: output.format == .wide
            )
            for line in lines { Terminal.writeLine(line) }
            if diff { try await showDiffs(answer.value, session) }
        }
    }

    /// A text that cannot be shown keeps no other from being shown.
    private func showDiffs(_ drift: SiteDrift, _ session: Session) async throws {
        var asked = 0
        for pair in drift.pairs {
            for set in pair.sets where set.state == "drift" && set.kind != "private" {
                Terminal.writeLine("")
                guard set.show else {
                    Terminal.writeLine(
                        "\(set.name) of \(pair.standby) may not be shown (show = yes in its "
                            + "section, on both nodes)"
                    )
                    continue
                }
                for difference in set.differences where Self.hasText(difference) {
                    guard asked < Self.diffsMax else {
                        return Terminal.writeLine("more than \(Self.diffsMax) files differ")
                    }
                    asked += 1
                    try await showDiff(difference.path, set, pair, drift.site, session)
                }
            }
        }
    }

    private static func hasText(_ difference: DriftDifference) -> Bool {
        let kinds = [difference.standby, difference.production].compactMap { $0?.kind }
        let isOfContent = difference.aspects.contains { aspect in
            ["content", "only-standby", "only-production"].contains(aspect)
        }
        return isOfContent && kinds.allSatisfy { $0 == "file" || $0 == "output" }
    }

    private func showDiff(
        _ path: String,
        _ set: DriftSet,
        _ pair: DriftPair,
        _ site: String,
        _ session: Session
    ) async throws {
        do {
            let answer: Answer<FileDiff> = try await session.client.get(
                Route.showFileDiff.path(site),
                query: [("node", pair.standby), ("set", set.name), ("path", path)]
            )
            let lines = answer.value.lines
            if lines.isEmpty { Terminal.writeLine("\(path): alike by now") }
            for line in lines { Terminal.writeLine(DriftWords.diff(line, style: session.style)) }
        } catch let error as ConsoleError
            where ["invalid", "unknown-name", "not-now"].contains(error.code ?? "")
        {
            Terminal.writeLine("\(path): \(error.message)")
        }
    }
}
