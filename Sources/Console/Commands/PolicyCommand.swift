import API
import ArgumentParser
import Model

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "How tasks are directed to nodes.",
        discussion: """
            All of it are settings below `task.` (`muster config list` shows who changed them and \
            why), which hold from the moment they are set; nothing is restarted.
            """,
        groupedSubcommands: [
            CommandGroup(name: "The cluster", subcommands: [PolicyShow.self, PolicySet.self]),
            CommandGroup(
                name: "A node",
                subcommands: [PolicyPrefer.self, PolicyOverload.self, PolicySlots.self]
            ),
            CommandGroup(
                name: "Names",
                subcommands: [PolicyAttribute.self, PolicyType.self]
            ),
        ]
    )
}

/// Settings are changed one by one, in order.
struct PolicyChange {
    var scope: String
    /// Keys with their values; nil takes the value away.
    var values: [(key: String, value: String?)]

    static func node(_ name: String) -> String { "node/\(name)" }

    func make(_ connection: ConnectionOptions, _ change: ChangeOptions) async throws {
        try await Session.run(connection) { session in
            for (key, value) in values {
                let answer: Answer<ChangeDone>
                if let value {
                    answer = try await session.client.send(
                        .setSetting,
                        nil,
                        SetSettingRequest(
                            scope: scope,
                            key: key,
                            value: value,
                            reason: change.reason,
                            force: change.forced
                        )
                    )
                } else {
                    answer = try await session.client.send(
                        .unsetSetting,
                        nil,
                        UnsetSettingRequest(
                            scope: scope,
                            key: key,
                            reason: change.reason,
                            force: change.forced
                        )
                    )
                }
                Terminal.writeLine(answer.value.text)
            }
        }
    }
}

struct PolicyShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The policy, its limits, and what each node prefers and bears."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: FormatOption

    func run() async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ClusterPolicy> = try await session.client.get(
                Route.showPolicy.path
            )
            if output.format.isForPrograms {
                return Terminal.write(try Emit.text(answer.json, as: output.format))
            }
            let view = PolicyView(
                policy: answer.value,
                style: session.style,
                width: session.width
            )
            for line in view.lines() { Terminal.writeLine(line) }
        }
    }
}

enum PolicyArgument: String, ExpressibleByArgument, CaseIterable, Sendable {
    case accountAffinity = "account-affinity"
    case attributeMatch = "attribute-match"
    case roundRobin = "round-robin"
    case leastLoaded = "least-loaded"
}

enum YesOrNo: String, ExpressibleByArgument, CaseIterable, Sendable {
    case yes
    case no
}

struct PolicySet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Choose how tasks are directed; from now on, without a restart."
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The policy.")
    var policy: PolicyArgument

    @Option(
        help: "Whether one overloaded node suspends attribute-match for the whole cluster."
    )
    var strict: YesOrNo?

    @Option(help: ArgumentHelp("Nodes of one account's set, 1 to 16.", valueName: "number"))
    var width: Int?

    @Option(
        help: ArgumentHelp(
            "How long a task waits for its preferred nodes while they have no room; 0 or 5s.",
            valueName: "duration"
        )
    )
    var patience: String?

    func validate() throws {
        guard width.map({ (1...16).contains($0) }) ?? true else {
            throw ValidationError("--width is from 1 to 16.")
        }
        guard patience.map({ $0 == "0" || DurationText.milliseconds($0) != nil }) ?? true else {
            throw ValidationError("--patience is 0 or a duration such as 5s.")
        }
    }

    /// The policy comes last: when one of the others is turned away, it stays what it was.
    var values: [(key: String, value: String?)] {
        var values: [(key: String, value: String?)] = []
        if let strict { values.append(("task.strict", strict.rawValue)) }
        if let width { values.append(("task.affinity.width", "\(width)")) }
        if let patience { values.append(("task.affinity.patience", patience)) }
        values.append(("task.policy", policy.rawValue))
        return values
    }

    func run() async throws {
        try await PolicyChange(scope: "cluster", values: values).make(connection, change)
    }
}
