import AgentCore
import Model

extension CheckDefinition {
    private enum ActionKind: String, CaseIterable {
        case process, command, tcp, http

        /// The keys that say what to do; each belongs to one type.
        var ownKeys: [String] {
            switch self {
            case .process: []
            case .command: ["command"]
            case .tcp: ["address"]
            case .http: ["url", "expect"]
            }
        }
    }

    static let keys = [
        ConfigurationKey("type"), ConfigurationKey("command"), ConfigurationKey("address"),
        ConfigurationKey("url"), ConfigurationKey("expect"), ConfigurationKey("interval"),
        ConfigurationKey("timeout"), ConfigurationKey("rise"), ConfigurationKey("fall"),
    ]

    /// Reads one `[check NAME]`.
    ///
    /// - Returns: nil when anything is wrong with it, which `problems` then tell.
    init?(_ section: ConfigurationSection, problems: ConfigurationProblems) {
        let reader = SectionReader(section, keys: Self.keys, problems: problems)
        guard let argument = section.argument else {
            reader.say("needs a name: [check NAME]")
            return nil
        }
        guard let name = CheckName(argument) else {
            reader.say("\(argument) is not a name (a-z, 0-9, dot, hyphen, underscore)")
            return nil
        }
        let action = Self.readAction(reader)
        self.init(name: name, action: action ?? .process)
        interval =
            reader.value("interval", ConfigurationValue.duration(.seconds(1) ... .seconds(3_600)))
            ?? interval
        timeout =
            reader.value(
                "timeout",
                ConfigurationValue.duration(.milliseconds(10) ... .seconds(3_600))
            )
            ?? min(timeout, interval)
        if timeout > interval, let entry = reader.entry("timeout") {
            reader.say("longer than interval (\(interval.forPeople))", of: entry)
        }
        rise = reader.value("rise", ConfigurationValue.number(1...100)) ?? rise
        fall = reader.value("fall", ConfigurationValue.number(1...100)) ?? fall
        if action == nil { return nil }
    }

    private static func readAction(_ reader: SectionReader) -> CheckAction? {
        guard reader.has("type") else {
            reader.say("needs type = process, command, tcp or http")
            return nil
        }
        guard
            let kind = reader.value(
                "type",
                ConfigurationValue.choice("type of check", of: ActionKind.self)
            )
        else { return nil }
        for other in ActionKind.allCases where other != kind {
            for key in other.ownKeys {
                guard let entry = reader.entry(key) else { continue }
                reader.say(
                    "belongs to type = \(other.rawValue), not to \(kind.rawValue)",
                    of: entry
                )
            }
        }
        if let needed = kind.ownKeys.first, !reader.has(needed) {
            reader.say("type = \(kind.rawValue) needs \(needed)")
            return nil
        }
        switch kind {
        case .process: return .process
        case .command:
            return reader.lines("command", ConfigurationValue.arguments).first
                .map { .command($0) }
        case .tcp:
            return reader.value("address", ConfigurationValue.address()).map { .tcp($0) }
        case .http:
            let expected = reader.commaValues("expect", ConfigurationValue.statusRange)
            return reader.value("url", ConfigurationValue.url).map {
                .http(
                    address: $0.address,
                    path: $0.path,
                    expected: reader.has("expect") ? expected : [200...399]
                )
            }
        }
    }
}
