import AgentCore
import Glibc
import Host
import Model

extension LeashShell {
    /// Starts the program of the spec, unless it is too late.
    func startChild(_ spawn: LeashEffects.Spawn) -> LeashEvent {
        do {
            var plan = try plan(spec.program, spec.arguments)
            if let input = spec.input {
                plan.input = try open(input, O_RDONLY)
            }
            if let output = spec.output { plan.output = try open(output, O_WRONLY) }
            // Only here, with everything prepared: what follows is a fork and an exec.
            if let notAfter = spawn.notAfter, BootClock.now() >= notAfter {
                return .spawnFailed(failure("deadline", "the right to run has ended", 0))
            }
            let child = try Spawn.start(plan)
            childID = child.processID
            return .childStarted(processID: child.processID)
        } catch let error as SpawnError {
            return .spawnFailed(
                LeashFailure(
                    stage: error.stage.rawValue,
                    path: error.path,
                    code: error.code,
                    reason: "\(error)"
                )
            )
        } catch let error as HostError {
            return .spawnFailed(failure("trust", "\(error)", error.code))
        } catch {
            return .spawnFailed(failure("trust", "\(error)", 0))
        }
    }

    /// Opening a pipe whose other end is gone must not hold us; the program itself may wait.
    private func open(_ path: String, _ flags: Int32) throws(HostError) -> Descriptor {
        let file = try Descriptor.open(path, flags: flags | O_NOFOLLOW | O_NONBLOCK)
        try file.setBlocking()
        return file
    }

    /// Runs what stops the service in order. It belongs to the group: what it leaves behind is
    /// killed with the rest.
    func runStopCommand() {
        do {
            let command = try Spawn.start(try plan(spec.stopArguments[0], spec.stopArguments))
            stopCommandID = command.processID
        } catch {
            complain("stop command: \(error)")
            events.append(.stopCommandEnded(succeeded: false))
        }
    }

    func took(_ processID: Int32, _ end: ProcessEnd) {
        switch processID {
        case childID:
            childID = nil
            switch end {
            case .exited(let status): events.append(.childExited(.exited(status: status)))
            case .signaled(let number): events.append(.childExited(.signaled(number)))
            }
        case stopCommandID:
            stopCommandID = nil
            events.append(.stopCommandEnded(succeeded: end == .exited(0)))
        default: break
        }
    }

    private func plan(_ path: String, _ arguments: [String]) throws(HostError) -> SpawnPlan {
        var rules: TrustedProgram.Rules = []
        if spec.followsTrustedLinks { rules.insert(.followsTrustedLinks) }
        if spec.passesStickyFolders { rules.insert(.passesStickyFolders) }
        var plan = SpawnPlan(
            .trusted(try TrustedProgram(path, rules: rules)),
            arguments: arguments,
            environment: spec.environment
        )
        plan.folder = spec.folder
        plan.output = log?.writeEnd
        plan.error = log?.writeEnd
        plan.nice = spec.nice
        plan.cgroup = group.cgroup
        // If the leash itself is killed, nobody would keep the deadline any more.
        plan.parentDeathSignal = SIGKILL
        plan.user = spec.user.map {
            SpawnPlan.User(user: $0.user, group: $0.group, supplementary: $0.supplementary)
        }
        plan.limits = spec.limits.map {
            SpawnPlan.Limit(resource: $0.resource, soft: $0.soft, hard: $0.hard)
        }
        return plan
    }

    private func failure(_ stage: String, _ reason: String, _ code: Int32) -> LeashFailure {
        LeashFailure(stage: stage, path: spec.program, code: code, reason: reason)
    }
}
