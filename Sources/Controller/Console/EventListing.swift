import API
import ControllerCore

/// A page of the events after one of them, oldest first.
///
/// The store filters by exact kind and subject; the rest is looked at here, in portions, so that a rare match
/// is found without reading the log into memory. A page looks at so many and no more: the log may hold
/// millions, and who asks may ask for what is not there.
struct EventListing {
    struct Limits: Sendable {
        var atOnce = EventPage.limitMax
        var reads = 20
    }

    /// What the store has of one: nil for an event of a kind that this version does not know.
    struct Row: Sendable {
        var sequence: UInt64
        var event: ClusterEvent?
    }

    struct Page: Sendable {
        var events: [API.Event] = []
        /// The highest sequence that was looked at.
        var next: UInt64
        /// Whether there may be more after that.
        var isCut = false
    }

    let query: EventQuery
    let limit: Int
    var limits = Limits()
    var read: @Sendable (_ after: UInt64, _ limit: Int) async throws -> [Row]

    func page(after: UInt64) async throws -> Page {
        var page = Page(next: after)
        for _ in 0..<limits.reads {
            let rows = try await read(page.next, limits.atOnce)
            for row in rows {
                page.next = row.sequence
                guard let event = row.event, query.matches(event) else { continue }
                page.events.append(API.Event(event))
                if page.events.count == limit {
                    page.isCut = true
                    return page
                }
            }
            if rows.count < limits.atOnce { return page }
        }
        page.isCut = true
        return page
    }
}
