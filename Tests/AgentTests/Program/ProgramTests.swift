import AgentCore
import Glibc
import Host
import Model
import Testing

@testable import Agent

/// What the real program says and how it ends.
@Suite(.serialized) struct ProgramTests {
    /// Of a cluster that is gone; its controller was at 127.0.0.1:1, where nobody listens.
    static let token =
        "mjt1.36a2f059-e053-4823-9df2-fdf4c3730e75"
        + ".hLgxRHCSlyUZvZDLa5brVduqYjQC6mTNHKGr2pV_9EA"
        + ".iwrpnp77zohivp3n34zitgmzdffykf7x6s7eh5douub55bsvaora.MTI3LjAuMC4xOjE"

    @Test(arguments: ["run", "join", "preflight", "submit", "check-config", "version"])
    func `the help names every command`(command: String) throws {
        let help = try RealProgram.run(["--help"])
        #expect(help.status == 0)
        #expect(help.text.contains("muster-agent \(command)"))
    }

    @Test(
        arguments: [
            [], ["dance"], ["run", "--colour", "red"], ["run", "--config"], ["join"],
            ["join", "--token", "mjt1.cut", "--state", "/tmp/muster-none"],
        ]
    )
    func `wrong arguments end with 64 and a word on what is right`(arguments: [String]) throws {
        let run = try RealProgram.run(arguments)
        #expect(run.status == 64)
        #expect(run.text.split(separator: "\n").count >= 1)
        #expect(run.text.contains("muster-agent"))
    }

    @Test func `the version is printed`() throws {
        let run = try RealProgram.run(["version"])
        #expect(run.status == 0)
        #expect(run.text == "muster-agent \(AgentProgram.version)\n")
    }

    @Test func `a good configuration is told, a bad one with every place`() throws {
        let good = try TemporaryFolder.node(services: ["tm": "[service]\nstart = /bin/sleep 9\n"])
        let fine = try RealProgram.run(["check-config", "--config", "\(good.path)/agent.conf"])
        #expect(fine.status == 0)
        #expect(fine.text.contains("good, 1 services"))

        let bad = try TemporaryFolder.node(services: ["tm": "[service]\nstrat = /bin/sleep\n"])
        let wrong = try RealProgram.run(["check-config", "--config", "\(bad.path)/agent.conf"])
        #expect(wrong.status == 1)
        #expect(wrong.text.contains("services.d/tm.conf:2:1"))
        #expect(try RealProgram.run(["run", "--config", "\(bad.path)/agent.conf"]).status == 1)
    }

    @Test func `joining when no controller answers ends with 5 and names the addresses`() throws {
        let folder = try TemporaryFolder.node()
        let state = "\(folder.path)/state"
        let run = try RealProgram.run(["join", "--token", Self.token, "--state", state])
        #expect(run.status == 5)
        #expect(run.text.contains("127.0.0.1:1"))
        #expect(!run.text.contains("hLgxRHCSlyUZvZDLa5brVduqYjQC6mTNHKGr2pV_9EA"))
        #expect(access("\(state)/credential.pem", F_OK) != 0)
    }

    /// What stands in the list of processes is read by everybody on the machine.
    @Test func `a token is read from the standard input, and given on by it`() throws {
        let folder = try TemporaryFolder.node()
        let state = "\(folder.path)/state"
        let run = try RealProgram.run(["join", "--state", state], input: Self.token + "\n")
        #expect(run.status == 5, "\(run.text)")
        #expect(run.text.contains("127.0.0.1:1"))
        let none = try RealProgram.run(["join", "--state", state], input: "")
        #expect(none.status == 64 && none.text.contains("there is no token"))
    }

    @Test func `preflight says which controller cannot be reached, with the mend`() throws {
        let folder = try TemporaryFolder.node()
        let run = try RealProgram.run([
            "preflight", "--config", "\(folder.path)/agent.conf", "--controller", "127.0.0.1:1",
        ])
        #expect(run.status == 1)
        #expect(run.text.contains("failed   controller:127.0.0.1:1"))
        #expect(run.text.contains("check that muster-controller runs there"))
    }

    @Test func `a node that is no member says so, stays, and ends at once when told`() throws {
        let folder = try TemporaryFolder.node()
        let agent = try RunningAgent(folder)
        #expect(agent.says("not a member of a cluster"))
        agent.signal(SIGTERM)
        let took = try #require(agent.ends(within: .seconds(10)))
        #expect(took < .seconds(2))
        #expect(agent.end == .exited(0))
    }

    @Test func `a second agent on one state folder is refused and told who has it`() throws {
        let folder = try TemporaryFolder.node()
        let agent = try RunningAgent(folder)
        #expect(agent.says("not a member"))
        let second = try RealProgram.run(["run", "--config", "\(folder.path)/agent.conf"])
        #expect(second.status == 1)
        #expect(second.text.contains("it is held by muster-agent pid"))
    }

    @Test func `a damaged memory is named with its line and nothing is guessed`() throws {
        let folder = try TemporaryFolder.node()
        mkdir("\(folder.path)/state", 0o700)
        try folder.write("state/state", "STATE format=1 incarnation=x\nEND\n", mode: 0o600)
        let run = try RealProgram.run(["run", "--config", "\(folder.path)/agent.conf"])
        #expect(run.status == 1)
        #expect(run.text.contains("state/state:1:"))
    }

    @Test func `a bad file at SIGHUP is told and the agent carries on`() throws {
        let folder = try TemporaryFolder.node()
        let agent = try RunningAgent(folder)
        #expect(agent.says("not a member"))
        try folder.write("services.d/x.conf", "rubbish\n")
        agent.signal(SIGHUP)
        #expect(agent.says("the old one stays in force"))
        #expect(agent.log.contains("x.conf:1:1"))
        unlink("\(folder.path)/services.d/x.conf")
        agent.signal(SIGHUP)
        #expect(agent.says("the configuration was read again"))
    }

    @Test func `handlers are read again at SIGHUP, and a mistake in one is told`() throws {
        let folder = try TemporaryFolder.node()
        let agent = try RunningAgent(folder)
        #expect(agent.says("not a member"))
        try folder.write("handlers.d/push.conf", "[handler]\ntypes = PUSH\nprogramm = /bin/cat\n")
        agent.signal(SIGHUP)
        #expect(agent.says("push.conf:3:1"))
        #expect(agent.log.contains("did you mean program?"))
        try folder.write("handlers.d/push.conf", "[handler]\ntypes = PUSH\nprogram = /bin/cat\n")
        agent.signal(SIGHUP)
        #expect(agent.says("the configuration was read again"))
        let good = try RealProgram.run(["check-config", "--config", "\(folder.path)/agent.conf"])
        #expect(good.text.contains("handler push: PUSH, 1 at once, exclusive, no time limit"))
    }

    @Test func `nothing of Foundation is linked into the agent`() throws {
        let file = try Descriptor.open(RealProgram.path("muster-agent"), flags: O_RDONLY)
        let bytes = try file.readAll(limit: 1 << 30)
        #expect(bytes.count > 1_000_000)
        for name in ["libFoundation", "$s20FoundationEssentials", "$s10Foundation4Data"] {
            #expect(!bytes.contains(run: Array(name.utf8)), "\(name) is linked")
        }
        // What is looked for can be found: the standard library is there.
        #expect(bytes.contains(run: Array("$sSS".utf8)))
    }
}

extension [UInt8] {
    fileprivate func contains(run wanted: [UInt8]) -> Bool {
        withUnsafeBytes { all in
            wanted.withUnsafeBytes { part in
                guard var place = all.baseAddress, let start = part.baseAddress else {
                    return false
                }
                let end = place + all.count
                while let found = memchr(place, Int32(wanted[0]), end - place) {
                    if end - UnsafeRawPointer(found) < part.count { return false }
                    if memcmp(found, start, part.count) == 0 { return true }
                    place = UnsafeRawPointer(found) + 1
                }
                return false
            }
        }
    }
}
