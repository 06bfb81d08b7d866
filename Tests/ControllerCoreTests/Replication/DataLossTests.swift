import ControllerCore
import Model
import Protocol
import Testing

/// What a change of the active site may lose: the gate of a failover, the last canary of a planned move,
/// and sites whose history has parted.
struct DataLossTests {
    // MARK: The gate of a failover (I18)

    @Test func `a failover is refused, with numbers, while the last canary there is too old`() {
        var data = DataStage(objective: "20s")
        data.live(5)
        data.isReplicating = false
        data.live(30)
        data.loseProduction()
        data.live(4)
        let refused = data.begin(.failover).refusal
        #expect(refused?.code == .notNow)
        let text = refused?.text ?? ""
        #expect(text.contains("site b has last seen canary 1.1."), "\(text)")
        #expect(text.contains("RPO 20s"), "\(text)")
        #expect(text.contains("site a was last heard"), "\(text)")
        #expect(refused?.mend.contains("--accept-data-loss") ?? false)
        #expect(data.stage.audits.last?.outcome == "not-now")
        // Force is for readiness; that data may be lost is said apart.
        #expect(data.begin(.failover, force: true).refusal?.code == .notNow)
        #expect(data.begin(.failover, acceptsLoss: true).refusal == nil)
        #expect(data.stage.audits.contains { $0.parameters.contains("accept-data-loss") })
        data.finishFailover()
        #expect(data.stage.run.state == .done)
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork?.lost ?? 0 >= 29)
        #expect(fork?.lossMilliseconds ?? 0 >= 30_000)
        #expect(fork?.canary == data.replica || fork?.canary?.epoch.counter == 1)
    }

    @Test func `a failover is refused where nothing is known of the data`() {
        var data = DataStage()
        data.live(5)
        data.isReadable = false
        data.loseProduction()
        data.live(4)
        let text = data.begin(.failover).refusal?.text ?? ""
        #expect(text.contains("what site b has is not known: node n2 cannot read it"), "\(text)")
    }

    /// The site fences itself: from then on nothing was written there, however long ago it is.
    @Test func `the age of a canary counts to the moment from which the source is proven stopped`()
    {
        var data = DataStage(objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(600)
        #expect(data.begin(.failover).refusal == nil)
        data.finishFailover()
        #expect(data.stage.run.state == .done)
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork?.lost == 0)
        #expect(fork?.lossMilliseconds ?? .max < 20_000)
    }

    @Test func `while the source may still act the age counts to now`() {
        var data = DataStage(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(5)
        #expect(data.stage.machine.lossObstacles(at: "b").isEmpty)
        data.live(60)
        #expect(data.begin(.failover).refusal?.code == .notNow)
    }

    @Test func `the gate looks again before the fence`() {
        var data = DataStage(objective: "20s")
        var wait = PlanStep(name: "wait", act: .ask("go on?"), timeout: .seconds(600))
        wait.isInDrill = false
        data.stage.ask(.setPlan(.around(before: [wait])))
        data.live(5)
        #expect(data.begin(.failover).refusal == nil)
        data.isReplicating = false
        data.live(30)
        data.stage.ask(.answerRun(data.stage.run.id, isYes: true))
        #expect(data.stage.stepName == "fence")
        #expect(!data.stage.run.isFenced)
        #expect(data.stage.run.text.contains("--accept-data-loss"), "\(data.stage.run.text)")
        #expect(data.stage.machine.role(of: "a") == .active)
    }

    /// A failover whose old site was seen off ten minutes after its last canary, with an objective of 30 s.
    private func certifiedLate() -> DataStage {
        var data = DataStage(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(5)
        #expect(data.begin(.failover).refusal == nil)
        data.live(600)
        #expect(data.stage.run.isFenced)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        data.live(2)
        #expect(!data.stage.run.isActivated)
        return data
    }

    /// Nothing stops the old site by itself: until an operator has seen it off, it may have worked on.
    @Test func `the gate looks again before the activation, and an abort is the way out`() {
        var data = certifiedLate()
        #expect(data.stage.machine.cluster.activeSite == "a")
        let text = data.stage.run.text
        #expect(text.contains("site b has last seen canary 1.1."), "\(text)")
        #expect(text.contains("when site a had surely stopped, more than its RPO 30s"), "\(text)")
        #expect(text.contains("muster run accept 1 --accept-data-loss --reason TEXT"), "\(text)")
        data.stage.ask(.abortRun(data.stage.run.id))
        #expect(data.stage.run.state == .aborted)
        #expect(data.stage.machine.role(of: "a") == .active)
        #expect(data.begin(.failover).refusal?.code == .notNow)
        #expect(data.begin(.failover, acceptsLoss: true).refusal == nil)
        data.live(2)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        #expect(data.stage.machine.cluster.activeSite == "b")
    }

    @Test func `who certifies the old site in time loses no more than the objective`() {
        var data = DataStage(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.loseProduction()
        data.live(5)
        #expect(data.begin(.failover).refusal == nil)
        data.live(10)
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        #expect(data.stage.machine.cluster.activeSite == "b")
    }

    private static var automatic: ControllerSettings {
        var settings = ControllerSettings()
        settings.failover = FailoverSettings(
            mode: .automatic,
            authority: .outside,
            brake: .seconds(3_600),
            preferred: nil
        )
        return settings
    }

    @Test func `a failover is automatic where the data was there when the source had stopped`() {
        var data = DataStage(settings: Self.automatic)
        data.live(5)
        data.loseProduction()
        data.live(90)
        #expect(data.stage.told(.automaticTaken) == 1)
        #expect(data.stage.machine.cluster.activeSite == "b")
    }

    @Test func `no loss is accepted by itself`() {
        var data = DataStage(objective: "20s", settings: Self.automatic)
        data.live(5)
        data.isReplicating = false
        data.live(30)
        data.loseProduction()
        data.live(90)
        #expect(data.stage.machine.runs.runs.isEmpty)
        let refused = data.stage.events.filter { $0.kind == .automaticRefused }.map(\.cause)
        #expect(refused.count == 1)
        #expect(refused[0].contains("b: data set orders: site b has last seen canary 1.1."))
        #expect(refused[0].contains("more than its RPO 20s"))
    }

    // MARK: A planned move loses nothing

    @Test func `a switchover waits until the last canary is at the new site`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        data.isReplicating = false
        #expect(data.begin(.switchover).refusal == nil)
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(3)
        #expect(data.stage.stepName == "fence")
        #expect(data.stage.machine.role(of: "a") == .active)
        let text = data.stage.run.text
        #expect(text.contains("data set orders: site b has canary 1.1."), "\(text)")
        #expect(text.contains("muster run abort 1"), "\(text)")
        let last = data.source
        data.live(3)
        // It was the last one: nothing is written after it.
        #expect(data.source == last)
        data.isReplicating = true
        data.live(1)
        #expect(data.stage.run.isFenced)
        data.stage.beat(data.production, floor: Stage.floorOfSession1)
        #expect(data.stage.machine.cluster.activeSite == "b")
        let fork = data.stage.machine.forks(of: data.stage.run.id).first
        #expect(fork?.canary == last)
        #expect(fork?.lossMilliseconds == 0)
        #expect(fork?.lost == 0)
    }

    @Test func `where the database stops with the services its last canary is the last one`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        #expect(data.begin(.switchover).refusal == nil)
        data.isWritable = false
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(4)
        #expect(data.stage.run.isFenced, "\(data.stage.run.text)")
    }

    /// Its writes had failed long before: what was written since has no canary.
    @Test func `an old canary is not taken for the last one because new ones are refused`() {
        var data = DataStage(isSelfFenced: false, objective: nil)
        data.live(5)
        data.isWritable = false
        data.live(60)
        #expect(data.begin(.switchover).refusal == nil)
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(10)
        #expect(!data.stage.run.isFenced)
        let text = data.stage.run.text
        #expect(text.contains("is not known to be of the moment when its services"), "\(text)")
        #expect(text.contains("it is stopped (it goes on by itself"), "\(text)")
        data.isWritable = true
        data.live(2)
        #expect(data.stage.run.isFenced)
    }

    @Test func `a refusal of a canary from before the stop does not count`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        #expect(data.begin(.switchover).refusal == nil)
        data.isWritable = false
        // One is under way when the services have stopped.
        data.stage.pass(.milliseconds(1_100))
        let count = data.canaries.count
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        #expect(data.stage.stepName == "fence")
        data.look()
        #expect(data.canaries.count == count + 1)
        data.look()
        #expect(!data.stage.run.isFenced)
        data.live(2)
        #expect(data.stage.run.isFenced, "\(data.stage.run.text)")
    }

    @Test func `the last canary of a database that was stopped outlives the controller`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        data.isReplicating = false
        #expect(data.begin(.switchover).refusal == nil)
        data.live(1)
        data.isWritable = false
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(4)
        #expect(data.stage.run.text.contains("the last one of site a is"))
        data.stage.restart()
        data.production = data.stage.attach("n1", [.plain("db")], incarnation: 2)
        data.standby = data.stage.attach("n2", [.plain("db")], incarnation: 2)
        data.define()
        data.live(5)
        #expect(!data.stage.run.isFenced)
        data.isReplicating = true
        data.live(3)
        #expect(data.stage.run.isFenced, "\(data.stage.run.text)")
    }

    @Test func `an abort while the data is waited for leaves everything as it was`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        data.isReplicating = false
        _ = data.begin(.switchover)
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(2)
        let count = data.canaries.count
        data.stage.ask(.abortRun(data.stage.run.id))
        #expect(data.stage.run.state == .aborted)
        data.live(3)
        #expect(data.canaries.count > count)
    }

    @Test func `a controller that is started again while it waits still loses nothing`() {
        var data = DataStage(isSelfFenced: false)
        data.live(5)
        data.isReplicating = false
        _ = data.begin(.switchover)
        data.stage.report("db", .stopped, isWanted: false, on: data.production)
        data.live(2)
        data.stage.restart()
        data.production = data.stage.attach("n1", [.plain("db")], incarnation: 2)
        data.standby = data.stage.attach("n2", [.plain("db")], incarnation: 2)
        data.define()
        data.live(5)
        #expect(!data.stage.run.isFenced)
        data.isReplicating = true
        data.live(3)
        #expect(data.stage.run.isFenced, "\(data.stage.run.text)")
    }

    // MARK: Histories that have parted (I19)

    /// A failover that has lost canaries, and the old site is back with them.
    private func parted() -> DataStage {
        var data = DataStage(objective: "20s")
        data.live(5)
        data.isReplicating = false
        data.live(30)
        data.loseProduction()
        data.live(4)
        _ = data.begin(.failover, acceptsLoss: true)
        data.finishFailover()
        data.returnProduction()
        data.live(2)
        return data
    }

    @Test func `a site that is back with what the active data has not has diverged by number`() {
        var data = parted()
        let open = data.stage.machine.openDivergences(of: "a")
        let count = open.first?.count ?? 0
        #expect(open.count == 1 && count >= 29)
        #expect(data.finding("a", "divergence")?.level == .blocking)
        #expect(data.stage.told(.dataDiverged) == 1)
        // The return direction runs: it has overwritten what was there, and that is not forgotten.
        data.isReplicating = true
        data.live(5)
        #expect(data.stage.machine.lag(of: "orders", at: "a") == .known(.zero, canaries: 0))
        for (number, force) in [(nil, false), (nil, true), (count - 1, false), (count + 1, true)] {
            let refused = data.begin(.failback, to: "a", divergence: number, force: force).refusal
            #expect(refused?.code == .notNow)
            #expect(refused?.mend.contains("--accept-divergence \(count)") ?? false)
        }
        #expect(data.begin(.failback, to: "a", divergence: count).refusal == nil)
        #expect(data.stage.audits.contains { $0.verb == "data.accept-divergence" })
        #expect(
            data.stage.audits.contains { $0.parameters.contains("accept-divergence=\(count)") }
        )
        data.stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: data.standby)
        data.live(3)
        data.stage.beat(
            data.standby,
            floor: FencingToken(epoch: Epoch(generation: 1, counter: 2), session: 1)
        )
        #expect(data.stage.machine.cluster.activeSite == "a")
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        #expect(data.stage.store["divergence/orders/a"] == nil)
    }

    @Test func `what a site has diverged by outlives the controller`() {
        var data = parted()
        let before = data.stage.machine.openDivergences(of: "a")
        data.stage.restart()
        #expect(data.stage.machine.openDivergences(of: "a") == before)
        #expect(data.begin(.failback, to: "a").refusal?.code == .notNow)
    }

    @Test func `what was accepted for a run that is rolled back is not accepted for the next`() {
        var data = parted()
        let count = data.stage.machine.openDivergences(of: "a").first?.count ?? 0
        #expect(data.begin(.failback, to: "a", divergence: count).refusal == nil)
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        // The run's own number is durable with it.
        data.stage.restart()
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        data.stage.ask(.abortRun(data.stage.run.id))
        #expect(data.stage.machine.openDivergences(of: "a").map(\.count) == [count])
        #expect(data.stage.audits.contains { $0.verb == "data.accept-end" })
        data.stage.pass(.seconds(60))
        #expect(data.stage.run.state == .aborted)
        data.stage.restart()
        let refused = data.begin(.failback, to: "a").refusal
        #expect(refused?.mend.contains("--accept-divergence \(count)") ?? false)
    }

    @Test func `a loss is accepted only with a reason, in every kind of run`() {
        var data = DataStage()
        data.live(5)
        for kind in [RunKind.switchover, .failback, .failover, .drill] {
            for number in [nil, 3] as [UInt64?] {
                let request = RunRequest(
                    kind: kind,
                    to: "b",
                    acceptsLoss: number == nil,
                    acceptedDivergence: number
                )
                let refused = data.stage.ask(.startRun(request), reason: "").refusal
                #expect(refused?.code == .invalid)
                #expect(refused?.mend.contains("--reason") ?? false)
            }
        }
        #expect(data.begin(.switchover, acceptsLoss: true).refusal == nil)
    }

    @Test func `a failover to a site that has diverged is refused, too`() {
        var data = parted()
        #expect(data.begin(.failover, to: "a", acceptsLoss: true).refusal?.code == .notNow)
    }

    @Test func `a site that is back with a part of the active history follows`() {
        var data = DataStage()
        data.live(5)
        data.loseProduction()
        data.live(4)
        #expect(data.begin(.failover).refusal == nil)
        data.finishFailover()
        data.returnProduction()
        data.live(3)
        #expect(data.stage.machine.openDivergences(of: "a").isEmpty)
        #expect(data.begin(.failback, to: "a", divergence: 3).refusal?.code == .invalid)
        #expect(data.begin(.failback, to: "a").refusal == nil)
    }

    @Test func `every record of data sets is read as it was written`() throws {
        var data = parted()
        data.live(70)
        var tables: Set<String> = []
        for (_, record) in data.stage.store {
            let again = try Record(
                table: record.table,
                line: Line.parse(record.line.description, limits: .record)
            )
            #expect(again == record)
            tables.insert(record.table.rawValue)
        }
        #expect(tables.isSuperset(of: ["data-set", "fork", "divergence", "lag-hour"]))
    }

    @Test func `a clock on the wall that jumps ahead makes no loss smaller`() {
        var data = certifiedLate()
        data.stage.wallOffset = .seconds(3_600)
        data.live(5)
        #expect(!data.stage.run.isActivated)
    }
}
