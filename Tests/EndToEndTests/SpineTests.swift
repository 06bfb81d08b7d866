import API
import Foundation
import Host
import Model
import Testing

/// The whole spine: agents report over TLS, the controller knows, the operator sees.
@Suite struct SpineTests {
    @Test func `an agent in Python, made from the page alone, joins, reports and is Online`()
        async throws
    {
        try await TestCluster.with { cluster in
            let python = PythonAgent(cluster: cluster, name: "page-1")
            let joined = try await python.join(token: try await cluster.token().token)
            try #require(joined.status == 0, "\(joined.everything)")
            #expect(joined.output.contains("joined as page-1 of site north"))
            let program = try python.run()
            try await cluster.online("page-1")

            let detail = try await cluster.detail("page-1")
            #expect(detail.node.membership == "joined")
            #expect(detail.facts?.operatingSystem == "linux")
            #expect(detail.load?.processors ?? 0 > 0)
            #expect(detail.load?.memoryTotalBytes ?? 0 > 0)
            #expect(detail.disks.map(\.mount) == ["/"])
            #expect(detail.services.map(\.name) == ["demo"])
            #expect(detail.services.first?.state == "running")

            program.signal(SIGKILL)
            let gone = try await cluster.offline("page-1")
            #expect(!gone.reason.isEmpty)
        }
    }
}
