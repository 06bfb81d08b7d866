import AgentCore
import Model
import Protocol

extension HandlerDefinition {
    static let variablesMax = 256

    static let handlerKeys = [
        ConfigurationKey("types", repeatable: true), ConfigurationKey("program"),
        ConfigurationKey("mode"), ConfigurationKey("kind"), ConfigurationKey("slots"),
        ConfigurationKey("prefetch"),
        ConfigurationKey("delivery"), ConfigurationKey("time-limit"),
        ConfigurationKey("stop-timeout"), ConfigurationKey("user"), ConfigurationKey("directory"),
        ConfigurationKey("environment", repeatable: true), ConfigurationKey("nice"),
        ConfigurationKey("memory-limit"), ConfigurationKey("permanent-statuses", repeatable: true),
        ConfigurationKey("output-limit"),
    ]

    /// Reads the text of `handlers.d/NAME.conf`.
    ///
    /// - Returns: nil when anything is wrong with it, which `problems` then tell.
    init?(
        _ bytes: [UInt8],
        name: HandlerName,
        problems: ConfigurationProblems,
        accounts: (String) -> UInt32? = Account.number(of:)
    ) {
        let document = ConfigurationDocument(bytes, problems: problems)
        for section in document.sections where section.title != "[handler]" {
            let hint =
                NearestName.to(section.name, among: ["handler"])
                .map { "did you mean [\($0)]? " } ?? ""
            problems.add(
                "\(section.title): not a section of this file (\(hint)sections: handler)",
                line: section.line,
                column: 1
            )
        }
        guard let section = document.sections.first(where: { $0.title == "[handler]" }) else {
            problems.add("has no [handler] section", line: 1, column: 1)
            return nil
        }
        let reader = SectionReader(section, keys: Self.handlerKeys, problems: problems)
        self.init(name: name, types: [], program: [])
        readWork(reader)
        readLimits(reader)
        readSurroundings(reader, accounts)
        guard problems.errors.isEmpty else { return nil }
        // The machine leaves out a handler with problems: what it would, is refused here.
        for problem in self.problems { reader.say(problem) }
        if !problems.errors.isEmpty { return nil }
    }

    private mutating func readWork(_ reader: SectionReader) {
        types = reader.commaValues("types") { text throws(ValueProblem) in
            if let type = TaskType(text) { return type }
            throw ValueProblem(
                "not a type of tasks (a letter, then letters, digits, dot, hyphen, underscore)"
            )
        }
        if !reader.has("types") { reader.say("needs types = PUSH, PULL or any other types") }
        for (index, type) in types.enumerated() where types[..<index].contains(type) {
            guard let entry = reader.section.entries.last(where: { $0.key == "types" }) else {
                break
            }
            reader.say("names \(type) twice", of: entry)
        }
        program = reader.lines("program", ConfigurationValue.arguments).first ?? []
        if !reader.has("program") {
            reader.say("needs program = /path/of/program arguments")
        }
        mode = reader.value("mode", ConfigurationValue.choice("mode")) ?? mode
        kind = reader.value("kind", ConfigurationValue.choice("kind of handler")) ?? kind
        let places: ClosedRange<UInt16> = 1...HandlerReport.slotsMax
        slots = reader.value("slots", ConfigurationValue.number(places)) ?? slots
        prefetch =
            reader.value("prefetch", ConfigurationValue.number(0...HandlerReport.slotsMax))
            ?? prefetch
        delivery =
            reader.value("delivery", ConfigurationValue.choice("delivery policy")) ?? delivery
    }

    private mutating func readLimits(_ reader: SectionReader) {
        timeLimit = reader.value(
            "time-limit",
            ConfigurationValue.duration(.milliseconds(100) ... .seconds(30 * 86_400))
        )
        stopGrace =
            reader.value(
                "stop-timeout",
                ConfigurationValue.duration(.milliseconds(100) ... .seconds(3_600))
            ) ?? stopGrace
        memoryLimit = reader.value("memory-limit") { text throws(ValueProblem) in
            let bytes = try ConfigurationValue.size(text)
            guard bytes >= 1 << 20 else {
                throw ValueProblem("less than 1MiB: nothing would start")
            }
            return bytes
        }
        permanentStatuses = reader.commaValues("permanent-statuses") { text throws(ValueProblem) in
            try ConfigurationValue.number(UInt8(1)...255)(text)
        }
        outputBytesMax =
            reader.value("output-limit") { text throws(ValueProblem) in
                let bytes = try ConfigurationValue.size(text)
                guard bytes <= UInt64(Self.outputBytesLimit) else {
                    throw ValueProblem("out of range (0B to 1MiB)")
                }
                return Int(bytes)
            } ?? outputBytesMax
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
        nice = reader.value("nice") { text throws(ValueProblem) in
            let isNegative = text.hasPrefix("-")
            guard let size = decimal(isNegative ? String(text.dropFirst()) : text, Int8.self),
                (-20...19).contains(isNegative ? -size : size)
            else { throw ValueProblem("not a number from -20 to 19") }
            return isNegative ? -size : size
        }
        environment = reader.values("environment", ConfigurationValue.variable)
        var seen: Set<String> = []
        for variable in environment {
            if !seen.insert(variable.name).inserted {
                reader.say("environment sets \(variable.name) twice")
            }
            if variable.name.hasPrefix("MUSTER_") {
                reader.say("environment sets \(variable.name): MUSTER_… says what the task is")
            }
        }
        if environment.count > Self.variablesMax {
            reader.say("environment has more than \(Self.variablesMax) variables")
        }
    }
}
