import ControllerCore
import Model
import Protocol
import Testing

/// An accepted loss is that of the data sets which stood in the way when it was accepted.
struct LossNamesTests {
    private static let names: [DataSetName] = ["mail", "orders"]

    /// Two sites with two data sets; the replicas are a second behind.
    private struct TwoSets {
        var stage: Stage
        var production: ConnectionID
        var standby: ConnectionID
        var source: [DataSetName: Canary] = [:]
        var seen: [DataSetName: Canary] = [:]
        var isProductionThere = true
        private var handled = 0

        init(isSelfFenced: Bool = true, objective: String? = nil) {
            (stage, production, standby) = Stage.twoSites(isSelfFenced: isSelfFenced)
            for name in names {
                let report = DataSetReport(name: name, isWritable: true, isReadable: true)
                stage.say(.data(.dataSet(report)), on: production)
                stage.say(.data(.dataSet(report)), on: standby)
                guard let objective else { continue }
                stage.ask(.set(.cluster, key: "data.\(name).rpo", value: objective))
            }
        }

        /// Seconds in which these are replicated.
        mutating func live(_ seconds: Int, copies: [DataSetName] = names) {
            for _ in 0..<seconds {
                stage.pass(.seconds(1))
                if isProductionThere { stage.beat(production) }
                stage.beat(standby)
                for name in copies { seen[name] = source[name] ?? seen[name] }
                while handled < stage.sent.count {
                    let sent = stage.sent[handled]
                    handled += 1
                    guard isProductionThere, sent.connection == production,
                        case .data(.canary(let name, let canary, _)) = sent.message
                    else { continue }
                    source[name] = canary
                    stage.say(.data(.written(name, canary)), on: production)
                }
                for name in names {
                    guard let canary = seen[name] else { continue }
                    stage.say(.data(.seen(name, .canary(canary))), on: standby)
                }
            }
        }

        mutating func accept() -> Reply.Outcome {
            stage.ask(.acceptLoss(stage.run.id, acceptsLoss: true, divergence: nil))
        }
    }

    @Test func `what is healthy when a loss is accepted before the fence loses nothing`() {
        var data = TwoSets()
        data.live(5)
        data.live(6, copies: ["mail"])
        data.stage.begin(force: true)
        #expect(data.stage.stepName == "stop-services")
        if case .done(let text, _) = data.accept() {
            #expect(text.contains("data may be lost of orders, by root"))
        } else {
            Issue.record("not accepted")
        }
        #expect(data.stage.run.lossAcceptedOf == ["orders"])
        data.stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: data.production)
        #expect(!data.stage.run.text.contains("data set orders"))
        #expect(data.stage.run.text.contains("data set mail"))
        data.live(2, copies: ["mail"])
        data.stage.stateFloor(of: "n1", on: data.production)
        #expect(data.stage.machine.cluster.activeSite == "b")
        let forks = data.stage.machine.forks(of: data.stage.run.id)
        #expect(forks.first { $0.dataSet == "mail" }?.lost == 0)
        #expect(forks.first { $0.dataSet == "orders" }?.lost ?? 0 > 0)
    }

    @Test func `what turns bad after a loss was accepted is asked about again`() {
        var data = TwoSets()
        data.live(5)
        data.live(6, copies: ["mail"])
        data.stage.begin(force: true)
        #expect(data.accept().refusal == nil)
        data.live(6, copies: [])
        data.stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: data.production)
        data.live(2, copies: [])
        #expect(data.stage.stepName == "fence")
        #expect(data.stage.run.text.contains("data set mail: site b has canary"))
        #expect(data.stage.run.text.contains("muster run accept 1 --accept-data-loss"))
        #expect(data.accept().refusal == nil)
        #expect(data.stage.run.lossAcceptedOf == ["orders", "mail"])
        data.stage.stateFloor(of: "n1", on: data.production)
        #expect(data.stage.machine.cluster.activeSite == "b")
    }

    @Test func `where nothing stands in the way there is nothing to accept`() {
        var data = TwoSets()
        data.live(5)
        data.stage.begin()
        #expect(data.accept().refusal?.code == .notNow)
        #expect(!data.stage.run.acceptsLoss)
    }

    @Test func `a failover that is ordered with a loss asks about what is bad later`() {
        var data = TwoSets(isSelfFenced: false, objective: "30s")
        data.live(5)
        data.live(40, copies: ["mail"])
        data.isProductionThere = false
        data.stage.step(.disconnected(data.production, .closedByPeer))
        data.live(5, copies: [])
        let request = RunRequest(kind: .failover, to: "b", acceptsLoss: true)
        #expect(data.stage.ask(.startRun(request)).refusal == nil)
        #expect(data.stage.run.lossAcceptedOf == ["orders"])
        let named = data.stage.audits.filter { $0.verb == "data.accept-loss" }
        #expect(named.map(\.object) == ["orders"])
        #expect(data.stage.stepName == "fence")
        data.live(600, copies: [])
        data.stage.ask(.certifyNode(data.stage.run.id, "n1"))
        data.live(2, copies: [])
        let needs = data.stage.machine.personNeeds(of: data.stage.run)
        #expect(needs.count == 1)
        #expect(needs[0].text.contains("data set mail") && !needs[0].text.contains("orders"))
        #expect(!data.stage.run.acceptsLoss(of: "mail"))
        // Somebody is told of it.
        let asked = data.stage.events.filter { $0.kind == .runWaiting }
        #expect(asked.map(\.consequence).last == needs[0].commands[0])
        #expect(data.stage.run.questions == [needs[0].commands[0]])
    }

    @Test(arguments: [nil, [], ["orders"], ["mail", "orders"]] as [[DataSetName]?])
    func `the names are read back as they were written`(names: [DataSetName]?) throws {
        var data = TwoSets()
        data.stage.begin()
        var run = data.stage.run
        run.acceptsLoss = true
        run.lossAcceptedOf = names
        let bytes = Record.run(run).line.bytes.dropLast()
        let line = try Line.parse(bytes, limits: .record)
        #expect(try Record(table: .run, line: line) == .run(run))
    }

    @Test func `a run of an older version has accepted the loss of all`() {
        var data = TwoSets()
        data.live(5)
        data.live(6, copies: ["mail"])
        data.stage.begin(force: true)
        #expect(data.accept().refusal == nil)
        for (key, record) in data.stage.store {
            guard case .run(var run) = record else { continue }
            run.lossAcceptedOf = nil
            data.stage.store[key] = .run(run)
        }
        data.stage.restart()
        #expect(data.stage.run.lossAcceptedOf == nil)
        for name in Self.names { #expect(data.stage.run.acceptsLoss(of: name)) }
    }
}
