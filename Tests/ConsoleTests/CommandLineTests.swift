import API
import ArgumentParser
import Foundation
import Testing

@testable import Console

@Suite struct `The command line` {
    /// Every command with the words that lead to it.
    private static func commands(
        _ command: any ParsableCommand.Type = Muster.self,
        _ words: [String] = []
    ) -> [[String]] {
        let configuration = command.configuration
        let children =
            configuration.subcommands
            + configuration.groupedSubcommands.flatMap(\.subcommands)
        return [words]
            + children.flatMap { child in
                commands(child, words + [child.configuration.commandName ?? child._commandName])
            }
    }

    static let all = commands()

    @Test func `it has the commands that were promised`() {
        let names = Set(Self.all.map { $0.joined(separator: " ") })
        for name in [
            "status", "node list", "node show", "node add", "node remove", "node cordon",
            "node uncordon", "node drain", "node maintenance", "node release", "service list",
            "service start", "service stop", "service restart", "event list", "token create",
            "token list", "token revoke", "operator add", "operator list", "operator remove",
            "site add", "site list", "site remove", "site set-minimum", "config list",
            "config set", "config unset", "preflight", "audit list", "audit verify", "backup",
            "context list", "context use", "context show", "context import", "context remove",
            "login", "version", "completion", "task submit", "task list", "task show", "task why",
            "task why-not", "task logs", "task wait", "task cancel", "task retry", "task resolve",
            "policy show", "policy set", "policy prefer", "policy overload", "policy slots",
            "policy attribute declare", "policy attribute remove", "policy attribute list",
            "policy type declare", "policy type remove", "policy type list", "schedule add",
            "schedule list", "schedule show", "schedule pause", "schedule resume",
            "schedule remove", "schedule next", "schedule calendar list",
            "schedule calendar show", "schedule calendar set", "schedule calendar remove",
            "event follow", "event explain", "notify show", "notify check", "notify set",
            "notify test", "notify preview", "notify list", "notify pending list",
            "notify pending retry", "notify pending drop", "notify silence", "notify silences",
            "notify unsilence", "notify explain",
        ] {
            #expect(names.contains(name), "\(name)")
        }
    }

    @Test(arguments: all)
    func `each command explains itself, within 80 columns`(_ words: [String]) throws {
        let text = Muster.helpMessage(for: try Self.type(words), columns: 80)
        #expect(text.contains("USAGE: muster"))
        #expect(text.contains("OVERVIEW"))
    }

    private static func type(_ words: [String]) throws -> any ParsableCommand.Type {
        var type: any ParsableCommand.Type = Muster.self
        for word in words {
            let configuration = type.configuration
            let children =
                configuration.subcommands
                + configuration.groupedSubcommands.flatMap(\.subcommands)
            type = try #require(
                children.first { ($0.configuration.commandName ?? $0._commandName) == word }
            )
        }
        return type
    }

    @Test(arguments: [
        ["node", "drain", "n1", "--within", "10m", "--reason", "disk"],
        ["node", "maintenance", "n1", "--owner", "me", "--for", "2h", "--reason", "disk"],
        ["node", "maintenance", "n1", "--end"],
        ["node", "remove", "n1", "n2", "--confirm", "2"],
        ["service", "stop", "tm", "--node", "n1", "n2", "--detach"],
        ["service", "restart", "--all", "-n", "n1"], ["service", "start", "tm", "--everywhere"],
        ["event", "list", "--follow", "-o", "json", "--limit", "5", "--severity", "warning"],
        ["status", "--watch", "--color", "never"], ["status", "--check"], ["preflight"],
        ["node", "ls", "-o", "wide", "--sort-by", "-cpu", "--no-headers", "--problems"],
        ["site", "set-minimum", "a", "2"], ["config", "set", "k", "v", "--node", "n1"],
        ["version", "--context", "x", "--server", "https://a:1", "--server", "b"],
        ["task", "submit", "--type", "PUSH", "--in", "2h", "--wait", "--timeout", "1m"],
        ["task", "submit", "--type", "X", "--attribute", "a=b=c", "--attribute", "d="],
        ["task", "submit", "--file", "-", "-o", "json"],
        ["task", "list", "--state", "failed", "--state", "unknown", "--since", "2h"],
        ["task", "list", "--since", "2026-11-25T18:00:00Z", "--ended", "--limit", "5000"],
        ["task", "why-not", "17", "a-1"], ["task", "logs", "17", "--follow"],
        ["task", "cancel", "1", "2"], ["task", "cancel", "--state", "waiting", "--yes"],
        ["task", "retry", "--failed", "--type", "PUSH"],
        ["task", "resolve", "17", "--done", "--reason", "seen"],
        ["policy", "set", "round-robin"],
        ["policy", "set", "account-affinity", "--width", "2", "--patience", "10s"],
        ["policy", "prefer", "a-1", "PGP", "region=eu"], ["policy", "prefer", "a-1", "--clear"],
        ["policy", "overload", "--load", "2.5", "--relief", "70%"],
        ["policy", "slots", "a-1", "4"], ["policy", "type", "declare", "FAX", "old things"],
        ["schedule", "add", "n", "--every", "15m", "--type", "PUSH"],
        ["schedule", "add", "n", "--at", "2030-01-01T00:00:00Z", "--type", "PUSH"],
        ["schedule", "next", "--calendar", "@daily", "--zone", "Europe/Berlin"],
        ["schedule", "calendar", "set", "holidays", "-"],
        ["event", "follow", "--site", "a", "-o", "json"], ["event", "explain", "node.offline"],
        ["notify", "set", "x.yaml", "--dry-run"], ["notify", "check", "-"], ["notify", "pending"],
        ["notify", "pending", "--no-headers"], ["notify", "test", "ops", "--timeout", "5s"],
        ["notify", "preview", "run.ended", "--state", "told", "--file", "x.yaml"],
        ["notify", "silence", "--kind", "node.*", "--for", "2h", "--reason", "x"],
        ["notify", "silence", "--all", "--for", "1h", "--reason", "x"], ["notify", "explain"],
        ["notify", "unsilence", "7"], ["notify", "pending", "drop", "7"],
    ])
    func `it understands what people type`(_ words: [String]) async throws {
        await #expect(throws: Never.self) { try await Muster.asyncParseAsRoot(words) }
    }

    @Test(arguments: [
        ["node", "drain"], ["node", "drain", "n1", "--within", "soon"],
        ["node", "maintenance", "n1"], ["node", "maintenance", "n1", "--for", "2h"],
        ["node", "maintenance", "n1", "--for", "2h", "--end", "--reason", "x"],
        ["node", "remove", "n1", "n1"], ["service", "stop"], ["service", "stop", "tm"],
        ["service", "stop", "tm", "--all", "--node", "n1"], ["event", "list", "--limit", "0"],
        ["status", "--check", "--watch"], ["config", "list", "--site", "a", "--node", "b"],
        ["site", "set-minimum", "a", "-1"], ["nonsense"], ["completion", "powershell"],
        ["token", "create", "--lifetime", "0s"], ["task", "submit"],
        ["task", "submit", "--type", "PUSH", "--priority", "10"],
        ["task", "submit", "--type", "PUSH", "--ordered"],
        ["task", "submit", "--type", "PUSH", "--attribute", "region"],
        ["task", "submit", "--type", "PUSH", "--attribute", "a=1", "--attribute", "a=2"],
        ["task", "submit", "--type", "PUSH", "--payload", "x", "--payload-file", "y"],
        ["task", "submit", "--type", "PUSH", "--in", "1h", "--not-before", "2030-01-01T00:00:00Z"],
        ["task", "submit", "--type", "PUSH", "--not-before", "tomorrow"],
        ["task", "submit", "--type", "PUSH", "--timeout", "1m"],
        ["task", "submit", "--file", "x", "--type", "PUSH"], ["task", "wait"],
        ["task", "list", "--state", "sleeping"], ["task", "list", "--ended", "--state", "done"],
        ["task", "cancel"], ["task", "cancel", "1", "--account", "a"],
        ["task", "cancel", "--state", "done"], ["task", "retry"],
        ["task", "retry", "1", "--failed"],
        ["task", "retry", "1", "--type", "PUSH"], ["task", "resolve", "1", "--done"],
        ["task", "resolve", "1", "--done", "--failed", "--reason", "x"], ["task", "show", "x"],
        ["policy", "set", "random"], ["policy", "set", "round-robin", "--width", "17"],
        ["policy", "set", "round-robin", "--patience", "5"], ["policy", "prefer", "a-1"],
        ["policy", "prefer", "a-1", "PGP", "--clear"], ["policy", "prefer", "a-1", "a,b"],
        ["policy", "overload", "a-1"], ["policy", "overload", "--load", "much"],
        ["policy", "overload", "--memory", "90"], ["policy", "overload", "--running", "0"],
        ["policy", "slots", "a-1"], ["schedule", "add", "n", "--type", "PUSH"],
        ["schedule", "add", "n", "--every", "15m"],
        ["schedule", "add", "n", "--every", "15m", "--at", "2030-01-01T00:00:00Z", "--type", "X"],
        ["schedule", "add", "n", "--every", "15m", "--zone", "UTC", "--type", "X"],
        ["schedule", "add", "n", "--every", "15", "--type", "X"],
        ["schedule", "add", "n", "--at", "@daily", "--type", "X"],
        ["schedule", "add", "n", "--every", "1m", "--missed-max", "3", "--type", "X"],
        ["schedule", "next"], ["schedule", "next", "n", "--calendar", "@daily"],
        ["schedule", "next", "n", "--count", "0"], ["notify", "silence", "--for", "2h"],
        ["notify", "silence", "--for", "2h", "--reason", "x"],
        ["notify", "silence", "--kind", "x", "--all", "--for", "2h", "--reason", "x"],
        ["notify", "silence", "--kind", "x", "--for", "2h"], ["notify", "pending", "retry"],
        ["notify", "list", "--limit", "0"], ["notify", "unsilence", "x"],
        ["notify", "preview", "node.offline", "--state", "test"],
    ])
    func `a mistake in use ends with 64`(_ words: [String]) async {
        await #expect {
            var command = try await Muster.asyncParseAsRoot(words)
            try command.run()
        } throws: { Muster.exitCode(for: $0).rawValue == CommandStatus.usage.rawValue }
    }

    @Test(arguments: [
        (["nod", "list"], "muster has no command nod", "did you mean `muster node`?"),
        (["node", "lst"], "muster node has no command lst", "did you mean `muster node list`?"),
        (
            ["nodes", "frobnicate"], "muster node has no command frobnicate",
            "see `muster node --help`"
        ),
    ])
    func `a command that is not there is named, with the nearest`(
        _ sample: ([String], String, String)
    ) throws {
        let error = try #require(Suggestion.forUnknownCommand(in: sample.0, of: Muster.self))
        #expect(error.message == sample.1)
        #expect(error.hint == sample.2)
        #expect(error.status == .usage)
    }

    @Test(arguments: all)
    func `a command that is there is not taken for a mistake`(_ words: [String]) {
        #expect(Suggestion.forUnknownCommand(in: words + ["--x"], of: Muster.self) == nil)
    }

    @Test(arguments: [
        ("--context paris status --check", "status --context paris --check"),
        (
            "--server=https://x:1 --color never node show n-1",
            "node show --server=https://x:1 --color never n-1"
        ),
        ("--context paris task list extra", "task list --context paris extra"),
        ("status --context paris", "status --context paris"),
        ("--context status", "--context status"),
        ("--context paris", "--context paris"),
        ("--context paris nod list", "--context paris nod list"),
        ("--check status", "--check status"),
        ("", ""),
    ])
    func `options of every command may stand before it`(_ typed: String, _ meant: String) {
        let words = typed.split(separator: " ").map(String.init)
        #expect(LeadingOptions.moved(words, of: Muster.self).joined(separator: " ") == meant)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `a script completes commands and asks for names`(_ shell: String) {
        let script = Muster.completionScript(for: CompletionShell(rawValue: shell)!)
        for word in ["drain", "set-minimum", "maintenance"] { #expect(script.contains(word)) }
        #expect(script.contains("---completion"))
    }

    @Test func `names of nodes, sites and services are those there are`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/nodes": [
                "body": try FakeCluster.json(NodeList(asOf: "", nodes: Samples.nodes))
            ],
            "GET /api/v1/sites": [
                "body": try FakeCluster.json(SiteList(asOf: "", sites: Samples.healthy.sites))
            ],
        ])
        func complete(_ words: String..., server: String? = nil) throws -> Program.Run {
            try Program.run(
                Program.muster,
                ["---completion"] + words,
                environment: [
                    "MUSTER_CONTEXT": cluster.credential, "MUSTER_CONFIG_DIR": cluster.folder,
                    "SAP_SHELL": "bash", "SAP_SHELL_VERSION": "5",
                ]
            )
        }
        let nodes = try complete(
            "node",
            "show",
            "--",
            "positional@0",
            "2",
            "0",
            "muster node show "
        )
        #expect(nodes.output == "a-1\na-2\na-3\nb-1\n", "\(nodes)")
        let sites = try complete("node", "list", "--", "--site", "3", "0", "muster", "node", "list")
        #expect(sites.output == "a\nb\n", "\(sites)")
        // Without a controller there is nothing to offer, and nothing to say either.
        let gone = try Program.run(
            Program.muster,
            ["---completion", "node", "show", "--", "positional@0", "2", "0", "muster"],
            environment: ["MUSTER_CONTEXT": "/nowhere", "SAP_SHELL": "bash"]
        )
        #expect(gone.output.split(separator: "\n") == [] && gone.error == "", "\(gone)")
    }
}

@Suite struct `The reference of the command line` {
    private static let path = FakeCluster.fixtures.deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/reference/cli.md")

    @Test func `it has a heading for each command, and every option of each`() throws {
        let text = try String(contentsOf: Self.path, encoding: .utf8)
        let run = try Program.run(Program.muster, ["--experimental-dump-help"])
        let dump = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let root = try #require((dump as? [String: Any])?["command"] as? [String: Any])
        var missing: [String] = []
        look(root, [], text, &missing)
        #expect(missing == [])
        // The check itself must be able to fail.
        var absent: [String] = []
        look(root, [], text.replacingOccurrences(of: "--within", with: ""), &absent)
        #expect(absent == ["muster node drain: --within"])
    }

    private func look(
        _ command: [String: Any],
        _ words: [String],
        _ text: String,
        _ missing: inout [String]
    ) {
        let name = command["commandName"] as? String ?? ""
        guard name != "help" else { return }
        let words = words + [name]
        let children = command["subcommands"] as? [[String: Any]] ?? []
        for child in children { look(child, words, text, &missing) }
        let title = words.joined(separator: " ")
        guard !children.contains(where: { $0["commandName"] as? String != "help" }) else { return }
        if !text.contains("### `\(title)") { missing.append(title) }
        for argument in command["arguments"] as? [[String: Any]] ?? [] {
            for option in argument["names"] as? [[String: Any]] ?? [] {
                guard option["kind"] as? String == "long",
                    let long = option["name"] as? String, !["help", "version"].contains(long)
                else { continue }
                if !text.contains("--\(long)") { missing.append("\(title): --\(long)") }
            }
        }
    }
}
