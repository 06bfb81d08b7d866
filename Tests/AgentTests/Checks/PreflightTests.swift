import AgentCore
import Glibc
import Model
import Protocol
import Testing

@testable import Agent

@Suite(.serialized) struct PreflightTests {
    private func findings(
        _ change: (inout PreflightSettings) -> Void,
        services: [ServiceDefinition] = [],
        ownProcesses: Set<Int32> = []
    ) -> [PreflightFinding] {
        var settings = PreflightSettings()
        change(&settings)
        return Preflight(settings, services: services)
            .everything(ownProcesses: ownProcesses)
            .filter { $0.check != "clock" }
    }

    @Test func `without settings only the clock is looked at`() {
        let findings = Preflight(PreflightSettings(), services: []).everything()
        #expect(findings.map(\.check) == ["clock"])
        #expect([.passed, .warning].contains(findings[0].outcome))
    }

    @Test func `an endpoint passes while it answers`() throws {
        let server = try LocalServer(.silent)
        let dead = try LocalServer(.deaf)
        let findings = findings {
            $0.endpoints = [
                .init(name: "db", address: server.address),
                .init(name: "mail", address: dead.address),
            ]
        }
        #expect(findings.map(\.check) == ["endpoint:db", "endpoint:mail"])
        #expect(findings.map(\.outcome) == [.passed, .failed])
        #expect(findings[1].text.contains("Connection refused"))
        #expect(findings[1].mend.contains("start mail"))
    }

    @Test func `names resolve or do not`() {
        let findings = findings { $0.names = ["localhost", "127.0.0.1", "no-such-host.invalid"] }
        #expect(findings.map(\.outcome) == [.passed, .passed, .failed])
        #expect(findings[1].text == "127.0.0.1 is 127.0.0.1")
        #expect(findings[2].mend.contains("/etc/hosts"))
    }

    @Test func `free space is compared with what is wanted`() {
        let findings = findings {
            $0.freeSpace = [
                .init(path: "/", bytes: 1), .init(path: "/", bytes: 1 << 60),
                .init(path: "/no/such", bytes: 1),
            ]
        }
        #expect(findings.map(\.outcome) == [.passed, .failed, .failed])
        #expect(findings[1].text.contains("1048576 TiB wanted"), "\(findings[1].text)")
        #expect(findings[2].text.contains("No such file"))
    }

    @Test func `a port is free, ours, or a stranger's`() throws {
        let server = try LocalServer(.silent)
        let gone = try LocalServer(.deaf)
        let ports = [server.address.port, gone.address.port]
        let strange = findings { $0.ports = ports }
        #expect(strange.map(\.outcome) == [.failed, .passed])
        #expect(strange[0].text.contains("(process \(getpid()))"), "\(strange[0].text)")
        #expect(findings({ $0.ports = ports }, ownProcesses: [getpid()])[0].outcome == .passed)
        // Our parent's descendants include us.
        #expect(findings({ $0.ports = ports }, ownProcesses: [getppid()])[0].outcome == .passed)
    }

    @Test func `a port of a unit of this node is ours`() throws {
        let machine = try SmallMachine()
        try machine.write([
            "/proc/net/tcp": """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
               0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1
               1: 0100007F:1F91 00000000:0000 01 00000000:00000000 00:00000000 00000000 0 0 78 1
            """,
            "/proc/50/comm": "java\n",
            "/proc/50/status": "Name: java\nPPid:\t1\n",
            "/proc/50/cgroup": "0::/system.slice/tm.service\n",
            "/proc/50/fd/.keep": "",
        ])
        symlink("socket:[77]", machine.folder.path + "/proc/50/fd/3")
        let held = PortHolders(8_080, files: machine.files)
        #expect(held.isHeld)
        #expect(held.holders.map(\.processID) == [50])
        let unit = ServiceDefinition(name: "tm", program: .unit("tm.service"))
        let other = ServiceDefinition(name: "x", program: .unit("m.service"))
        #expect(held.finding(ownProcesses: [], services: [unit]).outcome == .passed)
        #expect(held.finding(ownProcesses: [], services: [other]).outcome == .failed)
        #expect(!PortHolders(8_081, files: machine.files).isHeld)
    }

    @Test func `a holder that cannot be seen is a stranger`() throws {
        let machine = try SmallMachine()
        try machine.write(["/proc/net/tcp6": "sl\n0: 0:0016 0:0 0A 0 0 0 0 0 5 1"])
        let finding = PortHolders(22, files: machine.files)
            .finding(ownProcesses: [1], services: [])
        #expect(finding.outcome == .failed)
        #expect(finding.text.contains("another account"))
    }

    @Test func `programs are where the configuration says`() {
        let service = ServiceDefinition(
            name: "tm",
            program: .command(start: ["/bin/sh", "-c", "x"], stop: ["/no/such/stop"]),
            checks: [
                CheckDefinition(name: "a", action: .command(["/etc/passwd"])),
                CheckDefinition(name: "b", action: .process),
            ]
        )
        let findings = findings({ _ in }, services: [service])
        #expect(findings.map(\.outcome) == [.passed, .failed, .failed])
        #expect(findings[1].text.hasPrefix("stop: "))
        #expect(findings[2].mend == "install the program, or correct check a in services.d/tm.conf")
    }

    @Test func `a check that hangs has failed in time, and holds one thread`() {
        let gate = Monitor((isOpen: false, asked: 0))
        let preflight = Preflight(PreflightSettings(), services: [])
        let check = Preflight.Check(name: "shared-path:/x") {
            gate.change { $0.asked += 1 }
            gate.wait(while: { !$0.isOpen }) { _ in }
            return PreflightFinding(check: "shared-path:/x", outcome: .passed, text: "late")
        }
        let first = preflight.run([check])
        #expect(first.map(\.outcome) == [.failed])
        #expect(first[0].text == "no answer within 5 s")
        gate.change { $0.isOpen = true }
        #expect(preflight.run([check]).map(\.text) == ["late"])
        #expect(gate.read { $0.asked } <= 2)
    }
}

@Suite struct SharedPathTests {
    private let folder: TemporaryFolder
    private let machine: SmallMachine

    init() throws {
        folder = try TemporaryFolder()
        machine = try SmallMachine()
        try machine.write([
            "/proc/self/mountinfo": """
            27 1 254:0 / / rw - ext4 /dev/vda rw
            30 27 0:40 / \(folder.path) rw - nfs4 server:/export rw
            """
        ])
    }

    private var shared: SharedPath { SharedPath(folder.path, files: machine.files) }
    private func exists(_ name: String) -> Bool { access("\(folder.path)/\(name)", F_OK) == 0 }

    @Test func `a mounted path is written, read back and left clean`() throws {
        let finding = shared.finding()
        #expect(finding.outcome == .passed)
        #expect(finding.text == "nfs4 from server:/export, written and read back")
        #expect(rmdir("\(folder.path)/.muster") == 0)
    }

    @Test func `a path that is not mounted would fill the root file system`() throws {
        let finding = SharedPath("/srv", files: machine.files).finding()
        #expect(finding.outcome == .failed)
        #expect(finding.text.contains("is not mounted"))
        #expect(finding.mend.contains("mount the shared file system at /srv"))
    }

    @Test func `a marker is written, read and removed`() {
        #expect(shared.probe(.write, marker: "abc123").outcome == .passed)
        #expect(exists(".muster/abc123"))
        #expect(shared.probe(.read, marker: "abc123").outcome == .passed)
        #expect(shared.probe(.remove, marker: "abc123").outcome == .passed)
        #expect(!exists(".muster/abc123"))
        #expect(shared.probe(.remove, marker: "abc123").outcome == .passed)
    }

    @Test func `a marker that is not there, or says something else, is another file system`() throws
    {
        #expect(shared.probe(.write, marker: "abc").outcome == .passed)
        let finding = shared.probe(.read, marker: "abd")
        #expect(finding.outcome == .failed)
        #expect(finding.text.contains("do not see the same file system"))
        try folder.write(".muster/abc", "something else")
        #expect(shared.probe(.read, marker: "abc").outcome == .failed)
    }

    @Test func `links in place of our folder or file are not followed`() throws {
        let elsewhere = try TemporaryFolder()
        let victim = try elsewhere.write("abc", "precious")
        symlink(elsewhere.path, "\(folder.path)/.muster")
        #expect(shared.probe(.write, marker: "abc").outcome == .failed)
        #expect(shared.probe(.remove, marker: "abc").outcome == .failed)
        unlink("\(folder.path)/.muster")
        mkdir("\(folder.path)/.muster", 0o755)
        symlink(victim, "\(folder.path)/.muster/abc")
        let finding = shared.probe(.write, marker: "abc")
        #expect(finding.outcome == .failed)
        #expect(finding.text.contains("symbolic links"), "\(finding.text)")
        #expect(SystemFiles().text(victim) == "precious")
    }

    @Test func `orders of the controller find their path`() {
        let preflight = Preflight(PreflightSettings(), services: [], files: machine.files)
        let token = FencingToken(epoch: Epoch(generation: 1, counter: 1), session: 1)
        let finding = preflight.probe(
            Probe(order: 1, token: token, action: .write, path: folder.path, marker: "m1")
        )
        #expect(finding.check == "shared-path:\(folder.path)")
        #expect(finding.outcome == .passed)
        #expect(exists(".muster/m1"))
    }
}

@Suite struct SystemdUnitTests {
    @Test(arguments: [
        (SystemdUnit.Verb.start, "/usr/bin/systemctl start --no-ask-password -- a.service"),
        (.stop, "/usr/bin/systemctl stop --no-ask-password -- a.service"),
        (
            .show,
            "/usr/bin/systemctl show --property=ActiveState,SubState,MainPID,Result -- a.service"
        ),
        (
            .kill,
            "/usr/bin/systemctl kill --no-ask-password --signal=SIGKILL --kill-whom=all -- a.service"
        ),
    ])
    func `orders to systemd are argument vectors`(_ verb: SystemdUnit.Verb, _ expected: String) {
        #expect(SystemdUnit.arguments(verb, "a.service").joined(separator: " ") == expected)
    }

    @Test func `what systemd says of a unit is read`() {
        let text = "Result=success\nActiveState=active\nSubState=running\nMainPID=42\n"
        let state = SystemdUnit.State(show: text)
        #expect(state?.isActive == true)
        #expect(state?.mainProcessID == 42)
        #expect(state?.sub == "running")
        let failed = SystemdUnit.State(show: "ActiveState=failed\nMainPID=0\nResult=exit-code")
        #expect(failed?.isActive == false)
        #expect(failed?.mainProcessID == nil)
        #expect(failed?.result == "exit-code")
        #expect(SystemdUnit.State(show: "Failed to connect to bus") == nil)
    }

    @Test(arguments: [
        (UInt64(0), "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (1_536, "1.5 KiB"),
        (3 << 30, "3 GiB"), (UInt64.max, "16777215.9 TiB"),
    ])
    func `sizes are written for people`(_ bytes: UInt64, _ expected: String) {
        #expect(sizeForPeople(bytes) == expected)
    }
}
