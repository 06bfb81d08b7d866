public import Model

// What an agent and a leash say to each other, over the Unix socket `socket` in the leash's
// folder, one line a message (``LeashLine``), at most 8 KiB.
//
//     agent → leash                       leash → agent
//     extend deadline=NS                  state phase=P token=T on-disconnect=kill|keep [pid=N]
//     fence deadline=NS                         [deadline=NS] [output=BYTES newest=BYTES]
//     stop grace=MS                       started pid=N
//     kill                                exited cause=C [status=N | signal=N]
//     status                              empty cause=C [status=N | signal=N]
//     authorise token=T                         [stage=… path=… code=N reason=…]
//     acknowledge                               [cpu=MS memory=BYTES output=BYTES]
//                                         unkillable processes=N
//                                         refused reason=…
//
// The leash speaks first: `state`, and what the agent may have missed (`exited`, `empty`). The
// program is started when the first agent is connected. Of two agents the newer is heard and the
// older is cut off. Times are nanoseconds of CLOCK_BOOTTIME, which both ends share: this is the
// one place where an instant is told to another process, and it is of the same boot.
//
// `exited` says that the program itself has ended; `empty` that nothing it started lives. Both
// are durable in the file `exit` of the folder before they are said. After `empty` the leash
// waits for `acknowledge`, and leaves.
//
// `state` says how much the program has written so far, where that is kept, and how much of it
// stands in the newest of its two files: so the place of each byte in that file is known.

/// What an agent tells a leash.
public enum LeashOrder: Hashable, Sendable {
    /// The lease was renewed: live on until `deadline`. An earlier deadline than the one it has is
    /// ignored, for it is an older message.
    case extend(deadline: Instant)
    /// The right ends at `deadline`, if it did not end earlier.
    case fence(deadline: Instant)
    /// Stop in order, and kill what is left after `grace`.
    case stop(grace: Duration)
    /// The work is confirmed under a newer token, which from now on stands in `state`.
    case authorise(token: String)
    case kill
    case status
    /// The result is in the agent's journal.
    case acknowledge

    public var line: String {
        switch self {
        case .extend(let deadline):
            LeashLine("extend", [("deadline", "\(deadline.nanoseconds)")]).text
        case .fence(let deadline):
            LeashLine("fence", [("deadline", "\(deadline.nanoseconds)")]).text
        case .stop(let grace): LeashLine("stop", [("grace", "\(grace.wholeMilliseconds)")]).text
        case .authorise(let token): LeashLine("authorise", [("token", token)]).text
        case .kill: "kill"
        case .status: "status"
        case .acknowledge: "acknowledge"
        }
    }

    public init?(line text: String) {
        guard let line = LeashLine(parsing: text) else { return nil }
        switch line.verb {
        case "extend", "fence":
            guard let time = line.number("deadline"), time >= 0 else { return nil }
            let deadline = Instant(nanoseconds: time)
            self = line.verb == "extend" ? .extend(deadline: deadline) : .fence(deadline: deadline)
        case "stop":
            guard let grace = line.number("grace"), (0...86_400_000).contains(grace) else {
                return nil
            }
            self = .stop(grace: .milliseconds(grace))
        case "authorise":
            guard let token = line["token"] else { return nil }
            self = .authorise(token: token)
        case "kill": self = .kill
        case "status": self = .status
        case "acknowledge": self = .acknowledge
        default: return nil
        }
    }
}

/// How the program ended.
public enum LeashExit: Hashable, Sendable {
    case exited(status: Int32)
    case signaled(Int32)
}

/// Why the program could not be started.
public struct LeashFailure: Hashable, Sendable {
    /// `trust`, `exec`, `folder`, `user`, …
    public var stage: String
    public var path: String
    /// `errno`, or 0 when the leash itself refused.
    public var code: Int32
    public var reason: String

    public init(stage: String, path: String, code: Int32, reason: String) {
        self.stage = stage
        self.path = path
        self.code = code
        self.reason = reason
    }
}

/// What brought the end about: the first of these that happened.
public enum LeashCause: String, Hashable, Sendable, CaseIterable {
    /// The program ended by itself.
    case exited
    /// It could not be started; see the failure.
    case spawnFailed = "spawn-failed"
    /// The deadline passed, before the start or after it.
    case deadlinePassed = "deadline-passed"
    /// The agent went away, and the policy was to kill.
    case disconnected
    case stopped
    case killed
    /// The leash itself was told to end by SIGTERM.
    case terminated
    /// No agent came in time; nothing was started.
    case neverConnected = "never-connected"
}

public struct LeashResult: Hashable, Sendable {
    public var cause: LeashCause
    /// Nil when nothing was started.
    public var exit: LeashExit?
    public var failure: LeashFailure?
    /// Nil from a leash of an older version, which does not measure it.
    public var usage: LeashUsage?

    public init(
        cause: LeashCause,
        exit: LeashExit? = nil,
        failure: LeashFailure? = nil,
        usage: LeashUsage? = nil
    ) {
        self.cause = cause
        self.exit = exit
        self.failure = failure
        self.usage = usage
    }
}

/// What the program and all it started have used, as far as they have ended.
public struct LeashUsage: Hashable, Sendable {
    public var processorMilliseconds: UInt64
    /// Of the cgroup where that is counted, else of the largest process.
    public var memoryBytesMax: UInt64
    /// Bytes of standard output and error in all, whether kept or not.
    public var outputBytes: UInt64

    public init(
        processorMilliseconds: UInt64 = 0,
        memoryBytesMax: UInt64 = 0,
        outputBytes: UInt64 = 0
    ) {
        self.processorMilliseconds = processorMilliseconds
        self.memoryBytesMax = memoryBytesMax
        self.outputBytes = outputBytes
    }
}

public struct LeashState: Hashable, Sendable {
    public enum Phase: String, Hashable, Sendable, CaseIterable {
        case waiting, starting, running, stopping, killing, empty
    }

    public var phase: Phase
    public var token: String
    public var processID: Int32?
    public var deadline: Instant?
    public var onDisconnect: LeashDisconnectPolicy
    /// Nil where no output is kept, and from a leash of an older version.
    public var written: LeashOutput?

    public init(
        phase: Phase,
        token: String,
        processID: Int32? = nil,
        deadline: Instant? = nil,
        onDisconnect: LeashDisconnectPolicy,
        written: LeashOutput? = nil
    ) {
        self.phase = phase
        self.token = token
        self.processID = processID
        self.deadline = deadline
        self.onDisconnect = onDisconnect
        self.written = written
    }
}

/// What a program has written to its output so far.
public struct LeashOutput: Hashable, Sendable {
    /// In all, whether it could be kept or not.
    public var bytes: UInt64
    /// Of them, those in the newest file: its last byte is the last of them.
    public var newestFileBytes: UInt64

    public init(bytes: UInt64, newestFileBytes: UInt64) {
        self.bytes = bytes
        self.newestFileBytes = newestFileBytes
    }
}

extension LeashOutput {
    fileprivate init?(_ line: LeashLine) {
        guard let bytes = line["output"].flatMap({ UInt64($0) }),
            let newest = line["newest"].flatMap({ UInt64($0) }), newest <= bytes
        else { return nil }
        self.init(bytes: bytes, newestFileBytes: newest)
    }
}

/// What a leash does when its agent is gone.
public enum LeashDisconnectPolicy: String, Hashable, Sendable, CaseIterable {
    /// Kills everything at once: for tasks.
    case kill
    /// Goes on, and waits for the next agent: for services.
    case keep
}

/// What a leash tells an agent, and (`exited`, `empty`) what it writes to the file `exit`.
public enum LeashReport: Hashable, Sendable {
    case state(LeashState)
    case started(processID: Int32)
    /// The program has ended; what it started may still live.
    case exited(LeashResult)
    /// Nothing lives any more: proven, not assumed.
    case empty(LeashResult)
    /// Processes do not die from SIGKILL (they hang in the kernel). The leash goes on trying.
    case unkillable(processes: UInt32)
    case refused(reason: String)

    /// With what was used, where it tells of an end.
    public func adding(_ usage: LeashUsage) -> LeashReport {
        switch self {
        case .exited(var result):
            result.usage = usage
            return .exited(result)
        case .empty(var result):
            result.usage = usage
            return .empty(result)
        case .state, .started, .unkillable, .refused: return self
        }
    }

    /// With this many bytes of output, where it tells what was used.
    public func counting(outputBytes: UInt64) -> LeashReport {
        switch self {
        case .exited(let result), .empty(let result):
            guard var usage = result.usage else { return self }
            usage.outputBytes = outputBytes
            return adding(usage)
        case .state, .started, .unkillable, .refused: return self
        }
    }

    public var line: String {
        switch self {
        case .state(let state):
            LeashLine(
                "state",
                [
                    ("phase", state.phase.rawValue), ("token", state.token),
                    ("on-disconnect", state.onDisconnect.rawValue),
                    ("pid", state.processID.map { "\($0)" }),
                    ("deadline", state.deadline.map { "\($0.nanoseconds)" }),
                    ("output", state.written.map { "\($0.bytes)" }),
                    ("newest", state.written.map { "\($0.newestFileBytes)" }),
                ]
            ).text
        case .started(let processID): LeashLine("started", [("pid", "\(processID)")]).text
        case .exited(let result): LeashReport.line("exited", result)
        case .empty(let result): LeashReport.line("empty", result)
        case .unkillable(let processes):
            LeashLine("unkillable", [("processes", "\(processes)")]).text
        case .refused(let reason): LeashLine("refused", [("reason", reason)]).text
        }
    }

    public init?(line text: String) {
        guard let line = LeashLine(parsing: text) else { return nil }
        switch line.verb {
        case "state":
            guard let phase = line["phase"].flatMap(LeashState.Phase.init(rawValue:)),
                let policy = line["on-disconnect"].flatMap(LeashDisconnectPolicy.init(rawValue:)),
                let token = line["token"]
            else { return nil }
            self = .state(
                LeashState(
                    phase: phase,
                    token: token,
                    processID: line["pid"].flatMap { Int32($0) },
                    deadline: line.number("deadline").map { Instant(nanoseconds: $0) },
                    onDisconnect: policy,
                    written: LeashOutput(line)
                )
            )
        case "started":
            guard let processID = line["pid"].flatMap({ Int32($0) }) else { return nil }
            self = .started(processID: processID)
        case "exited", "empty":
            guard let result = LeashReport.result(line) else { return nil }
            self = line.verb == "exited" ? .exited(result) : .empty(result)
        case "unkillable":
            guard let processes = line["processes"].flatMap({ UInt32($0) }) else { return nil }
            self = .unkillable(processes: processes)
        case "refused": self = .refused(reason: line["reason"] ?? "")
        default: return nil
        }
    }

    private static func line(_ verb: String, _ result: LeashResult) -> String {
        var status: Int32?
        var signal: Int32?
        switch result.exit {
        case .exited(let number): status = number
        case .signaled(let number): signal = number
        case nil: break
        }
        return LeashLine(
            verb,
            [
                ("cause", result.cause.rawValue), ("status", status.map { "\($0)" }),
                ("signal", signal.map { "\($0)" }), ("stage", result.failure?.stage),
                ("path", result.failure?.path), ("code", result.failure.map { "\($0.code)" }),
                ("reason", result.failure?.reason),
                ("cpu", result.usage.map { "\($0.processorMilliseconds)" }),
                ("memory", result.usage.map { "\($0.memoryBytesMax)" }),
                ("output", result.usage.map { "\($0.outputBytes)" }),
            ]
        ).text
    }

    private static func result(_ line: LeashLine) -> LeashResult? {
        guard let cause = line["cause"].flatMap(LeashCause.init(rawValue:)) else { return nil }
        var result = LeashResult(cause: cause)
        if let status = line["status"] {
            guard let number = Int32(status) else { return nil }
            result.exit = .exited(status: number)
        } else if let signal = line["signal"] {
            guard let number = Int32(signal) else { return nil }
            result.exit = .signaled(number)
        }
        if let stage = line["stage"] {
            result.failure = LeashFailure(
                stage: stage,
                path: line["path"] ?? "",
                code: line["code"].flatMap { Int32($0) } ?? 0,
                reason: line["reason"] ?? ""
            )
        }
        if let processor = line["cpu"].flatMap({ UInt64($0) }) {
            result.usage = LeashUsage(
                processorMilliseconds: processor,
                memoryBytesMax: line["memory"].flatMap { UInt64($0) } ?? 0,
                outputBytes: line["output"].flatMap { UInt64($0) } ?? 0
            )
        }
        return result
    }
}
