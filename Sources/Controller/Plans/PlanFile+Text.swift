import ControllerCore
import Model

// A plan as a file, the way ``PlanFile/parse(_:path:hooks:)`` reads it. What has its usual value is
// left out.

extension PlanFile {
    static func text(of draft: PlanDraft) -> String {
        lines(of: draft).joined(separator: "\n") + "\n"
    }

    static func lines(of draft: PlanDraft) -> [String] {
        var lines = [
            "name: \(scalar(draft.name.text))",
            "for: [\(draft.kinds.map(\.rawValue).joined(separator: ", "))]", "steps:",
        ]
        for step in draft.steps {
            lines.append("  - step: \(scalar(step.name.text))")
            lines += body(of: step).map { "    " + $0 }
        }
        return lines
    }

    private static func body(of step: PlanStep) -> [String] {
        let usual = PlanStep(name: step.name, act: step.act)
        var lines = [act(step.act)]
        if step.timeout != usual.timeout { lines.append("timeout: \(exact(step.timeout))") }
        if step.retries != usual.retries { lines.append("retries: \(step.retries)") }
        if step.retryDelay != usual.retryDelay {
            lines.append("retry-delay: \(exact(step.retryDelay))")
        }
        if let hook = step.verify { lines.append("verify-hook: \(scalar(hook.text))") }
        if let hook = step.undo { lines.append("undo-hook: \(scalar(hook.text))") }
        if step.onFailure != usual.onFailure {
            lines.append("on-failure: \(step.onFailure.rawValue)")
        }
        if step.isInDrill { lines.append("in-drill: yes") }
        return lines
    }

    private static func act(_ act: PlanAct) -> String {
        switch act {
        case .gate, .drainTasks, .activate, .verify, .fence(with: nil), .isolate, .endDrill:
            "\(act.word):"
        case .fence(let hook?): "fence: {hook: \(scalar(hook.text))}"
        case .stop(_, let groups, let scope), .start(let groups, let scope):
            "\(act.word): \(services(groups, scope))"
        case .hook(let name, let place), .check(let name, let place):
            "\(act.word): {name: \(scalar(name.text)), on: \(place.words)}"
        case .ask(let text), .notify(let text): "\(act.word): \(quoted(text))"
        case .sandbox(let work):
            "\(act.word): {type: \(quoted(work.type.text)), count: \(work.count)"
                + (work.account.isEmpty ? "" : ", account: \(quoted(work.account))")
                + (work.payload.isEmpty ? "" : ", payload: \(quoted(work.payload))") + "}"
        }
    }

    private static func services(_ groups: [GroupName], _ scope: ServiceScope) -> String {
        var parts: [String] = []
        if !groups.isEmpty {
            parts.append("groups: [\(groups.map { scalar($0.text) }.joined(separator: ", "))]")
        }
        if scope != .all { parts.append("services: \(scope.rawValue)") }
        return "{\(parts.joined(separator: ", "))}"
    }

    /// A name may look like a number or a switch to another reader of YAML.
    private static func scalar(_ name: String) -> String {
        let isPlain = name.utf8.first.map { (97...122).contains($0) } ?? false
        let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        return isPlain && !words.contains(name) ? name : quoted(name)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// In the fewest units that say it exactly: `1h30m`, `2500ms`.
    static func exact(_ duration: Duration) -> String {
        var rest = duration.wholeMilliseconds
        guard rest > 0 else { return "0s" }
        if rest % 1_000 != 0 { return "\(rest)ms" }
        var text = ""
        for (unit, size): (String, Int64) in [
            ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
        ] where rest >= size {
            text += "\(rest / size)\(unit)"
            rest %= size
        }
        return text
    }
}
