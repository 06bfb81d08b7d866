import ControllerCore
import Model
import Protocol
import Testing

/// What a node that a restored store has never heard of, or knows with another certificate, says of the
/// time after the backup (I2).
struct StrangerTests {
    enum Stranger: CaseIterable { case unknown, renewed }

    private static func meet(_ stranger: Stranger, _ stage: inout Stage, showing epoch: Epoch) {
        let id =
            stranger == .unknown ? "id-unknown" : stage.machine.member(named: "n2")!.record.id
        let connection = stage.connect(.node(id, key: KeyFingerprint("key-of-after")))
        let hello = Hello(
            speaker: .agent,
            versionMax: WireLimits.versions.upperBound,
            incarnation: 1,
            nonce: "another",
            bootID: "boot",
            machineID: "machine-n9",
            highest: FencingToken(epoch: epoch, session: 1)
        )
        stage.say(.hello(hello), on: connection)
        #expect(stage.closed.contains(.badCertificate))
    }

    @Test(
        arguments: [Epoch(generation: 1, counter: 2), Epoch(generation: 3, counter: 1)],
        Stranger.allCases
    )
    func `it shows that the store is older`(_ shown: Epoch, _ stranger: Stranger) {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one, stage.online("n2")], for: 2)
        // After the backup a failover made another site active.
        stage.restart(generation: 2, active: nil)
        Self.meet(stranger, &stage, showing: shown)
        let again = stage.attach("n1", [.plain("db")], incarnation: 2)
        stage.live([again], for: 20)
        #expect(!stage.machine.mayAct)
        #expect(stage.starts(again) == [])
    }

    @Test func `what it has seen of before the backup says nothing, and it is told once`() {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one], for: 2)
        stage.restart(generation: 2, active: nil)
        for _ in 0..<3 {
            Self.meet(.unknown, &stage, showing: Epoch(generation: 1, counter: 1))
        }
        #expect(stage.machine.doubt == nil)
        #expect(stage.told(.nodeRefused) == 1)
    }

    @Test func `without a restore nobody stops a controller by it`() {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one, stage.online("n2")], for: 2)
        Self.meet(.unknown, &stage, showing: Epoch(generation: 3, counter: 1))
        #expect(stage.machine.doubt == nil)
        #expect(stage.machine.mayAct)
    }

    @Test func `a stranger does not stop every adopted store`() {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one], for: 2)
        for generation in 2...4 as ClosedRange<UInt16> {
            stage.restart(generation: generation, active: "a", isOld: true)
            let again = stage.attach(
                "n1",
                [.plain("db", .running, isWanted: true)],
                incarnation: UInt64(generation)
            )
            stage.live([again], for: 2)
            Self.meet(.unknown, &stage, showing: Epoch(generation: .max, counter: .max))
            stage.live([again], for: 30)
            #expect(stage.machine.mayAct)
        }
    }

    @Test func `connections of another certificate take no place from the node itself`() {
        var stage = Stage()
        let one = stage.online("n1", [.plain("db", .running, isWanted: true)])
        stage.live([one], for: 2)
        stage.restart(generation: 2, active: "a", isOld: true)
        let id = stage.machine.member(named: "n1")!.record.id
        let good = stage.machine.member(named: "n1")!.record.key!
        for _ in 0..<4 { _ = stage.connect(.node(id, key: KeyFingerprint("old"))) }
        let before = stage.closed.count
        _ = stage.connect(.node(id, key: good))
        #expect(stage.closed.count == before)
    }
}
