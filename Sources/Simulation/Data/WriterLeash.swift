import AgentCore
import Model

/// The leash of a program that writes a canary.
final class WriterLeash: LeashHost {
    let attempt: TaskAttempt
    private let launch: TaskLaunch

    init(host: AgentHost, attempt: TaskAttempt, _ order: TaskLaunch) {
        self.attempt = attempt
        launch = order
        super.init(host: host, name: "task-\(attempt)", token: order.token, TaskLeash.spec(order))
    }

    override var leftover: TaskAttempt? { attempt }

    override func event(_ news: LeashNews) -> AgentEvent { .task(attempt, news) }

    override func began(_ group: ChildGroup) { world.checks.checkSite(of: self) }

    /// What writes may be the program, or what it has started: it is written as long as any of it
    /// lives, whatever has become of leash and agent.
    override func follow(_ group: ChildGroup) {
        guard let data = world.data else { return }
        world.after(data.someTimeToWrite()) { world in
            guard !group.isEmpty else { return }
            world.data?.write(self.launch, on: self.host)
            self.mainEnds(by: .exited(status: 0))
        }
    }

    override func emptied() { world.checks.groupEnded(self) }
}
