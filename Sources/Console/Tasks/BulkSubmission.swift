import API
import Host
import Model

/// `muster task submit --file`: one task a line, sent in batches.
///
/// A line that is wrong, or turned away, is named, and the others go on. What the controller has no
/// room for is sent again after the time it asks for, until nothing was taken for a while.
struct BulkSubmission {
    /// A batch is sent when it would get larger than this.
    static let batchBytes = 8 << 20
    /// How long it is gone on without a single task being taken.
    static let patience: Duration = .seconds(300)
    static let pauseSecondsDefault: UInt64 = 5
    static let sendsMax = 5

    struct Counts: Encodable, Hashable {
        var accepted = 0
        var known = 0
        var refused = 0
        /// Sent, and never answered.
        var unanswered = 0
    }

    /// One line's answer, for programs.
    private struct Report: Encodable {
        var line: Int
        var id: UInt64?
        var known: Bool?
        var code: String?
        var detail: String?
    }

    private struct Entry {
        var line: Int
        var task: TaskRequest
    }

    let session: Session
    /// What the file is called in messages.
    let name: String
    let format: OutputFormat
    private(set) var counts = Counts()
    private var batch: [Entry] = []
    private var bytes = 0
    private var progress = Progress()
    private var lastTaken = BootClock.now()
    private var hasToldBusy = false

    init(session: Session, name: String, format: OutputFormat) {
        self.session = session
        self.name = name
        self.format = format
    }

    mutating func submit(_ file: LineFile) async throws {
        var file = file
        while let line = try file.line() {
            let size = line.bytes?.count ?? 0
            if batch.count == TaskRequest.batchCountMax || bytes + size > Self.batchBytes {
                try await send()
            }
            do throws(TaskLines.Problem) {
                batch.append(Entry(line: line.number, task: try TaskLines.task(line.bytes)))
                bytes += size
            } catch {
                try refuse(line.number, code: "bad-line", error.text)
            }
        }
        try await send()
        progress.clear()
    }

    private mutating func send() async throws {
        var open = batch
        batch = []
        bytes = 0
        while !open.isEmpty {
            let (answers, pause) = try await answers(to: open)
            guard answers.count == open.count else {
                throw ConsoleError(
                    .failed,
                    "\(place(open)): \(counted(answers.count, "answer")) came for "
                        + counted(open.count, "task"),
                    hint: "compare the versions with `muster version`"
                )
            }
            var again: [Entry] = []
            for (entry, answer) in zip(open, answers) {
                if answer.code == "busy" || answer.code == "storage" {
                    again.append(entry)
                } else {
                    try take(entry, answer)
                }
            }
            if again.count < open.count { lastTaken = BootClock.now() }
            open = again
            show()
            guard let first = answers.first(where: { $0.code == "busy" || $0.code == "storage" })
            else { continue }
            try await pauseFor(pause, first.detail ?? "", open)
        }
    }

    /// A batch whose every task has an idempotency key may be sent again when its answer was lost.
    private mutating func answers(
        to open: [Entry]
    ) async throws -> (answers: [TaskAnswer], pause: UInt64) {
        let isRepeatable = open.allSatisfy { $0.task.key != nil }
        var sends = 0
        while true {
            sends += 1
            do {
                let answer: Answer<TaskBatchAnswer> = try await session.client.send(
                    .submitTasks,
                    nil,
                    open.map(\.task)
                )
                return (answer.value.answers, answer.retryAfter ?? Self.pauseSecondsDefault)
            } catch let error as ConsoleError where error.code == "busy" {
                return (
                    open.map { _ in
                        TaskAnswer(code: "busy", detail: error.message, mend: error.hint)
                    },
                    error.retryAfter ?? Self.pauseSecondsDefault
                )
            } catch let error as ConsoleError
                where error.code == "too-fast" && BootClock.now() - lastTaken < Self.patience
            {
                try await Task.sleep(nanoseconds: 1_000_000_000)
            } catch let error as ConsoleError
                where error.code == nil && isRepeatable && sends < Self.sendsMax
            {
                try await Task.sleep(nanoseconds: UInt64(sends) * 1_000_000_000)
            } catch var error as ConsoleError where error.code == nil {
                counts.unanswered += open.count
                progress.clear()
                error.message = "\(place(open)): \(error.message)"
                error.hint =
                    "look with `muster task list`; the lines before are submitted, those after are"
                    + " not. With a key in each line the file can simply be submitted again"
                throw error
            }
        }
    }

    private func place(_ entries: [Entry]) -> String {
        "\(name):\(entries.first?.line ?? 0)-\(entries.last?.line ?? 0)"
    }

    private mutating func pauseFor(
        _ seconds: UInt64,
        _ detail: String,
        _ open: [Entry]
    ) async throws {
        guard BootClock.now() - lastTaken < Self.patience else {
            progress.clear()
            throw ConsoleError(
                .timedOut,
                "\(name):\(open.first?.line ?? 0): \(detail); nothing was taken for"
                    + " \(Self.patience.forPeople)",
                hint: "the lines before are submitted; is anything running? `muster status`"
            )
        }
        if !hasToldBusy {
            progress.clear()
            Terminal.writeErrorLine("\(detail); waiting for room")
            hasToldBusy = true
        }
        try await Task.sleep(nanoseconds: min(seconds, 60) * 1_000_000_000)
    }

    private mutating func take(_ entry: Entry, _ answer: TaskAnswer) throws {
        guard let id = answer.id else {
            let mend = answer.mend ?? ""
            let text = (answer.detail ?? "turned away") + (mend.isEmpty ? "" : "; \(mend)")
            return try refuse(entry.line, code: answer.code ?? "", text)
        }
        if answer.known == true { counts.known += 1 } else { counts.accepted += 1 }
        guard format == .json else { return }
        Terminal.writeLine(
            try JSONLine.text(Report(line: entry.line, id: id, known: answer.known))
        )
    }

    private mutating func refuse(_ line: Int, code: String, _ text: String) throws {
        counts.refused += 1
        progress.clear()
        Terminal.writeErrorLine("\(name):\(line): \(text)")
        guard format == .json else { return }
        Terminal.writeLine(try JSONLine.text(Report(line: line, code: code, detail: text)))
    }

    private mutating func show() {
        guard Terminal.isError else { return }
        progress.show("\(counts.accepted + counts.known) submitted")
    }

    /// `1998 accepted, 2 known already, 3 refused`.
    static func sentence(_ counts: Counts) -> String {
        var parts = ["\(counts.accepted) accepted"]
        if counts.known > 0 { parts.append("\(counts.known) known already") }
        if counts.refused > 0 { parts.append("\(counts.refused) refused") }
        return parts.joined(separator: ", ")
    }
}
