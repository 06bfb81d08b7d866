import ControllerCore
import Logging
import Model
import Protocol
import Store
import Testing

@testable import Controller

/// The payloads of orders: from memory, from the store, and never a wrong one.
@Suite struct PayloadSupplyTests {
    private let store = FakeStore()

    private func supply(limit: Int = PayloadCache.bytesMax) throws -> PayloadSupply {
        let configuration = try ControllerConfiguration.parse("log: {level: critical}", path: "x")
        return PayloadSupply(
            tasks: TaskStore(store: store),
            log: ProgramLog.start(configuration),
            cache: PayloadCache(limit: limit)
        )
    }

    private func record(_ number: UInt64, _ payload: [UInt8]) -> [JournalEntry] {
        let isInline = payload.count <= WorkLimits.inlineBytesMax
        let record = TaskRecord(
            id: TaskID(number),
            submission: TaskSubmission(type: .push),
            submittedBy: "a test",
            acceptedAt: WallTime(milliseconds: 0),
            payloadBytes: UInt32(payload.count),
            inlinePayload: isInline ? payload : []
        )
        return [.put(.task(record))] + (isInline ? [] : [.payload(record.id, payload)])
    }

    private func run(_ number: UInt64, _ count: Int, on connection: UInt64 = 1) -> Send {
        Send(
            connection: ConnectionID(connection),
            message: .work(
                .run(
                    RunOrder(
                        attempt: TaskAttempt(task: TaskID(number), attempt: 1),
                        token: FencingToken(epoch: .zero, session: 1),
                        handler: HandlerName("all"),
                        type: .push,
                        submittedAt: WallTime(milliseconds: 0),
                        payloadBytes: UInt32(count)
                    )
                )
            )
        )
    }

    private func payload(_ sends: [Send]) -> [UInt8] {
        sends.reduce(into: []) { payload, send in
            switch send.message {
            case .work(.run(let order)): payload += order.payload
            case .work(.part(_, _, let data)): payload += data
            default: break
            }
        }
    }

    @Test(arguments: [1, WorkLimits.inlineBytesMax, WorkLimits.inlineBytesMax + 1, 1 << 20])
    func `a payload comes from memory, and from the store when it is not there`(
        _ count: Int
    ) throws {
        let content = bytes(count)
        let journal = record(7, content)
        _ = try store.commit([journal.map(JournalWriter.write)])
        var supply = try supply()
        #expect(payload(supply.supplied([run(7, count)]).sends) == content)
        #expect(store.reads > 0)
        let reads = store.reads
        supply.cache.note(journal)
        #expect(payload(supply.supplied([run(7, count)]).sends) == content)
        #expect(store.reads == reads)
        let lines = supply.supplied([run(7, count)]).sends.map(\.message.line)
        for line in lines { #expect(line.bytes.count <= LineLimits.member.lineBytesMax) }
    }

    @Test func `an order whose payload is not what it was is left out, and no other`() throws {
        for (number, content) in [(1, bytes(9_000)), (2, bytes(50)), (3, bytes(9_000))] {
            _ = try store.commit([record(UInt64(number), content).map(JournalWriter.write)])
        }
        store.tamper("payload", TaskID(1).storeKey, bytes(8_999))
        let sends = [
            run(2, 50, on: 1), run(1, 9_000, on: 1), run(2, 50, on: 2), run(2, 50, on: 1),
            run(3, 9_000, on: 2),
        ]
        let supplied = try supply().supplied(sends)
        let damage = PayloadProblem.damaged("the payload of task 1 has 8999 bytes, not 9000")
        #expect(supplied.missing.map(\.attempt) == [TaskAttempt(task: TaskID(1), attempt: 1)])
        #expect(supplied.missing.map(\.problem) == [damage])
        func verbs(_ number: UInt64) -> [String] {
            supplied.sends.filter { $0.connection == ConnectionID(number) }
                .map(\.message.line.verb)
        }
        #expect(verbs(1) == ["RUN", "RUN"])
        #expect(verbs(2) == ["RUN", "RUN", "PART", "PART", "PART"])
        // Missing altogether is no better.
        store.tamper("payload", TaskID(1).storeKey, nil)
        let gone = try supply().supplied([run(1, 9_000)])
        #expect(gone.missing.map(\.problem) == [.damaged("the payload of task 1 is not there")])
        // What may pass is no damage.
        store.breakReads(StoreError(.unreadable, "a test"))
        let unread = try supply().supplied([run(2, 50)])
        #expect(unread.sends.isEmpty && unread.missing.count == 1)
        guard case .unreadable? = unread.missing.first?.problem else {
            Issue.record("\(unread.missing)")
            return
        }
    }

    @Test func `the order of a task that has ended is left out`() throws {
        _ = try store.commit([record(1, bytes(9_000)).map(JournalWriter.write)])
        _ = try store.commit([
            [
                .delete(table: "task", key: TaskID(1).storeKey),
                .delete(table: "payload", key: TaskID(1).storeKey),
            ]
        ])
        let supplied = try supply().supplied([run(1, 9_000), run(2, 10), run(3, 0)])
        #expect(supplied.sends.map(\.message.line.verb) == ["RUN"] && supplied.missing.isEmpty)
    }

    @Test func `memory holds so many bytes, the newest, and forgets what has ended`() {
        var cache = PayloadCache(limit: 1_000)
        for number in 1...20 as ClosedRange<UInt64> { cache.insert(TaskID(number), bytes(100)) }
        #expect(cache.bytes == 1_000 && cache.count == 10)
        #expect(cache[TaskID(10)] == nil && cache[TaskID(11)] == bytes(100))
        cache.remove(TaskID(15))
        #expect(cache.bytes == 900)
        cache.insert(TaskID(21), bytes(1_001))
        #expect(cache[TaskID(21)] == nil && cache.bytes == 900)
        for number in 100...20_000 as ClosedRange<UInt64> {
            cache.insert(TaskID(number), bytes(100))
            if number > 100 { cache.remove(TaskID(number - 1)) }
        }
        #expect(cache.bytes <= 1_000 && cache[TaskID(20_000)] == bytes(100))
    }
}
