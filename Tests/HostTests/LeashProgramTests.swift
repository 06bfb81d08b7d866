import AgentCore
import Glibc
import Host
import Model
import Testing

/// What the real leash gives its program, and what it refuses to run.
@Suite(.serialized) struct LeashProgramTests {
    @Test func `a program that is not there is told by stage, path and error`() throws {
        let harness = LeashHarness("")
        harness.spec.program = "/none/program"
        try harness.start()
        try harness.connect()
        let failure = try #require(harness.nextEmpty()?.failure)
        #expect(failure.path == "/none/program")
        #expect(failure.code == ENOENT)
        #expect(failure.reason == "open program /none: No such file or directory")
    }

    @Test func `a program that cannot be executed is told by stage, path and error`() throws {
        let harness = LeashHarness("")
        harness.folder.write("plain", "no program", mode: 0o600)
        harness.spec.program = harness.folder["plain"]
        try harness.start()
        try harness.connect()
        let result = try #require(harness.nextEmpty())
        #expect(result.cause == .spawnFailed)
        #expect(result.failure?.stage == "exec")
        #expect(result.failure?.path == harness.folder["plain"])
        #expect(result.failure?.code == EACCES)
    }

    @Test func `a program that anybody can write is not run`() throws {
        let harness = LeashHarness("")
        harness.folder.write("open", "#!/bin/sh\necho ran\n", mode: 0o777)
        harness.spec.program = harness.folder["open"]
        try harness.start()
        try harness.connect()
        let result = try #require(harness.nextEmpty())
        #expect(result.cause == .spawnFailed)
        #expect(result.failure?.stage == "trust")
        #expect(result.failure?.reason.contains("chmod go-w") == true)
        #expect(harness.folder.text("log").isEmpty)
    }

    @Test func `arguments and environment arrive exactly as they were given`() throws {
        let arguments = ["", "line\nbreak", "\"two\" 'one' %41", "--help", "$(id)", "é"]
        let harness = LeashHarness("printf '[%s]' \"$@\"; exec /usr/bin/env -u PWD", arguments)
        harness.spec.environment = ["MUSTER_TOKEN=0001", "SECRET=a=b\nc"]
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty()?.exit == .exited(status: 0))
        #expect(
            harness.folder.text("log")
                == arguments.map { "[\($0)]" }.joined()
                + "MUSTER_TOKEN=0001\nSECRET=a=b\nc\n"
        )
    }

    @Test func `the input is the file that was named`() throws {
        let harness = LeashHarness("cat")
        harness.folder.write("input", "payload")
        harness.spec.input = harness.folder["input"]
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty()?.exit == .exited(status: 0))
        #expect(harness.folder.text("log") == "payload")
    }

    @Test func `of the output no more is kept than twice the limit, the newest`() throws {
        let harness = LeashHarness("i=0; while [ $i -lt 9000 ]; do i=$((i+1)); echo $i; done")
        harness.spec.logByteCountMax = 4_096
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty()?.exit == .exited(status: 0))
        let newest = harness.folder.text("log")
        let older = harness.folder.text("log.1")
        #expect(newest.utf8.count <= 4_096)
        #expect(older.utf8.count == 4_096)
        #expect((older + newest).hasSuffix("8999\n9000\n"))
        #expect(harness.folder.names() == ["exit", "lock", "log", "log.1", "socket", "spec"])
    }

    @Test func `what the program and its children have used is told with its end`() throws {
        // A child of a child burns 200 ms of processor time and holds 40 MiB; then 3 bytes.
        let script = """
            (python3 -c 'b = bytearray(40 << 20)
            import time
            while time.process_time() < 0.2: pass') ; printf abc
            """
        let harness = LeashHarness(script)
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty()?.exit == .exited(status: 0))
        let usage = try #require(harness.usage)
        #expect((200..<60_000).contains(usage.processorMilliseconds))
        #expect((40 << 20..<1 << 30).contains(usage.memoryBytesMax))
        #expect(usage.outputBytes == 3)
        _ = harness.recordedEmpty()
        #expect(harness.usage == usage)
    }

    @Test func `of output that is not kept every byte is counted`() throws {
        let harness = LeashHarness("head -c 20000000 /dev/zero")
        harness.spec.logByteCountMax = 4_096
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty()?.exit == .exited(status: 0))
        #expect(harness.usage?.outputBytes == 20_000_000)
        #expect(harness.folder.text("log").utf8.count <= 4_096)
        #expect(harness.folder.text("log.1").utf8.count == 4_096)
    }

    @Test func `no descriptor of ours is held by the leash or reaches the program`() throws {
        let leak = dup(0)
        defer { close(leak) }
        let harness = LeashHarness("echo up; ls /proc/$$/fd; read x")
        harness.spec.input = nil
        try harness.start()
        try harness.connect()
        #expect(harness.nextEmpty() != nil)
        #expect(harness.folder.text("log") == "up\n0\n1\n2\n")
    }

    @Test func `a spec that others can read is refused`() throws {
        let harness = LeashHarness("echo up")
        harness.folder.write(LeashFiles.spec, harness.spec.text, mode: 0o644)
        var plan = SpawnPlan(
            .path(LeashHarness.program),
            arguments: ["muster-leash", harness.folder[LeashFiles.spec]],
            environment: []
        )
        var pipe: (read: Descriptor, write: Descriptor)? = try Descriptor.pipe()
        let reading = pipe!.read
        plan.error = pipe!.write
        pipe = nil
        let process = try Spawn.start(plan)
        plan.error = nil
        let complaint = String(decoding: try reading.readAll(limit: 4_096), as: UTF8.self)
        #expect(process.wait() == .exited(2))
        #expect(complaint.contains("chmod 600"))
    }

    @Test func `a folder holds one leash`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000")
        try harness.startAndAwaitUp()
        #expect {
            try InstanceLock(taking: harness.folder[LeashFiles.lock], owner: "us")
        } throws: {
            "\($0)".contains("muster-leash pid \(harness.leashID)")
        }
    }

    @Test func `of two agents the newer is heard and nothing is killed`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000")
        try harness.startAndAwaitUp()
        let first = harness
        let second = try UnixSocket.connect(harness.folder[LeashFiles.socket])
        // The first connection is closed by the leash: reading from it comes to its end.
        while first.next() != nil {}
        #expect(UnixSocket.send(LeashOrder.stop(grace: .zero).line, to: second))
        #expect(harness.recordedEmpty()?.cause == .stopped)
    }

    @Test func `an endless line cuts the agent off, which a task does not survive`() throws {
        let harness = LeashHarness("echo up; exec sleep 1000")
        try harness.start()
        let socket = try UnixSocket.connect(harness.folder[LeashFiles.socket])
        try harness.awaitUp()
        #expect(UnixSocket.send(String(repeating: "x", count: 9_000), to: socket))
        #expect(harness.recordedEmpty()?.cause == .disconnected)
    }
}
