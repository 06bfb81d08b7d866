import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// What was acknowledged is there, whatever happened after.
@Suite struct DurabilityTests {
    private func setting(_ name: String) -> Submissions.Change {
        Submissions.Change(
            name: name,
            route: .setSetting,
            body: "{\"scope\":\"cluster\",\"key\":\"\(name)\",\"value\":\"of \(name)\"}"
        )
    }

    private func site(_ name: String) -> Submissions.Change {
        Submissions.Change(name: name, route: .addSite, body: "{\"name\":\"\(name)\"}")
    }

    private func token(_ name: String) -> Submissions.Change {
        Submissions.Change(name: name, route: .createToken, body: "{\"reason\":\"\(name)\"}")
    }

    @Test func `whenever the controller is killed, everything acknowledged is there, once`()
        async throws
    {
        try await TestCluster.with { cluster in
            var settings: Set<String> = []
            var sites: Set<String> = []
            var tokens: Set<String> = []
            for round in 1...5 {
                let submitters = [
                    try Submissions(
                        (1...40).map { setting("x.k\(round)-\($0)") },
                        by: cluster.admin,
                        log: "settings-\(round)"
                    ),
                    try Submissions(
                        (1...10).map { site("s\(round)-\($0)") },
                        by: cluster.admin,
                        log: "sites-\(round)"
                    ),
                    try Submissions(
                        (1...200).map { token("t\(round)-\($0)") },
                        by: cluster.admin,
                        log: "tokens-\(round)"
                    ),
                ]
                // A moment that nobody has chosen: after so many acknowledgements.
                let moment = 1 + Int(RandomBytes.seed() % 60)
                let reached = await eventually {
                    submitters.map(\.acknowledged.count).reduce(0, +) >= moment
                }
                #expect(reached)
                try await cluster.kill()
                for submitter in submitters {
                    _ = try await submitter.program.wait()
                    #expect(submitter.refused == [])
                }
                settings.formUnion(submitters[0].acknowledged)
                sites.formUnion(submitters[1].acknowledged)
                for name in submitters[2].acknowledged {
                    let answer = cluster.folder.text("tokens-\(round)-\(name)")
                    tokens.insert(
                        try JSONDecoder().decode(CreatedToken.self, from: Data(answer.utf8)).id
                    )
                }
                try await cluster.start()
                try await expect(cluster, settings, sites, tokens)
            }
            #expect(settings.count + sites.count + tokens.count >= 5)
        }
    }

    private func expect(
        _ cluster: TestCluster,
        _ settings: Set<String>,
        _ sites: Set<String>,
        _ tokens: Set<String>
    ) async throws {
        let settingList: SettingList = try await cluster.admin.get(.listSettings)
        let keys = settingList.settings.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(settings.subtracting(keys) == [])
        #expect(settingList.settings.allSatisfy { $0.value == "of \($0.key)" })
        let versions = settingList.settings.map(\.version)
        #expect(Set(versions).count == versions.count)

        let siteList: SiteList = try await cluster.admin.get(.listSites)
        let names = siteList.sites.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(sites.subtracting(names) == [])

        let tokenList: TokenList = try await cluster.admin.get(.listTokens)
        #expect(tokens.subtracting(tokenList.tokens.map(\.id)) == [])

        let audit: AuditVerification = try await cluster.admin.get(.verifyAudit)
        #expect(audit.intact, "\(audit.text)")
        let done = try await cluster.audit().filter {
            $0.verb == "config.set" && $0.outcome == "done"
        }
        #expect(Set(done.map(\.object)).count == done.count)
    }

    @Test func `on a full disk changes are refused and sessions go on until there is room again`()
        async throws
    {
        try await TestCluster.with(starting: false) { cluster in
            let state = cluster.state
            try FileManager.default.createDirectory(
                atPath: state,
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
            try #require(mount("tmpfs", state, "tmpfs", 0, "size=64m,mode=0700") == 0)
            try await cluster.initialise()
            try await cluster.start()
            let (python, agent) = try await cluster.addPython("page-1")
            let before = try await cluster.node("page-1")
            #expect(!(try await cluster.admin.headers(.getStatus)).contains("not-durable"))
            #expect(try await cluster.stranger.ask(.getReadiness).status == 200)

            let ballast = state + "/ballast"
            fill(ballast)
            // Some room may be left in pages that are begun, and the reserve is given up first.
            var kept: [String] = []
            var refusal: API.Failure?
            for number in 1...4_000 {
                if number % 20 == 0 { fill(ballast) }
                let body = SetSettingRequest(
                    scope: "cluster",
                    key: "x.k\(number)",
                    value: String(repeating: "v", count: 2_000)
                )
                do {
                    try await cluster.admin.change(.setSetting, body: body)
                    kept.append(body.key)
                } catch let failure as API.Failure {
                    refusal = failure
                    break
                }
            }
            #expect(refusal?.code == "storage")
            #expect(refusal?.status == 507)
            #expect(refusal?.mend.contains("free space") == true)

            let during = try await cluster.node("page-1")
            #expect(during.since == before.since && during.status == "online")

            // Now the reserve is used up as well, and something happens that must be written down.
            fill(ballast)
            try await agent.destroy()
            _ = try await awaited("a full journal") {
                let log = cluster.controller?.everything ?? ""
                return log.components(separatedBy: "journal cannot be written").count > 2 ? 1 : nil
            }
            let still = try await cluster.admin.refusal(
                .setSetting,
                body: SetSettingRequest(scope: "cluster", key: "x.still", value: "full")
            )
            #expect(still.code == "storage")
            let _: ClusterStatus = try await cluster.admin.get(.getStatus)
            // Every answer says so, and who balances between controllers hears it without a certificate.
            #expect(
                try await cluster.admin.headers(.getStatus).contains("muster-not-durable: true")
            )
            #expect(try await cluster.stranger.ask(.getReadiness).status == 503)
            #expect(try await cluster.stranger.ask(.getHealth).status == 200)

            unlink(ballast)
            #expect(
                await eventually {
                    (try? await cluster.admin.change(
                        .setSetting,
                        body: SetSettingRequest(scope: "cluster", key: "x.after", value: "room")
                    )) != nil
                }
            )
            kept.append("x.after")
            #expect(!(try await cluster.admin.headers(.getStatus)).contains("not-durable"))
            #expect(try await cluster.stranger.ask(.getReadiness).status == 200)
            try await cluster.offline("page-1")
            _ = try python.run()
            try await cluster.online("page-1")
            try await cluster.kill()
            try await cluster.start()
            let list: SettingList = try await cluster.admin.get(.listSettings)
            #expect(Set(kept).subtracting(list.settings.map(\.key)) == [])
            let audit: AuditVerification = try await cluster.admin.get(.verifyAudit)
            #expect(audit.intact)
        }
    }

    /// Adds to a file until not one byte more finds room.
    private func fill(_ path: String) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(file) }
        for size in [1 << 20, 4_096, 1] {
            let bytes = [UInt8](repeating: 0, count: size)
            while write(file, bytes, size) > 0 {}
        }
    }
}
