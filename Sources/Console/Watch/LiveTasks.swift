import API
import Model

/// `muster task list --watch`: asked for anew with each pulse, because the stream does not tell of each
/// task.
struct LiveTasks: LiveModel {
    /// Tasks that have left the list and are looked at once more, to say how they ended; of one
    /// asking.
    static let departedMax = 100

    var filter: TaskFilter
    var limit: Int
    var options: ListOptions
    /// Off a terminal: what becomes of tasks that leave the list is asked for, too.
    var tellsChanges = false
    var tasks: [TaskSummary] = []
    /// Those that were in the list the time before, as they are now.
    var departed: [TaskSummary] = []
    var clock = ControllerClock()

    static var isAskedForChanges: Bool { true }

    mutating func fetch(_ session: Session) async throws {
        let answer = try await filter.newest(limit, session)
        var departed: [TaskSummary] = []
        if tellsChanges {
            let present = Set(answer.value.tasks.map(\.id))
            for task in tasks.filter({ !present.contains($0.id) }).prefix(Self.departedMax) {
                do {
                    let detail: Answer<TaskDetail> = try await session.client.get(
                        Route.showTask.path("\(task.id)")
                    )
                    departed.append(detail.value.task)
                } catch let error as ConsoleError where error.code == "unknown-name" {
                    // It was forgotten since.
                }
            }
        }
        tasks = answer.value.tasks
        self.departed = departed
        clock.set(answer.asOf.iso8601)
    }

    mutating func apply(_ update: StreamUpdate) -> Bool {
        switch update {
        case .event, .change, .pulse: true
        case .connected, .lost, .refused: false
        }
    }

    func lines(_ frame: LiveFrame) -> [String] {
        let table = try? TaskWords.listing(style: frame.style, at: clock.now).table(
            tasks,
            isWide: options.output.format == .wide,
            hasHeader: !options.noHeaders,
            sortBy: options.sortBy
        )
        let head = frame.head(TaskWords.counts(tasks), at: clock.now)
        let rows = table?.lines(style: frame.style, width: frame.width) ?? []
        return [head, ""] + LiveNodes.fitted(rows, to: frame.height.map { $0 - 2 })
    }

    // MARK: Off a terminal

    /// Nothing: what the stream says of tasks is said by the next asking, too.
    func changes(by update: StreamUpdate, style: Style) -> [String] { [] }

    func changes(since before: LiveTasks, style: Style) -> [String] {
        changed(since: before).map { line($0) }
    }

    func objects(since before: LiveTasks) throws -> [String] {
        try changed(since: before).map { try JSONLine.text($0) }
    }

    /// New ones and those that stand elsewhere, the oldest first.
    private func changed(since before: LiveTasks) -> [TaskSummary] {
        let known = Dictionary(
            before.tasks.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        return (departed + tasks).filter { known[$0.id] != $0 }.sorted { $0.id < $1.id }
    }

    /// `03:14:15  17  PUSH  acme  running on a-1`
    private func line(_ task: TaskSummary) -> String {
        let note = TaskWords.note(task, at: clock.now).text
        let words = [
            TimeText.short(clock.now.iso8601, at: clock.now), "\(task.id)", task.type, task.account,
            TaskWords.stateWord(task) + (task.node.map { " on \($0)" } ?? ""),
            note == "-" ? "" : note,
        ]
        return words.filter { !$0.isEmpty }.joined(separator: "  ")
    }
}
