import ControllerCore
import Model
import Protocol

/// Two sites with a database that is replicated from the one to the other, as long as a test lets it be.
struct DataStage {
    var stage: Stage
    var production: ConnectionID
    var standby: ConnectionID
    /// The last canary in the data of each site.
    var source: Canary?
    var replica: Canary?
    var isReplicating = true
    /// Nodes that a session is kept with.
    var isProductionThere = true
    var isWritable = true
    var isReadable = true
    private var handled = 0

    init(
        isSelfFenced: Bool = true,
        objective: String? = "60s",
        settings: ControllerSettings = ControllerSettings()
    ) {
        (stage, production, standby) = Stage.twoSites(
            isSelfFenced: isSelfFenced,
            settings: settings
        )
        define()
        if let objective { stage.ask(.set(.cluster, key: "data.orders.rpo", value: objective)) }
    }

    mutating func define() {
        let report = DataSetReport(name: "orders", isWritable: true, isReadable: true)
        if isProductionThere { stage.say(.data(.dataSet(report)), on: production) }
        stage.say(.data(.dataSet(report)), on: standby)
    }

    /// Seconds go by: nodes beat, write what they are told to, and tell what they read.
    mutating func live(_ seconds: Int) {
        for _ in 0..<seconds {
            stage.pass(.seconds(1))
            if isProductionThere { stage.beat(production) }
            stage.beat(standby)
            look()
        }
    }

    mutating func look() {
        write()
        if isReplicating, isProductionThere {
            if stage.machine.cluster.activeSite == "a" {
                replica = source ?? replica
            } else {
                source = replica ?? source
            }
        }
        if isProductionThere { tell(source, on: production) }
        if isReadable {
            tell(replica, on: standby)
        } else {
            stage.say(.data(.seen("orders", .failed("connection refused"))), on: standby)
        }
    }

    private mutating func tell(_ canary: Canary?, on connection: ConnectionID) {
        let reading = canary.map { CanaryReading.canary($0) } ?? .none
        stage.say(.data(.seen("orders", reading)), on: connection)
    }

    private mutating func write() {
        while handled < stage.sent.count {
            let sent = stage.sent[handled]
            handled += 1
            guard case .data(.canary(let name, let canary, _)) = sent.message else { continue }
            let isAtProduction = sent.connection == production
            guard !isAtProduction || isProductionThere else { continue }
            guard isWritable else {
                stage.say(
                    .data(.unwritten(name, canary, code: .storage, text: "it is stopped")),
                    on: sent.connection
                )
                continue
            }
            if isAtProduction { source = canary } else { replica = canary }
            stage.say(.data(.written(name, canary)), on: sent.connection)
        }
    }

    mutating func loseProduction() {
        isProductionThere = false
        stage.step(.disconnected(production, .closedByPeer))
    }

    mutating func returnProduction() {
        isProductionThere = true
        production = stage.attach(
            "n1",
            [.plain("db", .stopped, isWanted: false, isSelfFenced: true)],
            incarnation: 2
        )
        define()
    }

    mutating func begin(
        _ kind: RunKind,
        to site: SiteName = "b",
        acceptsLoss: Bool = false,
        divergence: UInt64? = nil,
        force: Bool = false
    ) -> Reply.Outcome {
        stage.ask(
            .startRun(
                RunRequest(
                    kind: kind,
                    to: site,
                    acceptsLoss: acceptsLoss,
                    acceptedDivergence: divergence
                )
            ),
            force: force
        )
    }

    var lag: LagMeasure { stage.machine.lag(of: "orders", at: "b") }

    var canaries: [Canary] {
        stage.sent.compactMap {
            guard case .data(.canary(_, let canary, _)) = $0.message else { return nil }
            return canary
        }
    }

    func finding(_ site: SiteName = "b", _ topic: String = "replication") -> ReadinessFinding? {
        stage.machine.readiness(of: site).first { $0.topic == topic }
    }

    /// The whole of a failover without the old site, which fences itself.
    mutating func finishFailover() {
        live(20)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
    }
}

extension Reply.Outcome {
    var refusal: Refused? {
        if case .refused(let refused) = self { refused } else { nil }
    }
}
