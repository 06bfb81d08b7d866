import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Programs of a node submit at their agent's socket, whether or not there is a controller.
@Suite struct SubmitSocketTests {
    private func submit(_ agent: Agent, _ words: String...) async throws -> Finished {
        try await agent.cluster.folder.run(
            Program.product("muster-agent"),
            ["submit", "--config", agent.configuration] + words
        )
    }

    /// One request in the plain form, by a program of another language.
    private func plain(_ agent: Agent, _ request: String) async throws -> String {
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            s.sendall(sys.argv[2].encode().decode('unicode_escape').encode())
            print(s.makefile().readline(), end='')
            """
        let socket = agent.folder + "/run/submit.sock"
        return try await agent.cluster.folder.run(
            "/usr/bin/python3",
            ["-c", script, socket, request]
        ).output
    }

    @Test func `what is spooled without a controller becomes one task when it is back`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent("n1")
            let direct = try await submit(agent, "--type", "PUSH", "--key", "k-0")
            #expect(direct.status == 0, "\(direct)")
            let first = try #require(UInt64(direct.output.dropLast()))

            try await cluster.kill()
            // The agent notices that nobody is there; from then on it says so at once.
            let refused = try await awaited("a refusal") { () -> Finished? in
                let run = try await submit(agent, "--type", "PUSH", "--timeout", "300ms")
                return run.status == 5 ? run : nil
            }
            #expect(refused.errors.contains("no controller can be reached"), "\(refused)")
            let before = BootClock.now()
            #expect(try await submit(agent, "--type", "PUSH").status == 5)
            #expect(BootClock.now() - before < .seconds(10))
            let kept = try await submit(agent, "--type", "PULL", "--spool", "--key", "k-1")
            #expect(kept.status == 0 && kept.output == "spooled\n", "\(kept)")
            #expect(try await plain(agent, "SUBMIT type=PGP spool=yes\\n") == "SPOOLED\n")
            // Neither the agent's end nor a second delivery takes or doubles it.
            agent.program?.signal(SIGKILL)
            _ = try await agent.program?.wait()
            try agent.start()

            try await cluster.start()
            let delivered = try await awaited("the spooled tasks") { () -> [TaskSummary]? in
                let page: TaskPage = try await cluster.admin.get(.listTasks)
                return page.tasks.count >= 3 ? page.tasks : nil
            }
            #expect(delivered.map(\.type) == ["PGP", "PULL", "PUSH"])
            #expect(delivered.allSatisfy { $0.submittedBy == "node/n1" })
            try await cluster.online("n1")
            let again = try await submit(agent, "--type", "PULL", "--key", "k-1")
            #expect(again.output == "\(delivered[1].id)\n", "\(again)")
            let once = try await submit(agent, "--type", "PUSH", "--key", "k-0")
            #expect(once.output == "\(first)\n")
            let page: TaskPage = try await cluster.admin.get(.listTasks)
            #expect(page.tasks.count == 3)
        }
    }

    @Test func `the plain form is answered as its page says, and one bad request ends no other`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent("n1")
            try await cluster.set("task.attribute.region", "where it is")
            let accepted = try await plain(
                agent,
                #"SUBMIT type=PUSH account="Acme Inc." attributes=region=eu key=k payload=5\nhello"#
            )
            #expect(accepted.hasPrefix("ACCEPTED task="), "\(accepted)")
            let number = accepted.dropFirst("ACCEPTED task=".count).dropLast()
            let known = try await plain(
                agent,
                #"SUBMIT type=PUSH account="Acme Inc." attributes=region=eu key=k payload=5\nhello"#
            )
            #expect(known == "ACCEPTED task=\(number) known=yes\n")
            let other = try await plain(agent, #"SUBMIT type=PUSH key=k payload=5\nworld"#)
            #expect(other.hasPrefix("DECLINED code=duplicate "), "\(other)")
            let undeclared = try await plain(agent, #"SUBMIT type=PUSH attributes=size=large\n"#)
            #expect(undeclared.hasPrefix("DECLINED code=unknown-name "), "\(undeclared)")
            #expect(undeclared.contains("muster policy attribute declare size"))
            let large = try await plain(agent, #"SUBMIT type=PUSH payload=1048577\n"#)
            #expect(large.hasPrefix("ERR code=bad-line "), "\(large)")
            try await cluster.set("task.queue.count", "1")
            let full = try await plain(agent, #"SUBMIT type=PUSH\n"#)
            #expect(
                full.hasPrefix("DECLINED code=busy ") && full.contains(" retry=5000"),
                "\(full)"
            )
            let detail = try await cluster.task(try #require(UInt64(number)))
            #expect(
                detail.task.account == "Acme Inc." && detail.task.attributes == ["region": "eu"]
            )
            let page: TaskPage = try await cluster.admin.get(.listTasks)
            #expect(page.tasks.count == 1)
        }
    }
}
