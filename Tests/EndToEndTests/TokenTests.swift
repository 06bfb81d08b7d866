import API
import Foundation
import Host
import Model
import Testing

/// Who may join, and who is told why not.
@Suite struct TokenTests {
    @Test func `a token lets one machine in, once, also when two race for it`() async throws {
        try await TestCluster.with { cluster in
            let token = try await cluster.token().token
            let first = PythonAgent(cluster: cluster, name: "one")
            #expect(try await first.join(token: token).status == 0)
            let second = try await PythonAgent(cluster: cluster, name: "two").join(token: token)
            #expect(second.status == 3)
            #expect(second.errors.contains("bad-token"))
            #expect(second.errors.contains("was used already"))

            let raced = try await cluster.token()
            let racers = try (1...4).map { number in
                try Program(
                    PythonAgent.python,
                    [
                        PythonAgent.program, "join", "--token", raced.token, "--name",
                        "racer-\(number)", "--state", cluster.folder["racer-\(number)"],
                    ],
                    in: cluster.folder,
                    log: "racer-\(number)"
                )
            }
            var winners = 0
            for racer in racers where try await racer.wait() == .exited(0) { winners += 1 }
            #expect(winners == 1)
            let nodes: NodeList = try await cluster.admin.get(.listNodes)
            #expect(nodes.nodes.filter { $0.name.hasPrefix("racer") }.count == 1)
            let refused = try await cluster.events().filter { $0.kind == "node.refused" }
            #expect(refused.count == 4)
        }
    }

    @Test func `an expired, a revoked and a guessed token let nobody in`() async throws {
        try await TestCluster.with { cluster in
            func join(_ name: String, _ token: String) async throws -> String {
                let joined = try await PythonAgent(cluster: cluster, name: name).join(token: token)
                #expect(joined.status == 3)
                return joined.errors
            }
            func state(of token: CreatedToken) async throws -> String? {
                let list: TokenList = try await cluster.admin.get(.listTokens)
                return list.tokens.first { $0.id == token.id }?.state
            }
            let short: CreatedToken = try await cluster.admin.send(
                .createToken,
                body: CreateTokenRequest(lifetimeMilliseconds: 1_000)
            )
            #expect(try await eventually { try await state(of: short) == "expired" })
            #expect(try await join("late", short.token).contains("expired"))

            let revoked = try await cluster.token()
            try await cluster.admin.change(.revokeToken, revoked.id)
            #expect(try await state(of: revoked) == "revoked")
            #expect(try await join("revoked", revoked.token).contains("not valid"))

            let guessed = try await cluster.token()
            var parts = guessed.token.split(separator: ".").map(String.init)
            parts[2] = String(repeating: "A", count: 43)
            let wrong = parts.joined(separator: ".")
            for number in 1...6 {
                #expect(try await join("guess-\(number)", wrong).contains("not valid"))
            }
            // Whoever has seen the number of a token does not end it by that.
            let list: TokenList = try await cluster.admin.get(.listTokens)
            #expect(list.tokens.first { $0.id == guessed.id }?.wrongSecrets == 6)
            let honest = PythonAgent(cluster: cluster, name: "honest")
            #expect(try await honest.join(token: guessed.token).status == 0)
        }
    }

    /// What a stranger causes is bounded, and keeps nobody from joining.
    @Test func `a flood of tokens that are none is written down at a rate`() async throws {
        try await TestCluster.with { cluster in
            let invited = try await cluster.token()
            let request = try await cluster.signingRequest("flood").request
            let body = EnrolRequest(
                tokenID: "6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f90",
                secret: String(repeating: "A", count: 43),
                signingRequest: request
            )
            let text = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
            let flood = try await cluster.folder.run(
                PythonAgent.python,
                [
                    ConsoleDoorTests.client, "repeat", "127.0.0.1:\(cluster.consolePort)", "300",
                    cluster.admin.root, "-", "POST", Route.enrolOperator.path, text,
                ]
            )
            #expect(flood.status == 0 && !flood.output.contains("429"), "\(flood.everything)")
            let strangers = try await cluster.audit().filter { $0.actor == "stranger" }
            #expect((20...21).contains(strangers.count), "\(strangers.count)")
            _ = try await cluster.addOperator("vera", role: "viewer")
            let joined = try await PythonAgent(cluster: cluster, name: "one")
                .join(token: invited.token)
            #expect(joined.status == 0, "\(joined.errors)")
        }
    }

    @Test func `a name or an address that is taken is refused with who has it`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addPython("taken")
            let again = try await PythonAgent(cluster: cluster, name: "taken-again").cluster.folder
                .run(
                    PythonAgent.python,
                    [
                        PythonAgent.program, "join", "--token", try await cluster.token().token,
                        "--name", "taken", "--state", cluster.folder["python-again"],
                    ]
                )
            let id = try await cluster.node("taken").id
            #expect(again.status == 3)
            #expect(again.errors.contains("the name taken is taken by node \(id) of site north"))

            let added = try await cluster.admin.refusal(
                .addNode,
                body: AddNodeRequest(name: "taken")
            )
            #expect(added.code == "duplicate" && added.status == 409)
            #expect(added.detail.contains(id))
            #expect(added.mend.contains("muster node remove taken"))

            let _: AddedNode = try await cluster.admin.send(
                .addNode,
                body: AddNodeRequest(name: "invited", address: "192.0.2.7")
            )
            let twice = try await cluster.admin.refusal(
                .addNode,
                body: AddNodeRequest(name: "other", address: "192.0.2.7")
            )
            #expect(twice.code == "duplicate")
            #expect(twice.detail.contains("192.0.2.7 is already that of node invited"))
        }
    }

    @Test func `a token of an invited node is for that node alone`() async throws {
        try await TestCluster.with { cluster in
            let added: AddedNode = try await cluster.admin.send(
                .addNode,
                body: AddNodeRequest(name: "invited")
            )
            #expect(try await cluster.node("invited").marks == [.invited])
            let other = try await PythonAgent(cluster: cluster, name: "other")
                .join(token: added.token.token)
            #expect(other.status == 3)
            #expect(other.errors.contains("this token is for the node invited"))
            let invited = PythonAgent(cluster: cluster, name: "invited")
            #expect(try await invited.join(token: added.token.token).status == 0)
            _ = try invited.run()
            try await cluster.online("invited")
        }
    }
}
