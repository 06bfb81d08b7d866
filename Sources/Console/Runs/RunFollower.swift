import API
import Host
import Model

/// Follows a run to its end, or until it waits for a person.
struct RunFollower {
    private static let pauseMilliseconds: ClosedRange<UInt64> = 150...1_000

    let session: Session
    let id: UInt64
    /// Lines on the terminal that the next drawing takes the place of.
    private var drawn = 0
    private var told: [String] = []
    private var wasLost = false

    init(session: Session, id: UInt64) {
        self.session = session
        self.id = id
    }

    private var isScreen: Bool { Terminal.isOutput }

    /// Returns when the run is done.
    ///
    /// - Throws: a quiet exit: `failed` when it was rolled back, `degraded` when it waits for a
    ///   person.
    mutating func follow() async throws {
        Interruption.onInterrupt(
            write: "\nThe run goes on: Ctrl-C ends the looking and cancels nothing."
                + " Look again with `muster run follow \(id)`.\n",
            to: 2
        )
        defer { Interruption.endHandling() }
        var pause = Self.pauseMilliseconds.lowerBound
        var last: RunDetail?
        while true {
            if let answer = try await look() {
                let detail = answer.value
                show(detail, at: answer.asOf)
                if detail.run.isEnded { return try end(detail, at: answer.asOf) }
                if !detail.run.needs.isEmpty { return try ask(detail) }
                let hasMoved = last.map { $0.steps != detail.steps || $0.run != detail.run } ?? true
                last = detail
                pause =
                    hasMoved
                    ? Self.pauseMilliseconds.lowerBound
                    : min(Self.pauseMilliseconds.upperBound, pause * 5 / 4)
            }
            try await Task.sleep(nanoseconds: pause * 1_000_000)
        }
    }

    /// - Returns: nil while no controller answers: one that is started again goes on with the run.
    private mutating func look() async throws -> Answer<RunDetail>? {
        do {
            let answer: Answer<RunDetail> = try await session.client.get(
                Route.showRun.path("\(id)")
            )
            if wasLost { Terminal.writeErrorLine("the controller answers again") }
            wasLost = false
            return answer
        } catch let error as ConsoleError where error.status == .unreachable {
            if !wasLost { Terminal.writeErrorLine("no controller answers; trying again") }
            if !wasLost { drawn = 0 }
            wasLost = true
            return nil
        }
    }

    private func end(_ detail: RunDetail, at now: WallTime) throws {
        Terminal.writeLine(RunWords.end(detail.run, style: session.style, at: now))
        Terminal.writeErrorLine("its report: `muster run report \(id)`")
        guard detail.run.state == "done" else { throw QuietExit(status: .failed) }
    }

    private func ask(_ detail: RunDetail) throws {
        for line in RunWords.needs(detail.run, style: session.style) { Terminal.writeLine(line) }
        Terminal.writeErrorLine("then: `muster run follow \(id)`")
        throw QuietExit(status: .degraded)
    }

    private mutating func show(_ detail: RunDetail, at now: WallTime) {
        let size = Terminal.size
        let page = RunPage(
            detail: detail,
            style: session.style,
            now: now,
            width: isScreen ? size.columns : nil
        )
        guard isScreen else { return tell(page, at: now) }
        let lines = page.lines(rows: size.rows - 3)
        let back = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
        Terminal.write(back + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
        drawn = lines.count
    }

    /// Off a terminal: a line for each step that has changed.
    private mutating func tell(_ page: RunPage, at now: WallTime) {
        let detail = page.detail
        if told.isEmpty { Terminal.writeLine(page.head) }
        for (index, step) in detail.steps.enumerated() {
            let isPresent = !detail.run.isEnded && index == Int(detail.run.step) - 1
            let text = isPresent && !detail.run.text.isEmpty ? detail.run.text : step.text
            let line =
                "\(step.plan.number)/\(detail.run.stepCount) \(step.plan.name): "
                + RunPage.stateWord(step) + (text.isEmpty ? "" : ": \(text)")
            if told.count <= index { told.append("") }
            guard step.state != "pending", told[index] != line else { continue }
            let isNew = told[index].isEmpty
            told[index] = line
            // When it was, and not when it was looked at; what a step that goes on says is of now.
            let at = step.endedAt ?? (isNew ? step.startedAt : nil) ?? now.iso8601
            Terminal.writeLine("\(TimeText.short(at, at: now))  \(line)")
        }
    }
}
