import AgentCore
import Model

extension DataSetDefinition {
    static let variablesMax = 256

    static let keys = [
        ConfigurationKey("write"), ConfigurationKey("read"), ConfigurationKey("lag"),
        ConfigurationKey("interval"), ConfigurationKey("lag-interval"),
        ConfigurationKey("timeout"), ConfigurationKey("user"), ConfigurationKey("directory"),
        ConfigurationKey("environment", repeatable: true),
    ]

    /// Reads the text of `data.d/NAME.conf`: one section, `[data]` or `[data NAME]`.
    ///
    /// - Returns: nil when anything is wrong with it, which `problems` then tell.
    init?(
        _ bytes: [UInt8],
        name: DataSetName,
        problems: ConfigurationProblems,
        accounts: (String) -> UInt32? = Account.number(of:)
    ) {
        let document = ConfigurationDocument(bytes, problems: problems)
        let titles = ["[data]", "[data \(name)]"]
        for section in document.sections where !titles.contains(section.title) {
            problems.add(
                "\(section.title): not a section of this file (sections: data, or data \(name))",
                line: section.line,
                column: 1
            )
        }
        let own = document.sections.filter { titles.contains($0.title) }
        guard let section = own.first else {
            problems.add("has no [data] section", line: 1, column: 1)
            return nil
        }
        if own.count > 1 {
            problems.add("\(own[1].title): given twice", line: own[1].line, column: 1)
        }
        let reader = SectionReader(section, keys: Self.keys, problems: problems)
        self.init(name: name)
        write = reader.lines("write", ConfigurationValue.arguments).first
        read = reader.lines("read", ConfigurationValue.arguments).first
        lag = reader.lines("lag", ConfigurationValue.arguments).first
        let intervals = ConfigurationValue.duration(Self.intervals)
        interval = reader.value("interval", intervals) ?? interval
        lagInterval = reader.value("lag-interval", intervals) ?? lagInterval
        timeout =
            reader.value("timeout", ConfigurationValue.duration(Self.timeouts)) ?? timeout
        readSurroundings(reader, accounts)
        guard problems.errors.isEmpty else { return nil }
        // The machine leaves out a data set with problems: what it would, is refused here.
        for problem in self.problems { reader.say(problem) }
        if !problems.errors.isEmpty { return nil }
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
        folder = reader.value("directory", ConfigurationValue.absolutePath)
        environment = reader.values("environment", ConfigurationValue.variable)
        for variable in environment where variable.name.hasPrefix("MUSTER_") {
            reader.say("environment sets \(variable.name): MUSTER_… says what is asked for")
        }
        if environment.count > Self.variablesMax {
            reader.say("environment has more than \(Self.variablesMax) variables")
        }
    }
}
