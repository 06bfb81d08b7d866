import AgentCore
import Model

extension ServiceDefinition {
    static let checksMax = 16
    static let variablesMax = 256

    static let serviceKeys = [
        ConfigurationKey("start"), ConfigurationKey("unit"), ConfigurationKey("stop"),
        ConfigurationKey("kind"), ConfigurationKey("group"), ConfigurationKey("order"),
        ConfigurationKey("required"), ConfigurationKey("self-fence"), ConfigurationKey("user"),
        ConfigurationKey("directory"), ConfigurationKey("environment", repeatable: true),
        ConfigurationKey("restart"), ConfigurationKey("restart-delay"),
        ConfigurationKey("restart-delay-max"), ConfigurationKey("restart-limit"),
        ConfigurationKey("restart-window"), ConfigurationKey("start-timeout"),
        ConfigurationKey("stop-timeout"),
    ]

    /// Keys that say how the agent runs a program, and so have no meaning for a unit.
    private static let programKeys = ["start", "stop", "user", "directory", "environment"]

    /// Reads the text of `services.d/NAME.conf`.
    ///
    /// - Returns: nil when anything is wrong with it, which `problems` then tell.
    init?(
        _ bytes: [UInt8],
        name: ServiceName,
        problems: ConfigurationProblems,
        accounts: (String) -> UInt32? = Account.number(of:)
    ) {
        let document = ConfigurationDocument(bytes, problems: problems)
        for section in document.sections
        where !(section.name == "check" || section.title == "[service]") {
            let hint =
                NearestName.to(section.name, among: ["service", "check"])
                .map { "did you mean [\($0 == "check" ? "check NAME" : $0)]? " } ?? ""
            problems.add(
                "\(section.title): not a section of this file "
                    + "(\(hint)sections: service, check NAME)",
                line: section.line,
                column: 1
            )
        }
        guard let section = document.sections.first(where: { $0.title == "[service]" }) else {
            problems.add("has no [service] section", line: 1, column: 1)
            return nil
        }
        let reader = SectionReader(section, keys: Self.serviceKeys, problems: problems)
        let program = Self.readProgram(reader)
        self.init(name: name, program: program ?? .unit(""))
        readPlace(reader)
        readSurroundings(reader, accounts)
        readRestart(reader)
        for section in document.sections where section.name == "check" {
            if let check = CheckDefinition(section, problems: problems) { checks.append(check) }
        }
        if checks.count > Self.checksMax { reader.say("has more than \(Self.checksMax) checks") }
        if case .unit = self.program {
            for check in checks where check.action == .process {
                reader.say(
                    "[check \(check.name)] has type process, which a unit does not need: "
                        + "systemd is asked whether it is active"
                )
            }
        }
        guard problems.errors.isEmpty else { return nil }
    }

    private static func readProgram(_ reader: SectionReader) -> Program? {
        if let unit = reader.entry("unit") {
            for key in programKeys {
                guard let entry = reader.entry(key) else { continue }
                reader.say(
                    "excluded by unit on line \(unit.line): systemd runs the unit",
                    of: entry
                )
            }
            if let entry = reader.entry("self-fence"),
                reader.value("self-fence", ConfigurationValue.yesOrNo) == true
            {
                reader.say("needs start: the leash cannot end what systemd runs", of: entry)
            }
            return reader.value("unit", ConfigurationValue.unit).map { .unit($0) }
        }
        guard reader.has("start") else {
            reader.say("needs start = /path/of/program arguments, or unit = NAME.service")
            return nil
        }
        let stop = reader.lines("stop", ConfigurationValue.arguments).first
        return reader.lines("start", ConfigurationValue.arguments).first
            .map { .command(start: $0, stop: stop) }
    }

    private mutating func readPlace(_ reader: SectionReader) {
        kind = reader.value("kind", ConfigurationValue.choice("kind of service")) ?? kind
        group = reader.value("group", ConfigurationValue.name()) ?? group
        order = reader.value("order", ConfigurationValue.number(0...9_999)) ?? order
        isRequired = reader.value("required", ConfigurationValue.yesOrNo) ?? isRequired
        isSelfFenced = reader.value("self-fence", ConfigurationValue.yesOrNo) ?? isSelfFenced
    }

    private mutating func readSurroundings(
        _ reader: SectionReader,
        _ accounts: (String) -> UInt32?
    ) {
        user = reader.value("user") { text throws(ValueProblem) in
            guard accounts(text) != nil else {
                throw ValueProblem("no such account on this machine")
            }
            return text
        }
        directory = reader.value("directory", ConfigurationValue.absolutePath)
        environment = reader.values("environment", ConfigurationValue.variable)
        var seen: Set<String> = []
        for variable in environment where !seen.insert(variable.name).inserted {
            reader.say("environment sets \(variable.name) twice")
        }
        if environment.count > Self.variablesMax {
            reader.say("environment has more than \(Self.variablesMax) variables")
        }
    }

    private mutating func readRestart(_ reader: SectionReader) {
        let delays = ConfigurationValue.duration(.milliseconds(100) ... .seconds(3_600))
        restart.condition =
            reader.value("restart", ConfigurationValue.choice("restart policy"))
            ?? restart.condition
        restart.delay = reader.value("restart-delay", delays) ?? restart.delay
        restart.delayMax =
            reader.value("restart-delay-max", delays) ?? max(restart.delayMax, restart.delay)
        if restart.delayMax < restart.delay, let entry = reader.entry("restart-delay-max") {
            reader.say("shorter than restart-delay (\(restart.delay.forPeople))", of: entry)
        }
        restart.limit =
            reader.value("restart-limit", ConfigurationValue.number(1...1_000)) ?? restart.limit
        restart.window =
            reader.value(
                "restart-window",
                ConfigurationValue.duration(.seconds(1) ... .seconds(86_400))
            ) ?? restart.window
        let timeouts = ConfigurationValue.duration(.milliseconds(100) ... .seconds(3_600))
        startTimeout = reader.value("start-timeout", timeouts) ?? startTimeout
        // A protocol service may let its sessions go on for a day.
        let graces = ConfigurationValue.duration(.milliseconds(100) ... .seconds(2 * 86_400))
        stopTimeout = reader.value("stop-timeout", graces) ?? stopTimeout
    }
}
