import API
import ControllerCore
import Model
import Synchronization
import Testing

@testable import Controller

/// Pages of a long log, for those who ask for what is rare or not there.
@Suite struct EventListingTests {
    /// A log whose events are all of `node-1`, but for those given.
    private final class Log: Sendable {
        let count: UInt64
        let rare: Set<UInt64>
        let reads = Mutex(0)

        init(_ count: UInt64, rare: Set<UInt64> = []) {
            self.count = count
            self.rare = rare
        }

        func listing(_ limit: Int, site: String = "paris") -> EventListing {
            EventListing(
                query: EventQuery(site: site),
                limit: limit,
                limits: EventListing.Limits(atOnce: 10, reads: 3)
            ) { [self] after, limit in
                reads.withLock { $0 += 1 }
                guard after < count else { return [] }
                return (after + 1...min(count, after + UInt64(limit))).map { number in
                    EventListing.Row(
                        sequence: number,
                        event: ClusterEvent(
                            sequence: number,
                            at: WallTime(milliseconds: 0),
                            kind: .nodeOnline,
                            severity: .info,
                            subject: "node-1",
                            text: "x",
                            site: rare.contains(number) ? "paris" : "lyon"
                        )
                    )
                }
            }
        }
    }

    @Test func `a page looks at so many and no more, and says where to go on`() async throws {
        let log = Log(1_000, rare: [35, 1_000])
        let first = try await log.listing(5).page(after: 0)
        #expect(first.events.isEmpty && first.next == 30 && first.isCut)
        #expect(log.reads.withLock { $0 } == 3)
        let second = try await log.listing(5).page(after: first.next)
        #expect(second.events.map(\.sequence) == [35] && second.next == 60 && second.isCut)
        let last = try await log.listing(5).page(after: 985)
        #expect(last.events.map(\.sequence) == [1_000] && last.next == 1_000 && !last.isCut)
    }

    @Test func `a full page goes on behind its last event`() async throws {
        let log = Log(100)
        let page = try await log.listing(7, site: "lyon").page(after: 2)
        #expect(page.events.map(\.sequence) == Array(3...9))
        #expect(page.next == 9 && page.isCut)
        let end = try await log.listing(7, site: "lyon").page(after: 100)
        #expect(end.events.isEmpty && end.next == 100 && !end.isCut)
    }
}
