import AgentCore
import Model
import Protocol

// Attempts under their leashes, as the agent's shell holds them.

extension AgentHost {
    func obey(_ command: TaskCommand) {
        switch command {
        case .launch(let attempt, let launch) where attempt.isOfCanary:
            if let deadline = launch.deadline { world.checks.checkLease(self, deadline) }
            let leash = WriterLeash(host: self, attempt: attempt, launch)
            writerLeashes.append(leash)
            spawn(leash)
        case .launch(let attempt, let launch):
            world.work?.checks.launches(self, attempt, launch)
            let leash = TaskLeash(host: self, attempt: attempt, launch)
            taskLeashes.append(leash)
            spawn(leash)
        case .extend(let attempt, let deadline):
            world.checks.checkLease(self, deadline)
            held(attempt)?.order(.extend(deadline: deadline))
        case .stop(let attempt, let grace): held(attempt)?.order(.stop(grace: grace))
        case .destroy(let attempt): if let leash = held(attempt) { killLeash(leash) }
        case .readOutput(let attempt, let from): readOutput(of: attempt, from: from)
        }
    }

    private func held(_ attempt: TaskAttempt) -> LeashHost? {
        writerLeashes.last { $0.attempt == attempt && !$0.isForgotten } ?? taskLeash(attempt)
    }

    /// The leash is asked how much there is, and the files are read then.
    private func readOutput(of attempt: TaskAttempt, from: UInt64) {
        let life = process.life
        world.after(world.between(50_000, 20 * millisecond)) { world in
            self.process.run(in: world, life: life) { _ in
                let leash = self.taskLeash(attempt)
                let written = leash?.written ?? []
                let kept = leash?.launch.definition.outputBytesMax ?? 0
                let first = max(Int(clamping: from), written.count - kept)
                let bytes = Array(written.dropFirst(first))
                let place = bytes.isEmpty ? from : UInt64(first)
                self.step(.taskOutput(attempt, at: place, bytes))
            }
        }
    }

    private func taskLeash(_ attempt: TaskAttempt) -> TaskLeash? {
        taskLeashes.last { $0.attempt == attempt && !$0.isForgotten }
    }

    /// Sometimes before the leash says that it is empty, sometimes after, seldom never.
    func reportTask(_ leash: TaskLeash) {
        guard !world.happens(perMille: world.isCalm ? 0 : 10) else { return }
        let life = process.life
        world.after(world.between(millisecond, 40 * millisecond)) { world in
            self.process.run(in: world, life: life) { _ in
                self.step(.taskReport(leash.attempt, leash.report))
            }
        }
    }

    // MARK: What an earlier agent has left

    /// Attempts whose leashes are not proven to hold nothing.
    func findLeftovers() -> [TaskAttempt] {
        leftovers =
            allLeashes.filter { $0.process.isAlive || $0.isRunningSomething }
            .compactMap(\.leftover)
        return leftovers
    }

    func tellLeftover(_ leash: LeashHost) {
        guard let attempt = leash.leftover, leftovers.contains(attempt), leash.agentLife == nil
        else { return }
        let life = process.life
        world.after(world.between(millisecond, 100 * millisecond)) { world in
            self.process.run(in: world, life: life) { _ in
                guard self.leftovers.contains(attempt) else { return }
                self.leftovers.removeAll { $0 == attempt }
                self.step(.task(attempt, .emptied))
            }
        }
    }

    // MARK: Programs that submit

    func answer(_ answer: SubmissionAnswer) {
        world.say(name, "answers client \(answer.client): \(answer.outcome.forTrace)")
        let life = process.life
        world.after(millisecond) { world in
            guard self.process.life == life else { return }
            world.work?.clients.answered(self, answer)
        }
    }
}

extension SubmissionAnswer.Outcome {
    var forTrace: String {
        switch self {
        case .accepted(let id, let isKnown): "accepted \(id)\(isKnown ? ", known" : "")"
        case .declined(let code, let text, _): "declined \(code.rawValue): \(text)"
        case .spooled: "spooled"
        }
    }
}
