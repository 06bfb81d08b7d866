import AgentCore
import ControllerCore
import Model
import Protocol

/// Those who submit tasks: operators at the console and programs on the nodes. They ask again when no
/// answer has come and they have a key, and some ask twice at once.
final class Clients {
    unowned let world: World
    private(set) var jobs: [Job] = []
    private var interval: Int64 = second
    private var countMax = 0
    /// Jobs by the number under which a program waits for its agent's answer.
    private var waiting = OrderedTable<UInt64, (job: Int, host: Int, life: Int)>()
    private var lastClient: UInt64 = 0
    /// From then on tasks may have the attribute: one that was never declared is refused.
    var isRegionDeclared = false
    /// Tasks that operators have said to be done. Only looked up.
    private(set) var resolved: Set<TaskID> = []

    init(world: World) {
        self.world = world
    }

    func begin() {
        interval = world.between(60, 1_500) * millisecond
        countMax = Int(world.between(20, 160))
        world.after(12 * second) { _ in self.work() }
    }

    private func work() {
        world.after(world.between(0, 2 * interval)) { world in
            guard !world.isCalm, self.jobs.count < self.countMax else { return }
            self.submitSomething()
            if world.plan.has(.taskOrders), world.happens(perMille: 120) { self.orderSomething() }
            self.work()
        }
    }

    func calmDown() {
        for job in jobs.indices where jobs[job].state == .open { retry(job) }
    }

    // MARK: What is wanted

    private func submitSomething() {
        let count = world.happens(perMille: 250) ? Int(world.between(2, 6)) : 1
        var made: [Int] = []
        for _ in 0..<count { made.append(someJob()) }
        if world.happens(perMille: 350), let host = someHost() {
            for job in made {
                jobs[job].host = host.index
                jobs[job].spools = world.plan.has(.spooling) && world.happens(perMille: 500)
                ask(job)
            }
            return
        }
        askConsole(made)
        // A second console, or the same key from elsewhere.
        let keyed = made.filter { jobs[$0].submission.idempotencyKey != nil }
        if !keyed.isEmpty, world.happens(perMille: 200) { askConsole(keyed) }
    }

    private func someHost() -> AgentHost? {
        let hosts = world.hosts.filter { $0.process.isAlive && !$0.process.isPaused }
        return hosts.isEmpty ? nil : hosts[Int(world.chance.below(UInt64(hosts.count)))]
    }

    private func someJob() -> Int {
        let number = jobs.count
        let types = [TaskType.push, .pull, .pgp, .folderMonitor, .maintenance]
        let accounts = ["acme", "initech", "hooli", ""]
        var submission = TaskSubmission(
            type: types[Int(world.chance.below(5))],
            account: accounts[Int(world.chance.below(4))],
            priority: world.happens(perMille: 200) ? UInt8(world.between(4, 6)) : 5,
            attemptsMax: world.happens(perMille: 300) ? 2 : nil,
            retryDelay: world.happens(perMille: 300) ? .milliseconds(300) : nil
        )
        if world.happens(perMille: 200),
            let region = TaskAttribute(
                name: "region",
                value: world.happens(perMille: 500) ? "eu" : "us"
            )
        {
            if isRegionDeclared { submission.attributes = [region] }
        }
        if world.happens(perMille: 300) {
            // Some keys are ordered, some are not; what stands behind them stays the same.
            let key = world.between(0, 3)
            submission.exclusiveKey = ExclusiveKey("ledger-\(key)", isOrdered: key < 2)
        }
        if world.happens(perMille: 500) { submission.idempotencyKey = "key \(number)%" }
        if world.happens(perMille: 100) {
            // By the true time: a controller whose clock is set finds it early or late.
            var clock = world.controller.clock
            clock.wallOffset = .zero
            submission.notBefore =
                clock.wall(world.now) + .milliseconds(world.between(0, 15_000))
        }
        var bytes = Int(world.between(8, 200))
        if world.happens(perMille: 100) { bytes = Int(world.between(1_500, 12_000)) }
        jobs.append(
            Job(
                number: number,
                submission: submission,
                payload: Job.payload(number, bytes: bytes)
            )
        )
        return number
    }

    // MARK: At the console

    private func askConsole(_ asked: [Int]) {
        for job in asked { jobs[job].state = .asking }
        let account = world.operators.accounts[world.happens(perMille: 800) ? 0 : 1]
        let offers = asked.map {
            TaskOffer(submission: jobs[$0].submission, payload: jobs[$0].payload)
        }
        world.operators.submit(offers, by: account) { outcome in
            switch outcome {
            case .tasks(let answers):
                for (job, answer) in zip(asked, answers) { self.heard(answer, of: job) }
            case .refused(let refused):
                for job in asked { self.heard(.refused(refused), of: job) }
            default: for job in asked { self.heardNothing(of: job) }
            }
        }
    }

    private func heard(_ answer: TaskAnswer, of job: Int) {
        switch answer {
        case .accepted(let id): accepted(job, id, isKnown: false)
        case .known(let id): accepted(job, id, isKnown: true)
        case .refused(let refused): refusedJob(job, refused.code, refused.text)
        }
    }

    /// The store was replaced by an older copy: what became of these jobs is not known any more.
    func forget(_ isLost: (TaskID) -> Bool) {
        for job in jobs.indices {
            switch jobs[job].state {
            case .accepted(let id): if isLost(id) { jobs[job].state = .unknown }
            case .spooled:
                if world.work?.checks.hasTask(jobs[job]) != true { jobs[job].state = .unknown }
            case .open, .asking, .refused, .unknown: break
            }
        }
    }

    private func accepted(_ job: Int, _ id: TaskID, isKnown: Bool) {
        if world.work?.checks.tasks[id]?.isLost ?? false { return jobs[job].state = .unknown }
        if case .accepted(let before) = jobs[job].state, before != id {
            world.fail("I7: job \(job) is task \(before) and task \(id)")
        }
        jobs[job].state = .accepted(id)
        world.work?.checks.accepted(jobs[job], id, isKnown: isKnown)
    }

    private func refusedJob(_ job: Int, _ code: RefusalCode, _ text: String) {
        switch code {
        case .busy, .notActive, .storage, .notNow:
            guard jobs[job].submission.idempotencyKey != nil else {
                if jobs[job].state == .asking { jobs[job].state = .unknown }
                return
            }
            heardNothing(of: job)
        case .forbidden: if jobs[job].state == .asking { jobs[job].state = .refused }
        default: world.fail("job \(job) is refused with \(code.rawValue): \(text)")
        }
    }

    private func heardNothing(of job: Int) {
        guard jobs[job].state == .asking else { return }
        guard jobs[job].submission.idempotencyKey != nil else {
            jobs[job].state = .unknown
            return
        }
        jobs[job].state = .open
        world.after(world.between(500 * millisecond, 4 * second)) { _ in self.retry(job) }
    }

    private func retry(_ job: Int) {
        guard jobs[job].state == .open else { return }
        // From where it was asked, or from elsewhere.
        if jobs[job].host != nil, !world.isCalm, world.happens(perMille: 600) { return ask(job) }
        askConsole([job])
    }

    // MARK: On a node

    private func ask(_ job: Int) {
        guard let index = jobs[job].host else { return }
        let host = world.hosts[index]
        jobs[job].state = .asking
        guard host.process.isAlive else { return heardNothing(of: job) }
        lastClient += 1
        let client = lastClient
        waiting[client] = (job, index, host.process.life)
        let task = LocalTask(
            task: jobs[job].submission,
            payload: jobs[job].payload,
            spool: jobs[job].spools,
            patience: .seconds(world.between(1, 20))
        )
        world.say(host.name, "client \(client) submits job \(job)")
        host.run { _ in host.step(.submissionRequested(client: client, task)) }
        world.after(40 * second) { world in
            guard self.waiting[client] != nil else { return }
            let isPaused = host.process.isPaused
            self.waiting[client] = nil
            if !isPaused, !world.isCalm, self.jobs[job].state == .asking {
                world.fail("\(host.name) has not answered client \(client)")
            }
            self.heardNothing(of: job)
        }
    }

    func answered(_ host: AgentHost, _ answer: SubmissionAnswer) {
        guard let asked = waiting[answer.client] else { return }
        waiting[answer.client] = nil
        switch answer.outcome {
        case .accepted(let id, let isKnown): accepted(asked.job, id, isKnown: isKnown)
        case .declined(let code, let text, _): refusedJob(asked.job, code, text)
        case .spooled:
            jobs[asked.job].wasSpooled = true
            if jobs[asked.job].state == .asking { jobs[asked.job].state = .spooled }
        }
    }

    /// Its socket is closed: whoever waits learns nothing.
    func agentEnded(_ host: AgentHost) {
        for (client, asked) in waiting where asked.host == host.index {
            waiting[client] = nil
            heardNothing(of: asked.job)
        }
    }

    /// Some programs submit as soon as their node is up, and some agents die at once again.
    func agentStarted(_ host: AgentHost) {
        guard world.plan.has(.spooling), !world.isCalm, jobs.count < countMax,
            world.happens(perMille: 400)
        else { return }
        for _ in 0..<world.between(1, 3) {
            world.after(world.between(0, 10 * millisecond)) { _ in
                let job = self.someJob()
                self.jobs[job].submission.idempotencyKey = nil
                self.jobs[job].host = host.index
                self.jobs[job].spools = true
                self.ask(job)
            }
        }
        guard world.plan.has(.agentCrash), world.happens(perMille: 300) else { return }
        let life = host.process.life
        world.after(world.between(0, 20 * millisecond)) { world in
            guard host.process.isAlive, host.process.life == life else { return }
            host.crashAgent()
            world.after(world.between(50 * millisecond, second)) { _ in host.startAgent() }
        }
    }

    // MARK: What operators do with tasks

    private func orderSomething() {
        let ids = world.work?.checks.someTasks() ?? []
        guard !ids.isEmpty else { return }
        let account = world.operators.accounts[Int(world.chance.below(3))]
        switch world.chance.below(10) {
        case 0..<4: world.operators.ask(.cancelTasks(ids), by: account)
        case 4..<8: world.operators.ask(.retryTasks(ids), by: account)
        default:
            let isDone = world.happens(perMille: 500)
            if isDone { resolved.formUnion(ids) }
            world.operators.ask(.resolveTasks(ids, isDone: isDone), by: account)
        }
    }

    /// - Returns: what is not at rest.
    func unrest() -> String? {
        for job in jobs {
            switch job.state {
            case .open, .asking: return "job \(job.number) has no answer"
            case .accepted, .refused, .unknown: break
            case .spooled:
                guard let index = job.host, world.work?.checks.hasTask(job) != true,
                    world.work?.checks.mustDeliver(world.hosts[index]) ?? false
                else { break }
                return "job \(job.number) was spooled on \(world.hosts[index].name) and is no task"
            }
        }
        return nil
    }
}
