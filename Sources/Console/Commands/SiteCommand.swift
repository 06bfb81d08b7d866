import API
import ArgumentParser

struct SiteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "site",
        abstract: "The sites of the cluster.",
        subcommands: [
            SiteList_.self, SiteShow.self, SiteReadinessCommand.self, SiteDriftCommand.self,
            SiteAdd.self,
            SiteRemove.self, SiteSetMinimum.self, SiteSetForm.self,
        ],
        aliases: ["sites"]
    )
}

struct SiteList_: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All sites with their role and nodes.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listSites,
                list,
                isLive: watch,
                items: { (answer: SiteList) in answer.sites },
                listing: { style, _ in SiteWords.listing(style: style) },
                ifEmpty: "no sites yet; add one with `muster site add NAME`"
            )
        }
    }
}

struct SiteAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Declare a site; it is a standby."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: ArgumentHelp("The site's name.", valueName: "site"))
    var name: String

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .addSite,
                nil,
                AddSiteRequest(name: name, reason: change.reason, force: change.forced)
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}

struct SiteRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a site that has no nodes.",
        aliases: ["rm"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var confirmation: ConfirmationOptions

    @Argument(
        help: ArgumentHelp("The site's name.", valueName: "site"),
        completion: Completions.sites
    )
    var name: String

    func run() async throws {
        try await Confirmation.ask(
            "Site \(name) will be removed.",
            .yes,
            isGiven: confirmation.yes,
            needing: Route.removeSite.access,
            over: connection,
            style: connection.colour.errorStyle
        )
        try await change.send(.removeSite, name, over: connection)
    }
}

struct SiteSetMinimum: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-minimum",
        abstract: "Say how many nodes of a site must be Online; 0 for no minimum."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(
        help: ArgumentHelp("The site's name.", valueName: "site"),
        completion: Completions.sites
    )
    var name: String

    @Argument(help: "Fewer Online nodes than this is a problem.")
    var minimum: UInt32

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                .setSiteMinimum,
                Route.setSiteMinimum.path(name),
                SetMinimumRequest(
                    minimum: minimum,
                    reason: change.reason,
                    force: change.forced
                )
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}
