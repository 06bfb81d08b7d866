import API
import Foundation
import Host
import Model
import Testing

/// Who may see and who may change.
@Suite struct OperatorTests {
    @Test func `a viewer sees everything and is refused, and audited, when changing anything`()
        async throws
    {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let status: ClusterStatus = try await viewer.get(.getStatus)
            #expect(status.you.name == "vera" && status.you.role == "viewer")
            let refused = try await viewer.refusal(
                .addSite,
                body: AddSiteRequest(name: "south", reason: "curious")
            )
            #expect(refused.code == "forbidden" && refused.status == 403)
            #expect(refused.detail.contains("needs the role admin; vera is viewer"))
            let sites: SiteList = try await cluster.admin.get(.listSites)
            #expect(sites.sites.map(\.name) == ["north"])
            let entry = try await cluster.audit().first {
                $0.verb == "addSite" && $0.actor == "vera"
            }
            #expect(entry?.outcome == "forbidden")
            // It is refused before its body is read.
            #expect(entry?.object == "/api/v1/sites")
            #expect(entry?.reason.contains("needs the role admin; vera is viewer") == true)
            #expect(entry?.source.contains("127.0.0.1") == true)
        }
    }

    @Test func `an operator gives orders and makes no tokens`() async throws {
        try await TestCluster.with { cluster in
            let person = try await cluster.addOperator("otto", role: "operator")
            _ = try await cluster.addPython("page-1")
            try await person.change(.cordonNode, "page-1")
            #expect(try await cluster.node("page-1").marks.contains(.cordoned))
            let refused = try await person.refusal(.createToken, body: CreateTokenRequest())
            #expect(refused.code == "forbidden")
        }
    }

    @Test func `a removed operator is out at once, also with a connection that is open`()
        async throws
    {
        try await TestCluster.with { cluster in
            let person = try await cluster.addOperator("otto", role: "admin")
            let stream = try Follower(person, query: "after=0")
            try await stream.says("event: pulse")
            try await cluster.admin.change(.removeOperator, "otto")
            let refused = try await person.refusal(.getStatus)
            #expect(refused.status == 403)
            #expect(refused.detail.contains("no operator otto with this certificate"))
            _ = try await stream.program.wait()

            let last = try await cluster.admin.refusal(.removeOperator, "admin")
            #expect(last.code == "not-now")
            #expect(last.detail.contains("last admin"))
        }
    }

    @Test func `who shows no certificate is told so and learns nothing`() async throws {
        try await TestCluster.with { cluster in
            for route in [Route.getStatus, .listNodes, .listAudit, .streamEvents] {
                let refused = try await cluster.stranger.refusal(route)
                #expect(refused.status == 401 && refused.code == "no-certificate")
                #expect(refused.mend.contains("muster login"))
            }
            let alive = try await cluster.stranger.ask(.getHealth)
            #expect(alive.status == 200)
        }
    }

    /// Each is signed and audited; a viewer may do it, too.
    @Test func `who renews again and again is told to wait`() async throws {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let request = try await cluster.signingRequest("renewal").request
            let body = try JSONEncoder().encode(RenewRequest(signingRequest: request))
            let flood = try await cluster.folder.run(
                PythonAgent.python,
                [
                    ConsoleDoorTests.client, "repeat", "127.0.0.1:\(cluster.consolePort)", "60",
                    viewer.root, viewer.credential!, "POST", Route.renewOperator.path,
                    String(decoding: body, as: UTF8.self),
                ]
            )
            let counts = flood.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
            #expect(
                counts.count == 4 && counts[0] == 201 && counts[2] == 429,
                "\(flood.everything)"
            )
            #expect((30...40).contains(counts.count > 1 ? counts[1] : 0), "\(flood.output)")
        }
    }

    @Test func `the log tells where the audit chain stands, under a signature of its own key`()
        async throws
    {
        try await TestCluster.with { cluster in
            let controller = try #require(cluster.controller)
            try await controller.says("Audit checkpoint")
            let line = try #require(
                controller.everything.split(separator: "\n").first {
                    $0.contains("Audit checkpoint")
                }
            )
            func value(_ key: String) throws -> String {
                let part = line.split(separator: " ").first { $0.hasPrefix(key + "=") }
                return try #require(part.map { String($0.dropFirst(key.count + 1)) })
                    .trimmingCharacters(in: CharacterSet(charactersIn: "\""))
            }
            let sequence = try #require(UInt64(try value("audit.sequence")))
            let entry = try #require(try await cluster.audit().first { $0.sequence == sequence })
            #expect(try value("hash") == entry.hash)
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            let text = "muster audit checkpoint 1 \(status.cluster.id) \(sequence) \(entry.hash)"
            try cluster.folder.write("text", text)
            try cluster.folder.write("other", text + "0")
            let signature = try #require(Data(base64Encoded: try value("signature")))
            try signature.write(to: URL(fileURLWithPath: cluster.folder["signature"]))
            for (file, expected) in [("text", Int32(0)), ("other", 1)] {
                let checked = try await cluster.folder.run(
                    "/usr/bin/openssl",
                    [
                        "dgst", "-sha256", "-verify", cluster.state + "/identity/audit-key.pub",
                        "-signature", cluster.folder["signature"], cluster.folder[file],
                    ]
                )
                #expect(checked.status == expected, "\(checked.everything)")
            }
        }
    }
}
