import API
import ArgumentParser
import Model

struct PolicyPrefer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prefer",
        abstract: "Say which tasks a node prefers: types, and attributes as NAME=value.",
        discussion: """
            In place of what it preferred before. It counts with the policy attribute-match; an \
            attribute must have been declared (`muster policy attribute declare NAME`).
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The node's name.", completion: Completions.nodes)
    var node: String

    @Argument(
        help: ArgumentHelp("What it prefers.", valueName: "TYPE|NAME=value"),
        completion: Completions.preferences
    )
    var preferences: [String] = []

    @Flag(help: "Nothing of its own: what its site or the cluster prefers, if that is set.")
    var clear = false

    func validate() throws {
        guard clear == preferences.isEmpty else {
            throw ValidationError("Say what it prefers, or --clear.")
        }
        if let odd = preferences.first(where: { $0.contains(",") }) {
            throw ValidationError("A preference has no comma in it: \(odd)")
        }
    }

    func run() async throws {
        let value = clear ? nil : preferences.joined(separator: ", ")
        try await PolicyChange(
            scope: PolicyChange.node(node),
            values: [("task.prefer", value)]
        ).make(connection, change)
    }
}

struct PolicyOverload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload",
        abstract: "From when on a node is overloaded, and passed over, and when no more.",
        discussion: """
            For one node, or for all that have no value of their own. It is relieved below the \
            share --relief of each threshold, so that it does not flap.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The node's name (default: the whole cluster).", completion: Completions.nodes)
    var node: String?

    @Option(
        help: ArgumentHelp(
            "The 1 minute load average for each processor, such as 2.0, or off.",
            valueName: "load"
        )
    )
    var load: String?

    @Option(help: ArgumentHelp("Used memory, such as 90%, or off.", valueName: "share"))
    var memory: String?

    @Option(help: ArgumentHelp("Tasks it has at once.", valueName: "number"))
    var running: UInt32?

    @Option(help: ArgumentHelp("Share of each threshold, such as 80%.", valueName: "share"))
    var relief: String?

    func validate() throws {
        guard !values.isEmpty else {
            throw ValidationError("Say at least one: --load, --memory, --running, --relief.")
        }
        guard load.map(Self.isLoad) ?? true else {
            throw ValidationError("--load is a number such as 2.0, or off.")
        }
        guard memory.map({ $0 == "off" || Self.isShare($0) }) ?? true else {
            throw ValidationError("--memory is a share from 1% to 100%, or off.")
        }
        guard relief.map(Self.isShare) ?? true else {
            throw ValidationError("--relief is a share from 1% to 100%.")
        }
        guard running != 0 else {
            throw ValidationError("--running is at least 1; `muster node cordon` keeps tasks away.")
        }
    }

    private static func isLoad(_ text: String) -> Bool {
        text == "off" || Double(text).map { $0 > 0 && $0 <= 1_000 } ?? false
    }

    private static func isShare(_ text: String) -> Bool {
        text.hasSuffix("%") && Int(text.dropLast()).map { (1...100).contains($0) } ?? false
    }

    var values: [(key: String, value: String?)] {
        var values: [(key: String, value: String?)] = []
        if let load { values.append(("task.overload.load", load)) }
        if let memory { values.append(("task.overload.memory", memory)) }
        if let running { values.append(("task.overload.running", "\(running)")) }
        if let relief { values.append(("task.overload.clear", relief)) }
        return values
    }

    func run() async throws {
        let scope = node.map { PolicyChange.node($0) } ?? "cluster"
        try await PolicyChange(scope: scope, values: values).make(connection, change)
    }
}

struct PolicySlots: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slots",
        abstract: "How many tasks a node may have at once, whatever its handlers allow."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The node's name.", completion: Completions.nodes)
    var node: String

    @Argument(help: "0 to 4096; 0 gives it none.")
    var slots: UInt32?

    @Flag(help: "No limit of its own: that of its site or the cluster, if there is one.")
    var clear = false

    func validate() throws {
        guard clear == (slots == nil) else {
            throw ValidationError("Say how many, or --clear.")
        }
        guard slots ?? 0 <= 4_096 else { throw ValidationError("At most 4096.") }
    }

    func run() async throws {
        try await PolicyChange(
            scope: PolicyChange.node(node),
            values: [("task.slots", slots.map { "\($0)" })]
        ).make(connection, change)
    }
}
