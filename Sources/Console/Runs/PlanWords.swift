import API

/// Plans as they are shown.
enum PlanWords {
    /// `night.yaml:4:7: steps[1].gaet is not a setting; did you mean steps[1].gate?`
    static func mistakes(_ mistakes: [DocumentMistake], in file: String?) -> [String] {
        mistakes.map { "\(file ?? "file"):\($0.line):\($0.column): \($0.text)" }
    }

    static func page(_ detail: PlanDetail, style: Style, width: Int?) -> [String] {
        let plan = detail.plan
        let name = style.paint(plan.name, .strong)
        let kinds = plan.kinds.joined(separator: ", ")
        let origin =
            plan.version == 0
            ? "not set" : "version \(plan.version), by \(plan.by), \(TimeText.long(plan.at))"
        return ["plan \(name) for \(kinds)  \(style.paint(origin, .faint))"]
            + steps(detail.steps, style: style, width: width)
    }

    private static func steps(
        _ steps: [PlanStepDetail],
        style: Style,
        width: Int?
    ) -> [String] {
        var table = Table([
            .init("#", right: true), .init("STEP"), .init("WITHIN", right: true),
            .init("IF IT FAILS"), .init("WHAT", flexible: true),
        ])
        table.isWrapped = width != nil
        for step in steps {
            table.add([
                Cell("\(step.number)", .faint),
                Cell(step.name, step.pointOfNoReturn ? .warning : .strong),
                Cell(DurationText.text(milliseconds: step.timeoutMilliseconds)),
                Cell(failing(step)), Cell(step.what + extras(step)),
            ])
        }
        return table.lines(style: style, width: width)
    }

    private static func failing(_ step: PlanStepDetail) -> String {
        let retries = step.retries == 0 ? "" : "\(step.retries) more, then "
        return retries + step.onFailure
    }

    private static func extras(_ step: PlanStepDetail) -> String {
        var extras = ""
        if let hook = step.verifyHook { extras += "; done when hook \(hook) says so" }
        if let hook = step.undoHook { extras += "; undone by hook \(hook)" }
        if step.inDrill == true { extras += "; part of drills, too" }
        return extras
    }
}
