import API
import ArgumentParser

struct SiteNameArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The site's name.", valueName: "site"),
        completion: Completions.sites
    )
    var name: String
}

struct SiteShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One site: its part, its readiness and its pairs."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var site: SiteNameArgument

    func run() async throws {
        try await Session.run(connection) { session in
            // The readiness comes first: it says that there is no such site.
            let readiness: Answer<SiteReadiness> = try await session.client.get(
                Route.showReadiness.path(site.name)
            )
            let sites: Answer<SiteList> = try await session.client.get(Route.listSites.path)
            let pairs: Answer<PairList> = try await session.client.get(
                Route.listPairs.path,
                query: [("site", site.name)]
            )
            guard let status = sites.value.sites.first(where: { $0.name == site.name }) else {
                throw ConsoleError(.failed, "site \(site.name) was removed meanwhile")
            }
            if output.format.isForPrograms {
                let page = Page(site: status, readiness: readiness.value, pairs: pairs.value)
                let text = try Emit.text(try JSONLine.bytes(page), as: output.format)
                return Terminal.write(text)
            }
            show(status, readiness.value, pairs.value, session)
        }
    }

    /// For programs: what the three answers say.
    private struct Page: Encodable {
        var site: SiteStatus
        var readiness: SiteReadiness
        var pairs: PairList
    }

    private func show(
        _ status: SiteStatus,
        _ readiness: SiteReadiness,
        _ pairs: PairList,
        _ session: Session
    ) {
        let style = session.style
        let width = session.width
        let role = SiteWords.role(status)
        var parts = [style.paint(role.text, role.tone)]
        if let epoch = status.epoch { parts.append("epoch \(epoch)") }
        parts.append("\(status.online) of \(status.total) Online")
        parts.append(status.minimum > 0 ? "minimum \(status.minimum)" : "no minimum")
        let dot = " \(style.dot) "
        Terminal.writeLine(
            "site \(style.paint(status.name, .strong))  \(parts.joined(separator: dot))"
        )
        Terminal.writeLine("")
        Terminal.writeLine(SiteWords.verdict(readiness, style: style))
        if readiness.role != "active" {
            let lines = SiteWords.findings(readiness.findings, style: style, width: width)
            for line in lines { Terminal.writeLine(line) }
        }
        let thresholds = NotifyPage.thresholds(
            status.thresholds ?? [],
            style: style,
            at: TimeText.now(),
            width: width
        )
        if !thresholds.isEmpty {
            Terminal.writeLine("")
            Terminal.writeLine(style.paint("THRESHOLDS", .faint))
            for line in thresholds { Terminal.writeLine(line) }
        }
        guard !pairs.pairs.isEmpty || !pairs.unpaired.isEmpty else { return }
        Terminal.writeLine("")
        Terminal.writeLine(style.paint("PAIRS", .faint))
        for pair in pairs.pairs {
            Terminal.writeLine(
                "  \(pair.standby) (\(pair.standbySite)) of \(pair.production) "
                    + "(\(pair.productionSite))"
            )
        }
        if !pairs.unpaired.isEmpty {
            let names = pairs.unpaired.map(\.node).joined(separator: ", ")
            Terminal.writeLine("  without a pair: \(names)")
        }
    }
}

struct SiteReadinessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readiness",
        abstract: "May this site take over now? With every reason.",
        discussion: "Exits 0 when it may, and 2 when it may not."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var site: SiteNameArgument

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<SiteReadiness> = try await session.client.get(
                Route.showReadiness.path(site.name)
            )
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                Terminal.writeLine(SiteWords.verdict(answer.value, style: session.style))
                let lines = SiteWords.findings(
                    answer.value.findings,
                    style: session.style,
                    width: session.width
                )
                for line in lines { Terminal.writeLine(line) }
            }
            if !answer.value.ready { throw QuietExit(status: .degraded) }
        }
    }
}

struct SiteSetForm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-form",
        abstract: "Say what runs on a site while it is a standby.",
        discussion: """
            cold: nothing. warm: drainable services run, without traffic, schedules and tasks. \
            Exclusive services never run on a standby.
            """
    )

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case cold
        case warm
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var site: SiteNameArgument

    @Argument(help: "cold or warm.")
    var form: Form

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .setSiteForm,
                Route.setSiteForm.path(site.name),
                SetFormRequest(
                    form: form.rawValue,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}
