import API
import Foundation
import Host
import Model
import Testing

/// Those who come to the console's door and do not behave.
@Suite struct ConsoleDoorTests {
    static let client =
        ((#filePath as NSString).deletingLastPathComponent) + "/Peers/console.py"

    private func run(
        _ words: [String],
        _ cluster: TestCluster,
        input: String? = nil
    ) throws -> Program {
        try Program(
            PythonAgent.python,
            [Self.client] + words,
            in: cluster.folder,
            log: words[0],
            input: input
        )
    }

    private func address(_ cluster: TestCluster) -> String { "127.0.0.1:\(cluster.consolePort)" }

    /// The seconds after which each connection was closed.
    private func times(_ program: Program) -> [Double] {
        program.output.split(separator: "\n").compactMap { Double($0) }.sorted()
    }

    @Test func `strangers are few from one address, and nobody is waited for`() async throws {
        try await TestCluster.with { cluster in
            // All of 127/8 is this machine: another address than that of the operators.
            let flood = try run(["silent", address(cluster), "40", "127.0.0.2"], cluster)
            try await flood.says("open")
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(status.sites.count == 1)
            #expect(try await flood.wait() == .exited(0), "\(flood.everything)")
            let times = times(flood)
            #expect(times.count == 40)
            #expect(times.filter { $0 < 2 }.count == 24, "\(times)")
            #expect(times.suffix(16).allSatisfy { (4.5..<9).contains($0) }, "\(times)")

            // They have left: there is room again, for a handshake and then a request.
            let root = cluster.state + "/admin/ca.pem"
            let mute = try run(
                ["silent", address(cluster), "16", "127.0.0.2", "--shake", root],
                cluster
            )
            #expect(try await mute.wait() == .exited(0), "\(mute.everything)")
            let later = self.times(mute).suffix(16)
            #expect(later.count == 16, "\(mute.everything)")
            #expect(later.allSatisfy { (9.5..<14).contains($0) }, "\(later)")
        }
    }

    @Test func `bodies that never come keep nobody else from being answered`() async throws {
        try await TestCluster.with { cluster in
            // More than are answered at once, and each operator has so many connections.
            var credentials = [cluster.admin.credential!]
            for number in 1...8 {
                let person = try await cluster.addOperator("person-\(number)", role: "admin")
                credentials.append(person.credential!)
            }
            let count = 32 * credentials.count
            let slow = try run(
                ["slow", address(cluster), "32", cluster.admin.root] + credentials,
                cluster
            )
            try await slow.says("open")
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(status.sites.count == 1)
            #expect(try await slow.wait() == .exited(0), "\(slow.everything)")
            let answers = slow.output.split(separator: "\n").dropFirst()
            #expect(answers.count == count)
            #expect(Set(answers) == ["408"], "\(Set(answers))")
        }
    }

    /// A batch takes memory from its first byte on.
    @Test func `batches are read for who may send them, and few for one account`() async throws {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let person = try await cluster.addOperator("otto", role: "operator")
            let begun = try [(viewer, "vera", "8"), (person, "otto", "6")].map { who, name, count in
                let input = cluster.folder[name]
                #expect(mkfifo(input, 0o600) == 0)
                let pipe = try Descriptor.open(input, flags: O_RDWR)
                let program = try run(
                    ["batches", address(cluster), count, who.root, who.credential!],
                    cluster,
                    input: input
                )
                return (program: program, pipe: pipe)
            }
            try await begun[0].program.says(String(repeating: "403\n", count: 8))
            try await begun[1].program.says(
                String(repeating: "waits\n", count: 4) + "429\n429\n"
            )
            // Others' are read.
            let answer = try await cluster.admin.ask(
                .submitTasks,
                body: [TaskRequest(type: "PUSH")]
            )
            #expect((200..<300).contains(answer.status), "\(answer.text)")
            for (program, pipe) in begun {
                try pipe.writeAll([10])
                #expect(try await program.wait() == .exited(0), "\(program.everything)")
            }
        }
    }

    @Test func `who shows a certificate has so many connections, and a node's makes no operator`()
        async throws
    {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let agent = try await cluster.addAgent("good")
            /// All of 127/8 is this machine: each holds from an address of its own.
            func hold(_ credential: String, from source: String, _ expected: Int) async throws {
                let input = cluster.folder["input-" + source]
                #expect(mkfifo(input, 0o600) == 0)
                let pipe = try Descriptor.open(input, flags: O_RDWR)
                let held = try run(
                    ["held", address(cluster), "80", source, cluster.admin.root, credential],
                    cluster,
                    input: input
                )
                try await held.says("held \(expected)\n")
                let status: ClusterStatus = try await cluster.admin.get(.getStatus)
                #expect(status.sites.count == 1)
                try pipe.writeAll([10])
                #expect(try await held.wait() == .exited(0), "\(held.everything)")
            }
            // 32 of one operator; as one without a certificate, 16 more of one address.
            try await hold(viewer.credential!, from: "127.0.0.2", 48)
            try await hold(agent.state + "/credential.pem", from: "127.0.0.3", 16)
        }
    }

    @Test func `one account follows the events so often and no more`() async throws {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let followers = try (1...8).map { _ in try Follower(viewer) }
            for follower in followers { try await follower.says("event: pulse") }
            let refused = try await viewer.refusal(.streamEvents)
            #expect(refused.code == "too-fast" && refused.detail.contains("8 times already"))
            let other = try Follower(cluster.admin)
            try await other.says("event: pulse")
            for follower in followers + [other] { try await follower.program.destroy() }
        }
    }

    @Test func `a connection that outlives its certificate is nobody's any more`() async throws {
        try await TestCluster.with(settings: "certificates: {operator: 20s}") { cluster in
            let input = cluster.folder["input"]
            #expect(mkfifo(input, 0o600) == 0)
            let pipe = try Descriptor.open(input, flags: O_RDWR)
            let kept = try run(
                ["kept", address(cluster), cluster.admin.root, cluster.admin.credential!],
                cluster,
                input: input
            )
            try await kept.says("200\n")
            let people: OperatorList = try await cluster.admin.get(.listOperators)
            let text = try #require(people.operators.first?.certificateNotAfter)
            let end = try #require(WallTime(iso8601: text))
            #expect(await eventually { WallClock.now() > end + .seconds(1) })
            try pipe.writeAll([10])
            try await kept.says("200\n401\n")
            try pipe.writeAll([10])
            #expect(try await kept.wait() == .exited(0), "\(kept.everything)")
        }
    }
}
