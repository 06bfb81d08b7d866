import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Changes as they happen.
@Suite struct StreamTests {
    @Test func `events come in order with their numbers, and are taken up after a restart`()
        async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let first = try Follower(admin, query: "after=0")
            for number in 1...3 {
                try await admin.change(.addSite, body: AddSiteRequest(name: "site-\(number)"))
            }
            try await first.says("site-3")
            let told = first.events
            #expect(told.map(\.sequence) == told.map(\.sequence).sorted())
            #expect(Set(told.map(\.sequence)).count == told.count)
            for message in first.messages { #expect(message.id == message.event?.sequence) }
            let last = try #require(told.last { $0.kind == "site.added" })
            #expect(last.subject == "site-3")

            try await cluster.kill()
            _ = try await first.program.wait()
            try await cluster.start()
            try await admin.change(.addSite, body: AddSiteRequest(name: "site-4"))
            let second = try Follower(admin, lastEventID: last.sequence)
            try await second.says("site-4")
            let next = second.events
            let all = try await cluster.events()
            #expect(next.first?.sequence == last.sequence + 1)
            #expect(next == Array(all.filter { $0.sequence > last.sequence }.prefix(next.count)))
            #expect(next.filter { $0.kind == "site.added" }.map(\.subject) == ["site-4"])
        }
    }

    @Test func `what changes is sent and what only ages is not`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addPython("page-1")
            let follower = try Follower(cluster.admin)
            func pulses() -> Int { follower.messages.filter { $0.name == "pulse" }.count }
            #expect(await eventually { pulses() >= 4 })
            let changes = follower.messages.filter { $0.name == "change" }.compactMap {
                try? JSONDecoder().decode(StreamChange.self, from: Data($0.data.utf8))
            }
            #expect(changes.filter { $0.status != nil }.count == 1)
            try await cluster.admin.change(.cordonNode, "page-1")
            #expect(
                await eventually {
                    follower.messages.contains {
                        $0.name == "change" && $0.data.contains("\"cordoned\"")
                    }
                }
            )
        }
    }
}
