import Model
import Protocol
import Store
import Testing

@testable import Controller
@testable import ControllerCore

/// What is left of tasks is kept for a while and then removed, a little at a time.
@Suite struct HistoryJanitorTests {
    private static let day: Duration = .seconds(86_400)
    private static let now = WallTime(milliseconds: 1_800_000_000_000)

    private let store = FakeStore()

    /// A task that was accepted and ended so long ago.
    private func add(_ number: UInt64, accepted: Duration, ended: Duration, key: String? = nil)
        throws
    {
        let record = TaskEndRecord.sample(
            number,
            key: key,
            acceptedAt: Self.now + (.zero - accepted),
            endedAt: Self.now + (.zero - ended)
        )
        var entries: [JournalEntry] = [.put(.taskEnd(record)), .output(record.id, [1, 2])]
        if let key {
            let known = TaskKeyRecord(task: record.id, digest: 1, at: record.acceptedAt)
            entries.append(.taskKey(key, known))
        }
        _ = try store.commit([entries.map(JournalWriter.write)])
    }

    private func tidy(_ history: Duration) throws -> Int {
        var janitor = HistoryJanitor(store: store)
        var removed = 0
        for _ in 0..<1_000 {
            let portion = try janitor.portion(history: history, now: Self.now)
            removed += portion.removed
            if portion.isLast { return removed }
        }
        Issue.record("the walk does not end")
        return removed
    }

    private var left: [UInt64] {
        store.rows(of: "task-end").keys.compactMap { TaskID(storeKey: $0)?.number }.sorted()
    }

    @Test func `what ended long ago goes, with its output, and nothing else`() throws {
        try add(1, accepted: Self.day * 9, ended: Self.day * 8)
        try add(2, accepted: Self.day * 9, ended: Self.day * 2)
        try add(3, accepted: Self.day * 8, ended: Self.day * 4)
        try add(4, accepted: Self.day * 1, ended: Self.day * 1)
        #expect(try tidy(Self.day * 3) == 2)
        #expect(left == [2, 4])
        #expect(store.rows(of: "output").count == 2)
        #expect(try tidy(Self.day * 3) == 0)
    }

    @Test func `a key is honoured for seven days, however short the history is`() throws {
        try add(1, accepted: Self.day * 9, ended: Self.day * 8, key: "old")
        try add(2, accepted: Self.day * 7, ended: Self.day * 6, key: "young")
        try add(3, accepted: Self.day * 7, ended: Self.day * 6)
        #expect(try tidy(.seconds(60)) == 2)
        #expect(left == [2])
        #expect(store.rows(of: "task-key").keys.sorted() == ["young"])
    }

    @Test func `a key that another task has by now stays`() throws {
        try add(1, accepted: Self.day * 9, ended: Self.day * 8, key: "k")
        let other = TaskKeyRecord(task: TaskID(2), digest: 2, at: Self.now)
        _ = try store.commit([[JournalWriter.write(.taskKey("k", other))]])
        #expect(try tidy(Self.day) == 1)
        #expect(store.rows(of: "task-key").count == 1)
    }

    @Test func `late results go by their age, however young those of older tasks are`() throws {
        let young = HistoryJanitor.removalsMax + 7
        let lates = (1...young + 3).map { number in
            LateRecord(
                task: TaskID(UInt64(number)),
                attempt: 1,
                node: "n-1",
                outcome: .done,
                at: Self.now + (.zero - Self.day * (number <= young ? 1 : 9))
            )
        }
        _ = try store.commit([lates.map { JournalWriter.write(.put(.late($0))) }])
        var janitor = HistoryJanitor(store: store)
        #expect(try !janitor.tidyLate(history: Self.day, now: Self.now))
        #expect(try janitor.tidyLate(history: Self.day, now: Self.now))
        #expect(store.rows(of: "late").count == young)
        // And anew from the first on.
        #expect(try !janitor.tidyLate(history: Self.day, now: Self.now + Self.day * 7))
        #expect(try janitor.tidyLate(history: Self.day, now: Self.now + Self.day * 7))
        #expect(store.rows(of: "late").isEmpty)
    }

    @Test func `a wall clock that jumps forward makes nothing old`() {
        let start = Moment(instant: Instant(nanoseconds: 5_000_000_000), wall: Self.now)
        func later(_ passed: Duration, wall: Duration) -> Moment {
            Moment(instant: start.instant + passed, wall: start.wall + wall)
        }
        let clock = AgeClock(since: start, lastSeen: Self.now + (.zero - Self.day))
        // It was off for a day, as far as it can tell.
        #expect(clock.time(at: start) == Self.now + (.zero - Self.day))
        let jumped = later(.seconds(60), wall: Self.day * 3_650)
        #expect(clock.time(at: jumped) == Self.now + (.seconds(60) - Self.day))
        // Put back, and behind what was seen: the wall clock is taken at its word.
        let back = later(.seconds(120), wall: .zero - Self.day * 2)
        #expect(clock.time(at: back) == Self.now + (.zero - Self.day * 2))
        // A clock that was wrong at the start is ahead of what the store has seen.
        let wrong = Moment(instant: start.instant, wall: Self.now + Self.day * 3_650)
        #expect(AgeClock(since: wrong, lastSeen: Self.now).time(at: wrong) == Self.now)
        #expect(AgeClock(since: start, lastSeen: nil).time(at: start) == Self.now)
    }

    @Test func `many are removed in small transactions`() throws {
        for number in 1...1_500 as ClosedRange<UInt64> {
            try add(number, accepted: Self.day * 9, ended: Self.day * 8)
        }
        let before = store.durable.count
        #expect(try tidy(Self.day) == 1_500)
        #expect(left.isEmpty && store.rows(of: "output").isEmpty)
        for step in store.durable.dropFirst(before) {
            #expect(step.count <= 3 * HistoryJanitor.removalsMax)
        }
    }
}

extension TaskEndRecord {
    /// As the store would give it back.
    static func sample(
        _ number: UInt64,
        type: String = "PUSH",
        account: String = "",
        state: String = "done",
        node: String? = nil,
        key: String? = nil,
        acceptedAt: WallTime = WallTime(milliseconds: 1_800_000_000_000),
        endedAt: WallTime = WallTime(milliseconds: 1_800_000_000_000)
    ) -> TaskEndRecord {
        var writer = LineWriter("ENDED")
        writer.put("id", number)
        writer.put("type", type)
        writer.put("account", account)
        writer.put("key", key)
        writer.put("by", "a test")
        writer.put("accepted", acceptedAt)
        writer.put("state", state)
        writer.put("ended", endedAt)
        writer.put("node", node)
        guard let line = try? Line.parse(Array(writer.line.description.utf8)[...], limits: .record),
            case .taskEnd(let record)? = try? Record(table: .taskEnd, line: line)
        else { preconditionFailure("the sample is no record") }
        return record
    }
}
