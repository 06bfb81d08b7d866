import API
import Foundation
import Host
import Model
import Testing

/// Where secrets are, and where they are not.
@Suite struct SecretTests {
    @Test func `no token and no private key is in a log, the database, an argument or a listing`()
        async throws
    {
        try await TestCluster.with { cluster in
            let token = try await cluster.token().token
            let secret = String(token.split(separator: ".")[2])
            let agent = try Agent("node-1", in: cluster)
            try cluster.folder.write("token", token + "\n")
            let joined = try await cluster.folder.run(
                Program.product("muster-agent"),
                [
                    "join", "--token-file", cluster.folder["token"], "--config",
                    agent.configuration,
                ]
            )
            try #require(joined.status == 0, "\(joined.everything)")
            #expect(!joined.everything.contains(secret))
            try agent.start()
            try await cluster.online("node-1")
            var hidden = ["the token's secret": secret]
            for (what, file) in [
                ("the node's key", agent.state + "/credential.pem"),
                ("the admin's key", cluster.state + "/admin/credential.pem"),
            ] {
                let text = TestFolder.text(at: file)
                let lines = text.split(separator: "\n").map(String.init)
                let begin = try #require(lines.firstIndex { $0.contains("PRIVATE KEY") })
                hidden[what] = lines[begin + 1]
            }
            let answers = [
                try await cluster.admin.ask(.listTokens).text,
                try await cluster.admin.ask(.listAudit).text,
                try await cluster.admin.ask(.listEvents).text,
                try await cluster.admin.ask(.showNode, ["node-1"]).text,
            ]
            try await cluster.stop()
            for (what, text) in hidden {
                for answer in answers { #expect(!answer.contains(text), "\(what) is listed") }
                for path in places(cluster, agent) {
                    let bytes = FileManager.default.contents(atPath: path) ?? Data()
                    #expect(bytes.range(of: Data(text.utf8)) == nil, "\(what) is in \(path)")
                }
            }
            let processes = Processes.naming(cluster.folder.path)
            #expect(!processes.isEmpty)
            for process in processes {
                let environment = TestFolder.text(at: "/proc/\(process)/environ")
                for text in hidden.values {
                    #expect(!Processes.commandLine(process).contains(text))
                    #expect(!environment.contains(text))
                }
            }
        }
    }

    /// Every log and every file of the controller's store and the agent's memory, but for those
    /// that are made to hold a credential.
    private func places(_ cluster: TestCluster, _ agent: Agent) -> [String] {
        let store = cluster.state + "/store"
        let files = (try? FileManager.default.contentsOfDirectory(atPath: store)) ?? []
        let logs = (try? FileManager.default.contentsOfDirectory(atPath: cluster.folder.path)) ?? []
        return files.map { store + "/" + $0 }
            + logs.filter { $0.hasSuffix(".err") || $0.hasSuffix(".out") }.map {
                cluster.folder[$0]
            }
            + [agent.state + "/state", agent.state + "/membership"]
    }

    @Test func `what holds a secret can be read by its owner alone`() async throws {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent("node-1")
            for path in [
                cluster.state, cluster.state + "/store", cluster.state + "/store/muster.db",
                cluster.state + "/identity", cluster.state + "/admin/credential.pem", agent.state,
                agent.state + "/credential.pem",
            ] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                let mode = try #require(attributes[.posixPermissions] as? Int)
                #expect(mode & 0o077 == 0, "\(path) has mode \(String(mode, radix: 8))")
            }
        }
    }

    @Test(arguments: ["muster-agent", "muster-leash"])
    func `the agent's programs link no Foundation`(program: String) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let linked = try await folder.run("/usr/bin/ldd", [Program.product(program)])
        #expect(linked.status == 0)
        #expect(linked.output.contains("libc.so"))
        #expect(!linked.output.contains("Foundation"), "\(linked.output)")
    }
}
