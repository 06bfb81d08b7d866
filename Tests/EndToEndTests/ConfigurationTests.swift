import Foundation
import Host
import Model
import Testing

/// Mistakes in configuration files are told with their place and what would be right.
@Suite struct ConfigurationTests {
    @Test(arguments: [
        ("state-directry: /x\n", "1:1: state-directry is not a setting; did you mean state-d"),
        ("log:\n  level: loud\n", "2:10: log.level: loud is not one of trace, debug, info"),
        ("log:\n  level: info\n  colour: red\n", "3:3: log.colour is not a setting"),
        ("agents:\n  listen: [\"7400\"]\n", "2:12: agents.listen: 7400 is not an address"),
        ("lease: {length: soon}\n", "1:17: lease.length: soon is not a duration such as"),
        ("lease: {length: 1s, heartbeat: 2s}\n", "1:1: "),
        ("certificates: {node: 1s}\n", "1:22: certificates.node: 1s is not a duration from"),
        ("limits: {nodes: 0}\n", "1:17: limits.nodes: 0 is not a number from 1 to 100000"),
        ("agents: [7400\n", "2:16: "),
    ])
    func `the controller names the place of a mistake and ends with 78`(
        text: String,
        said: String
    ) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        // Should it be taken after all, nothing of this machine is touched.
        try folder.write("controller.yaml", text + "state-directory: \(folder["state"])\n")
        for command in ["check-config", "run"] {
            let refused = try await folder.run(
                Program.product("muster-controller"),
                [command, "--config", folder["controller.yaml"]]
            )
            #expect(refused.status == 78)
            #expect(
                refused.errors.contains("\(folder["controller.yaml"]):\(said)"),
                "\(refused.errors)"
            )
        }
    }

    @Test func `all mistakes of a file are told at once`() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.write("controller.yaml", "log: {level: loud}\nevents: {keep: 3}\nfoo: 1\n")
        let refused = try await folder.run(
            Program.product("muster-controller"),
            ["check-config", "--config", folder["controller.yaml"]]
        )
        #expect(refused.errors.contains(":1:14: log.level"))
        #expect(refused.errors.contains(":2:16: events.keep"))
        #expect(refused.errors.contains(":3:1: foo is not a setting"))
    }

    @Test func `a file that is not there is named`() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let refused = try await folder.run(
            Program.product("muster-controller"),
            ["run", "--config", folder["nowhere.yaml"]]
        )
        #expect(refused.status == 78)
        #expect(refused.errors.contains(folder["nowhere.yaml"]))
        #expect(refused.errors.contains("No such file or directory"))
    }

    @Test func `the agent names the place of every mistake in all its files`() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.write("agent.conf", "[agent]\nstate-directory = here\n[load]\ninterval = 5\n")
        try folder.write("services.d/web.conf", "[service]\nstart = /bin/true\nrestart = maybe\n")
        for command in ["check-config", "run"] {
            let refused = try await folder.run(
                Program.product("muster-agent"),
                [command, "--config", folder["agent.conf"]]
            )
            #expect(refused.status != 0)
            #expect(refused.errors.contains("\(folder["agent.conf"]):2:"), "\(refused.errors)")
            #expect(refused.errors.contains("\(folder["agent.conf"]):4:"))
            #expect(refused.errors.contains("\(folder["services.d/web.conf"]):3:"))
            #expect(refused.errors.contains("never, on-failure, always"))
        }
    }

    @Test func `the agent does not believe a file that others may write`() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.write("agent.conf", "[agent]\n", mode: 0o664)
        let refused = try await folder.run(
            Program.product("muster-agent"),
            ["check-config", "--config", folder["agent.conf"]]
        )
        #expect(refused.status != 0)
        #expect(refused.errors.contains("chmod go-w \(folder["agent.conf"])"))
    }
}
