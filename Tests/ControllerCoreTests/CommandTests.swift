import Calendar
import ControllerCore
import Model
import Protocol
import Testing

struct CommandTests {
    static let verbs: [Command.Verb] = {
        let seed = TokenSeed(id: "t-900", secretHash: "hash")
        return [
            .addNode("n9", site: nil, address: nil, token: seed), .removeNodes(["n1"]),
            .cordon("n1"), .uncordon("n1"),
            .drain("n1", within: .seconds(10), keepServices: false),
            .beginMaintenance(
                "n1",
                owner: "o",
                until: WallTime(milliseconds: 1_800_000_000_000),
                keepServices: true
            ),
            .endMaintenance("n1"), .release("n1"), .service(.start, nil, "n1"),
            .service(.stop, nil, "n1"), .service(.restart, nil, "n1"),
            .createToken(seed, site: nil, node: nil), .revokeToken("t-1"),
            .addOperator("new", .viewer, token: seed), .removeOperator("new"),
            .addSite("c"), .removeSite("c"), .setSiteMinimum("a", 1),
            .set(.cluster, key: "x.k", value: "v"), .unset(.cluster, key: "x.k"), .preflight([]),
            .backup(path: "/b"), .cancelTasks([TaskID(1)]), .retryTasks([TaskID(1)]),
            .resolveTasks([TaskID(1)], isDone: true), .readPayload(TaskID(1)),
            .readOutput(TaskID(1)), .readRunOutputs(RunID(1)),
            .readFile("n2", "app", path: "etc/a"),
            .addSchedule(
                ScheduleDraft(
                    name: "s",
                    recurrence: .once(WallTime(milliseconds: 1_800_000_000_000)),
                    submission: TaskSubmission(type: .push)
                )
            ),
            .removeSchedule("s"), .pauseSchedule("s"), .resumeSchedule("s"),
            .setCalendar("c", DateSet()), .removeCalendar("c"),
            .pairNodes(standby: "n2", production: "n1"), .unpairNode("n1"),
            .setSiteForm("a", isWarm: true), .setPlan(.around()), .removePlan("written"),
            .startRun(RunRequest(kind: .switchover, to: "b")),
            .startRun(RunRequest(kind: .failover, to: "b")),
            .startRun(RunRequest(kind: .failback, to: "b")),
            .startRun(RunRequest(kind: .drill, to: "b")), .retryStep(RunID(1)),
            .skipStep(RunID(1)), .abortRun(RunID(1)), .certifyNode(RunID(1), "n1"),
            .acceptLoss(RunID(1), acceptsLoss: true, divergence: nil),
            .answerRun(RunID(1), isYes: true), .pauseAutomatic, .resumeAutomatic, .liftBrake,
            .setNotifyRules(NotifyRules()),
            .addSilence(
                SilenceDraft(owner: "o", until: WallTime(milliseconds: 1_700_000_900_000))
            ),
            .endSilence(1), .testReceiver("ops"), .retryDelivery(1), .dropDelivery(1),
            .retryDeliveries, .dropUndelivered,
        ]
    }()

    private func stage(as role: OperatorRole) -> (Stage, Caller) {
        var stage = Stage()
        let token = stage.seed()
        stage.ask(.addOperator("person", role, token: token))
        let key = KeyFingerprint("key-person")
        let purpose = SigningRequest.Purpose.enrolOperator(
            RequestID(7_000),
            token: token.id,
            secretHash: token.secretHash
        )
        stage.step(.signingRequested(nil, SigningRequest(purpose: purpose, key: key)))
        return (stage, Caller(name: "person", key: key, source: "test"))
    }

    @Test(arguments: OperatorRole.allCases)
    func `every verb is given to its least role and to nobody below`(role: OperatorRole) {
        // Submitting is no command: it carries payloads (TaskLifeTests).
        let verbs = Set(CommandTests.verbs.map(\.name) + ["task.submit"])
        #expect(verbs == Set(Authorization.table.map(\.verb)))
        for verb in CommandTests.verbs {
            var (stage, caller) = stage(as: role)
            let audits = stage.audits.count
            let store = stage.store
            stage.ask(verb, by: caller)
            let least = Authorization.least(for: verb.name) ?? .admin
            #expect((stage.lastRefusal == .forbidden) == (role < least), "\(role) \(verb.name)")
            let new = stage.audits.dropFirst(audits).filter { $0.source == "test" }
            #expect(new.count == 1, "\(verb.name) is audited once")
            #expect(new.first?.verb == verb.name)
            if role < least {
                #expect(new.first?.outcome == "forbidden")
                #expect(stage.store == store, "\(verb.name) was refused and changed something")
            }
        }
    }

    @Test func `each reading of a payload is audited, and a followed output once in ten minutes`() {
        var (stage, viewer) = stage(as: .viewer)
        func audited(_ verb: String) -> [String] {
            stage.audits.filter { $0.verb == verb }.map { "\($0.actor) \($0.object) \($0.outcome)" }
        }
        for _ in 0..<2 { stage.ask(.readPayload(TaskID(7))) }
        stage.ask(.readPayload(TaskID(7)), by: viewer)
        #expect(
            audited("task.payload") == ["root 7 done", "root 7 done", "person 7 forbidden"]
        )
        for _ in 0..<100 {
            stage.ask(.readOutput(TaskID(7)), by: viewer)
            stage.pass(.seconds(5))
        }
        #expect(audited("task.output") == ["person 7 done"])
        // A run's report shows what its hooks have written: one record for a run and reader.
        for _ in 0..<3 { stage.ask(.readRunOutputs(RunID(7)), by: viewer) }
        #expect(audited("task.output") == ["person 7 done", "person run 7 done"])
        stage.pass(.seconds(700))
        stage.ask(.readRunOutputs(RunID(7)), by: viewer)
        #expect(audited("task.output").count == 3)
        stage.audits.removeAll { $0.object == "run 7" }
        // Another task and another person are readings of their own.
        stage.ask(.readOutput(TaskID(8)), by: viewer)
        stage.ask(.readOutput(TaskID(7)))
        #expect(
            audited("task.output") == ["person 7 done", "person 8 done", "root 7 done"]
        )
        stage.pass(.seconds(101))
        stage.ask(.readOutput(TaskID(7)), by: viewer)
        #expect(audited("task.output").count == 4)
        // Refused ones are never passed over.
        let nobody = Caller(name: "nobody", key: viewer.key, source: "x")
        for _ in 0..<3 { stage.ask(.readOutput(TaskID(7)), by: nobody) }
        #expect(audited("task.output").count == 7)
        // What is forgotten for want of room is audited anew.
        for number in 100...356 as ClosedRange<UInt64> {
            stage.ask(.readOutput(TaskID(number)), by: viewer)
        }
        let count = audited("task.output").count
        stage.ask(.readOutput(TaskID(100)), by: viewer)
        #expect(audited("task.output").count == count + 1)
    }

    @Test func `a controller that does not act still shows what tasks carry`() {
        var stage = Stage()
        stage.join("n1")
        let highest = FencingToken(epoch: Epoch(generation: 1, counter: 9), session: 1)
        _ = stage.hello("n1", highest: highest)
        stage.ask(.readPayload(TaskID(1)))
        #expect(stage.lastRefusal == nil)
        stage.ask(.cordon("n1"))
        #expect(stage.lastRefusal == .notActive)
    }

    @Test func `an unknown operator and a wrong key are refused and audited`() {
        var stage = Stage()
        for caller in [
            Caller(name: "nobody", key: Stage.admin.key, source: "x"),
            Caller(name: "root", key: KeyFingerprint("other"), source: "x"),
        ] {
            stage.ask(.addSite("b"), by: caller)
            #expect(stage.lastRefusal == .forbidden)
        }
        #expect(stage.audits.filter { $0.source == "x" }.count == 2)
        #expect(stage.machine.sites.count == 1)
    }

    @Test func `a drain stops the services in reverse order and says when it is done`() {
        var stage = Stage()
        let services: [ServiceReport] = [
            .plain("db", .running, order: 0, isWanted: true),
            .plain("app", .running, order: 1, isWanted: true),
        ]
        let connection = stage.online("n1", services)
        stage.ask(.drain("n1", within: .seconds(30), keepServices: false))
        #expect(stage.openOrders(of: "n1").map(\.action) == [.stop("app")])
        stage.say(.service(.plain("app", .stopped, order: 1)), on: connection)
        stage.say(.done(order: stage.openOrders(of: "n1")[0].id), on: connection)
        #expect(stage.openOrders(of: "n1").map(\.action) == [.stop("db")])
        #expect(stage.told(.nodeDrained) == 0)
        stage.say(.service(.plain("db")), on: connection)
        #expect(stage.told(.nodeDrained) == 1)
        #expect(stage.reason("n1") == "drained")
        stage.ask(.uncordon("n1"))
        #expect(stage.openOrders(of: "n1").contains { $0.action == .start("db") })
    }

    @Test func `services start in order, one level at a time`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db"), .plain("app", order: 1)])
        #expect(stage.openOrders(of: "n1").map(\.action) == [.start("db")])
        stage.say(.service(.plain("db", .running, isWanted: true)), on: connection)
        #expect(stage.openOrders(of: "n1").contains { $0.action == .start("app") })
    }

    @Test func `an order under way is repeated in the next session`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db")])
        let order = stage.openOrders(of: "n1")[0]
        stage.step(.disconnected(connection, .closedByPeer))
        #expect(stage.machine.orders[order.id]?.state == .waiting)
        let next = stage.attach("n1", [.plain("db")], incarnation: 2)
        #expect(stage.verbs(next).contains("START"))
        #expect(stage.machine.orders[order.id]?.state == .sent)
    }

    @Test func `a refused order is tried again after ten seconds`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db")])
        let order = stage.openOrders(of: "n1")[0]
        stage.say(.refused(order: order.id, code: .notNow, text: "busy"), on: connection)
        #expect(stage.openOrders(of: "n1").isEmpty)
        stage.live([connection], for: 9)
        #expect(stage.openOrders(of: "n1").isEmpty)
        stage.live([connection], for: 2)
        #expect(stage.openOrders(of: "n1").map(\.action) == [.start("db")])
    }

    @Test func `what an operator stopped stays stopped until an operator starts it`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.ask(.service(.stop, "db", "n1"))
        stage.say(.service(.plain("db")), on: connection)
        stage.say(.done(order: stage.openOrders(of: "n1")[0].id), on: connection)
        stage.restart()
        stage.attach("n1", [.plain("db")], incarnation: 2)
        #expect(stage.openOrders(of: "n1").isEmpty)
        stage.ask(.service(.start, "db", "n1"))
        #expect(stage.openOrders(of: "n1").map(\.action) == [.start("db")])
    }

    @Test func `a site's minimum stands in the way unless it is forced`() {
        var stage = Stage()
        stage.online("n1")
        stage.ask(.setSiteMinimum("a", 1))
        for verb: Command.Verb in [
            .cordon("n1"), .drain("n1", within: .seconds(9), keepServices: false),
            .removeNodes(["n1"]),
        ] {
            guard case .refused(let refused) = stage.ask(verb) else {
                Issue.record("\(verb.name) is not refused")
                continue
            }
            #expect(refused.code == .notNow, "\(verb.name)")
            #expect(
                refused.text == "site a would have 0 nodes Online, 1 below its minimum of 1",
                "\(verb.name)"
            )
        }
        stage.ask(.cordon("n1"), force: true)
        #expect(stage.machine.member(named: "n1")?.record.cordon != nil)
    }

    @Test func `a maintenance needs owner and reason, and ends by itself`() {
        var stage = Stage()
        let connection = stage.online("n1")
        let until = stage.now.wall + .seconds(20)
        let verb = Command.Verb.beginMaintenance(
            "n1",
            owner: "ann",
            until: until,
            keepServices: false
        )
        stage.ask(verb, reason: "")
        #expect(stage.lastRefusal == .confirmation)
        stage.ask(verb)
        #expect(stage.reason("n1").contains("maintenance by ann"))
        stage.live([connection], for: 22)
        #expect(stage.status("n1") == .online)
        #expect(stage.told(.maintenanceEnded) == 1)
    }

    @Test func `a removal stops the services, revokes and frees the name`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        let id = stage.machine.member(named: "n1")!.record.id
        stage.ask(.set(.node("n1"), key: "env.A", value: "1"))
        stage.ask(.removeNodes(["n1"]))
        #expect(stage.machine.nodes[id]?.record.membership == .removing)
        stage.say(.service(.plain("db")), on: connection)
        #expect(stage.machine.nodes[id]?.record.membership == .removed)
        #expect(stage.closed.last == .removed)
        let again = stage.connect(.node(id, key: KeyFingerprint("key-n1")))
        stage.say(.hello(Hello(speaker: .agent, incarnation: 9)), on: again)
        #expect(Set(stage.verbs(again)) == ["ERR"])
        // Its local configuration waits for the next node of this name.
        let token = stage.seed()
        stage.ask(.addNode("n1", site: nil, address: nil, token: token))
        stage.enrol(token, key: "key-new")
        let record = stage.machine.member(named: "n1")!.record
        #expect(record.id != id)
        #expect(stage.machine.effectiveSettings(for: record).map(\.value) == ["1"])
    }

    @Test func `a node that cannot be reached is removed by force alone`() {
        var stage = Stage()
        let connection = stage.online("n1")
        stage.step(.disconnected(connection, .closedByPeer))
        stage.ask(.removeNodes(["n1"]))
        #expect(stage.lastRefusal == .notNow)
        stage.ask(.removeNodes(["n1"]), force: true)
        #expect(stage.machine.member(named: "n1") == nil)
    }

    @Test func `a removal is not finished by time when its services were not seen to stop`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.ask(.removeNodes(["n1"]))
        stage.live([connection], for: 300)
        let id = stage.machine.member(named: "n1")?.record.id
        #expect(id != nil)
        #expect(stage.told(.nodeDrainOverdue) == 1)
        stage.step(.disconnected(connection, .closedByPeer))
        stage.pass(.seconds(86_400))
        #expect(stage.machine.member(named: "n1")?.record.membership == .removing)
        stage.ask(.removeNodes(["n1"]))
        #expect(stage.lastRefusal == .notNow)
        stage.ask(.removeNodes(["n1"]), force: true)
        #expect(stage.machine.member(named: "n1") == nil)
    }

    @Test func `a removal is finished when every service had to fence itself by then`() {
        var stage = Stage()
        let fenced = ServiceReport.plain("db", .running, isWanted: true, isSelfFenced: true)
        let connection = stage.online("n1", [fenced])
        stage.ask(.removeNodes(["n1"]))
        stage.step(.disconnected(connection, .closedByPeer))
        stage.pass(.seconds(15))
        #expect(stage.machine.member(named: "n1")?.record.membership == .removing)
        stage.pass(.seconds(300))
        #expect(stage.machine.member(named: "n1") == nil)
    }

    @Test func `no more settings are kept than an agent takes`() {
        // What an agent takes is told by AgentCoreTests: 256 settings, 60 000 bytes.
        var stage = Stage()
        for number in 1...256 {
            stage.ask(.set(.cluster, key: "x.k\(number)", value: "v"))
            #expect(stage.lastRefusal == nil, "\(number)")
        }
        stage.ask(.set(.cluster, key: "x.k257", value: "v"))
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.set(.cluster, key: "x.k1", value: "another"))
        #expect(stage.lastRefusal == nil)

        var other = Stage()
        let value = String(repeating: "v", count: 1_993)
        for number in 10...39 {
            other.ask(.set(.cluster, key: "x.key\(number)", value: value))
            #expect(other.lastRefusal == nil, "\(number)")
        }
        other.ask(.set(.cluster, key: "x.k", value: ""))
        #expect(other.lastRefusal == .invalid)
    }

    @Test func `the nearer setting wins`() {
        var stage = Stage()
        stage.online("n1")
        stage.ask(.set(.cluster, key: "env.A", value: "cluster"))
        stage.ask(.set(.node("n1"), key: "env.A", value: "node"))
        stage.ask(.set(.site("a"), key: "env.A", value: "site"))
        stage.ask(.set(.site("a"), key: "env.B", value: "site"))
        let record = stage.machine.member(named: "n1")!.record
        #expect(stage.machine.effectiveSettings(for: record).map(\.value) == ["node", "site"])
        stage.ask(.unset(.node("n1"), key: "env.A"))
        #expect(stage.machine.effectiveSettings(for: record).map(\.value) == ["site", "site"])
    }

    private func own(_ stage: Stage, _ prefix: String = "service.") -> [String] {
        stage.audits.filter { $0.actor == "controller" && $0.verb.hasPrefix(prefix) }
            .map { "\($0.verb) \($0.object): \($0.reason)" }
    }

    @Test func `what the controller orders by itself is audited with its reason, once`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db"), .plain("app", order: 1)])
        #expect(own(stage) == ["service.start n1/db: it should run here"])
        stage.live([connection], for: 5)
        #expect(own(stage).count == 1)
        stage.say(.service(.plain("db", .running, isWanted: true)), on: connection)
        #expect(own(stage).last == "service.start n1/app: it should run here")
        stage.say(.service(.plain("app", .running, order: 1, isWanted: true)), on: connection)
        stage.ask(.drain("n1", within: .seconds(30), keepServices: false))
        #expect(own(stage).last == "service.stop n1/app: the node is being drained")
        #expect(own(stage).count == 3)
    }

    @Test func `an order of an operator is audited as the operator's alone`() {
        var stage = Stage()
        let connection = stage.online("n1", [.plain("db", .running, isWanted: true)])
        let before = own(stage)
        for action in [ServiceAction.stop, .start, .restart] {
            let count = stage.audits.count
            stage.ask(.service(action, "db", "n1"))
            #expect(stage.audits.count == count + 1, "\(action)")
            #expect(stage.audits.last?.actor == "root")
            #expect(stage.audits.last?.verb == "service.\(action.rawValue)")
            let isWanted = action != .stop
            stage.say(
                .service(.plain("db", isWanted ? .running : .stopped, isWanted: isWanted)),
                on: connection
            )
            for order in stage.openOrders(of: "n1") {
                stage.say(.done(order: order.id), on: connection)
            }
        }
        #expect(own(stage) == before)
    }

    @Test func `what the door has refused is audited as it was told`() {
        var stage = Stage()
        let store = stage.store
        let effects = stage.step(
            .turnedAway(
                TurnedAway(
                    actor: "stranger",
                    key: KeyFingerprint(""),
                    source: "192.0.2.9:1",
                    verb: "listNodes",
                    object: String(repeating: "/", count: 70_000),
                    refused: Refused(.noCertificate, "no operator's certificate was shown")
                )
            )
        )
        #expect(effects.journal.count == 1)
        let audit = stage.audits.last
        #expect(audit?.actor == "stranger" && audit?.source == "192.0.2.9:1")
        #expect(audit?.outcome == "no-certificate")
        #expect((audit?.object.utf8.count ?? 0) <= 1_000)
        #expect(stage.store == store)
    }

    @Test func `a key that nothing reads is refused, with the one that was meant`() {
        func answer(_ key: String) -> String {
            var stage = Stage()
            switch stage.ask(.set(.cluster, key: key, value: "1")) {
            case .refused(let refused): return "\(refused.text); \(refused.mend)"
            default: return "done"
            }
        }
        #expect(answer("env.TZ") == "done")
        #expect(answer("x.ticket") == "done")
        #expect(answer("task.attempts") == "done")
        #expect(
            answer("tsk.attempts")
                == "there is no setting tsk.attempts; did you mean task.attempts?"
        )
        #expect(answer("ENV.TZ") == "there is no setting ENV.TZ; did you mean env.TZ?")
        #expect(answer("evn.TZ") == "there is no setting evn.TZ; did you mean env.TZ?")
        let own = "env.NAME goes to what nodes run; a key of your own begins with x."
        #expect(answer("colour") == "there is no setting colour; \(own)")
        #expect(answer("x.") != "done")
    }

    /// A site of a thousand nodes with three services each starts with three thousand orders.
    @Test func `an order that is under way is not forgotten because of later ones`() {
        var stage = Stage()
        let node = stage.online("n1", [.plain("db")])
        #expect(stage.verbs(node).last == "START")
        let order = stage.openOrders(of: "n1").first!.id
        let other = stage.online("n2", [.plain("web", .running, isWanted: true)])
        for _ in 0..<2_001 { stage.ask(.service(.restart, "web", "n2")) }
        stage.say(.service(.plain("db", .running, isWanted: true)), on: node)
        stage.say(.done(order: order), on: node)
        stage.live([node, other], for: 2)
        #expect(stage.machine.member(named: "n1")?.pendingOrders["db"] == nil)
        // Nobody can stop it any more.
        stage.ask(.service(.stop, "db", "n1"))
        stage.live([node, other], for: 30)
        #expect(stage.verbs(node).contains("STOP"))
    }
}
