import API

/// What a run would do, without doing it.
struct RunPreviewPage {
    var preview: RunPreview
    var style: Style
    var width: Int?

    func lines() -> [String] {
        let arrow = style.isUnicode ? "→" : "->"
        let time =
            preview.estimateMilliseconds.map {
                "by earlier runs "
                    + RunWords.estimate($0, unmeasured: preview.unmeasuredSteps)
            } ?? "there was no such run before: no estimate"
        let title = style.paint(preview.kind, .strong)
        var lines = [
            "\(title) \(preview.from) \(arrow) \(preview.to), plan \(preview.plan.name)"
                + (preview.plan.version > 0 ? " version \(preview.plan.version)" : "")
                + "; \(time)",
            "", SiteWords.verdict(preview.readiness, style: style),
        ]
        let told = preview.readiness.findings.filter { $0.level != "fine" }
        lines += SiteWords.findings(told, style: style, width: width)
        lines += ["", style.paint("STEPS, AND WHAT EACH WOULD DO NOW", .faint)]
        for step in preview.steps {
            let number = DisplayWidth.paddedLeft("\(step.plan.number)", to: 4)
            let estimate =
                step.estimateMilliseconds.map {
                    "  (about \(DurationText.text(milliseconds: $0)))"
                } ?? ""
            let name = style.paint(step.plan.name, step.plan.pointOfNoReturn ? .warning : .strong)
            lines.append("\(number)  \(name): \(step.plan.what)\(style.paint(estimate, .faint))")
            lines += step.now.flatMap { wrapped($0) }
        }
        if let names = preview.leftOut, !names.isEmpty {
            let text = "A drill leaves out, because it would touch site \(preview.from): "
            lines += [""] + wrapped(text + names.joined(separator: ", "), indent: "  ")
        }
        let open = preview.fences.filter { $0.proof == nil }
        if !open.isEmpty {
            let names = open.map(\.node).joined(separator: ", ")
            lines += ["", style.paint("It would wait for your word on \(names).", .bad)]
        }
        return lines
    }

    private func wrapped(_ text: String, indent: String = "        ") -> [String] {
        guard let width, width > 30 else { return [indent + text] }
        return DisplayWidth.wrapped(text, to: width - indent.count).map { indent + $0 }
    }
}
