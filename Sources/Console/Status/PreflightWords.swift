import API

/// Findings of preflight checks as they are shown.
enum PreflightWords {
    static func tone(_ outcome: String) -> Tone {
        switch outcome {
        case "passed": .good
        case "failed": .bad
        default: .warning
        }
    }

    static func lines(
        _ findings: [PreflightFinding],
        style: Style,
        width: Int?,
        hasNode: Bool = true
    ) -> [String] {
        let nodeWidth = findings.map { DisplayWidth.of($0.node) }.max() ?? 0
        let checkWidth = findings.map { DisplayWidth.of($0.check) }.max() ?? 0
        var lines: [String] = []
        for finding in findings {
            let tone = tone(finding.outcome)
            let word = DisplayWidth.padded("\(style.symbol(tone)) \(finding.outcome)", to: 9)
            let node = hasNode ? DisplayWidth.padded(finding.node, to: nodeWidth) + "  " : ""
            let check = DisplayWidth.padded(finding.check, to: checkWidth)
            let indent = 2 + 9 + 2 + (hasNode ? nodeWidth + 2 : 0) + checkWidth + 2
            let room = width.map { max(20, $0 - indent) } ?? Int.max
            let text = DisplayWidth.wrapped(finding.text, to: room)
            let head = "  \(style.paint(word, tone))  \(node)\(check)  "
            let space = String(repeating: " ", count: indent)
            lines.append(head + (text.first ?? ""))
            lines += text.dropFirst().map { space + $0 }
            guard !finding.mend.isEmpty, finding.outcome != "passed" else { continue }
            let mend = DisplayWidth.wrapped("mend: \(finding.mend)", to: room)
            lines += mend.map { space + style.paint($0, .accent) }
        }
        return lines
    }
}
