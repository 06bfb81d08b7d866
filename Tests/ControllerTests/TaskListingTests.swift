import API
@testable import ControllerCore
import Model
import Protocol
import Synchronization
import Testing

@testable import Controller

/// One list of what lives in the machine and what has ended in the store.
@Suite struct TaskListingTests {
    /// Live and ended tasks; between the two looks of one page something may end.
    private final class Tasks: Sendable {
        let live: Mutex<[UInt64: String]>
        let ended: Mutex<[UInt64: String]>
        let looks = Mutex((live: 0, ended: 0))

        init(live: [UInt64: String], ended: [UInt64: String]) {
            self.live = Mutex(live)
            self.ended = Mutex(ended)
        }

        func end(_ number: UInt64) {
            guard let type = live.withLock({ $0.removeValue(forKey: number) }) else { return }
            ended.withLock { $0[number] = type }
        }
    }

    private static func view(_ number: UInt64, _ type: String) -> TaskView {
        TaskView(
            id: TaskID(number),
            submission: TaskSubmission(type: TaskType(type)!),
            submittedBy: "a test",
            acceptedAt: WallTime(milliseconds: Int64(number)),
            payloadBytes: 0,
            state: .waiting,
            since: WallTime(milliseconds: 0),
            attempt: 0,
            failures: 0,
            interruptions: 0,
            notBefore: nil,
            assignment: nil,
            node: nil,
            result: nil,
            traces: []
        )
    }

    private func listing(
        _ tasks: Tasks,
        _ query: TaskQuery = TaskQuery(),
        limit: Int,
        limits: TaskListing.Limits = TaskListing.Limits(),
        afterLive: @escaping @Sendable () -> Void = {}
    ) -> TaskListing {
        TaskListing(
            query: query,
            limit: limit,
            limits: limits,
            readLive: { before, query, looks, count in
                let live = tasks.live.withLock { $0 }
                var stretch = TaskListing.Stretch()
                var looked = 0
                for number in live.keys.sorted(by: >) where number < before?.number ?? .max {
                    looked += 1
                    let view = Self.view(number, live[number]!)
                    if query.matches(view) { stretch.tasks.append(view) }
                    if looked == looks || stretch.tasks.count == count {
                        stretch.down = view.id
                        break
                    }
                }
                tasks.looks.withLock { $0.live += looked }
                afterLive()
                return stretch
            },
            readEnded: { after, before, limit in
                let ended = tasks.ended.withLock { $0 }
                let found = ended.keys.sorted(by: >)
                    .filter { $0 < before?.number ?? .max && $0 > after?.number ?? 0 }
                    .prefix(limit)
                tasks.looks.withLock { $0.ended += found.count }
                return found.map { TaskEndRecord.sample($0, type: ended[$0]!) }
            }
        )
    }

    private func all(
        _ tasks: Tasks,
        _ query: TaskQuery = TaskQuery(),
        limit: Int,
        limits: TaskListing.Limits = TaskListing.Limits()
    ) async throws -> [UInt64] {
        var found: [UInt64] = []
        var before: TaskID?
        for _ in 0..<10_000 {
            let page = try await listing(tasks, query, limit: limit, limits: limits)
                .page(before: before)
            #expect(page.tasks.count <= limit)
            found += page.tasks.map(\.id)
            guard let next = page.next else { return found }
            #expect(before.map { next < $0 } ?? true, "the list goes on")
            before = next
        }
        Issue.record("the list does not end")
        return found
    }

    @Test func `who asks for live tasks does not read the history, and the other way round`()
        async throws
    {
        let tasks = Tasks(live: [1: "PUSH", 3: "PUSH"], ended: [2: "PUSH", 4: "PUSH"])
        var query = TaskQuery()
        query.isLive = true
        #expect(try await all(tasks, query, limit: 10) == [3, 1])
        #expect(tasks.looks.withLock { $0.ended } == 0)
        let looked = tasks.looks.withLock { $0.live }
        query.isLive = false
        #expect(try await all(tasks, query, limit: 10) == [4, 2])
        #expect(tasks.looks.withLock { $0.live } == looked)
    }

    @Test(arguments: [1, 2, 7, 100, 1_000], [3, 50, 2_000])
    func `every task stands in the pages once, the newest first`(
        _ limit: Int,
        _ atOnce: Int
    ) async throws {
        var live: [UInt64: String] = [:]
        var ended: [UInt64: String] = [:]
        for number in 1...300 as ClosedRange<UInt64> {
            // Both by themselves and mixed.
            if number < 80 || number % 3 == 0 && number < 250 {
                live[number] = number % 5 == 0 ? "PULL" : "PUSH"
            } else {
                ended[number] = number % 5 == 0 ? "PULL" : "PUSH"
            }
        }
        let tasks = Tasks(live: live, ended: ended)
        let limits = TaskListing.Limits(
            liveAtOnce: atOnce,
            liveVisits: 4,
            endedAtOnce: atOnce,
            endedReads: 4
        )
        #expect(try await all(tasks, limit: limit, limits: limits) == (1...300).reversed())
        let pulls = try await all(
            tasks,
            TaskQuery(type: .pull),
            limit: limit,
            limits: limits
        )
        #expect(pulls == (1...60).map { $0 * 5 }.reversed())
        let waiting = try await all(
            tasks,
            TaskQuery(state: .waiting),
            limit: limit,
            limits: limits
        )
        #expect(waiting == live.keys.sorted(by: >))
        let done = try await all(tasks, TaskQuery(state: .done), limit: limit, limits: limits)
        #expect(done == ended.keys.sorted(by: >))
    }

    @Test func `a task that ends while it is looked for is shown once, as ended`() async throws {
        let tasks = Tasks(live: [1: "PUSH", 2: "PUSH", 3: "PUSH"], ended: [:])
        let page = try await listing(tasks, limit: 10, afterLive: { tasks.end(2) })
            .page(before: nil)
        #expect(page.tasks.map(\.id) == [3, 2, 1])
        #expect(page.tasks.map(\.live) == [true, false, true])
        #expect(page.next == nil)
    }

    @Test func `a rare match among many costs a bounded look, and says that more follows`()
        async throws
    {
        var live: [UInt64: String] = [:]
        for number in 1...50_000 as ClosedRange<UInt64> { live[number] = "PUSH" }
        live[7] = "PULL"
        let tasks = Tasks(live: live, ended: [:])
        let limits = TaskListing.Limits(
            liveAtOnce: 1_000,
            liveVisits: 5,
            endedAtOnce: 10,
            endedReads: 100
        )
        let page = try await listing(tasks, TaskQuery(type: .pull), limit: 10, limits: limits)
            .page(before: nil)
        #expect(page.tasks.isEmpty && page.next == TaskID(45_001))
        #expect(tasks.looks.withLock { $0.live } == 5_000)
    }

    @Test func `what is written in pieces is read back in pieces`() {
        let kept = bytes(100)
        func piece(_ from: UInt64, _ limit: Int, ended: Bool = true) -> OutputPiece {
            OutputPiece(
                attempt: 1,
                kept: kept,
                begin: 1_000,
                isEnded: ended,
                from: from,
                limit: limit
            )
        }
        // What came before is not kept.
        #expect(piece(0, 30).offset == 1_000 && piece(0, 30).data == Array(kept[..<30]))
        #expect(piece(0, 30).next == 1_030 && !piece(0, 30).isFinal)
        #expect(piece(1_030, 500).data == Array(kept[30...]) && piece(1_030, 500).isFinal)
        #expect(!piece(1_030, 500, ended: false).isFinal)
        // Nothing is there yet, and nothing is passed over.
        #expect(piece(5_000, 10).offset == 1_100 && piece(5_000, 10).data.isEmpty)
    }
}
