import ControllerCore
import Model
import YAMLFiles

/// A plan as operators write it: YAML, read whole, every mistake told with its place.
enum PlanFile {
    static let bytesMax = 65_536
    /// Names that mean something else where a plan's name stands.
    static let takenNames = ["derived"]
    static let expectedName = "a name: 1 to 63 of a-z 0-9 . _ -, the first a letter or a digit"

    /// - Parameters:
    ///   - path: what the places of mistakes begin with.
    ///   - hooks: those of the controller's host; a plan that names another is refused. Nil when it
    ///     is not known which there are.
    /// - Throws: every mistake, by line.
    static func parse(
        _ text: String,
        path: String,
        hooks: OrderedTable<HookName, HookDefinition>?
    ) throws(ConfigurationError) -> PlanDraft {
        let reader = YAMLReader(path: path)
        guard let top = reader.document(text) else { throw failure(reader) }
        let name = top.optionalScalar("name", expected: expectedName) { PlanName($0) }
        if !top.has("name") { top.note("has no name: name: NAME") }
        if let name, takenNames.contains(name.text) {
            top.note("is taken: a plan cannot be called \(name)", at: "name")
        }
        let kinds = kinds(top)
        let sections = top.sections("steps") ?? []
        if !top.has("steps") { top.note("has no steps: steps: a list of them") }
        var steps: [PlanStep] = []
        for section in sections {
            if let step = PlanStepReader(section: section, hooks: hooks).step() {
                steps.append(step)
            }
        }
        top.finish()
        guard reader.problems.isEmpty, let name else { throw failure(reader) }
        let draft = PlanDraft(name: name, kinds: kinds, steps: steps)
        for problem in draft.problems {
            if let index = problem.step, sections.indices.contains(index) {
                sections[index].note(": \(problem.text)")
            } else {
                top.note(": \(problem.text)", at: "steps")
            }
        }
        guard reader.problems.isEmpty else { throw failure(reader) }
        return draft
    }

    private static func kinds(_ top: YAMLSection) -> [RunKind] {
        let words = RunKind.allCases.map(\.rawValue).joined(separator: ", ")
        if !top.has("for") { top.note("does not say for which runs it is: for: [\(words)]") }
        var kinds: [RunKind] = []
        for kind in top.list(
            "for",
            expected: "one of \(words)",
            default: [],
            { RunKind(rawValue: $0) }
        ) {
            if kinds.contains(kind) { top.note("names \(kind.rawValue) twice", at: "for") }
            kinds.append(kind)
        }
        return kinds
    }

    private static func failure(_ reader: YAMLReader) -> ConfigurationError {
        let sorted = reader.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        return ConfigurationError(problems: sorted)
    }
}

extension HookPlace {
    /// `controller`, `every to`, `one from`, `node NAME`.
    var words: String { text.split(separator: "/").joined(separator: " ") }

    init?(words: String) {
        self.init(text: words.split(separator: " ").joined(separator: "/"))
    }
}

/// One step of the file.
struct PlanStepReader {
    static let acts = [
        "gate", "drain-tasks", "stop", "start", "fence", "activate", "hook", "check", "ask",
        "verify", "notify", "sandbox-tasks",
    ]

    let section: YAMLSection
    let hooks: OrderedTable<HookName, HookDefinition>?

    /// - Returns: nil when something is wrong with it, which the reader has noted.
    func step() -> PlanStep? {
        let name = section.optionalScalar("step", expected: PlanFile.expectedName) {
            StepName($0)
        }
        if !section.has("step") { section.note("has no name: step: NAME") }
        // Every act is known here, so that what is none of them is told with the nearest.
        let given = Self.acts.filter { section.has($0) }
        var act: PlanAct?
        if given.count == 1 {
            act = self.act(given[0])
        } else if given.count > 1 {
            section.note(
                ": a step does one thing, and this one has \(given.joined(separator: " and "))",
                at: given[1]
            )
        }
        let step = PlanStep(
            name: name ?? "unnamed",
            act: act ?? .gate,
            timeout: duration(
                "timeout",
                PlanStep.timeoutRange,
                default: .seconds(300)
            ),
            retries: section.scalar(
                "retries",
                expected: "a number from 0 to \(PlanStep.retriesMax)",
                default: 0
            ) { UInt16($0).flatMap { $0 <= PlanStep.retriesMax ? $0 : nil } },
            retryDelay: duration(
                "retry-delay",
                .zero ... .seconds(86_400),
                default: .seconds(5)
            ),
            verify: hook("verify-hook", in: section),
            undo: hook("undo-hook", in: section),
            onFailure: section.scalar(
                "on-failure",
                expected: "ask, skip or roll-back",
                default: .ask
            ) { StepFailurePolicy(rawValue: $0) },
            isInDrill: section.scalar(
                "in-drill",
                expected: "yes or no",
                default: false
            ) { ["yes": true, "true": true, "no": false, "false": false][$0] }
        )
        // A mistyped act is told as such, and not as a lack of one besides.
        if section.finish(), given.isEmpty {
            section.note("does nothing: it needs one of " + Self.acts.joined(separator: ", "))
        }
        return name == nil || act == nil ? nil : step
    }

    private func duration(
        _ key: String,
        _ range: ClosedRange<Duration>,
        default standard: Duration
    ) -> Duration {
        section.scalar(
            key,
            expected: "a duration from \(range.lowerBound.forPeople) to "
                + "\(range.upperBound.forPeople), such as 30s or 1h30m",
            default: standard
        ) { Duration(parsing: $0).flatMap { range.contains($0) ? $0 : nil } }
    }

    /// A hook that is executed on the controller's host.
    private func hook(_ key: String, in section: YAMLSection) -> HookName? {
        let name = section.optionalScalar(key, expected: Self.expectedHook, Self.hookName)
        if let name { checkDefined(name, at: key, in: section) }
        return name
    }

    private static let expectedHook =
        "a hook's name (1 to \(hookNameBytesMax) of a-z 0-9 . _ -)"

    private static func hookName(_ text: String) -> HookName? {
        text.utf8.count <= hookNameBytesMax ? HookName(text) : nil
    }

    private func checkDefined(_ name: HookName, at key: String, in section: YAMLSection) {
        guard let hooks, hooks[name] == nil else { return }
        let near = NearestName.to(name.text, among: hooks.keys.map(\.text))
        section.note(
            ": hook \(name) is not defined on the controller's host; "
                + (near.map { "did you mean \($0)?" }
                    ?? "add hooks.\(name) to the controller's configuration and restart it"),
            at: key
        )
    }

    // MARK: Acts

    private func act(_ word: String) -> PlanAct? {
        switch word {
        case "gate": plain(word, .gate)
        case "drain-tasks": plain(word, .drainTasks)
        case "activate": plain(word, .activate)
        case "verify": plain(word, .verify)
        case "ask": text(word).map { .ask($0) }
        case "notify": text(word).map { .notify($0) }
        case "fence": fence()
        case "stop": services(word, .from).map { .stop(.from, groups: $0.groups, $0.scope) }
        case "start": services(word, .to).map { .start(groups: $0.groups, $0.scope) }
        case "hook": hook(word).map { .hook($0.name, $0.place) }
        case "check": hook(word).map { .check($0.name, $0.place) }
        case "sandbox-tasks": sandbox(word)
        default: nil
        }
    }

    private func plain(_ word: String, _ act: PlanAct) -> PlanAct? {
        if section.isEmpty(word) { return act }
        section.note("has nothing behind it: \(word):", at: word)
        return nil
    }

    private func text(_ word: String) -> String? {
        if section.isEmpty(word) {
            section.note("needs a text: \(word): TEXT", at: word)
            return nil
        }
        return section.optionalScalar(
            word,
            expected: "a text of at most \(PlanDraft.textBytesMax) bytes"
        ) { text in
            !text.isEmpty && text.utf8.count <= PlanDraft.textBytesMax ? text : nil
        }
    }

    private func fence() -> PlanAct? {
        guard !section.isEmpty("fence") else { return .fence(with: nil) }
        guard let inner = section.subsection("fence") else { return nil }
        let name = hook("hook", in: inner)
        if name == nil { inner.note("needs a hook: fence: {hook: NAME}") }
        inner.finish()
        return name.map { .fence(with: $0) }
    }

    private func sandbox(_ word: String) -> PlanAct? {
        guard !section.isEmpty(word), let inner = section.subsection(word) else {
            if section.isEmpty(word) {
                section.note("needs a type and a count: \(word): {type: PUSH, count: 20}", at: word)
            }
            return nil
        }
        let range = SandboxWork.countRange
        let type = inner.optionalScalar("type", expected: "a type such as PUSH") {
            TaskType($0).flatMap { $0.isHook ? nil : $0 }
        }
        if !inner.has("type") { inner.note("needs a type of tasks: type: PUSH") }
        let work = SandboxWork(
            type: type ?? .push,
            count: inner.scalar(
                "count",
                expected: "a number from \(range.lowerBound) to \(range.upperBound)",
                default: 1
            ) { UInt16($0).flatMap { range.contains($0) ? $0 : nil } },
            account: inner.scalar(
                "account",
                expected: "at most \(SandboxWork.accountBytesMax) bytes of plain text",
                default: ""
            ) { SandboxWork.mayBeAccount($0) ? $0 : nil },
            payload: inner.scalar(
                "payload",
                expected: "at most \(SandboxWork.payloadBytesMax) bytes of text",
                default: ""
            ) { $0.utf8.count <= SandboxWork.payloadBytesMax ? $0 : nil }
        )
        inner.finish()
        return type == nil ? nil : .sandbox(work)
    }

    private func services(
        _ word: String,
        _ side: PlanSide
    ) -> (groups: [GroupName], scope: ServiceScope)? {
        guard !section.isEmpty(word) else { return ([], .all) }
        guard let inner = section.subsection(word) else { return nil }
        let given = inner.scalar("site", expected: "from or to", default: side) {
            PlanSide(rawValue: $0)
        }
        if given != side {
            inner.note(
                side == .from
                    ? ": only the old site's services are stopped: site: from"
                    : ": only the new site's services are started: site: to",
                at: "site"
            )
        }
        let groups = inner.list("groups", expected: "the name of a group", default: []) {
            GroupName($0)
        }
        let scope = inner.scalar(
            "services",
            expected: "all, exclusive or drainable",
            default: .all
        ) { ServiceScope(rawValue: $0) }
        inner.finish()
        return (groups, scope)
    }

    private func hook(_ word: String) -> (name: HookName, place: HookPlace)? {
        guard !section.isEmpty(word), let inner = section.subsection(word) else {
            if section.isEmpty(word) {
                section.note(
                    "needs a name and a place: \(word): {name: NAME, on: controller}",
                    at: word
                )
            }
            return nil
        }
        let name = inner.optionalScalar("name", expected: Self.expectedHook, Self.hookName)
        let place = inner.optionalScalar(
            "on",
            expected: "controller, every from, every to, one from, one to or node NAME"
        ) { HookPlace(words: $0) }
        if !inner.has("name") { inner.note("needs the name of a hook: name: NAME") }
        if !inner.has("on") { inner.note("needs a place: on: controller") }
        if let name, place == .controller { checkDefined(name, at: "name", in: inner) }
        inner.finish()
        guard let name, let place else { return nil }
        return (name, place)
    }
}
