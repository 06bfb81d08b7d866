import API
import ArgumentParser

struct ReplicationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replication",
        abstract: "Data sets: how far every site is behind, and what may be lost.",
        discussion: """
            Measured by canaries: numbered marks that are written at the active site about once a second \
            and read back from the other sites. What the replicator says of itself is shown beside it, and \
            decides nothing.
            """,
        subcommands: [ReplicationList.self, ReplicationShow.self]
    )
}

struct ReplicationList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Every data set with its lag at each site.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func run() async throws {
        try await Session.run(connection) { session in
            try await session.list(
                .listDataSets,
                list,
                isLive: watch,
                items: { (answer: DataSetList) in ReplicationWords.rows(answer.dataSets) },
                listing: { style, _ in ReplicationWords.listing(style: style) },
                ifEmpty:
                    "no data set is watched: the RPO is unknown; define data.d/NAME.conf on nodes"
            )
        }
    }
}

struct ReplicationShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "One data set: its lag now and over the last hours, and where its history has parted.",
        discussion: "Exits 2 when a site is late, unknown or has diverged."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(
        help: ArgumentHelp("The data set's name.", valueName: "data set"),
        completion: Completions.dataSets
    )
    var name: String

    func run() async throws {
        try await Session.run(connection) { session in
            let detail: Answer<DataSetDetail> = try await session.client.get(
                Route.showDataSet.path(name)
            )
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(detail.json, as: output.format))
            } else {
                let page = ReplicationPage(
                    detail: detail.value,
                    style: session.style,
                    width: output.format == .wide ? nil : session.width
                )
                for line in page.lines() { Terminal.writeLine(line) }
            }
            let isFine = detail.value.dataSet.sites.allSatisfy {
                $0.state == "fine" || $0.state == "source"
            }
            if !isFine { throw QuietExit(status: .degraded) }
        }
    }
}
