import API
import Foundation
import Host
import Model
import Testing

/// The `muster` command: what it prints is for people and scripts, and its exit status is told.
@Suite struct ConsoleProgramTests {
    @Test func `every documented exit status has its case`() async throws {
        try await TestCluster.with { cluster in
            let muster = cluster.muster
            try await ignoreLoad(cluster)
            let agent = try await cluster.addAgent("node-1")
            let fine = try await muster("status")
            #expect(fine.status == 0, "\(fine.everything)")
            #expect(fine.output.contains("north"))
            let failed = try await muster("node", "show", "nod-1")
            #expect(failed.status == 1 || failed.status == 3, "\(failed.everything)")
            #expect(failed.errors.contains("did you mean node-1"), "\(failed.errors)")

            let lists = [
                ("node", "list"), ("service", "list"), ("event", "list"), ("node", "pairs"),
            ]
            for (topic, verb) in lists {
                let typo = try await muster(topic, verb, "--site", "nort")
                #expect(typo.status == 3, "\(typo.everything)")
                #expect(typo.errors.contains("there is no site nort"), "\(typo.errors)")
                #expect(typo.errors.contains("did you mean north"), "\(typo.errors)")
            }
            let node = try await muster("service", "list", "--node", "nod-1")
            #expect(node.status == 3 && node.errors.contains("did you mean node-1"))
            let empty = try await muster("service", "list", "--site", "north")
            #expect(empty.status == 0, "\(empty.everything)")

            let viewer = try await cluster.addOperator("vera", role: "viewer")
            try cluster.folder.write("vera/context.yaml", contextFile(cluster, "vera"))
            try FileManager.default.copyItem(
                atPath: viewer.root,
                toPath: cluster.folder["vera/ca.pem"]
            )
            try FileManager.default.copyItem(
                atPath: cluster.folder["vera.pem"],
                toPath: cluster.folder["vera/credential.pem"]
            )
            let refused = try await muster(
                "site",
                "add",
                "south",
                context: cluster.folder["vera"]
            )
            #expect(refused.status == 3, "\(refused.everything)")
            #expect(refused.errors.contains("vera is viewer"))

            let usage = try await muster("node", "frobnicate")
            #expect(usage.status == 64, "\(usage.everything)")
            let unknown = try await muster("status", "--frobnicate")
            #expect(unknown.status == 64)

            agent.program?.signal(SIGSTOP)
            try await cluster.offline("node-1")
            let degraded = try await muster("status")
            #expect(degraded.status == 2, "\(degraded.everything)")
            #expect(degraded.output.contains("node-1"))
            let late = try await muster(
                "node",
                "drain",
                "node-1",
                "--yes",
                "--force",
                "--timeout",
                "1s"
            )
            #expect(late.status == 4, "\(late.everything)")
            agent.program?.signal(SIGCONT)

            try await cluster.stop()
            let unreachable = try await muster("status")
            #expect(unreachable.status == 5, "\(unreachable.everything)")
            #expect(unreachable.errors.contains("127.0.0.1:\(cluster.consolePort)"))
        }
    }

    /// What else the machine does says nothing of a node.
    private func ignoreLoad(_ cluster: TestCluster) async throws {
        let done = try await cluster.muster(
            "policy",
            "overload",
            "--load",
            "off",
            "--memory",
            "off",
            "--reason",
            "one machine"
        )
        try #require(done.status == 0, "\(done.everything)")
    }

    private func contextFile(_ cluster: TestCluster, _ name: String) -> String {
        TestFolder.text(at: cluster.state + "/admin/context.yaml")
            .replacingOccurrences(of: "operator: admin", with: "operator: \(name)")
    }

    @Test func `status --check speaks to a monitor`() async throws {
        try await TestCluster.with { cluster in
            let muster = cluster.muster
            try await ignoreLoad(cluster)
            let (_, agent) = try await cluster.addPython("page-1")
            let fine = try await muster("status", "--check")
            #expect(fine.status == 0, "\(fine.everything)")
            #expect(fine.output.hasPrefix("OK") || fine.output.contains(" OK"))
            #expect(fine.output.split(separator: "\n").count == 1)
            try await agent.destroy()
            try await cluster.offline("page-1")
            let bad = try await muster("status", "--check")
            #expect(bad.status == 2, "\(bad.everything)")
            #expect(bad.output.contains("CRITICAL"))
            try await cluster.kill()
            let unknown = try await muster("status", "--check")
            #expect(unknown.status == 3, "\(unknown.everything)")
            #expect(unknown.output.contains("UNKNOWN"))
        }
    }

    @Test func `the whole life of a node by the command alone`() async throws {
        try await TestCluster.with { cluster in
            let muster = cluster.muster
            let made = try await muster("token", "create", "-o", "json")
            #expect(made.status == 0, "\(made.everything)")
            let token = try JSONDecoder().decode(CreatedToken.self, from: Data(made.output.utf8))
            let agent = try Agent(
                "node-1",
                in: cluster,
                services: ["web": Agent.service(cluster.folder)]
            )
            let joined = try await agent.join(token: token.token)
            #expect(joined.status == 0, "\(joined.everything)")
            try agent.start()
            try await cluster.online("node-1")
            for words in [["node", "list"], ["service", "list"], ["event", "list"]] {
                for format in ["table", "wide", "json", "yaml"] {
                    let listed = try await cluster.folder.run(
                        Program.product("muster"),
                        words + ["-o", format],
                        environment: ["MUSTER_CONTEXT=\(cluster.state)/admin", "HOME=/nonexistent"]
                    )
                    #expect(listed.status == 0, "\(listed.everything)")
                    #expect(listed.output.contains("node-1"))
                    if format == "json" {
                        _ = try JSONSerialization.jsonObject(with: Data(listed.output.utf8))
                    }
                }
            }
            let stopped = try await muster("service", "stop", "web", "--node", "node-1")
            #expect(stopped.status == 0, "\(stopped.everything)")
            #expect(try await cluster.service("web", of: "node-1").state == "stopped")
            let started = try await muster("service", "start", "web", "--node", "node-1")
            #expect(started.status == 0, "\(started.everything)")
            try await cluster.online("node-1")
            let checked = try await muster("preflight", "node-1")
            // A warning is 2: not every machine keeps its clock by a time service.
            #expect(checked.status == 0 || checked.status == 2, "\(checked.everything)")
            #expect(checked.output.contains("passed"), "\(checked.output)")
            let drained = try await muster("node", "drain", "node-1", "--yes")
            #expect(drained.status == 0, "\(drained.everything)")
            #expect(try await cluster.node("node-1").marks.contains(.drained))
            let removed = try await muster("node", "remove", "node-1", "--yes", "--reason", "old")
            #expect(removed.status == 0, "\(removed.everything)")
            let verified = try await muster("audit", "verify")
            #expect(verified.status == 0, "\(verified.everything)")
            let backup = cluster.folder["fetched"]
            let fetched = try await muster("backup", backup)
            #expect(fetched.status == 0, "\(fetched.everything)")
            #expect(FileManager.default.fileExists(atPath: backup))
        }
    }

    @Test func `an operator logs in with a token that is not an argument`() async throws {
        try await TestCluster.with { cluster in
            let muster = cluster.muster
            let added = try await muster(
                "operator",
                "add",
                "olga",
                "--role",
                "viewer",
                "-o",
                "json"
            )
            #expect(added.status == 0, "\(added.everything)")
            let token = try JSONDecoder().decode(AddedOperator.self, from: Data(added.output.utf8))
                .token.token
            try cluster.folder.write("token", token + "\n")
            let login = try await muster("login", "--name", "olga", input: cluster.folder["token"])
            #expect(login.status == 0, "\(login.everything)")
            let status = try await muster("status", "-o", "json", context: "olga")
            #expect(status.status == 0, "\(status.everything)")
            let seen = try JSONDecoder().decode(ClusterStatus.self, from: Data(status.output.utf8))
            #expect(seen.you.name == "olga" && seen.you.role == "viewer")
            let again = try await muster("login", "--name", "eve", input: cluster.folder["token"])
            #expect(again.status == 3, "\(again.everything)")
        }
    }
}
