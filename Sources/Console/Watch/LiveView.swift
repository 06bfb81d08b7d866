import API
import Glibc
import Host
import Model

/// What a live view shows, and how it follows the stream.
protocol LiveModel: Sendable {
    /// Asks the controller for everything that is shown.
    mutating func fetch(_ session: Session) async throws

    /// - Returns: whether it must be fetched again to be right.
    mutating func apply(_ update: StreamUpdate) -> Bool

    /// The screen.
    func lines(_ frame: LiveFrame) -> [String]

    /// What has changed, one line each, for an output that is no terminal.
    func changes(by update: StreamUpdate, style: Style) -> [String]

    /// What it shows is not in the stream: off a terminal, and for programs, it is asked for as it is
    /// on one, and the answers are compared.
    static var isAskedForChanges: Bool { get }

    /// What the last asking has changed, one line each.
    func changes(since before: Self, style: Style) -> [String]

    /// The same for programs: one JSON object each.
    func objects(since before: Self) throws -> [String]
}

extension LiveModel {
    static var isAskedForChanges: Bool { false }
    func changes(since before: Self, style: Style) -> [String] { [] }
    func objects(since before: Self) throws -> [String] { [] }
}

/// The controller's clock, as far as it can be told from here: what it showed in its last answer,
/// and the time since.
struct ControllerClock: Sendable {
    private var shown = TimeText.now()
    private var at = BootClock.now()

    mutating func set(_ asOf: String) {
        guard let time = WallTime(iso8601: asOf) else { return }
        shown = time
        at = BootClock.now()
    }

    var now: WallTime { shown + (BootClock.now() - at) }
}

/// The circumstances of one drawing.
struct LiveFrame: Sendable {
    var style: Style
    var width: Int
    var height: Int?
    /// Set while there is no connection.
    var connectionNote: String?

    /// The line above a list.
    func head(_ text: String, at now: WallTime) -> String {
        let left =
            text + (text.isEmpty ? "" : "  \(style.dot)  ") + TimeText.short(now.iso8601, at: now)
        guard let connectionNote else { return left }
        let room = max(10, width - DisplayWidth.of(left) - 2)
        return left + "  "
            + style.paint(
                DisplayWidth.cut(connectionNote, to: room, mark: style.ellipsis),
                .bad
            )
    }
}

/// Runs a live model: redraws in place on a terminal, writes a line for each change elsewhere.
struct LiveView<Content: LiveModel> {
    static var enter: String { "\u{1B}[?1049h\u{1B}[?25l" }
    static var leave: String { "\u{1B}[?25h\u{1B}[?1049l" }

    var session: Session
    var model: Content
    /// Programs get JSON, one object a line: the stream's own, or what is shown.
    var format = OutputFormat.table

    private enum Input: Sendable {
        case update(StreamUpdate)
        case tick
    }

    /// Until it is interrupted, or the controller turns us out.
    mutating func run() async throws {
        let isScreen = Terminal.isOutput && !format.isForPrograms
        if isAsking { try await model.fetch(session) }
        if isScreen {
            Interruption.onInterrupt(write: Self.leave, to: STDOUT_FILENO)
            Terminal.write(Self.enter)
        }
        do {
            try await follow(isScreen: isScreen)
        } catch {
            if isScreen { Terminal.write(Self.leave) }
            throw error
        }
    }

    private var isAsking: Bool { !format.isForPrograms || Content.isAskedForChanges }

    private mutating func follow(isScreen: Bool) async throws {
        var lostSince: Instant?
        var lostReason = ""
        var mustFetch = false
        var lastFetch = BootClock.now()
        draw(isScreen, note: nil)
        for await input in inputs(ticking: isScreen) {
            if case .update(let update) = input {
                switch update {
                case .connected:
                    if lostSince != nil { mustFetch = true }
                    lostSince = nil
                case .lost(let reason):
                    if lostSince == nil { tell("connection lost: \(reason)", isScreen) }
                    lostSince = lostSince ?? BootClock.now()
                    lostReason = reason
                case .refused(let error): throw error
                case .event, .change, .pulse:
                    say(update, isScreen)
                    mustFetch = model.apply(update) || mustFetch
                }
            }
            // At most one request a second, however much happens.
            if mustFetch, lostSince == nil, isAsking,
                BootClock.now() - lastFetch > .milliseconds(900)
            {
                lastFetch = BootClock.now()
                let before = model
                mustFetch = (try? await model.fetch(session)) == nil
                if !mustFetch { try say(since: before, isScreen) }
            }
            let note = lostSince.map { since in
                let age = (BootClock.now() - since).wholeMilliseconds
                return "no connection for \(DurationText.text(milliseconds: age)): \(lostReason)"
            }
            draw(isScreen, note: note)
        }
    }

    private func inputs(ticking: Bool) -> AsyncStream<Input> {
        let stream = EventStream(context: session.context)
        return AsyncStream { continuation in
            let reading = Task {
                for await update in stream.updates(after: nil) {
                    continuation.yield(.update(update))
                }
                continuation.finish()
            }
            let clock = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(nanoseconds: 1_000_000_000)
                    continuation.yield(.tick)
                }
            }
            continuation.onTermination = { _ in
                reading.cancel()
                clock.cancel()
            }
        }
    }

    private func draw(_ isScreen: Bool, note: String?) {
        guard isScreen else { return }
        let size = Terminal.size
        let frame = LiveFrame(
            style: session.style,
            width: size.columns,
            height: size.rows,
            connectionNote: note
        )
        let lines = model.lines(frame).prefix(size.rows)
        Terminal.write("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K\u{1B}[J")
    }

    /// Off a terminal: what an update changes, in a line.
    private func say(_ update: StreamUpdate, _ isScreen: Bool) {
        guard !isScreen else { return }
        if format.isForPrograms {
            guard !Content.isAskedForChanges else { return }
            switch update {
            case .event(_, let json), .change(_, let json):
                Terminal.writeLine(String(decoding: json, as: UTF8.self))
            case .pulse, .connected, .lost, .refused: break
            }
            return
        }
        for line in model.changes(by: update, style: session.style) {
            Terminal.writeLine(line)
        }
    }

    /// The same of what was asked for.
    private func say(since before: Content, _ isScreen: Bool) throws {
        guard !isScreen else { return }
        let lines =
            format.isForPrograms
            ? try model.objects(since: before) : model.changes(since: before, style: session.style)
        for line in lines { Terminal.writeLine(line) }
    }

    private func tell(_ text: String, _ isScreen: Bool) {
        guard !isScreen else { return }
        Terminal.writeErrorLine(
            "\(TimeText.short(TimeText.now().iso8601, at: TimeText.now()))  \(text)"
        )
    }
}
