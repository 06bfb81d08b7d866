import API
import ArgumentParser
import Model

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Who ordered what, and what came of it.",
        subcommands: [AuditList.self, AuditVerify.self]
    )
}

enum AuditWords {
    static func listing(at now: WallTime, isWide: Bool) -> Listing<AuditEntry> {
        typealias Column = Listing<AuditEntry>.Column
        return Listing(columns: [
            Column("SEQ", right: true, number: { Int64(clamping: $0.sequence) }) {
                Cell("\($0.sequence)", .faint)
            },
            Column("AT", number: { Int64(clamping: $0.sequence) }) {
                Cell(isWide ? TimeText.long($0.at) : TimeText.short($0.at, at: now))
            },
            Column("WHO") { Cell($0.actor, .strong) },
            Column("DID") { Cell($0.verb) },
            Column("TO", flexible: true) { Cell($0.object.isEmpty ? "-" : $0.object) },
            Column("OUTCOME") { Cell($0.outcome, $0.outcome == "done" ? .plain : .warning) },
            Column("WHY", flexible: true) { Cell($0.reason.isEmpty ? "-" : $0.reason) },
            Column("FROM", wide: true) { Cell($0.source) },
            Column("KEY", wide: true) { Cell($0.key.isEmpty ? "-" : String($0.key.prefix(16))) },
            Column("HASH", wide: true) { Cell(String($0.hash.prefix(16))) },
        ])
    }
}

struct AuditList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The last entries, oldest first.",
        aliases: ["ls"]
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var list: ListOptions

    @Option(name: [.short, .long], help: "How many at most, 1 to 1000.")
    var limit = 20

    @Option(help: ArgumentHelp("Begin with this one.", valueName: "sequence"))
    var from: UInt64?

    @Flag(name: .shortAndLong, help: "Stay and redraw.")
    var watch = false

    func validate() throws {
        guard (1...AuditPage.limitMax).contains(limit) else {
            throw ValidationError("--limit is from 1 to \(AuditPage.limitMax).")
        }
    }

    func run() async throws {
        let isWide = list.output.format == .wide
        try await Session.run(connection) { session in
            try await session.list(
                .listAudit,
                query: [("from", from.map { "\($0)" }), ("limit", "\(limit)")],
                list,
                isLive: watch,
                items: { (answer: AuditPage) in answer.entries },
                listing: { _, now in AuditWords.listing(at: now, isWide: isWide) },
                ifEmpty: "no such entries"
            )
        }
    }
}

struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read the whole log and check the chain of its hashes.",
        discussion: "Exits 0 when it is intact and 2 when it is not. Keep the hash elsewhere."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<AuditVerification> = try await session.client.get(
                Route.verifyAudit.path
            )
            let result = answer.value
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else {
                let tone: Tone = result.intact ? .good : .bad
                let style = session.style
                let word = result.intact ? "intact" : "BROKEN"
                let sign = style.paint("\(style.symbol(tone)) \(word)", tone)
                Terminal.writeLine("\(sign): \(result.text)")
                Terminal.writeLine("  entries  \(result.entries)")
                if let at = result.brokenAt { Terminal.writeLine("  broken at entry \(at)") }
                Terminal.writeLine("  hash     \(result.headHash)")
            }
            if !result.intact { throw QuietExit(status: .degraded) }
        }
    }
}
