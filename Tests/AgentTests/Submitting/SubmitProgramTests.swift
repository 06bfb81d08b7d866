import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// `muster-agent submit` and a real agent.
@Suite(.serialized) struct SubmitProgramTests {
    /// A node that is a member of a cluster whose controller is not there.
    private func member() throws -> TemporaryFolder {
        let folder = try TemporaryFolder.node(further: "controllers = 127.0.0.1:1")
        mkdir("\(folder.path)/state", 0o700)
        let record = MembershipRecord(
            identity: NodeIdentity(cluster: "c-1", node: "n-1", name: "node-1", site: "berlin"),
            controllers: ["127.0.0.1:1"]
        )
        let text = record.lines.map { $0 + "\n" }.joined()
        try folder.write("state/\(MembershipRecord.fileName)", text, mode: 0o600)
        try folder.write("state/credential.pem", "", mode: 0o600)
        return folder
    }

    private func submit(
        _ folder: TemporaryFolder,
        _ words: String...
    ) throws -> (status: Int32?, text: String) {
        try RealProgram.run(["submit", "--config", "\(folder.path)/agent.conf"] + words)
    }

    /// Waits until the agent listens and has read what it remembers.
    private func start(_ folder: TemporaryFolder) throws -> RunningAgent {
        let agent = try RunningAgent(folder)
        let deadline = MonotonicDeadline(after: .seconds(20))
        while (try? UnixSocket.connect("\(folder.path)/run/submit.sock")) == nil {
            if deadline.hasPassed { throw TestFault("it does not listen: \(agent.log)") }
            poll(nil, 0, 10)
        }
        while try submit(folder, "--type", "PUSH").text.contains("the agent is starting") {
            if deadline.hasPassed { throw TestFault("it does not begin: \(agent.log)") }
        }
        return agent
    }

    @Test(
        arguments: [
            [], ["--type"], ["--type", "1x"], ["--type", "A", "--priority", "10"],
            ["--type", "A", "--attribute", "x"], ["--type", "A", "--ordered"],
            ["--type", "A", "--attribute", "x=1", "--attribute", "x=2"],
            ["--type", "A", "--timeout", "5"], ["--type", "A", "--account", "a\u{1b}[31m"],
            ["--type", "A", "--account", "two\nlines"], ["--type", "A", "extra"],
            ["--type", "A", "--account", String(repeating: "x", count: 129)],
        ]
    )
    func `wrong arguments end with 64, before anybody is asked`(words: [String]) throws {
        let run = try RealProgram.run(["submit", "--socket", "/nowhere/at/all"] + words)
        #expect(run.status == 64, "\(run.text)")
    }

    @Test func `without an agent it ends with 1 and says where it looked`() throws {
        let folder = try TemporaryFolder.node()
        let run = try submit(folder, "--type", "PUSH")
        #expect(run.status == 1)
        #expect(run.text.contains("\(folder.path)/run/submit.sock"))
    }

    @Test func `without a controller it ends with 5, at once`() throws {
        let folder = try member()
        let agent = try start(folder)
        let before = BootClock.now()
        let run = try submit(folder, "--type", "PUSH", "--payload", "/etc/hostname")
        #expect(run.status == 5, "\(run.text) \(agent.log)")
        #expect(run.text.contains("no controller can be reached"))
        #expect(BootClock.now() - before < .seconds(10))
    }

    @Test func `a payload that is too large, or not there, is told`() throws {
        let folder = try TemporaryFolder()
        let large = try folder.write("large", String(repeating: "x", count: 1 << 20 + 1))
        let run = try RealProgram.run(["submit", "--type", "A", "--payload", large])
        #expect(run.status == 3)
        #expect(run.text.contains("1048576"))
        let none = try RealProgram.run(["submit", "--type", "A", "--payload", "/nowhere"])
        #expect(none.status == 1)
    }

    @Test func `what is spooled survives that the agent is killed`() throws {
        let folder = try member()
        let payload = try folder.write(
            "payload",
            "one\ntwo\n" + String(repeating: "é", count: 9_000)
        )
        let agent = try start(folder)
        let run = try submit(
            folder,
            "--type",
            "PUSH",
            "--account",
            "acme",
            "--payload",
            payload,
            "--spool",
            "--key",
            "k-1",
            "--attribute",
            "region=eu"
        )
        #expect(run.status == 0, "\(run.text) \(agent.log)")
        #expect(run.text == "spooled\n")
        agent.signal(SIGKILL)
        #expect(agent.ends(within: .seconds(10)) != nil)
        let spool = SpoolFolder(path: "\(folder.path)/state/spool")
        let kept = try spool.open().tasks
        #expect(kept.count == 1)
        #expect(kept.first?.task.idempotencyKey == "k-1")
        #expect(kept.first?.task.account == "acme")
        #expect(
            kept.first.map { String(decoding: $0.payload, as: UTF8.self) }
                == SystemFiles().text(payload)
        )
        // The next agent has it, and numbers go on behind it.
        let next = try start(folder)
        #expect(try submit(folder, "--type", "PUSH", "--spool").text == "spooled\n")
        next.signal(SIGKILL)
        #expect(next.ends(within: .seconds(10)) != nil)
        #expect(try spool.open().tasks.map(\.number) == [1, 2])
    }

    @Test func `a program of another language submits in the plain form`() throws {
        let folder = try member()
        let agent = try start(folder)
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            s.sendall(b'SUBMIT type=PUSH account="a b" spool=yes payload=3\\n\\x00\\n1')
            print(s.makefile().readline(), end='')
            """
        let run = try ProgramRun(
            ["/usr/bin/python3", "-c", script, "\(folder.path)/run/submit.sock"],
            until: MonotonicDeadline(after: .seconds(20))
        )
        #expect(
            run.text == "SPOOLED\\n" || run.text.hasPrefix("SPOOLED"),
            "\(run.text) \(agent.log)"
        )
        let kept = try SpoolFolder(path: "\(folder.path)/state/spool").open().tasks
        #expect(kept.first?.payload == [0, 10, 49])
    }

    @Test func `a damaged journal of tasks stops the start, with its line`() throws {
        let folder = try member()
        let text = "OWNER format=1 cluster=c-1 node=n-1\nrubbish\nFORGET task=1 attempt=1\n"
        try folder.write("state/tasks", text, mode: 0o600)
        let run = try RealProgram.run(["run", "--config", "\(folder.path)/agent.conf"])
        #expect(run.status == 1)
        #expect(run.text.contains("state/tasks:2: "))
        #expect(run.text.contains("move the file away"))
    }
}
