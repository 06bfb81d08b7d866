import API
import ArgumentParser
import Crypto
import Model

struct RunReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "What a run leaves behind: who, why, times, proofs, and every task in flight.",
        discussion: """
            When a run ends, the SHA-256 of its report goes into the audit's chain: of the run, its             steps with every attempt, its fences, and its loss of data; not of the tasks, of which late news may come.             --verify looks whether it is still what it was, and whether the chain is intact: it exits             0 when both are so, and 2 otherwise. --format sealed writes the bytes that are digested.
            """
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case markdown
        case json
        case sealed
    }

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var number: RunNumberArgument

    @Option(help: "markdown, json, or sealed: the bytes that the audit has the digest of.")
    var format: Format = .markdown

    @Flag(help: "Compare the report with its digest in the audit log, and check the log's chain.")
    var verify = false

    func run() async throws {
        try await Session.run(connection) { session in
            let path = Route.showRunReport.path("\(number.run)")
            if verify { return try await compare(session, path) }
            switch format {
            case .markdown:
                let text = try await session.client.text(path, query: [("format", "markdown")])
                Terminal.write(text)
            case .json:
                let answer: Answer<RunReport> = try await session.client.get(path)
                Terminal.write(try Emit.text(answer.json, as: .json))
            case .sealed:
                let answer: Answer<RunReport> = try await session.client.get(path)
                Terminal.write(try sealed(answer.value))
            }
        }
    }

    private func sealed(_ report: RunReport) throws(ConsoleError) -> String {
        guard let sealed = report.sealed else {
            throw ConsoleError(
                .refused,
                "run \(number.run) has not ended: its report is sealed when it does",
                hint: "muster run follow \(number.run)"
            )
        }
        return sealed
    }

    private func compare(_ session: Session, _ path: String) async throws {
        let answer: Answer<RunReport> = try await session.client.get(path)
        let digest = SHA256.hash(data: Array(try sealed(answer.value).utf8)).hexadecimal
        let entry = try await entry(session, endedAt: answer.value.run.endedAt)
        let chain: Answer<AuditVerification> = try await session.client.get(
            Route.verifyAudit.path
        )
        let result = ReportVerification(digest: digest, entry: entry, chain: chain.value)
        for line in result.lines(run: number.run, style: session.style) {
            Terminal.writeLine(line)
        }
        if !result.isGood { throw QuietExit(status: .degraded) }
    }

    /// The audit's entry of the sealed report, looked for from the newest on.
    private func entry(_ session: Session, endedAt: String?) async throws -> AuditEntry? {
        let limit = AuditPage.limitMax
        var query: [(String, String?)] = [("limit", "\(limit)")]
        while true {
            let page: Answer<AuditPage> = try await session.client.get(
                Route.listAudit.path,
                query: query
            )
            let found = page.value.entries.last {
                $0.verb == ReportVerification.verb && $0.object == "\(number.run)"
            }
            if let found { return found }
            guard let first = page.value.entries.first, first.sequence > 1 else { return nil }
            // What is in the chain before the run's end is not of its report.
            if let endedAt, first.at < endedAt { return nil }
            let from = first.sequence > UInt64(limit) ? first.sequence - UInt64(limit) : 1
            let count = min(UInt64(limit), first.sequence - from)
            query = [("from", "\(from)"), ("limit", "\(count)")]
        }
    }
}

/// Whether a run's report is the one whose digest was audited.
struct ReportVerification {
    static let verb = "run.report"

    /// SHA-256 of the sealed part as it was answered.
    var digest: String
    var entry: AuditEntry?
    var chain: AuditVerification

    var isSame: Bool { entry?.parametersDigest == digest && entry?.actor == "controller" }

    var isGood: Bool { isSame && chain.intact }

    func lines(run: UInt64, style: Style) -> [String] {
        func line(_ isGood: Bool, _ text: String) -> String {
            let tone: Tone = isGood ? .good : .bad
            return style.paint("\(style.symbol(tone)) \(text)", tone)
        }
        var lines: [String] = []
        if let entry {
            lines.append(
                line(
                    isSame,
                    isSame
                        ? "the report of run \(run) is the one that entry \(entry.sequence) of the "
                            + "audit has the digest of"
                        : "the report of run \(run) is NOT the one that entry \(entry.sequence) of "
                            + "the audit has the digest of"
                )
            )
            if !isSame { lines.append("  audited  \(entry.parametersDigest)") }
        } else {
            lines.append(line(false, "the audit has no entry of the report of run \(run)"))
        }
        lines.append("  SHA-256  \(digest)")
        lines.append(
            line(
                chain.intact,
                chain.intact ? "the audit's chain is intact" : "BROKEN: \(chain.text)"
            )
        )
        return lines
    }
}

extension SHA256Digest {
    /// 64 digits in lower case.
    fileprivate var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined()
    }
}
