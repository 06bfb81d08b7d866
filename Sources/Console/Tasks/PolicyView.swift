import API
import Model

/// `muster policy show`.
struct PolicyView {
    var policy: ClusterPolicy
    var style: Style
    var width: Int?

    func lines() -> [String] {
        var lines = [
            "policy \(style.paint(policy.policy, .strong))  \(Self.meaning(of: policy.policy))"
        ]
        lines += rows(facts())
        lines += ["", style.paint("NODES", .faint)]
        if policy.nodes.isEmpty { return lines + ["  no nodes yet"] }
        var table = Table([
            .init("NODE"), .init("SITE"), .init("SLOTS", right: true),
            .init("OVERLOADED FROM"), .init("PREFERS", flexible: true),
        ])
        table.indent = "  "
        for node in policy.nodes {
            table.add([
                Cell(node.node, .strong), Cell(node.site),
                Cell(node.slotsMax.map { "\($0)" } ?? "-"),
                Cell(Self.thresholds(node)),
                Cell(Self.preferences(node)),
            ])
        }
        return lines + table.lines(style: style, width: width)
    }

    private func facts() -> Table {
        func duration(_ milliseconds: UInt64) -> String {
            milliseconds == 0 ? "none" : DurationText.text(milliseconds: milliseconds)
        }
        var table = Table([.init("WHAT"), .init("IS", flexible: true)])
        func add(_ what: String, _ text: String) {
            table.add([Cell(what, .faint), Cell(text)])
        }
        add(
            "strict",
            policy.strict
                ? "yes: one overloaded node suspends attribute-match for all"
                : "no: an overloaded node is passed over, the others are matched"
        )
        add("account's set", "\(policy.affinityWidth) node\(policy.affinityWidth == 1 ? "" : "s")")
        add("patience", duration(policy.patienceMilliseconds))
        add(
            "attempts",
            "\(policy.attemptsMax), \(duration(policy.retryDelayMilliseconds)) apart, doubled up to"
                + " \(duration(policy.retryDelayMaxMilliseconds))"
        )
        add(
            "queue",
            "at most \(policy.queueCountMax) tasks and \(SizeText.bytes(policy.queueBytesMax))"
        )
        add("history", "kept for \(duration(policy.historyMilliseconds))")
        add(
            "types",
            (policy.typesStrict ? "only " : "any, known are ")
                + policy.types.joined(separator: ", ")
        )
        add(
            "attributes",
            policy.attributes.isEmpty ? "none declared" : policy.attributes.joined(separator: ", ")
        )
        return table
    }

    private func rows(_ table: Table) -> [String] {
        var table = table
        table.hasHeader = false
        table.indent = "  "
        table.isWrapped = true
        return table.lines(style: style, width: width)
    }

    /// `load 2.00, memory 95%, 40 tasks; relieved below 80%`.
    static func thresholds(_ node: NodePolicy) -> String {
        var parts: [String] = []
        if let load = node.loadPerProcessorMaxThousandths {
            parts.append("load \(SizeText.loadAverage(thousandths: load))")
        }
        if let memory = node.memoryUsedMaxPerMille {
            parts.append("memory \(SizeText.percent(perMille: memory))")
        }
        if let running = node.runningMax { parts.append("\(running) tasks") }
        guard !parts.isEmpty else { return "never" }
        return parts.joined(separator: ", ")
            + "; relieved below \(SizeText.percent(perMille: node.clearPerMille))"
    }

    static func preferences(_ node: NodePolicy) -> String {
        let all = node.preferredTypes + node.preferredAttributes
        return all.isEmpty ? "-" : all.joined(separator: ", ")
    }

    static func meaning(of policy: String) -> String {
        switch policy {
        case "account-affinity": "all tasks of an account go to the same nodes"
        case "attribute-match": "tasks go to nodes that prefer their type or an attribute"
        case "round-robin": "each node in turn"
        case "least-loaded": "the node with the least to do"
        default: ""
        }
    }
}
