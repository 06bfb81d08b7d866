import API
import Model

/// A node's state as it is shown: a symbol, a word, a tone.
enum NodeWords {
    static func status(_ node: NodeSummary, style: Style) -> Cell {
        let tone = statusTone(node)
        return Cell("\(style.symbol(tone)) \(statusWord(node.status))", tone)
    }

    static func statusWord(_ status: String) -> String {
        switch status {
        case NodeStatus.online.rawValue: "Online"
        case NodeStatus.offline.rawValue: "Offline"
        default: status
        }
    }

    static func statusTone(_ node: NodeSummary) -> Tone {
        if node.membership == Membership.removed.rawValue { return .faint }
        if node.status == NodeStatus.online.rawValue {
            let serious: [NodeMark] = [.suspect, .degraded, .clockSuspect, .configBehind]
            return node.marks.contains { serious.contains($0) } ? .warning : .good
        }
        let expected: [NodeMark] = [.invited, .joining, .maintenance, .drained, .removing]
        return node.marks.contains { expected.contains($0) } ? .faint : .bad
    }

    static func marks(_ node: NodeSummary) -> Cell {
        let words = node.marks.map(\.rawValue).joined(separator: ",")
        let isAlarming = node.marks.contains(.conflicted) || node.marks.contains(.held)
        return Cell(
            words.isEmpty ? "-" : words,
            words.isEmpty ? .faint : isAlarming ? .bad : .plain
        )
    }

    /// The marks, and the reason of the status.
    static func note(_ node: NodeSummary) -> Cell {
        let marks = node.marks.map(\.rawValue).joined(separator: ", ")
        let isSaid = node.marks.allSatisfy { node.reason.contains($0.rawValue) }
        let words = (isSaid ? [node.reason] : [marks, node.reason]).filter { !$0.isEmpty }
            .joined(separator: ": ")
        return words.isEmpty
            ? Cell("-", .faint) : Cell(words, marks.isEmpty ? .plain : self.marks(node).tone)
    }

    static func age(_ milliseconds: UInt64?) -> Cell {
        guard let milliseconds else { return Cell("-", .faint) }
        let isOld = milliseconds > 3_500
        return Cell(DurationText.text(milliseconds: milliseconds), isOld ? .warning : .plain)
    }

    /// How long it has been so.
    static func duration(since text: String, at now: WallTime) -> String {
        TimeText.age(of: text, at: now).map { DurationText.text(milliseconds: max(0, $0)) } ?? "-"
    }

    static func until(_ text: String?, at now: WallTime) -> String {
        guard let text, let age = TimeText.age(of: text, at: now) else { return "-" }
        return age > 0
            ? "ended \(DurationText.text(milliseconds: age)) ago"
            : "in \(DurationText.text(milliseconds: -age))"
    }

    static func services(_ node: NodeSummary) -> Cell {
        guard node.servicesWanted > 0 || node.servicesRunning > 0 else { return Cell("-", .faint) }
        let isShort = node.servicesRunning < node.servicesWanted
        return Cell("\(node.servicesRunning)/\(node.servicesWanted)", isShort ? .warning : .plain)
    }

    static func share(_ perMille: UInt32?) -> Cell {
        guard let perMille else { return Cell("-", .faint) }
        return Cell(
            SizeText.percent(perMille: perMille),
            perMille >= 950 ? .bad : perMille >= 850 ? .warning : .plain
        )
    }

    /// A busy processor does its work: worth a look at most.
    static func busy(_ perMille: UInt32?) -> Cell {
        guard let perMille else { return Cell("-", .faint) }
        return Cell(SizeText.percent(perMille: perMille), perMille >= 950 ? .warning : .plain)
    }

    /// Whether `muster node list --problems` shows it.
    static func isProblem(_ node: NodeSummary) -> Bool {
        let tone = statusTone(node)
        return tone == .bad || tone == .warning || node.marks.contains(.conflicted)
            || node.marks.contains(.held)
    }
}
