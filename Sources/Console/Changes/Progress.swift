import Host
import Model

/// Tells how something goes on, on standard error: one line that is rewritten on a terminal, a
/// line for each change elsewhere.
struct Progress {
    private let isTerminal = Terminal.isError
    private let started = BootClock.now()
    private var last = ""

    mutating func show(_ text: String) {
        if isTerminal {
            let age = DurationText.text(milliseconds: (BootClock.now() - started).wholeMilliseconds)
            let width = Terminal.size.columns - DisplayWidth.of(age) - 3
            let line = DisplayWidth.cut(text, to: max(10, width), mark: "…")
            Terminal.writeError("\r\u{1B}[K\(line) (\(age))")
        } else if text != last {
            Terminal.writeErrorLine(text)
        }
        last = text
    }

    /// Takes the line away, before something final is written.
    func clear() {
        if isTerminal, !last.isEmpty { Terminal.writeError("\r\u{1B}[K") }
    }
}

/// Looks again and again until something is so, ever less often.
struct Waiting {
    static let timeoutDefault: UInt64 = 60_000

    var session: Session
    var timeoutMilliseconds: UInt64
    /// A command that shows how it goes on after this one has left.
    var lookAgain: String

    /// - Parameter look: what is shown meanwhile; nil when it is done.
    /// - Throws: `timedOut` when the time is over first.
    func until(_ look: () async throws -> String?) async throws {
        let deadline = BootClock.now() + .milliseconds(Int64(clamping: timeoutMilliseconds))
        var pause: UInt64 = 150
        var progress = Progress()
        Interruption.onInterrupt(
            write: "\nIt goes on: Ctrl-C ends the waiting and cancels nothing."
                + " Look again with `\(lookAgain)`.\n",
            to: 2
        )
        defer { Interruption.endHandling() }
        while true {
            let text: String?
            do {
                text = try await look()
            } catch let error as ConsoleError where error.status == .unreachable {
                // A controller that restarts meanwhile is no reason to give up.
                text = "no controller answers; trying again"
            }
            guard let text else {
                progress.clear()
                return
            }
            progress.show(text)
            guard BootClock.now() < deadline else {
                progress.clear()
                let time = DurationText.text(milliseconds: timeoutMilliseconds)
                throw ConsoleError(
                    .timedOut,
                    "not done within \(time): \(text)",
                    hint: "it goes on; look again with `\(lookAgain)`"
                )
            }
            try await Task.sleep(nanoseconds: pause * 1_000_000)
            pause = min(1_000, pause * 5 / 4)
        }
    }
}
