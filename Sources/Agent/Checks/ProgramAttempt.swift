import AgentCore
import Glibc
import Host

/// A program that runs, and what it has said.
struct ProgramAttempt {
    /// How long to sleep between two looks at a process, on kernels that cannot tell of its end.
    private static let lookInterval = Duration.milliseconds(20)

    let process: SpawnedProcess
    let output: Descriptor
    /// Bytes of output kept.
    let outputMax: Int
    private(set) var said: [UInt8] = []
    private var isOutputOpen = true

    init(
        process: SpawnedProcess,
        output: Descriptor,
        outputMax: Int = CheckOutcome.outputMax
    ) {
        self.outputMax = outputMax
        self.process = process
        self.output = output
    }

    /// Waits for its end, and kills what it leaves behind in its group.
    ///
    /// - Returns: nil when it did not end in time, and was killed.
    mutating func end(until deadline: MonotonicDeadline) -> ProcessEnd? {
        while !hasEnded, !deadline.hasPassed {
            waitForNews(until: deadline)
            readOutput()
        }
        let isInTime = hasEnded
        // The process is not reaped yet, so its group cannot be another's by now.
        kill(-process.processID, SIGKILL)
        let end = process.wait()
        readOutput()
        return isInTime ? end : nil
    }

    /// As that of a check.
    consuming func outcome(until deadline: MonotonicDeadline) -> CheckOutcome {
        switch end(until: deadline) {
        case nil: .failed(saying: "did not end in time".utf8 + comment)
        case .exited(0): .passed(saying: said)
        case .exited(let status): .failed(saying: "exited with status \(status)".utf8 + comment)
        case .signaled(let signal): .failed(saying: "ended by signal \(signal)".utf8 + comment)
        }
    }

    var comment: [UInt8] {
        said.isEmpty ? [] : Array(": ".utf8) + said
    }

    /// Looks whether the process has ended, without reaping it.
    private var hasEnded: Bool {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        guard waitid(P_PID, id_t(process.processID), &information, flags) == 0 else {
            return errno != EINTR
        }
        return information.si_signo != 0
    }

    private mutating func waitForNews(until deadline: MonotonicDeadline) {
        var wanted: [pollfd] = []
        if isOutputOpen {
            wanted.append(pollfd(fd: output.number, events: Int16(POLLIN), revents: 0))
        }
        var patience = deadline.pollMilliseconds
        if let descriptor = process.descriptor {
            wanted.append(pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0))
        } else {
            let look = MonotonicDeadline(after: Self.lookInterval)
            patience = min(patience, look.pollMilliseconds)
        }
        poll(&wanted, nfds_t(wanted.count), patience)
    }

    /// Takes what is there. What is beyond the limit is read and dropped, so that the program
    /// does not block on a full pipe; only so much in one go, so that the deadline is seen.
    private mutating func readOutput() {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        for _ in 0..<16 where isOutputOpen {
            let count = read(output.number, &buffer, buffer.count)
            if count == 0 { isOutputOpen = false }
            if count < 0, errno != EINTR { return }
            if count > 0 {
                let room = outputMax - said.count
                said.append(contentsOf: buffer[..<min(count, max(0, room))])
            }
        }
    }
}
