import ControllerCore
import Model
import Protocol
import Testing

/// What an earlier controller has granted lasts as long as that one said.
struct LeaseTermsTests {
    static let long = LeaseTerms(length: .seconds(60), wait: .seconds(80))

    @Test func `leases that were granted before the configuration was changed are waited for`() {
        #expect(Self.long.problems.isEmpty && LeaseTerms().problems.isEmpty)
        var (stage, production, standby) = Stage.twoSites(
            isSelfFenced: true,
            settings: ControllerSettings(lease: Self.long)
        )
        stage.live([production, standby], for: 2)
        // Its agent has a lease of 60 s from here on, whatever the next controller is told.
        stage.restart(settings: ControllerSettings(lease: LeaseTerms()))
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)])
        stage.begin(.failover)
        stage.live([back], for: 30)
        #expect(stage.machine.cluster.activeSite == "a")
        stage.live([back], for: 60)
        #expect(stage.machine.cluster.activeSite == "b")
    }

    @Test func `so are those of a task's node`() {
        var stage = Stage(settings: ControllerSettings(lease: Self.long))
        let lost = stage.online("n1", handlers: [.plain(.push)])
        let id = stage.submit()[0]
        stage.live([lost], for: 2)
        stage.restart(settings: ControllerSettings(lease: LeaseTerms()))
        let other = stage.online("n2", handlers: [.plain(.push)])
        stage.live([other], for: 30)
        #expect(stage.runs(other).isEmpty, "\(id)")
    }

    @Test func `shorter terms are in force once the longer leases have ended`() {
        var stage = Stage(settings: ControllerSettings(lease: Self.long))
        let node = stage.online("n1")
        stage.live([node], for: 2)
        #expect(stage.machine.cluster.leaseWait == .seconds(80))
        stage.restart(settings: ControllerSettings(lease: LeaseTerms()))
        #expect(stage.machine.cluster.leaseWait == .seconds(80))
        let back = stage.attach("n1")
        stage.live([back], for: 60)
        // A third controller comes while they last.
        stage.restart(settings: ControllerSettings(lease: LeaseTerms()))
        #expect(stage.machine.cluster.leaseWait == .seconds(80))
        let again = stage.attach("n1")
        stage.live([again], for: 81)
        #expect(stage.machine.cluster.leaseWait == .seconds(16))
        let kept = stage.store.values.compactMap { record -> Duration? in
            guard case .cluster(let cluster) = record else { return nil }
            return cluster.leaseWait
        }
        #expect(kept == [.seconds(16)])
    }
}
