import Model

@testable import AgentCore

/// Drives a machine and writes down what it does, one line a step:
///
///     500ms agentConnected -> spawn; state phase=starting …
struct LeashTranscript {
    var machine: LeashMachine
    var lines: [String] = []

    init(_ change: (inout LeashSpec) -> Void = { _ in }) {
        var spec = LeashSpec(
            token: "T",
            program: "/bin/true",
            arguments: ["true"],
            onDisconnect: .kill
        )
        change(&spec)
        machine = LeashMachine(spec, at: .origin)
        step(.configured, at: .zero)
    }

    mutating func step(_ event: LeashEvent, at time: Duration) {
        let effects = machine.step(event, at: .origin + time)
        lines.append("\(time.forPeople) \(event.name) -> \(effects.text)")
    }

    /// Steps every deadline of the machine up to a time, as a shell does.
    mutating func pass(to time: Duration) {
        while let next = machine.nextDeadline, next <= .origin + time {
            step(.deadlineReached, at: next - .origin)
        }
    }

    /// A machine whose program runs under pid 7 since 100 ms.
    static func running(_ change: (inout LeashSpec) -> Void = { _ in }) -> LeashTranscript {
        var transcript = LeashTranscript(change)
        transcript.step(.agentConnected, at: .milliseconds(100))
        transcript.step(.childStarted(processID: 7), at: .milliseconds(100))
        transcript.lines = []
        return transcript
    }
}

extension LeashEvent {
    fileprivate var name: String {
        switch self {
        case .command(let order): "order(\(order.line))"
        case .childExited(.exited(let status)): "childExited(\(status))"
        case .childExited(.signaled(let signal)): "childExited(signal \(signal))"
        case .childStarted(let processID): "childStarted(\(processID))"
        case .spawnFailed(let failure): "spawnFailed(\(failure.stage))"
        case .stopCommandEnded(let succeeded): "stopCommandEnded(\(succeeded))"
        case .groupPopulated(let count): "groupPopulated(\(count))"
        default: "\(self)"
        }
    }
}

extension LeashEffects {
    fileprivate var text: String {
        var parts: [String] = []
        if let record { parts.append("record[\(record.line)]") }
        if let spawn {
            let limit = spawn.notAfter.map { " before \(($0 - .origin).forPeople)" } ?? ""
            parts.append("spawn" + limit)
        }
        if runsStopCommand { parts.append("stop-command") }
        for signal in signals {
            switch signal {
            case .terminateGroup: parts.append("TERM")
            case .killGroup: parts.append("KILL")
            }
        }
        if looks { parts.append("look") }
        parts += sends.map { "say[\($0.line)]" }
        if let exit { parts.append("exit \(exit)") }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }
}
