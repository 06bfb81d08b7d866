import API
import Model
import Testing

@testable import Controller
@testable import ControllerCore

/// What is shown under WRONG NOW of runs and sites, since when, and what is to be typed.
@Suite struct StatusProblemsTests {
    private static let start = Moment(
        instant: .origin,
        wall: WallTime(milliseconds: 1_700_000_000_000)
    )

    private static func node(_ name: NodeName, _ site: SiteName) -> NodeRecord {
        var node = NodeRecord(
            id: NodeID("id-\(name)")!,
            name: name,
            site: site,
            membership: .joined,
            addedBy: "x",
            addedAt: start.wall + .seconds(-9_000)
        )
        node.status = .offline
        node.statusReason = "unreachable: silent"
        node.statusSince = start.wall + .seconds(name == "n-1" ? -600 : -300)
        return node
    }

    /// As a controller sees it that was started a minute ago and has heard nobody.
    private func problems(
        _ more: [Record] = [],
        generation: UInt16 = 1,
        said: SiteName? = nil,
        change: (inout ControllerMachine) -> Void = { _ in }
    ) throws -> [Problem] {
        let founding = try World.founding().map { record -> Record in
            if case .cluster(var cluster) = record, let said {
                cluster.say(said, reason: "it was looked at", isOld: true)
                return .cluster(cluster)
            }
            guard case .site(var site) = record else { return record }
            site.minimum = 2
            return .site(site)
        }
        var (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(),
            records: founding + [
                .site(SiteRecord(name: "south")), .node(Self.node("n-1", "north")),
                .node(Self.node("n-2", "north")), .node(Self.node("s-1", "south")),
            ] + more,
            generation: generation,
            lastEventSequence: 0,
            seed: 7,
            at: Self.start
        )
        var now = Self.start
        while now.instant < Self.start.instant + .seconds(60), let next = machine.nextDeadline {
            let left = Self.start.instant + .seconds(60) - now.instant
            let pause = min(max(next - now.instant, .milliseconds(1)), left)
            now = Moment(instant: now.instant + pause, wall: now.wall + pause)
            _ = machine.step(.deadlineReached, at: now)
        }
        change(&machine)
        return StatusView(
            views: NodeViews(machine: machine, now: now),
            account: nil,
            lastEvents: [],
            authorityNotAfter: now.wall + .seconds(1_000 * 86_400)
        ).status.problems
    }

    private static func since(_ seconds: Int64) -> String {
        (start.wall + .seconds(-seconds)).iso8601
    }

    @Test func `a lost site comes first, since its last node was lost, with where to go`() throws {
        let problems = try problems()
        let first = try #require(problems.first)
        #expect(first.text.hasPrefix("site north is lost: none of its 2 nodes can be reached"))
        #expect(first.text.contains("site south may not take over: 0 of 1 node of"))
        #expect(first.mend == "muster site readiness south")
        #expect(first.since == Self.since(300))
        // Below its minimum since the first loss; that is no command of its own.
        let minimum = problems.first { $0.text.contains("its minimum is 2") }
        #expect(minimum?.since == Self.since(600) && minimum?.mend == "")
        // Its nodes are not what to look at next, the other site's is.
        #expect(problems.filter { $0.subject.hasPrefix("n-") }.map(\.mend) == ["", ""])
        #expect(problems.first { $0.subject == "s-1" }?.mend == "muster node show s-1")
    }

    @Test func `a site below a threshold of the rules is wrong, as severe as they say`() throws {
        let rules = NotifyRules(
            thresholds: [
                NotifyThreshold(
                    name: "fix",
                    site: "north",
                    minimum: 1,
                    hold: .seconds(600),
                    severity: .warning,
                    advice: "call the shop"
                ), NotifyThreshold(name: "none", site: "south", minimum: 1),
            ]
        )
        let record = NotifyRulesRecord(rules: rules, version: 1, by: "x", at: Self.start.wall)
        let nodes = [("n-1", "north"), ("n-2", "north"), ("s-1", "south")].map { name, site in
            var node = Self.node(NodeName(name)!, SiteName(site)!)
            node.isAdmitted = true
            return Record.node(node)
        }
        let found = try problems(nodes + [.notifyRules(record)]).filter {
            $0.text.contains("threshold")
        }
        #expect(
            found.map(\.text) == [
                "site south has 0 of 1 node Online, threshold none is 1",
                "site north has 0 of 2 nodes Online, threshold fix is 1, told after 10m00s of it: "
                    + "call the shop",
            ]
        )
        #expect(found.map(\.severity) == [.critical, .warning])
        #expect(found.map(\.mend) == ["muster node list --site south", ""])
        // Since its last node was lost, as far as the records tell it.
        #expect(found.last?.since == Self.since(300))
    }

    @Test func `a node that is held is back: that is no loss`() throws {
        let held: NodeID = "id-s-1"
        let found = try problems(change: { machine in
            machine.nodes.update(held) { $0.heldUntil = Self.start.instant + .seconds(90) }
        })
        let row = try #require(found.first { $0.subject == "s-1" })
        #expect(row.severity == .warning && row.mend == "muster node release s-1")
        #expect(try problems().first { $0.subject == "s-1" }?.severity == .critical)
    }

    private static func delivery(
        _ number: UInt64,
        _ state: DeliveryRecord.State,
        to address: String,
        ended seconds: Int64
    ) -> Record {
        var record = DeliveryRecord(
            number: number,
            notice: 1,
            receiver: "ops",
            destination: .mail(to: address, among: [address]),
            severity: .critical,
            queuedAt: start.wall + .seconds(-seconds - 5)
        )
        record.state = state
        record.endedAt = start.wall + .seconds(-seconds)
        record.lastError = state == .delivered ? "" : "no such user"
        return .delivery(record)
    }

    @Test func `what did not arrive is told until somebody has seen to it, with the count`() throws
    {
        let rules = NotifyRules(
            receivers: [NotifyReceiver(name: "ops", mail: ["a@x.example", "b@x.example"])]
        )
        let set = NotifyRulesRecord(rules: rules, version: 1, by: "x", at: Self.start.wall)
        let found = try problems([
            .notifyRules(set), Self.delivery(2, .refused, to: "a@x.example", ended: 400),
            Self.delivery(3, .givenUp, to: "b@x.example", ended: 300),
            Self.delivery(4, .delivered, to: "a@x.example", ended: 200),
            Self.delivery(5, .dropped, to: "a@x.example", ended: 100),
            // No receiver has it any more.
            Self.delivery(6, .refused, to: "c@x.example", ended: 50),
        ])
        let row = try #require(found.first { $0.subject == "notices" })
        #expect(
            row.text
                == "2 messages did not arrive and are not tried again: mail to b@x.example, mail to "
                + "a@x.example"
        )
        #expect(row.severity == .warning && row.since == Self.since(400))
        #expect(row.mend == "muster notify pending retry --all")
    }

    @Test func `while a run fences the old site no site is active, and that is said`() throws {
        var (run, step) = Self.run(.asking, .fence(with: nil))
        run.isFenced = true
        let found = try problems([.run(run), .runStep(step)])
        let row = try #require(found.first { $0.text.hasPrefix("no site is active") })
        #expect(row.severity == .critical && row.mend == "muster run follow 3")
        #expect(row.text.hasSuffix("run 3 fences site north, and site south may not act before"))
        #expect(row.since == Self.since(50))
    }

    @Test func `after a restore it is said what was not said, and for whom is waited`() throws {
        let unsaid = try problems(generation: 2).first { $0.subject == "controller" }
        #expect(unsaid?.text.contains("which site is active was not said") == true)
        #expect(unsaid?.mend == "muster-controller adopt --confirm --active SITE --reason TEXT")
        var node = Self.node("s-2", "south")
        // It has spoken since, and does not stop by itself.
        node.isHistoryOpen = false
        node.isUnsettled = true
        var settling = ClusterRecord(
            id: "c-1",
            name: "test",
            createdAt: Self.start.wall,
            epoch: Epoch(generation: 2, counter: 2),
            activeSite: "north"
        )
        settling.restoring.settling = RestoringRecord.Settling(
            at: Self.start.wall + .seconds(-200),
            from: "north",
            epoch: Epoch(generation: 1, counter: 1),
            reason: "it was looked at",
            isUnsaid: false
        )
        let waiting = try problems([.cluster(settling), .node(node)], generation: 2)
            .first { $0.subject == "controller" }
        #expect(waiting?.severity == .critical)
        #expect(waiting?.text.contains("s-2 of site south cannot be reached") == true)
        #expect(waiting?.mend.contains("muster node remove s-2 --force --confirm s-2") == true)
        #expect(waiting?.since == Self.since(200))
    }

    private static func run(_ state: RunState, _ act: PlanAct) -> (RunRecord, RunStepRecord) {
        var run = RunRecord(
            id: RunID(3),
            kind: .failover,
            from: "north",
            to: "south",
            plan: "p",
            planVersion: 1,
            by: "alice",
            reason: "",
            startedAt: start.wall + .seconds(-100),
            stepCount: 1,
            epochBefore: Epoch(generation: 1, counter: 1),
            lingers: false,
            isForced: false
        )
        run.state = state
        let only = PlanStep(name: "only", act: act, timeout: .seconds(3_600))
        var step = RunStepRecord(run: run.id, index: 0, step: only)
        step.state = state == .running ? .running : .failed
        step.startedAt = start.wall + .seconds(-50)
        return (run, step)
    }

    @Test func `a run that has failed is before all else, with the command that goes on`() throws {
        var (run, step) = Self.run(.asking, .verify)
        run.text = "no node is there"
        run.askedSince = Self.start.wall + .seconds(-40)
        let first = try #require(try problems([.run(run), .runStep(step)]).first)
        #expect(first.text == "run 3 waits for you: step only has failed: no node is there")
        #expect(first.mend == "muster run retry 3 --step only")
        #expect(first.since == Self.since(40))
        (run, step) = Self.run(.running, .ask("sure?"))
        run.askedSince = Self.start.wall + .seconds(-45)
        let asked = try problems([.run(run), .runStep(step)])
        #expect(asked.first?.mend == "muster run answer 3 yes --step only")
        #expect(asked.first?.since == Self.since(45))
        // While a run moves the work nobody is told to begin one.
        #expect(!asked.contains { $0.text.contains("is lost") })
    }

    @Test func `a run that was rolled back by itself is told of, an aborted one is not`() throws {
        var (run, step) = Self.run(.aborted, .verify)
        run.endedAt = Self.start.wall + .seconds(-30)
        run.text = "step only has failed: no"
        let told = try problems([.run(run), .runStep(step)]).filter { $0.subject == "run 3" }
        #expect(told.map(\.mend) == ["muster run report 3"])
        #expect(told.first?.since == Self.since(30))
        run.text = "aborted by alice"
        #expect(!(try problems([.run(run), .runStep(step)]).contains { $0.subject == "run 3" }))
        step.state = .undone
        step.text = "COULD NOT BE UNDONE: no route"
        let left = try problems([.run(run), .runStep(step)]).filter { $0.subject == "run 3" }
        #expect(left.map(\.severity) == [.critical])
        #expect(left.first?.mend == "muster run show 3")
        run.endedAt = Self.start.wall + .seconds(-90_000)
        #expect(!(try problems([.run(run), .runStep(step)]).contains { $0.subject == "run 3" }))
    }

    @Test func `a service that was stopped or has failed is started, one on its way is looked at`()
    {
        func mend(_ state: ServiceState) -> String {
            ControllerMachine.mend(
                ServiceReport(
                    name: "db",
                    order: 0,
                    isSelfFenced: false,
                    isDrainable: false,
                    state: state,
                    isWanted: true
                ),
                on: "n-1"
            )
        }
        #expect(mend(.stopped) == "muster service start db --node n-1")
        #expect(mend(.failed) == "muster service start db --node n-1")
        #expect(mend(.backoff) == "muster node show n-1")
    }
}
