import ControllerCore
import Glibc
import Host
import Model
import Protocol

/// How a hook has ended.
struct HookOutcome: Hashable, Sendable {
    /// It exited with status 0 in time.
    var isDone: Bool
    /// `exited with status 3`.
    var how: String
    /// The end of what it wrote, in one line, at most ``HookProcess/outputBytesMax`` bytes.
    var output: String
    /// Nil when it did not exit by itself in time.
    var status: Int32?

    /// In one line, short enough to be kept whole. Of a longer output the end is shown: there stands
    /// why a program gave up.
    var text: String {
        if output.isEmpty { return how }
        let prefix = isDone ? "" : "\(how): "
        let room = RunStepRecord.textBytesMax - prefix.utf8.count - 3
        guard output.utf8.count > room else { return prefix + output }
        var end = ""
        var bytes = 0
        for character in output.reversed() {
            bytes += character.utf8.count
            if bytes > room { break }
            end.append(character)
        }
        return prefix + "…" + String(end.reversed())
    }
}

/// One execution of a hook: in a session of its own, with its output kept, and ended when its time is
/// over. Blocks the thread. What it leaves behind in its process group is killed.
struct HookProcess {
    static let outputBytesMax = 4_096
    /// From the first signal (TERM) to the second (KILL).
    static let graceTime: Duration = .seconds(5)
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    /// How long to sleep between two looks, on kernels that cannot tell of a process's end.
    private static let lookMilliseconds: Int32 = 20

    private let definition: HookDefinition
    /// Each `NAME=value`.
    private let variables: [String]
    private let input: [UInt8]?
    private let timeout: Duration
    /// Readable when the controller stops, or when nobody waits for it any more.
    private let bells: [Descriptor]

    init(_ call: HookCall, _ definition: HookDefinition, bells: [Descriptor]) {
        self.init(
            definition,
            variables: call.variables.map { ($0.name, $0.value) },
            timeout: min(definition.timeout, call.timeout),
            bells: bells
        )
    }

    /// - Parameters:
    ///   - variables: without the prefix `MUSTER_` that they get.
    ///   - input: what it reads on its standard input; nothing when nil.
    init(
        _ definition: HookDefinition,
        variables: [(name: String, value: String)],
        input: [UInt8]? = nil,
        timeout: Duration,
        bells: [Descriptor]
    ) {
        self.definition = definition
        self.variables = variables.map { "MUSTER_\($0.name)=\($0.value)" }
        self.input = input
        self.timeout = timeout
        self.bells = bells
    }

    func outcome() -> HookOutcome {
        let process: SpawnedProcess
        let output: Descriptor
        do {
            (process, output) = try start()
        } catch {
            return HookOutcome(isDone: false, how: "it could not be started: \(error)", output: "")
        }
        var attempt = Attempt(process: process, output: output, bells: bells)
        let why = attempt.wait(for: timeout)
        var how = ""
        if let why {
            kill(-process.processID, SIGTERM)
            _ = attempt.wait(for: Self.graceTime, isStopping: true)
            how = why
        }
        // It is not reaped yet, so its group cannot be another's by now.
        kill(-process.processID, SIGKILL)
        let end = process.wait()
        attempt.readRest()
        let said = Self.line(attempt.said)
        if how.isEmpty {
            switch end {
            case .exited(let status): how = "exited with status \(status)"
            case .signaled(let signal): how = "ended by signal \(signal)"
            }
        }
        var status: Int32?
        if why == nil, case .exited(let number) = end { status = number }
        return HookOutcome(isDone: status == 0, how: how, output: said, status: status)
    }

    private func start() throws -> (SpawnedProcess, Descriptor) {
        let (read, write) = try Descriptor.pipe()
        try read.setNonblocking()
        let program = try HookDefinition.trusted(definition.command[0])
        var plan = SpawnPlan(
            .trusted(program),
            arguments: definition.command,
            environment: environment
        )
        plan.input = try input.map { bytes in try Descriptor.memory(bytes) }
        plan.output = write
        plan.error = write
        // A hook outlives no controller: the next one would execute it a second time beside it. The
        // signal comes when this thread ends, which waits for the process.
        plan.parentDeathSignal = SIGTERM
        return (try Spawn.start(plan), read)
    }

    private var environment: [String] {
        ["PATH=\(Self.searchPath)", "LANG=C.UTF-8"] + variables
    }

    /// Lines with semicolons between; control characters are no text for people.
    static func line(_ bytes: [UInt8]) -> String {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.map { line in
            let shown = line.unicodeScalars.map { $0.isPlain ? String($0) : " " }.joined()
            return shown.split(separator: " ").joined(separator: " ")
        }
        .filter { !$0.isEmpty }
        .joined(separator: "; ")
    }

    @discardableResult
    static func pause(milliseconds: Int32) -> Int32 { poll(nil, 0, milliseconds) }

    /// A program that runs, and what it has said.
    private struct Attempt {
        let process: SpawnedProcess
        let output: Descriptor
        let bells: [Descriptor]
        var said: [UInt8] = []
        var isOutputOpen = true

        /// Waits for the end of the process, without reaping it.
        ///
        /// - Returns: why it was not waited for any longer; nil when it has ended.
        mutating func wait(for limit: Duration, isStopping: Bool = false) -> String? {
            let deadline = BootClock.now() + limit
            while !hasEnded {
                let left = deadline - BootClock.now()
                guard left > .zero else { return "not done within \(limit.forPeople)" }
                let isRung = waitForNews(left, isStopping)
                readSome()
                if isRung, !isStopping { return "ended: nobody waits for it any more" }
            }
            return nil
        }

        private var hasEnded: Bool {
            var information = siginfo_t()
            let flags = WEXITED | WNOHANG | WNOWAIT
            guard waitid(P_PID, id_t(process.processID), &information, flags) == 0 else {
                return errno != EINTR
            }
            return information.si_signo != 0
        }

        /// - Returns: whether it is to end.
        private func waitForNews(_ left: Duration, _ isStopping: Bool) -> Bool {
            var wanted: [pollfd] = []
            if !isStopping {
                for bell in bells {
                    wanted.append(pollfd(fd: bell.number, events: Int16(POLLIN), revents: 0))
                }
            }
            if isOutputOpen {
                wanted.append(pollfd(fd: output.number, events: Int16(POLLIN), revents: 0))
            }
            var patience = Int32(clamping: min(left.wholeMilliseconds + 1, 60_000))
            if let descriptor = process.descriptor {
                wanted.append(pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0))
            } else {
                patience = min(patience, HookProcess.lookMilliseconds)
            }
            poll(&wanted, nfds_t(wanted.count), patience)
            return !isStopping && wanted.prefix(bells.count).contains { $0.revents != 0 }
        }

        mutating func readRest() { readSome() }

        /// Takes what is there, so that the program does not block on a full pipe; only so much in
        /// one go, so that the deadline is seen. The end is kept.
        private mutating func readSome() {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            for _ in 0..<16 where isOutputOpen {
                let count = read(output.number, &buffer, buffer.count)
                if count == 0 { isOutputOpen = false }
                if count < 0, errno != EINTR { return }
                guard count > 0 else { continue }
                said.append(contentsOf: buffer[..<count])
                let excess = said.count - HookProcess.outputBytesMax
                if excess > 0 { said.removeFirst(excess) }
            }
        }
    }
}
