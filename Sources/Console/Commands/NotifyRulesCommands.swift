import API
import ArgumentParser
import Model

struct NotifyFileArgument: ParsableArguments {
    static let bytesMax = 64 << 10

    @Argument(help: "A file; - is standard input.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    static func text(_ file: String) throws -> String {
        String(decoding: try InputFile.read(file, bytesMax: bytesMax), as: UTF8.self)
    }

    func request(reason: String? = nil, force: Bool? = nil) throws -> SetDocumentRequest {
        SetDocumentRequest(
            text: try Self.text(file),
            file: InputFile.name(file),
            reason: reason,
            force: force
        )
    }
}

struct NotifyCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say every mistake of rules, with its line; nothing is changed.",
        discussion: """
            The controller judges: names of its configuration, sites and templates, too. What may not be \
            meant as it is written is a warning: it does not keep the rules from being set. Exits 0 when \
            there is no mistake, and 2 when there is one.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption
    @OptionGroup var rules: NotifyFileArgument

    func run() async throws {
        let request = try rules.request()
        try await Session.run(connection) { session in
            let answer: Answer<NotifyCheck> = try await session.client.send(
                .checkNotifyRules,
                nil,
                request
            )
            if output.format.isForPrograms {
                Terminal.write(try Emit.text(answer.json, as: output.format))
            } else if let found = answer.value.rules {
                for line in NotifyWords.lines(found) {
                    let parts = NotifyWords.wrapped(line, indent: "  ", width: session.width)
                    for part in parts { Terminal.writeLine(part) }
                }
                for line in answer.value.warningLines(in: request.file, session.style) {
                    Terminal.writeLine(line)
                }
            } else {
                for line in PlanWords.mistakes(answer.value.mistakes, in: request.file) {
                    Terminal.writeLine(line)
                }
            }
            if !answer.value.valid { throw QuietExit(status: .degraded) }
        }
    }
}

struct NotifySet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Make a file the rules, in place of all there were; says what differs.",
        discussion: """
            With --dry-run it says what would differ, and changes nothing. Rules with a mistake are not \
            set: each is told with its line. Warnings are told, too, and keep nothing from being set.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var rules: NotifyFileArgument

    @Flag(help: "Say what would differ; change nothing.")
    var dryRun = false

    func run() async throws {
        let request = try rules.request(reason: change.reason, force: change.forced)
        try await Session.run(connection) { session in
            let check: Answer<NotifyCheck> = try await session.client.send(
                .checkNotifyRules,
                nil,
                request
            )
            guard let after = check.value.rules, check.value.valid else {
                throw check.value.refusal("the rules were not set", in: request.file)
            }
            let before: Answer<NotifyStatus> = try await session.client.get(Route.showNotify.path)
            let changes = NotifyWords.changes(
                from: before.value.rules,
                to: after,
                style: session.style,
                width: session.width
            )
            for line in changes { Terminal.writeLine(line) }
            if changes.isEmpty { Terminal.writeLine("nothing differs") }
            let style = session.options.colour.errorStyle
            for line in check.value.warningLines(in: request.file, style) {
                Terminal.writeErrorLine(line)
            }
            guard !dryRun else {
                return Terminal.writeErrorLine("a dry run: nothing was changed")
            }
            let answer: Answer<ChangeDone> = try await session.client.send(
                .setNotifyRules,
                nil,
                request
            )
            Terminal.writeLine(answer.value.text)
            hint(before.value.rules, after, session)
        }
    }

    /// A receiver that nobody has tried is one that nobody knows of whether it works.
    private func hint(_ before: NotifyRulesView?, _ after: NotifyRulesView, _ session: Session) {
        let known = before?.receivers ?? []
        guard let new = after.receivers.first(where: { !known.contains($0) }) else { return }
        let word = session.options.colour.errorStyle.paint("hint:", .accent)
        Terminal.writeErrorLine("\(word) try it: `muster notify test \(new.name)`")
    }
}

extension NotifyCheck {
    /// `warning: notify.yaml:7:5: …`
    fileprivate func warningLines(in file: String?, _ style: Style) -> [String] {
        PlanWords.mistakes(warnings ?? [], in: file)
            .map { "\(style.paint("warning:", .warning)) \($0)" }
    }

    /// Each mistake in a line of its own.
    fileprivate func refusal(_ what: String, in file: String?) -> ConsoleError {
        let lines = PlanWords.mistakes(mistakes, in: file)
        return ConsoleError(
            .refused,
            "\(what), they have \(counted(lines.count, "mistake"))\n"
                + lines.joined(separator: "\n")
        )
    }
}

enum NoticeStateArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case firing
    case resolved
    case told
}

struct NotifyPreviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview",
        abstract: "What a message of a kind would say; nothing is sent.",
        discussion: """
            By the templates of the rules that hold, or of --file. Names and figures in it are samples.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    @Argument(
        help: ArgumentHelp("Such as node.offline.", valueName: "kind"),
        completion: Completions.kinds
    )
    var kind: String

    @Option(help: "What it tells: that it began, that it has ended, or that it has happened.")
    var state: NoticeStateArgument = .firing

    @Option(
        help: ArgumentHelp("By the rules of this file instead.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"])
    )
    var file: String?

    func run() async throws {
        let request = NotifyPreviewRequest(
            kind: kind,
            state: state.rawValue,
            text: try file.map { try NotifyFileArgument.text($0) },
            file: file.map { InputFile.name($0) }
        )
        try await Session.run(connection) { session in
            if let text = request.text {
                let check: Answer<NotifyCheck> = try await session.client.send(
                    .checkNotifyRules,
                    nil,
                    SetDocumentRequest(text: text, file: request.file)
                )
                guard check.value.valid else {
                    throw check.value.refusal("nothing by these rules", in: request.file)
                }
            }
            let answer: Answer<NotifyPreview> = try await session.client.send(
                .previewNotice,
                nil,
                request
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            Terminal.writeLine("Subject: \(session.style.paint(answer.value.subject, .strong))")
            Terminal.writeLine("")
            for line in answer.value.lines { Terminal.writeLine(line) }
        }
    }
}
