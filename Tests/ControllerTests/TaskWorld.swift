import ControllerCore
import Host
import Model
import Protocol
import Testing

@testable import Controller

extension World {
    static let connection = ConnectionID(1)
    static let node = NodeID("0af2c1d4-6c1b-4e0a-9f5e-1b7d1a6c2e33")
    static let nodeKey = KeyFingerprint("the node's key")

    /// A node says once that it lives, and a busy machine may take its time after that.
    private static let patient = ControllerSettings(
        lease: LeaseTerms(
            length: .seconds(720),
            heartbeatInterval: .seconds(60),
            wait: .seconds(960)
        ),
        loadInterval: .seconds(300),
        clockOffsetMax: .seconds(3_600)
    )

    /// A node that was here before and has passed its preflight.
    static func member() throws -> Record {
        var record = NodeRecord(
            id: node,
            name: NodeName("node-1"),
            site: SiteName("north"),
            membership: .joined,
            address: nil,
            addedBy: "admin",
            addedAt: WallTime(milliseconds: 0)
        )
        record.key = nodeKey
        record.nonce = "00ff"
        record.isAdmitted = true
        return .node(record)
    }

    /// A controller with one node that runs tasks of every known type.
    ///
    /// - Parameters:
    ///   - records: what else its store holds.
    ///   - prepare: changes the store before the node comes.
    static func withNode(
        slots: UInt16 = 100,
        and records: [Record] = [],
        prepare: (FakeStore) -> Void = { _ in }
    ) async throws -> World {
        let world = try World(and: [member()] + records, settings: patient)
        prepare(world.store)
        await world.attach(slots: slots)
        return world
    }

    func attach(slots: UInt16) async {
        driver.put(
            .connected(
                World.connection,
                .node(World.node, key: World.nodeKey),
                address: "192.0.2.1:1"
            )
        )
        hear(
            .hello(
                Hello(
                    speaker: .agent,
                    incarnation: 1,
                    nonce: "00ff",
                    bootID: "boot",
                    machineID: "machine"
                )
            )
        )
        // What is put goes the ordinary way, what is read the urgent one: it may come first.
        var nonce = "00ff"
        for _ in 0..<5_000 where nonce == "00ff" {
            nonce = await driver.read { machine, _ in
                machine.nodes[World.node]?.record.nonce ?? "00ff"
            }
        }
        hear(.ready(nonce: nonce))
        hear(
            .work(
                .handler(
                    HandlerReport(
                        name: HandlerName("all"),
                        types: TaskType.known,
                        slots: slots
                    )
                )
            )
        )
        hear(.synced(services: 0, handlers: 1, attempts: 0))
        beat(1)
        var isOnline = false
        for _ in 0..<5_000 where !isOnline {
            isOnline = await driver.read { machine, _ in
                machine.work.handlers(of: World.node).count == 1
                    && machine.nodes[World.node]?.record.status == .online
            }
        }
        #expect(isOnline, "the node did not come Online")
    }

    func beat(_ sequence: UInt64) {
        hear(
            .beat(
                Beat(
                    sequence: sequence,
                    sent: Int64(sequence),
                    wall: WallClock.now(),
                    health: .healthy,
                    roundTripMicroseconds: 1_000
                )
            )
        )
    }

    func hear(_ message: AgentMessage) {
        driver.put(
            .received(World.connection, message, fresh: "fresh"),
            line: World.connection
        )
    }

    func submit(_ offers: [TaskOffer]) async -> Reply.Outcome {
        await driver.submit(offers, by: World.admin)
    }

    /// The numbers of tasks that were accepted or known, nil for a refusal.
    func numbers(_ offers: [TaskOffer]) async -> [UInt64?] {
        guard case .tasks(let answers) = await submit(offers) else { return [] }
        return answers.map { answer in
            switch answer {
            case .accepted(let id), .known(let id): id.number
            case .refused: nil
            }
        }
    }
}

func offer(_ payload: [UInt8] = [], key: String? = nil, account: String = "") -> TaskOffer {
    TaskOffer(
        submission: TaskSubmission(type: .push, account: account, idempotencyKey: key),
        payload: payload
    )
}

func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) } }
