import API
import Model

/// `muster task why`: where a task goes or went, and what every node had to do with it.
struct WhyView {
    var why: TaskExplanation
    var style: Style
    var now: WallTime
    var width: Int?

    func lines() -> [String] {
        let id = style.paint("task \(why.id)", .strong)
        var lines = ["\(id)  \(why.type)  \(why.state): \(why.text)"]
        var facts: [String] = []
        if let policy = why.policy { facts.append("policy \(policy)") }
        if let rule = why.rule { facts.append("rule \(rule): \(Self.meaning(of: rule))") }
        if let at = why.viewedAt {
            facts.append("the nodes as seen \(NodeWords.duration(since: at, at: now)) ago")
        }
        if !facts.isEmpty { lines.append("  " + facts.joined(separator: " \(style.dot) ")) }
        if why.candidates.isEmpty {
            if why.view != nil { lines.append("  what the nodes were then is not kept any more") }
            return lines
        }
        lines += ["", style.paint("NODES OF THE ACTIVE SITE", .faint)]
        var table = Table([
            .init("NODE"), .init("LOAD", right: true), .init("MEMORY", right: true),
            .init("TASKS", right: true), .init("WHY", flexible: true),
        ])
        table.indent = "  "
        for candidate in why.candidates {
            let (text, tone) = verdict(candidate)
            table.add([
                Cell(candidate.node, candidate.node == why.node ? .good : .strong),
                Cell(
                    candidate.loadPerProcessorThousandths.map {
                        SizeText.loadAverage(thousandths: $0)
                    } ?? "-"
                ),
                Cell(
                    candidate.memoryUsedPerMille.map { SizeText.percent(perMille: $0) } ?? "-"
                ),
                Cell("\(candidate.assigned)/\(candidate.slots)"),
                Cell("\(style.symbol(tone)) \(text)", tone),
            ])
        }
        return lines + table.lines(style: style, width: width)
    }

    private func verdict(_ candidate: TaskCandidate) -> (String, Tone) {
        if candidate.node == why.node { return ("it has it", .good) }
        if let obstacle = candidate.obstacle { return (obstacle, .warning) }
        let room = candidate.room.map { ", \($0)" } ?? ""
        guard let preferred = candidate.preferred else { return ("could take it\(room)", .plain) }
        return preferred
            ? ("preferred\(room)", .good) : ("could take it, not preferred\(room)", .plain)
    }

    /// The rule in an operator's words.
    static func meaning(of rule: String) -> String {
        switch rule {
        case "exclusive-key": "a task of the same exclusive key is on that node"
        case "home": "the account's own node"
        case "affinity-set": "the next of the account's nodes"
        case "attribute-match": "it prefers the type or an attribute"
        case "round-robin": "the next in turn"
        case "least-loaded": "the least loaded"
        case "whole-site": "no node is preferred, so the next of the whole site"
        case "spilled": "the preferred nodes had no room for longer than the patience"
        case "all-overloaded": "every node that could is overloaded, one of them all the same"
        default: "see docs/directing-work.md"
        }
    }

    /// `muster task why-not`: one sentence about one node.
    ///
    /// - Parameter site: the node's, if it is a node at all.
    static func whyNot(_ node: String, _ why: TaskExplanation, site: String) -> String {
        if node == why.node { return "\(node) has it, or had it last: \(why.text)" }
        guard let candidate = why.candidates.first(where: { $0.node == node }) else {
            if why.candidates.isEmpty {
                return why.view == nil
                    ? "nothing was decided: \(why.text)"
                    : "what the nodes were when it was decided is not kept any more"
            }
            return "\(node) is no candidate: it is of site \(site), and tasks go to nodes of the"
                + " active site"
        }
        if let obstacle = candidate.obstacle { return "\(node) cannot take it: \(obstacle)" }
        let rule = why.rule.map { "the rule \($0) (\(meaning(of: $0)))" } ?? "the policy"
        if candidate.preferred == false {
            return "\(node) could take it, but is not in the set that \(rule) yields"
        }
        if let room = candidate.room { return "\(node) is in the set: \(room)" }
        if let chosen = why.node {
            return "\(node) could have taken it; by \(rule) it went to \(chosen)"
        }
        return "\(node) can take it: \(why.text)"
    }
}
