import ControllerCore
import Host
import Model
import Protocol
import Store
import Synchronization
import Testing

@testable import Controller

/// Tasks on their way through the driver: durable before they are answered, and with their payload
/// when they go to a node.
@Suite struct TaskDriverTests {
    @Test func `a task is answered, and sent, when it is durable and not before`() async throws {
        let world = try await World.withNode()
        world.store.hold()
        let answered = Mutex(false)
        let submission = Task {
            let numbers = await world.numbers([offer(bytes(10)), offer(bytes(20))])
            answered.withLock { $0 = true }
            return numbers
        }
        let isEarly = await eventually(within: .milliseconds(200)) {
            answered.withLock { $0 } || !world.wire.work.isEmpty
        }
        #expect(!isEarly)
        #expect(world.store.rows(of: "task").isEmpty)
        world.store.letGo()
        let numbers = await submission.value.compactMap { $0 }
        #expect(numbers.count == 2 && numbers[0] < numbers[1])
        #expect(
            world.store.rows(of: "task").keys.sorted() == numbers.map { TaskID($0).storeKey }
        )
        #expect(await eventually { world.wire.work.count == 2 })
        await world.driver.stop()
    }

    @Test func `a short payload stands in its RUN, a long one follows in parts, in order`()
        async throws
    {
        let world = try await World.withNode()
        let short = bytes(WorkLimits.inlineBytesMax)
        let long = bytes(3 * WorkLimits.partBytesMax + 1)
        let numbers = await world.numbers([offer(short), offer(long), offer()])
        try #require(numbers.count == 3)
        #expect(await eventually { world.wire.work.count == 7 })
        let work = world.wire.work
        var received: [UInt64: [UInt8]] = [:]
        var current: TaskAttempt?
        for message in work {
            switch message {
            case .run(let order):
                current = order.attempt
                received[order.attempt.task.number] = order.payload
                if order.payloadBytes == UInt32(long.count) { #expect(order.payload.isEmpty) }
            case .part(let attempt, let at, let data):
                // Nothing stands between an order and its parts.
                #expect(attempt == current && data.count <= WorkLimits.partBytesMax)
                #expect(Int(at) == received[attempt.task.number]?.count)
                received[attempt.task.number]? += data
            default: Issue.record("\(message)")
            }
        }
        let wanted = [short, long, []]
        for (number, payload) in zip(numbers, wanted) {
            #expect(received[try #require(number)] == payload)
        }
        #expect(world.store.reads == 0, "what was just accepted is not read back")
        await world.driver.stop()
    }

    @Test func `a damaged payload makes its task unknown, and its node's session goes on`()
        async throws
    {
        // Accepted by an earlier process: no payload is in memory, and the disk has changed one.
        let payload = bytes(9_000)
        let records = (1...3 as ClosedRange<UInt64>).map { number in
            Record.task(
                TaskRecord(
                    id: TaskID(number),
                    submission: TaskSubmission(type: .push),
                    submittedBy: "a test",
                    acceptedAt: WallTime(milliseconds: 0),
                    payloadBytes: UInt32(payload.count),
                    inlinePayload: []
                )
            )
        }
        let world = try await World.withNode(and: records) { store in
            for record in records { store.tamper("payload", record.key, payload) }
            store.tamper("payload", TaskID(2).storeKey, Array(payload.dropLast()))
        }
        func state(_ number: UInt64) async -> TaskView? {
            await world.driver.read { machine, _ in machine.work.view(of: TaskID(number)) }
        }
        var damaged: TaskView?
        for _ in 0..<5_000 where damaged?.state != .unknown { damaged = await state(2) }
        #expect(damaged?.state == .unknown)
        #expect(damaged?.result?.detail.contains("has 8999 bytes, not 9000") == true)
        #expect(await eventually { world.wire.work.count == 2 * (1 + 3) })
        let tasks = world.wire.work.compactMap { message -> UInt64? in
            if case .run(let order) = message { order.attempt.task.number } else { nil }
        }
        #expect(tasks == [1, 3])
        // The session stands: what the node says is still heard.
        #expect(world.wire.closed.isEmpty)
        let attempt = TaskAttempt(task: TaskID(1), attempt: 1)
        world.hear(.work(.result(attempt, AttemptResult(outcome: .done, status: 0))))
        #expect(await eventually { world.store.rows(of: "task-end").count == 1 })
        #expect(
            world.store.durable.joined().contains {
                if case .event(_, _, let kind, _) = $0 { kind == "task.unknown" } else { false }
            }
        )
        await world.driver.stop()
    }

    @Test func `a key that is durable is found, and one that is only decided is remembered`()
        async throws
    {
        let world = try World()
        let first = await world.numbers([offer(bytes(3), key: "order/1 é")])
        #expect(world.store.rows(of: "task-key").count == 1)
        #expect(await world.numbers([offer(bytes(3), key: "order/1 é")]) == first)
        // The look-up is made before the first is durable, and finds nothing.
        world.store.hold()
        let before = world.store.attempts
        async let one = world.numbers([offer(bytes(4), key: "order/2")])
        #expect(await eventually { world.store.attempts > before })
        async let other = world.numbers([offer(bytes(4), key: "order/2")])
        _ = await eventually(within: .milliseconds(100)) { false }
        world.store.letGo()
        let (decided, remembered) = (await one, await other)
        #expect(decided == remembered && decided.count == 1 && decided != first)
        #expect(world.store.rows(of: "task").count == 2)
        // Another body under the same key is refused.
        let refused = await world.submit([offer(bytes(5), key: "order/1 é")])
        guard case .tasks(let answers) = refused, case .refused(let why)? = answers.first else {
            Issue.record("\(refused)")
            return
        }
        #expect(why.code == .duplicate)
        await world.driver.stop()
    }

    @Test func `a key of an earlier process is found in the store alone`() async throws {
        let first = try World()
        let numbers = await first.numbers([offer(bytes(3), key: "k")])
        let row = try #require(first.store.rows(of: "task-key")["k"])
        await first.driver.stop()
        let second = try World()
        #expect(await eventually { second.store.attempts == 1 })
        second.store.tamper("task-key", "k", row)
        #expect(await second.numbers([offer(bytes(3), key: "k")]) == numbers)
        #expect(second.store.rows(of: "task").isEmpty)
        second.store.breakReads()
        guard case .refused(let refused) = await second.submit([offer(key: "k")]) else {
            Issue.record("a key that cannot be looked up was taken for a new one")
            return
        }
        #expect(refused.code == .storage)
        await second.driver.stop()
    }

    @Test func `a node's submission is answered like an operator's, its key looked up`()
        async throws
    {
        let world = try await World.withNode()
        let task = TaskSubmission(type: .pull, idempotencyKey: "from the node")
        for reference in 1...2 as ClosedRange<UInt64> {
            try world.driver.submit(
                LocalSubmission(reference: reference, task: task, payloadBytes: 0),
                line: World.connection
            )
        }
        #expect(
            await eventually {
                world.wire.work.contains {
                    if case .accepted(2, _, true) = $0 { true } else { false }
                }
            }
        )
        #expect(
            world.wire.work.contains { if case .accepted(1, _, false) = $0 { true } else { false } }
        )
        #expect(world.store.rows(of: "task").count == 1)
        await world.driver.stop()
    }

    @Test func `a node's task whose order would not fit into a line is declined`() async throws {
        let world = try await World.withNode()
        func task(_ values: Int) throws -> TaskSubmission {
            var task = TaskSubmission(type: .push)
            task.attributes = try (0..<values).map {
                try #require(
                    TaskAttribute(
                        name: "name-\($0)",
                        value: String(repeating: "\"", count: TaskAttribute.valueBytesMax)
                    )
                )
            }.sorted()
            return task
        }
        let refused = #expect(throws: Refused.self) {
            try world.driver.submit(
                LocalSubmission(reference: 1, task: try task(12), payloadBytes: 0),
                line: World.connection
            )
        }
        #expect(refused?.code == .invalid)
        // The largest that is taken goes to its node in one line.
        let largest = try task(7)
        for attribute in largest.attributes {
            let key = "task.attribute.\(attribute.name)"
            _ = await world.driver.perform(
                Command(.set(.cluster, key: key, value: ""), reason: "a test"),
                by: World.admin
            )
        }
        _ = await world.numbers([
            TaskOffer(submission: largest, payload: bytes(WorkLimits.inlineBytesMax))
        ])
        #expect(await eventually { world.wire.work.count == 1 })
        let line = try #require(world.wire.sent.last?.message.line)
        #expect(line.bytes.count > 5_500 && line.bytes.count <= LineLimits.member.lineBytesMax)
        await world.driver.stop()
    }

    @Test func `on a full disk submissions are refused with storage, an agent's too`()
        async throws
    {
        let world = try await World.withNode()
        world.store.set(.full)
        async let first = world.submit([offer()])
        #expect(await eventually { world.room.released == 1 })
        guard case .refused(let stalled) = await world.submit([offer()]) else {
            Issue.record("taken on a full disk")
            return
        }
        #expect(stalled.code == .storage)
        let line = LocalSubmission(
            reference: 9,
            task: TaskSubmission(type: .push),
            payloadBytes: 0
        )
        let refused = #expect(throws: Refused.self) {
            try world.driver.submit(line, line: World.connection)
        }
        #expect(refused?.code == .storage)
        world.store.set(.good)
        guard case .tasks = await first else {
            Issue.record("the reserve did not finish what was under way")
            return
        }
        await world.driver.stop()
    }

    @Test func `a sweep over many lanes goes on without a pause and comes to rest`() async throws {
        let world = try World()
        for batch in 0..<4 {
            _ = await world.numbers((0..<1_000).map { offer(account: "account-\(batch)-\($0)") })
        }
        _ = await world.driver.perform(
            Command(.set(.cluster, key: "task.policy", value: "round-robin"), reason: "a test"),
            by: World.admin
        )
        // Swept when the machine wants nothing at once any more.
        var isAtRest = false
        for _ in 0..<200 where !isAtRest {
            isAtRest = await world.driver.read { machine, now in
                machine.nextDeadline.map { $0 > now.instant } ?? true
            }
            _ = await eventually(within: .milliseconds(5)) { false }
        }
        #expect(isAtRest)
        await world.driver.stop()
    }
}
