public import Model
import Protocol

/// A written plan as the store has it.
public struct PlanRecord: Hashable, Sendable {
    public var draft: PlanDraft
    /// Raised with each change.
    public var version: UInt32
    public var by: String
    public var at: WallTime

    public init(draft: PlanDraft, version: UInt32, by: String, at: WallTime) {
        self.draft = draft
        self.version = version
        self.by = by
        self.at = at
    }

    init(_ fields: FieldReader) throws(MessageError) {
        var kinds: [RunKind] = []
        for word in try fields.text("kinds").split(separator: ",") {
            guard let kind = RunKind(rawValue: String(word)) else {
                throw .bad(key: "kinds", expected: "a list of kinds of runs")
            }
            kinds.append(kind)
        }
        var steps: [PlanStep] = []
        for text in try fields.text("steps").split(separator: "\n") {
            guard let line = try? Line.parse(String(text), limits: .record) else {
                throw .bad(key: "steps", expected: "lines of steps")
            }
            steps.append(try PlanStep(FieldReader(line)))
        }
        self.init(
            draft: PlanDraft(name: try fields.name("name"), kinds: kinds, steps: steps),
            version: try fields.number("version"),
            by: fields.optionalText("by") ?? "",
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("PLAN")
        writer.put("name", draft.name)
        writer.put("kinds", draft.kinds.map(\.rawValue).joined(separator: ","))
        writer.put("version", version)
        writer.put("by", by)
        writer.put("at", at)
        writer.put("steps", draft.steps.map(\.line.description).joined(separator: "\n"))
        return writer.line
    }
}

extension PlanStep {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("step"),
            act: try PlanAct(fields),
            timeout: try fields.milliseconds("timeout"),
            retries: try fields.optionalNumber("retries") ?? 0,
            retryDelay: try fields.optionalMilliseconds("retry-delay") ?? .zero,
            verify: try fields.optionalName("verify"),
            undo: try fields.optionalName("undo"),
            onFailure: try fields.word("on-failure"),
            isInDrill: try fields.flag("in-drill")
        )
    }

    var line: Line {
        var writer = LineWriter("STEP")
        put(to: &writer)
        return writer.line
    }

    func put(to writer: inout LineWriter) {
        writer.put("step", name)
        act.put(to: &writer)
        writer.put("timeout", milliseconds: timeout)
        if retries > 0 { writer.put("retries", retries) }
        writer.put("retry-delay", milliseconds: retryDelay)
        writer.put("verify", verify)
        writer.put("undo", undo)
        writer.put("on-failure", onFailure)
        writer.put("in-drill", isInDrill)
    }
}

extension PlanAct {
    init(_ fields: FieldReader) throws(MessageError) {
        func groups() throws(MessageError) -> [GroupName] {
            var groups: [GroupName] = []
            for word in (fields.optionalText("groups") ?? "").split(separator: ",") {
                guard let group = GroupName(String(word)) else {
                    throw .bad(key: "groups", expected: "a list of groups")
                }
                groups.append(group)
            }
            return groups
        }
        func place() throws(MessageError) -> HookPlace {
            guard let place = HookPlace(text: try fields.text("on")) else {
                throw .bad(key: "on", expected: "controller, every/SIDE, one/SIDE or node/NAME")
            }
            return place
        }
        switch try fields.text("act") {
        case "gate": self = .gate
        case "drain-tasks": self = .drainTasks
        case "stop":
            self = .stop(try fields.word("side"), groups: try groups(), try fields.word("scope"))
        case "start": self = .start(groups: try groups(), try fields.word("scope"))
        case "fence": self = .fence(with: try fields.optionalName("hook"))
        case "activate": self = .activate
        case "hook": self = .hook(try fields.name("hook"), try place())
        case "check": self = .check(try fields.name("hook"), try place())
        case "ask": self = .ask(try fields.text("text"))
        case "verify": self = .verify
        case "notify": self = .notify(try fields.text("text"))
        case "isolate": self = .isolate
        case "end-drill": self = .endDrill
        case "sandbox-tasks": self = .sandbox(try SandboxWork(fields))
        default: throw .bad(key: "act", expected: "an act of a plan")
        }
    }

    func put(to writer: inout LineWriter) {
        writer.put("act", word)
        switch self {
        case .gate, .drainTasks, .activate, .verify, .isolate, .endDrill: break
        case .fence(let hook): writer.put("hook", hook)
        case .stop(let side, let groups, let scope):
            writer.put("side", side)
            writer.put("groups", groups.map(\.text).joined(separator: ","))
            writer.put("scope", scope)
        case .start(let groups, let scope):
            writer.put("groups", groups.map(\.text).joined(separator: ","))
            writer.put("scope", scope)
        case .hook(let name, let place), .check(let name, let place):
            writer.put("hook", name)
            writer.put("on", place.text)
        case .ask(let text), .notify(let text): writer.put("text", text)
        case .sandbox(let work): work.put(to: &writer)
        }
    }
}
