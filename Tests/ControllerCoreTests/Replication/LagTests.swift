import ControllerCore
import Model
import Protocol
import Testing

/// How far a site is behind, by canaries alone; what is not known is never fine.
struct LagTests {
    @Test func `canaries are numbered, written about once a second and seen at the other site`() {
        var data = DataStage()
        data.live(10)
        #expect(data.canaries.count >= 9)
        #expect(data.canaries.map(\.sequence) == Array(1...UInt64(data.canaries.count)))
        #expect(data.canaries.allSatisfy { $0.epoch == Epoch(generation: 1, counter: 1) })
        #expect(data.lag == .known(.zero, canaries: 0))
        #expect(data.finding()?.level == .fine)
    }

    /// Names that a bad node makes up.
    private func define(_ numbers: Range<Int>, on connection: ConnectionID, _ data: inout DataStage)
    {
        for number in numbers {
            let name = DataSetName("made-up-\(number)")!
            let report = DataSetReport(name: name, isWritable: false, isReadable: true)
            data.stage.say(.data(.dataSet(report)), on: connection)
        }
    }

    @Test func `a full table of data sets costs no node its session, and is told once`() {
        var data = DataStage()
        data.live(3)
        let first = data.stage.online("n3", [], site: "b")
        let second = data.stage.online("n4", [], site: "b")
        define(0..<32, on: first, &data)
        define(32..<64, on: second, &data)
        #expect(data.stage.machine.replication.entries.count == ReplicationBook.dataSetsMax)
        let closed = data.stage.closed.count
        let more = DataSetReport(name: "more", isWritable: true, isReadable: true)
        for _ in 0..<3 {
            data.stage.say(.data(.dataSet(more)), on: data.production)
            data.stage.say(.data(.seen("more", .none)), on: data.production)
        }
        #expect(data.stage.closed.count == closed)
        #expect(data.stage.status("n1") == .online)
        #expect(data.stage.machine.replication.entries["more"] == nil)
        #expect(data.stage.told(.dataIgnored) == 1)
        data.live(5)
        #expect(data.lag == .known(.zero, canaries: 0))
    }

    @Test func `what no node defines any more makes room, and no number is used again`() {
        var data = DataStage()
        data.live(3)
        let bad = data.stage.online("n3", [], site: "a")
        data.stage.ask(.set(.cluster, key: "data.made-up-1.rpo", value: "60s"))
        let report = DataSetReport(name: "made-up-0", isWritable: true, isReadable: true)
        data.stage.say(.data(.dataSet(report)), on: bad)
        define(1..<32, on: bad, &data)
        data.live(2)
        data.stage.step(.disconnected(bad, .closedByPeer))
        var again = data.stage.attach("n3", [], incarnation: 2)
        define(32..<63, on: again, &data)
        #expect(data.stage.machine.replication.entries.count == ReplicationBook.dataSetsMax)
        let more = DataSetReport(name: "more", isWritable: true, isReadable: true)
        // At first it may only be that its node has not told of it again.
        data.stage.say(.data(.dataSet(more)), on: data.production)
        #expect(data.stage.machine.replication.entries["more"] == nil)
        data.live(600)
        let ceiling = data.stage.machine.replication.entries["made-up-0"]?.record.ceiling ?? 0
        #expect(ceiling > 1)
        data.stage.say(.data(.dataSet(more)), on: data.production)
        let entries = data.stage.machine.replication.entries
        #expect(entries["more"]?.record.ceiling ?? 0 >= ceiling)
        #expect(entries["made-up-0"] == nil && entries["orders"] != nil)
        #expect(data.stage.store["data-set/made-up-0"] == nil)
        #expect(data.stage.audits.contains { $0.verb == "data.forget" })
        // What a setting names is kept, and so is what a node defines.
        again = data.stage.attach("n3", [], incarnation: 3)
        define(63..<94, on: again, &data)
        #expect(data.stage.machine.replication.entries["made-up-1"] != nil)
        data.stage.restart()
        #expect(data.stage.machine.cluster.canaryFloor >= ceiling)
    }

    @Test func `a replica that stands still is late by the first canary that it lacks`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(30)
        guard case .known(let lag, let count) = data.lag else {
            Issue.record("\(data.lag)")
            return
        }
        #expect(lag >= .seconds(29) && lag <= .seconds(31), "\(lag)")
        #expect(count >= 29 && count <= 31)
        #expect(data.finding()?.level == .fine)
        data.live(55)
        #expect(data.finding()?.level == .blocking)
        #expect(data.finding()?.text.contains("RPO 1m00s") ?? false)
        #expect(data.stage.told(.dataLate) == 1)
        data.isReplicating = true
        data.live(12)
        #expect(data.lag == .known(.zero, canaries: 0))
        #expect(data.stage.told(.dataRecovered) == 1)
    }

    private func open(_ data: DataStage) -> [EventKind] {
        data.stage.machine.notify.alarms.values.filter { $0.state == .firing }.map(\.kind)
            .filter { $0 == .dataLate || $0 == .dataUnknown }
    }

    @Test func `late and unknown are told apart, and each has an end of its own`() {
        var data = DataStage()
        data.live(5)
        data.isReadable = false
        data.live(15)
        #expect(open(data) == [.dataUnknown])
        #expect(data.stage.told(.dataLate) == 0)
        data.isReadable = true
        data.live(15)
        #expect(open(data) == [])
        #expect(data.stage.told(.dataKnown) == 1 && data.stage.told(.dataRecovered) == 0)
        let end = data.stage.events.last { $0.kind == .dataKnown }
        #expect(end?.text.hasPrefix("Site b has all of data set orders") == true)
    }

    /// That nobody can see it any more does not say that it has caught up.
    @Test func `what is late stays late until it is known to have caught up`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(90)
        #expect(open(data) == [.dataLate])
        data.isReadable = false
        data.live(20)
        #expect(open(data) == [.dataLate, .dataUnknown])
        data.isReplicating = true
        data.live(20)
        #expect(data.stage.told(.dataRecovered) == 0)
        data.isReadable = true
        data.live(20)
        #expect(open(data) == [])
        #expect(data.stage.told(.dataLate) == 1 && data.stage.told(.dataUnknown) == 1)
        #expect(data.stage.told(.dataRecovered) == 1 && data.stage.told(.dataKnown) == 1)
    }

    /// A replicator that claims to be up to date may be stopped.
    @Test func `what the replicator says of itself decides nothing`() {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        for _ in 0..<70 {
            data.live(1)
            data.stage.say(
                .data(.lag("orders", ReplicatorLag(milliseconds: 0, bytes: 0))),
                on: data.standby
            )
        }
        #expect(data.finding()?.level == .blocking)
        #expect(data.begin(.failover).refusal?.code == .notNow)
    }

    @Test func `silence, a failed look and a writer that is gone are unknown`() {
        var data = DataStage()
        data.live(5)
        data.isReadable = false
        data.live(1)
        #expect(data.lag == .unknown("node n2 cannot read it: connection refused"))
        data.isReadable = true
        data.live(1)
        #expect(data.lag == .known(.zero, canaries: 0))
        for _ in 0..<6 {
            data.stage.pass(.seconds(1))
            data.stage.beat(data.production)
            data.stage.beat(data.standby)
        }
        #expect(data.lag == .unknown("node n2 has not told of it for 6s"))
        data.isWritable = false
        data.live(8)
        guard case .unknown(let text) = data.lag else {
            Issue.record("\(data.lag)")
            return
        }
        #expect(text.hasPrefix("no canary was written for "))
        #expect(text.hasSuffix("node n1 could not write it: it is stopped"))
        #expect(data.finding()?.level == .blocking)
    }

    @Test func `no number is given twice, over a restart of the controller`() {
        var data = DataStage()
        data.live(5)
        let before = data.canaries.count
        data.stage.restart()
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        #expect(data.lag == .unknown("node n2 has not looked yet"))
        data.live(70)
        let all = data.canaries
        #expect(all.count > before + 60)
        #expect(Set(all).count == all.count)
        #expect(all.map(\.sequence) == all.map(\.sequence).sorted())
        #expect(data.lag == .known(.zero, canaries: 0))
    }

    @Test func `a store that was restored gives no number again that its backup does not know of`()
    {
        var data = DataStage()
        data.live(5)
        let backup = data.stage.store
        data.live(100)
        let given = data.canaries
        let unknown = data.replica
        data.stage.store = backup
        data.stage.restart(generation: 2)
        guard case .dataSet(let record)? = data.stage.store["data-set/orders"] else {
            Issue.record("no record")
            return
        }
        #expect(record.ceiling == 2 << 40)
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        // Nothing is written before all has settled.
        data.stage.live([], stating: ["n1": data.production, "n2": data.standby], for: 20)
        data.live(5)
        let new = data.canaries.dropFirst(given.count).map(\.sequence)
        #expect(!new.isEmpty)
        #expect(Set(new).isDisjoint(with: given.map(\.sequence)))
        // Nobody may take what was written in the lost time for something that is to be written yet.
        #expect(new.allSatisfy { $0 > unknown?.sequence ?? .max })
        let audit = DataSetReport(name: "audit", isWritable: true, isReadable: true)
        data.stage.say(.data(.dataSet(audit)), on: data.production)
        #expect(
            data.stage.machine.replication.entries["audit"]?.record.ceiling ?? 0 >= 2 << 40
        )
    }

    @Test func `a node that is not admitted is given no canary`() {
        var data = DataStage()
        let report = DataSetReport(name: "audit", isWritable: true, isReadable: true)
        data.stage.join("n3")
        let stranger = data.stage.attach("n3")
        data.stage.say(.data(.dataSet(report)), on: stranger)
        for _ in 0..<3 {
            data.live(1)
            data.stage.beat(stranger)
        }
        #expect(!data.stage.verbs(stranger).contains("CANARY"))
        for order in data.stage.openOrders(of: "n3") where order.action == .preflight {
            data.stage.say(.done(order: order.id), on: stranger)
        }
        data.stage.pass(.seconds(2))
        #expect(data.stage.verbs(stranger).contains("CANARY"))
    }

    @Test func `a node is not removed while it may write a canary, and is given none after that`() {
        var data = DataStage()
        data.live(3)
        data.stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: data.production)
        // It is given one, and does not answer.
        data.stage.pass(.milliseconds(1_100))
        data.stage.beat(data.production)
        data.stage.ask(.removeNodes(["n1"]), force: false)
        #expect(data.stage.machine.member(named: "n1")?.record.membership == .removing)
        let count = data.canaries.count
        guard let canary = data.canaries.last else {
            Issue.record("none was given")
            return
        }
        data.stage.say(.data(.written("orders", canary)), on: data.production)
        #expect(data.stage.machine.member(named: "n1") == nil)
        data.stage.pass(.seconds(3))
        #expect(data.canaries.count == count)
    }

    @Test func `only who was told to write a canary is believed to have written it`() {
        var data = DataStage()
        data.live(3)
        let third = data.stage.online("n3")
        let readable = DataSetReport(name: "orders", isWritable: false, isReadable: true)
        data.stage.say(.data(.dataSet(readable)), on: third)
        data.stage.pass(.milliseconds(1_100))
        let before = data.stage.machine.replication.entries["orders"]?.acknowledged
        guard let given = data.canaries.last, given > before ?? given else {
            Issue.record("none was given")
            return
        }
        let forged = Canary(epoch: Epoch(generation: 1, counter: 0), sequence: given.sequence)
        for (canary, connection) in [
            (given, data.standby), (given, third), (forged, data.production),
        ] {
            data.stage.say(.data(.written("orders", canary)), on: connection)
            #expect(data.stage.machine.replication.entries["orders"]?.acknowledged == before)
        }
        let writable = DataSetReport(name: "orders", isWritable: true, isReadable: true)
        data.stage.say(.data(.dataSet(writable)), on: third)
        data.stage.say(.data(.written("orders", given)), on: third)
        #expect(data.stage.machine.replication.entries["orders"]?.acknowledged == before)
        data.stage.say(.data(.written("orders", given)), on: data.production)
        #expect(data.stage.machine.replication.entries["orders"]?.acknowledged == given)
    }

    /// The clock on the wall is all that a new process knows of the time before it.
    @Test func `a clock that was set back makes no canary younger`() {
        var data = DataStage(objective: "60s")
        data.live(70)
        data.isReplicating = false
        data.live(130)
        // Two minutes and a half back, with the restart: the replica's canary would seem to be new.
        data.stage.wallOffset = .seconds(-150)
        data.stage.restart()
        data.production = data.stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        data.standby = data.stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        data.define()
        data.live(3)
        let text = data.stage.machine.lossObstacles(at: "b").first ?? ""
        #expect(text.contains("was written is not known any more"), "\(text)")
        // Nor when the clock has come by the time of the newest block again.
        data.live(200)
        let later = data.stage.machine.lossObstacles(at: "b").first ?? ""
        #expect(later.contains("was written is not known any more"), "\(later)")
    }

    @Test func `the number is durable before it goes out`() {
        var data = DataStage()
        for _ in 0..<200 {
            data.stage.pass(.milliseconds(900))
            data.stage.beat(data.production)
            data.stage.beat(data.standby)
            data.look()
            for canary in data.canaries {
                guard case .dataSet(let record)? = data.stage.store["data-set/orders"] else {
                    Issue.record("no record")
                    return
                }
                #expect(canary.sequence < record.ceiling)
            }
        }
    }

    @Test func `the series outlives the controller but for its last minute`() {
        var data = DataStage()
        data.live(130)
        let before = data.stage.machine.replication.entries["orders"]?.series["b"]?.minutes
        #expect((before?.count ?? 0) >= 3)
        data.isReplicating = false
        data.live(60)
        data.stage.restart()
        let after = data.stage.machine.replication.entries["orders"]?.series["b"]?.minutes
        #expect((after?.count ?? 0) >= (before?.count ?? 0))
        #expect(after?.values.contains { $0.worstMilliseconds ?? 0 > 10_000 } ?? false)
    }

    @Test func `a standby site writes no canary, and neither does anybody while a site is fenced`()
    {
        var data = DataStage()
        data.live(3)
        #expect(
            data.stage.sent.allSatisfy {
                $0.connection == data.production || $0.message.line.verb != "CANARY"
            }
        )
    }

    @Test
    func `a data set that nobody defines, and an objective no silence can meet, are remarked on`() {
        var data = DataStage(objective: nil)
        func text(_ key: String, _ value: String) -> String {
            guard
                case .done(let text, _) = data.stage.ask(.set(.cluster, key: key, value: value))
            else { return "refused" }
            return text
        }
        #expect(
            text("data.order.rpo", "60s")
                == "cluster/data.order.rpo is 60s, version 2; no node defines a data set order yet: did you mean "
                + "orders?"
        )
        #expect(text("data.zzz.required", "no").hasSuffix("; no node defines a data set zzz yet"))
        #expect(text("data.orders.rpo", "10s").contains("lease.wait"))
        #expect(text("data.orders.rpo", "60s").hasSuffix("is 60s, version 5"))
    }

    @Test func `settings of data sets are checked`() {
        var data = DataStage()
        for (key, value) in [
            ("data.orders.rpo", "soon"), ("data.orders.rpo", "0s"),
            ("data.orders.required", "maybe"),
            ("data.orders.colour", "red"), ("data.rpo", "60s"),
        ] {
            #expect(
                data.stage.ask(.set(.cluster, key: key, value: value)).refusal?.code == .invalid,
                "\(key)"
            )
        }
        #expect(
            data.stage.ask(.set(.site("a"), key: "data.orders.rpo", value: "5s")).refusal != nil
        )
        data.stage.ask(.set(.cluster, key: "data.orders.required", value: "no"))
        data.live(2)
        data.isReplicating = false
        data.live(90)
        #expect(data.finding()?.level == .warning)
        data.loseProduction()
        data.live(4)
        #expect(data.begin(.failover).refusal == nil)
    }

    @Test func `where no data set is watched readiness says so`() {
        var (stage, _, _) = Stage.twoSites()
        let finding = stage.machine.readiness(of: "b").first { $0.topic == "replication" }
        #expect(finding?.level == .warning)
        #expect(finding?.text == "no data set is watched: the RPO is unknown")
        stage.begin(.failover)
        #expect(stage.lastRefusal == nil)
    }

    @Test func `a node that speaks version 2 may not tell of data sets`() {
        var (stage, _, _) = Stage.twoSites()
        let old = stage.attach("n2", [.plain("db")], incarnation: 2, versionMax: 2)
        let report = DataSetReport(name: "orders", isWritable: true, isReadable: true)
        stage.say(.data(.dataSet(report)), on: old)
        #expect(stage.closed.last == .badVerb)
    }
}
