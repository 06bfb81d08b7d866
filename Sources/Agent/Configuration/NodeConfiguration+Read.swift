import AgentCore
import Model
import Protocol

extension NodeConfiguration {
    static let controllersMax = 16
    static let preflightLinesMax = 64

    /// The sections of `agent.conf` and their keys, in the order of the documentation.
    static let sections: [(name: String, keys: [ConfigurationKey])] = [
        (
            "agent",
            [
                ConfigurationKey("controllers", repeatable: true), ConfigurationKey("name"),
                ConfigurationKey("state-directory"), ConfigurationKey("run-directory"),
                ConfigurationKey("services-directory"), ConfigurationKey("handlers-directory"),
                ConfigurationKey("data-directory"), ConfigurationKey("leash"),
                ConfigurationKey("cgroup"),
                ConfigurationKey("log-format"), ConfigurationKey("log-level"),
                ConfigurationKey("trusted-owners", repeatable: true),
            ]
        ),
        ("load", [ConfigurationKey("interval"), ConfigurationKey("disks", repeatable: true)]),
        (
            "preflight",
            [
                ConfigurationKey("shared-path", repeatable: true),
                ConfigurationKey("endpoint", repeatable: true),
                ConfigurationKey("free-space", repeatable: true),
                ConfigurationKey("port", repeatable: true),
                ConfigurationKey("name", repeatable: true),
            ]
        ),
        (
            "submit",
            [ConfigurationKey("socket"), ConfigurationKey("mode"), ConfigurationKey("group")]
        ),
        (
            "observe",
            [
                ConfigurationKey("listen", repeatable: true),
                ConfigurationKey("agent-check", repeatable: true),
            ]
        ),
    ]

    /// Reads the text of `agent.conf`; services, handlers and data sets stay empty. Without other word
    /// their directories are beside the file.
    ///
    /// - Parameter accounts: turns the name of an account into its number.
    init(
        _ bytes: [UInt8],
        problems: ConfigurationProblems,
        accounts: (String) -> UInt32? = Account.number(of:)
    ) {
        self.init()
        servicesDirectory = Self.directory(of: problems.file) + "/services.d"
        handlersDirectory = Self.directory(of: problems.file) + "/handlers.d"
        dataDirectory = Self.directory(of: problems.file) + "/data.d"
        let document = ConfigurationDocument(bytes, problems: problems)
        for section in document.sections {
            if let kind = ComparedKind(rawValue: section.name) {
                readSet(section, kind, problems)
                continue
            }
            guard section.argument == nil,
                let known = Self.sections.first(where: { $0.name == section.name })
            else {
                let names = Self.sections.map(\.name) + ComparedKind.allCases.map(\.rawValue)
                let hint =
                    NearestName.to(section.name, among: names)
                    .map { "did you mean [\($0)]? " } ?? ""
                problems.add(
                    "\(section.title): not a section of this file "
                        + "(\(hint)sections: \(names.joined(separator: ", ")))",
                    line: section.line,
                    column: 1
                )
                continue
            }
            let reader = SectionReader(section, keys: known.keys, problems: problems)
            switch section.name {
            case "agent": readAgent(reader, accounts)
            case "load": readLoad(reader)
            case "submit": readSubmit(reader)
            case "observe": readObserve(reader)
            default: readPreflight(reader)
            }
        }
    }

    private mutating func readAgent(_ reader: SectionReader, _ accounts: (String) -> UInt32?) {
        controllers = reader.commaValues(
            "controllers",
            ConfigurationValue.address(defaultPort: 7_400)
        )
        refuseRepeats(of: "controllers", controllers.map(\.description), reader)
        if controllers.count > Self.controllersMax, let entry = reader.entry("controllers") {
            reader.say("more than \(Self.controllersMax) addresses", of: entry)
        }
        name = reader.value("name", ConfigurationValue.name())
        let path = ConfigurationValue.absolutePath
        stateDirectory = reader.value("state-directory", path) ?? stateDirectory
        runDirectory = reader.value("run-directory", path) ?? runDirectory
        servicesDirectory = reader.value("services-directory", path) ?? servicesDirectory
        handlersDirectory = reader.value("handlers-directory", path) ?? handlersDirectory
        dataDirectory = reader.value("data-directory", path) ?? dataDirectory
        leash = reader.value("leash", path)
        controlGroup =
            reader.value("cgroup") { text throws(ValueProblem) in
                switch text {
                case "auto": return ControlGroup.automatic
                case "off": return .off
                default:
                    guard text.hasPrefix("/") else {
                        throw ValueProblem("not auto, off, or the path of a cgroup")
                    }
                    return .path(try ConfigurationValue.absolutePath(text))
                }
            } ?? controlGroup
        logFormat = reader.value("log-format", ConfigurationValue.choice("log format")) ?? logFormat
        logLevel = reader.value("log-level", ConfigurationValue.choice("log level")) ?? logLevel
        trustedOwners = reader.values("trusted-owners") { text throws(ValueProblem) in
            if let number = decimal(text, UInt32.self) { return number }
            guard let number = accounts(text) else {
                throw ValueProblem("no such account on this machine (a name or a number)")
            }
            return number
        }
    }

    private mutating func readLoad(_ reader: SectionReader) {
        load.interval =
            reader.value("interval", ConfigurationValue.duration(.seconds(1) ... .seconds(300)))
            ?? load.interval
        load.disks = reader.values("disks", ConfigurationValue.absolutePath)
        refuseRepeats(of: "disks", load.disks, reader)
    }

    private mutating func readSubmit(_ reader: SectionReader) {
        submit.place =
            reader.value("socket") { text throws(ValueProblem) in
                text == "off" ? .off : .path(try ConfigurationValue.absolutePath(text))
            } ?? submit.place
        submit.mode =
            reader.value("mode") { text throws(ValueProblem) in
                guard let mode = UInt32(text, radix: 8), text.utf8.count <= 4,
                    mode & 0o600 == 0o600, mode & ~0o666 == 0
                else {
                    throw ValueProblem("not the mode of a socket (0600, 0660 or 0666)")
                }
                return mode
            } ?? submit.mode
        submit.group = reader.value("group") { text throws(ValueProblem) in
            if let number = decimal(text, UInt32.self) { return number }
            guard let number = Account.group(named: text) else {
                throw ValueProblem("no such group on this machine (a name or a number)")
            }
            return number
        }
    }

    private mutating func readObserve(_ reader: SectionReader) {
        func addresses(_ key: String) -> [NetworkAddress] {
            let found = reader.commaValues(key, ConfigurationValue.numericAddress)
            refuseRepeats(of: key, found.map(\.description), reader)
            if found.count > ObserveSettings.addressesMax, let entry = reader.entry(key) {
                reader.say("more than \(ObserveSettings.addressesMax) addresses", of: entry)
            }
            return found
        }
        observe.listen = addresses("listen")
        observe.agentCheck = addresses("agent-check")
        for address in observe.agentCheck where observe.listen.contains(address) {
            if let entry = reader.entry("agent-check") {
                reader.say("\(address) is in listen, too", of: entry)
            }
        }
    }

    private mutating func readPreflight(_ reader: SectionReader) {
        if reader.section.entries.count > Self.preflightLinesMax {
            reader.say("more than \(Self.preflightLinesMax) lines")
        }
        preflight.sharedPaths = reader.values("shared-path", ConfigurationValue.absolutePath)
        preflight.endpoints = reader.lines("endpoint") { words throws(ValueProblem) in
            guard words.count == 2 else {
                throw ValueProblem("not a name and an address (such as database db1:5432)")
            }
            return PreflightSettings.Endpoint(
                name: try ConfigurationValue.name(CheckKind.self)(words[0]),
                address: try ConfigurationValue.address()(words[1])
            )
        }
        preflight.freeSpace = reader.lines("free-space") { words throws(ValueProblem) in
            guard words.count == 2 else {
                throw ValueProblem("not a path and a size (such as /var 1GiB)")
            }
            return PreflightSettings.FreeSpace(
                path: try ConfigurationValue.absolutePath(words[0]),
                bytes: try ConfigurationValue.size(words[1])
            )
        }
        preflight.ports = reader.values("port", ConfigurationValue.port)
        preflight.names = reader.values("name", ConfigurationValue.hostName)
        refuseRepeats(of: "endpoint", preflight.endpoints.map(\.name.text), reader)
    }
}

/// Says so when a list names something twice, which is a slip more often than not.
private func refuseRepeats(of key: String, _ items: [String], _ reader: SectionReader) {
    var seen: Set<String> = []
    for item in items where !seen.insert(item).inserted {
        if let entry = reader.section.entries.last(where: { $0.key == key }) {
            reader.say("names \(item) twice", of: entry)
        }
    }
}
