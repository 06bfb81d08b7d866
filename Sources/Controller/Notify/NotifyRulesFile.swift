import ControllerCore
import Model
import YAMLFiles

/// The rules of notifications as operators write them: YAML, read whole, every mistake told with its
/// place.
struct NotifyRulesFile {
    private let reader: YAMLReader
    /// What could not be read: what the rules say of it, or of what is around it, would only be a
    /// second way to say the same.
    private var broken: [[String]] = []

    /// - Parameters:
    ///   - path: what the places of mistakes begin with.
    ///   - channels: what the controller's configuration has names for.
    ///   - nodes: how many each site has.
    /// - Returns: the rules, and by line what may not be meant as it is written.
    /// - Throws: every mistake, by line.
    static func parse(
        _ text: String,
        path: String,
        channels: NotifyChannels,
        nodes: OrderedTable<SiteName, Int>
    ) throws(ConfigurationError) -> (rules: NotifyRules, warnings: [ConfigurationProblem]) {
        var file = NotifyRulesFile(reader: YAMLReader(path: path))
        let rules = file.rules(text)
        if let rules { file.check(rules, channels, nodes.keys) }
        guard let rules, file.reader.problems.isEmpty else {
            throw ConfigurationError(problems: byLine(file.reader.problems))
        }
        let warnings = rules.warnings(nodes: nodes).map {
            file.reader.problem($0.text, path: $0.path)
        }
        return (rules, byLine(warnings))
    }

    private static func byLine(_ problems: [ConfigurationProblem]) -> [ConfigurationProblem] {
        problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
    }

    private init(reader: YAMLReader) {
        self.reader = reader
    }

    private mutating func rules(_ text: String) -> NotifyRules? {
        guard let top = reader.document(text) else { return nil }
        var rules = NotifyRules(source: text)
        rules.receivers = receivers(top)
        rules.routes = routes(top)
        rules.thresholds = thresholds(top)
        rules.templates = templates(top)
        reading(["undeliverable"]) { file in
            guard let section = top.subsection("undeliverable") else { return }
            rules.giveUpAfter = file.duration(
                section,
                "give-up-after",
                NotifyRules.giveUpAfterDefault
            )
            rules.undeliverable = file.list(
                section,
                ["undeliverable"],
                "receivers",
                Self.receiverWords
            ) { ReceiverName($0) }
            section.finish()
        }
        rules.pages = top.scalar("pages", expected: "a text", default: rules.pages) { $0 }
        top.finish()
        return rules
    }

    /// What the rules mean, as the machine judges them, where it could be read.
    private func check(_ rules: NotifyRules, _ channels: NotifyChannels, _ sites: [SiteName]) {
        for problem in rules.problems(channels: channels, sites: sites) {
            let path = problem.path
            let isSaid = broken.contains { broken in
                broken.starts(with: path) || (path.starts(with: broken) && broken.count != 2)
                    || (broken == ["receivers"] && path.dropFirst().contains("receivers"))
            }
            guard !isSaid else { continue }
            reader.note(
                problem.text,
                path: path,
                place: problem.place.map { TextPlace(line: $0.line, column: $0.column) }
            )
        }
    }

    // MARK: Parts

    private mutating func receivers(_ top: YAMLSection) -> [NotifyReceiver] {
        var receivers: [NotifyReceiver] = []
        for (name, section) in named(top, "receivers", Self.receiverWords, { ReceiverName($0) }) {
            var receiver = NotifyReceiver(name: name)
            let path = ["receivers", name.text]
            reading(path) { file in
                guard let section else { return }
                func list(_ key: String) -> [String] {
                    file.list(section, path, key, "a text") { $0 }
                }
                receiver.mail = list("mail")
                receiver.webhooks = list("webhooks")
                receiver.alertmanagers = list("alertmanagers")
                receiver.commands = list("commands")
                section.finish()
            }
            receivers.append(receiver)
        }
        return receivers
    }

    private mutating func routes(_ top: YAMLSection) -> [NotifyRoute] {
        var sections: [YAMLSection] = []
        reading(["routes"]) { _ in sections = top.sections("routes") ?? [] }
        return sections.enumerated().map { place, section in
            var route = NotifyRoute(receivers: [])
            let path = ["routes", "\(place)"]
            reading(path) { file in
                route.kinds = file.list(section, path, "kinds", "a kind of event") {
                    KindPattern($0)
                }
                route.sites = file.list(section, path, "sites", "a site's name") { SiteName($0) }
                route.severity = section.scalar(
                    "severity",
                    expected: "info, warning or critical",
                    default: route.severity
                ) { Severity(rawValue: $0) }
                route.receivers = file.list(section, path, "receivers", Self.receiverWords) {
                    ReceiverName($0)
                }
                route.continues = file.flag(section, "continue", route.continues)
                route.groupBy = section.scalar(
                    "group-by",
                    expected: NoticeGrouping.allCases.map(\.rawValue).joined(separator: ", "),
                    default: route.groupBy
                ) { NoticeGrouping(rawValue: $0) }
                route.groupWait = file.duration(section, "group-wait", route.groupWait)
                route.groupInterval = file.duration(section, "group-interval", route.groupInterval)
                route.repeatInterval = file.duration(
                    section,
                    "repeat-interval",
                    route.repeatInterval,
                    orNever: true
                )
                route.planned = file.flag(section, "planned", route.planned)
                route.resolved = file.flag(section, "resolved", route.resolved)
                section.finish()
            }
            return route
        }
    }

    private mutating func thresholds(_ top: YAMLSection) -> [NotifyThreshold] {
        var thresholds: [NotifyThreshold] = []
        let words = "a threshold's name: 1 to 63 of a-z 0-9 . _ -"
        for (name, section) in named(top, "thresholds", words, { ThresholdName($0) }) {
            let path = ["thresholds", name.text]
            guard let section else {
                reader.note("needs a site and a minimum", path: path)
                continue
            }
            var threshold: NotifyThreshold?
            reading(path) { threshold = $0.threshold(name, section) }
            if let threshold { thresholds.append(threshold) }
        }
        return thresholds
    }

    private func threshold(_ name: ThresholdName, _ section: YAMLSection) -> NotifyThreshold? {
        let site = section.optionalScalar("site", expected: "a site's name") { SiteName($0) }
        if !section.has("site") { section.note("needs a site: site: NAME") }
        let range = 1...NotifyThreshold.minimumMax
        let minimum = section.optionalScalar(
            "minimum",
            expected: "a number from 1 to \(NotifyThreshold.minimumMax)"
        ) { UInt32($0).flatMap { range.contains($0) ? $0 : nil } }
        if !section.has("minimum") { section.note("needs a minimum: minimum: NUMBER") }
        var threshold = NotifyThreshold(name: name, site: site ?? "none", minimum: minimum ?? 1)
        threshold.hold = duration(section, "for", threshold.hold)
        threshold.recover = duration(section, "recover", threshold.recover)
        threshold.severity = section.scalar(
            "severity",
            expected: "info, warning or critical",
            default: threshold.severity
        ) { Severity(rawValue: $0) }
        threshold.further = flag(section, "further", threshold.further)
        threshold.action = section.scalar(
            "action",
            expected: ThresholdAction.allCases.map(\.rawValue).joined(separator: " or "),
            default: threshold.action
        ) { ThresholdAction(rawValue: $0) }
        threshold.advice = section.scalar("advice", expected: "a text", default: "") { $0 }
        section.finish()
        return site == nil || minimum == nil ? nil : threshold
    }

    private func templates(_ top: YAMLSection) -> NotifyTemplates {
        var templates = NotifyTemplates()
        guard let section = top.subsection("templates") else { return templates }
        templates.subject = section.optionalScalar("subject", expected: "a text") { $0 }
        templates.body = section.optionalScalar("body", expected: "a text") { $0 }
        if let kinds = section.subsection("kinds") {
            for key in kinds.keys {
                guard let inner = kinds.subsection(key) else { continue }
                guard let kind = EventKind(rawValue: key) else {
                    let near = NearestName.to(key, among: EventKind.allCases.map(\.rawValue))
                    let hint = near.map { "; did you mean \($0)?" } ?? ""
                    kinds.note("is no kind of event\(hint)", at: key)
                    continue
                }
                templates.kinds.append(
                    NotifyTemplates.OfKind(
                        kind: kind,
                        subject: inner.optionalScalar("subject", expected: "a text") { $0 },
                        body: inner.optionalScalar("body", expected: "a text") { $0 }
                    )
                )
                inner.finish()
            }
        }
        section.finish()
        return templates
    }

    // MARK: Values

    private static let receiverWords = "a receiver's name: 1 to 63 of a-z 0-9 . _ -"

    /// Reads a part; what was noted of it meanwhile is kept in mind.
    private mutating func reading(_ path: [String], _ body: (inout Self) -> Void) {
        let before = reader.problems.count
        body(&self)
        if reader.problems.count > before { broken.append(path) }
    }

    /// A mapping whose keys are names, in the order of the file; nil where nothing is behind one.
    private mutating func named<Kind>(
        _ top: YAMLSection,
        _ key: String,
        _ expected: String,
        _ name: (String) -> Identifier<Kind>?
    ) -> [(Identifier<Kind>, YAMLSection?)] {
        var found: [(Identifier<Kind>, YAMLSection?)] = []
        var section: YAMLSection?
        reading([key]) { _ in section = top.subsection(key) }
        guard let section else { return [] }
        for text in section.keys {
            let inner = section.subsection(text)
            guard let name = name(text) else {
                section.note(": \(text) is not \(expected)", at: text)
                continue
            }
            found.append((name, inner))
        }
        return found
    }

    private mutating func list<Value>(
        _ section: YAMLSection,
        _ path: [String],
        _ key: String,
        _ expected: String,
        _ parse: (String) -> Value?
    ) -> [Value] {
        var values: [Value] = []
        reading(path + [key]) { _ in
            values = section.list(key, expected: expected, default: [], parse)
        }
        return values
    }

    private func duration(
        _ section: YAMLSection,
        _ key: String,
        _ standard: Duration,
        orNever: Bool = false
    ) -> Duration {
        section.scalar(
            key,
            expected: "a duration such as 30s or 1h30m" + (orNever ? ", or never" : ""),
            default: standard
        ) { orNever && $0 == "never" ? .zero : Duration(parsing: $0) }
    }

    private func flag(_ section: YAMLSection, _ key: String, _ standard: Bool) -> Bool {
        section.scalar(key, expected: "yes or no", default: standard) {
            ["yes": true, "true": true, "no": false, "false": false][$0]
        }
    }
}
