import API
import ArgumentParser
import Identity
import Model

struct ContextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context",
        abstract: "The clusters this machine knows, and which of them is meant.",
        discussion: """
            Kept in contexts.yaml of $MUSTER_CONFIG_DIR, else $XDG_CONFIG_HOME/muster, else \
            ~/.config/muster. --context or $MUSTER_CONTEXT name another than the current one, or \
            a credential's folder.
            """,
        subcommands: [
            ContextList.self, ContextUse.self, ContextShow.self, ContextImport.self,
            ContextRemove.self,
        ],
        aliases: ["contexts"]
    )
}

/// A context as it is shown; no secrets.
private struct ContextView: Codable, Sendable {
    var name: String
    var current: Bool
    var servers: [String]
    var credential: String
    var cluster: String?
    var operatorName: String?
    var certificateNotAfter: String?
    /// What is wrong with the credential.
    var problem: String?

    init(_ context: Context, isCurrent: Bool) {
        name = context.name
        current = isCurrent
        servers = context.servers
        credential = context.credential
        do throws(IdentityError) {
            let directory = CredentialDirectory(path: context.credential)
            guard let identity = try directory.credential()?.identity else {
                problem = "there is no credential"
                return
            }
            cluster = identity.cluster.text
            operatorName = identity.holder.name
            certificateNotAfter = identity.notAfter.iso8601
        } catch {
            problem = "\(error)"
        }
    }

    var end: String {
        problem ?? NodeWords.until(certificateNotAfter, at: TimeText.now())
    }
}

struct ContextList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "All contexts.",
        aliases: ["ls"]
    )

    @OptionGroup var list: ListOptions
    @OptionGroup var colour: ColourOption

    func run() throws {
        let file = try ContextStore.standard().load()
        let views = file.contexts.map { ContextView($0, isCurrent: $0.name == file.current) }
        if list.output.format.isForPrograms {
            Terminal.write(
                try Emit.text(try JSONLine.bytes(["contexts": views]), as: list.output.format)
            )
            return
        }
        guard !views.isEmpty else {
            return Terminal.writeErrorLine("no contexts; `muster context import` or `muster login`")
        }
        typealias Column = Listing<ContextView>.Column
        let table = try Listing<ContextView>(columns: [
            Column("CURRENT") { Cell($0.current ? "*" : "", .good) },
            Column("NAME") { Cell($0.name, .strong) },
            Column("OPERATOR") { Cell($0.operatorName ?? "-") },
            Column("CREDENTIAL") { Cell($0.end, $0.problem == nil ? .plain : .bad) },
            Column("SERVERS", flexible: true) { Cell($0.servers.joined(separator: " ")) },
            Column("CLUSTER", wide: true) { Cell($0.cluster ?? "-") },
            Column("FOLDER", wide: true) { Cell($0.credential) },
        ]).table(
            views,
            isWide: list.output.format == .wide,
            hasHeader: !list.noHeaders,
            sortBy: list.sortBy
        )
        let width = Terminal.isOutput ? Terminal.size.columns : nil
        for line in table.lines(style: colour.outputStyle, width: width) {
            Terminal.writeLine(line)
        }
    }
}

struct ContextUse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "use",
        abstract: "Make a context the current one."
    )

    @Argument(help: "Its name.", completion: .custom { _, _, _ in Completions.contexts() })
    var name: String

    func run() throws {
        let store = try ContextStore.standard()
        var file = try store.load()
        let context = try store.resolve(name, environment: { _ in nil })
        file.current = context.name
        try store.save(file)
        Terminal.writeLine("the current context is \(context.name)")
    }
}

struct ContextShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The context that is meant, or the one that is named."
    )

    @OptionGroup var output: FormatOption
    @OptionGroup var colour: ColourOption

    @Argument(help: "Its name.", completion: .custom { _, _, _ in Completions.contexts() })
    var name: String?

    func run() throws {
        let store = try ContextStore.standard()
        let context = try store.resolve(name)
        let isCurrent = try store.load().current == context.name
        let view = ContextView(context, isCurrent: isCurrent)
        if output.format.isForPrograms {
            Terminal.write(try Emit.text(try JSONLine.bytes(view), as: output.format))
            return
        }
        var table = Table([.init("WHAT"), .init("IS")])
        table.hasHeader = false
        table.add([Cell("name", .faint), Cell(view.name + (isCurrent ? " (current)" : ""))])
        table.add([Cell("operator", .faint), Cell(view.operatorName ?? "-")])
        table.add([Cell("credential", .faint), Cell(view.end)])
        for server in view.servers { table.add([Cell("server", .faint), Cell(server)]) }
        table.add([Cell("cluster", .faint), Cell(view.cluster ?? "-")])
        table.add([Cell("folder", .faint), Cell(view.credential)])
        for line in table.lines(style: colour.outputStyle, width: nil) { Terminal.writeLine(line) }
    }
}

struct ContextImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take over a credential's folder, as `muster-controller init` made it.",
        discussion: "The credential is copied; the folder is left as it is and may be deleted."
    )

    @Argument(help: "The folder.", completion: .directory)
    var folder: String

    @Option(help: "What the context shall be called (default: what the folder says).")
    var name: String?

    @Flag(help: "Replace a context of this name.")
    var replace = false

    func run() throws {
        let store = try ContextStore.standard()
        let source = CredentialDirectory(path: ContextStore.absolute(folder))
        let description = try ContextStore.description(in: source.path)
        let wanted = name ?? description.name
        guard Context.isName(wanted) else {
            throw ConsoleError(.usage, "\(wanted) is not a name for a context", hint: "--name NAME")
        }
        var file = try store.load()
        guard replace || file.context(named: wanted) == nil else {
            throw ConsoleError(
                .refused,
                "there is a context \(wanted) already",
                hint: "say --name NAME for another, or --replace"
            )
        }
        let target = CredentialDirectory(path: store.credentialFolder(wanted))
        do {
            guard let credential = try source.credential(), let roots = try source.roots() else {
                throw ConsoleError(.failed, "\(source.path) holds no credential")
            }
            try store.makeFolder(target.path)
            try target.replaceRoots(roots)
            try target.replace(credential)
        } catch let error as IdentityError {
            throw ConsoleError(.failed, "\(error)")
        }
        let kept = CredentialDescription(name: wanted, servers: description.servers)
        try store.write(kept.yaml, to: "\(target.path)/\(ContextStore.descriptionName)")
        file.put(Context(name: wanted, servers: description.servers, credential: target.path))
        if file.current == nil { file.current = wanted }
        try store.save(file)
        let also = file.current == wanted ? " and is the current one" : ""
        Terminal.writeLine("context \(wanted) is there\(also)")
    }
}

struct ContextRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Forget a context and delete its credential from this machine.",
        aliases: ["rm"]
    )

    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var colour: ColourOption

    @Argument(help: "Its name.", completion: .custom { _, _, _ in Completions.contexts() })
    var name: String

    func run() throws {
        let store = try ContextStore.standard()
        var file = try store.load()
        guard let context = file.context(named: name) else {
            _ = try store.resolve(name, environment: { _ in nil })
            return
        }
        try Confirmation.ask(
            "Context \(name) and its credential will be deleted from this machine.",
            .yes,
            isGiven: confirmation.yes,
            style: colour.errorStyle
        )
        file.contexts.removeAll { $0.name == name }
        if file.current == name { file.current = nil }
        try store.save(file)
        try store.deleteCredential(of: context)
        Terminal.writeLine("context \(name) is forgotten")
    }
}
