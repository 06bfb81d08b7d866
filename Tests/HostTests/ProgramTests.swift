import Glibc
import Host
import Testing

@Suite struct TrustedProgramTests {
    let folder = TemporaryFolder()

    private func refusal(_ path: String, _ rules: TrustedProgram.Rules) -> String {
        do throws(HostError) {
            return "trusted: \(try TrustedProgram(path, rules: rules).path)"
        } catch {
            return error.reason
        }
    }

    private func script(_ name: String, mode: UInt32 = 0o755) {
        folder.write(name, "#!/bin/sh\necho \"$0 ran\"\n", mode: mode)
    }

    @Test func `a program that only its owner can write is trusted`() {
        script("x")
        #expect(refusal(folder["x"], .passesStickyFolders) == "trusted: \(folder["x"])")
    }

    @Test func `a sticky folder is passed only where that is allowed`() {
        script("x")
        #expect(refusal(folder["x"], []) == "/tmp can be written by others; run: chmod go-w /tmp")
    }

    @Test(arguments: [0o777, 0o775, 0o757] as [UInt32])
    func `a program that others can write is refused`(mode: UInt32) {
        script("x", mode: mode)
        let reason = refusal(folder["x"], .passesStickyFolders)
        #expect(reason == "\(folder["x"]) can be written by others; run: chmod go-w \(folder["x"])")
    }

    @Test func `a program in a folder that others can write is refused`() {
        mkdir(folder["open"], 0o700)
        script("open/x")
        chmod(folder["open"], 0o777)
        #expect(
            refusal(folder["open/x"], .passesStickyFolders).contains("\(folder["open"]) can be")
        )
    }

    @Test func `a program of another user is refused`() throws {
        try #require(getuid() == 0 || chown(folder.path, 1, 1) != 0)
        script("x")
        guard chown(folder["x"], 12_345, 12_345) == 0 else { return }
        #expect(refusal(folder["x"], .passesStickyFolders).contains("belongs to another user"))
    }

    @Test func `a link is followed only where that is allowed, and told by its target`() {
        script("x")
        symlink("x", folder["link"])
        #expect(refusal(folder["link"], .passesStickyFolders).contains("is a symbolic link"))
        #expect(
            refusal(folder["link"], [.passesStickyFolders, .followsTrustedLinks])
                == "trusted: \(folder["x"])"
        )
        let shell = refusal("/bin/sh", .followsTrustedLinks)
        #expect(shell.hasPrefix("trusted: /"))
    }

    @Test func `a link leads only to what is trusted itself, and not in a circle`() {
        script("x", mode: 0o777)
        symlink(folder["x"], folder["link"])
        symlink("circle", folder["circle"])
        symlink("../..\(folder["x"])", folder["climbing"])
        let rules: TrustedProgram.Rules = [.passesStickyFolders, .followsTrustedLinks]
        #expect(refusal(folder["link"], rules).contains("can be written by others"))
        #expect(refusal(folder["circle"], rules).contains("is a symbolic link"))
        #expect(refusal(folder["climbing"], rules).contains("can be written by others"))
    }

    @Test(
        arguments: [
            ("sh", "a program is named by its absolute path"),
            ("/usr/../bin/sh", "the path must not contain '..'"),
            ("/none/sh", "No such file or directory"),
            ("/etc/passwd/sh", "/etc/passwd is not a folder"),
            ("/dev/null", "/dev/null can be written by others; run: chmod go-w /dev/null"),
            ("/usr", "/usr is not a file"),
        ]
    )
    func `what is no program is refused with its reason`(path: String, reason: String) {
        let said = refusal(path, [])
        #expect(said == reason || path == "/usr" && said == "the path is not a file")
    }
}

@Suite struct SpawnTests {
    let folder = TemporaryFolder()

    private func run(
        _ script: String,
        _ arguments: [String] = [],
        change: (inout SpawnPlan) -> Void = { _ in }
    ) throws -> (output: String, end: ProcessEnd) {
        var plan = SpawnPlan(
            .path("/bin/sh"),
            arguments: ["sh", "-c", script, "sh"] + arguments,
            environment: ["PATH=/usr/bin:/bin"]
        )
        var pipe: (read: Descriptor, write: Descriptor)? = try Descriptor.pipe()
        let reading = pipe!.read
        plan.output = pipe!.write
        pipe = nil
        change(&plan)
        let child = try Spawn.start(plan)
        // Our own write ends, or the end of the file would never be read.
        plan.output = nil
        plan.error = nil
        let bytes = try reading.readAll(limit: 1 << 20)
        return (String(decoding: bytes, as: UTF8.self), child.wait())
    }

    @Test func `arguments arrive as they were given, whatever they contain`() throws {
        let arguments = [
            "", "a b", "line\nbreak", "\"two\" 'one'", "$(id) `id` ;*", "-e", "é\u{1b}",
        ]
        let (output, end) = try run("printf '[%s]' \"$@\"", arguments)
        #expect(output == arguments.map { "[\($0)]" }.joined())
        #expect(end == .exited(0))
    }

    @Test func `the environment is exactly what was given`() throws {
        setenv("MUSTER_TEST_LEAK", "1", 1)
        let (output, _) = try run("exec env") { $0.environment = ["B=2=3", "A=\n"] }
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(Set(lines.filter { !$0.hasPrefix("PWD=") }) == ["B=2=3", "A=", "", ""])
        #expect(!output.contains("MUSTER_TEST_LEAK"))
    }

    @Test func `no descriptor but the three reaches the program`() throws {
        let leak = dup(0)
        defer { close(leak) }
        let (output, _) = try run("ls /proc/$$/fd; true")
        #expect(output == "0\n1\n2\n")
    }

    @Test func `signals are at their defaults and none is blocked`() throws {
        Signals.ignoreBrokenPipes()
        let (output, _) = try run("exec grep -E '^Sig(Blk|Ign):' /proc/self/status")
        #expect(output == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
    }

    @Test func `a session of its own, no new privileges, folder and limits are as asked`() throws {
        let script = """
            pwd; ulimit -n; grep NoNewPrivs /proc/$$/status | tr -d '\\t'
            cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo leader
            """
        let (output, _) = try run(script) {
            $0.folder = "/usr"
            $0.limits = [SpawnPlan.Limit(resource: 7, soft: 77, hard: 77)]
        }
        #expect(output == "/usr\n77\nNoNewPrivs:1\nleader\n")
    }

    @Test func `descriptors given in any order end in their places`() throws {
        folder.write("in", "from the file")
        let input = try Descriptor.open(folder["in"], flags: O_RDONLY)
        let (output, _) = try run("cat; echo \" and more\" >&2") {
            $0.input = input
            $0.error = $0.output
        }
        #expect(output == "from the file and more\n")
    }

    @Test func `a failed exec names the path and the error`() {
        let plan = SpawnPlan(.path("/none/x"), arguments: ["x"], environment: [])
        #expect(throws: SpawnError(stage: .exec, path: "/none/x", code: ENOENT)) {
            try Spawn.start(plan)
        }
        var moved = SpawnPlan(.path("/bin/sh"), arguments: ["sh"], environment: [])
        moved.folder = "/none"
        #expect(throws: SpawnError(stage: .folder, path: "/none", code: ENOENT)) {
            try Spawn.start(moved)
        }
    }

    @Test func `a trusted program runs under its name, and a script knows its own path`() throws {
        let shell = try TrustedProgram("/bin/sh", rules: .followsTrustedLinks)
        let (name, _) = try run("cat /proc/$$/comm") { $0.program = .trusted(shell) }
        #expect(name == shell.path.split(separator: "/").last! + "\n")
        folder.write("x", "#!/bin/sh\necho \"$0 $1\"\n", mode: 0o755)
        let script = try TrustedProgram(folder["x"], rules: .passesStickyFolders)
        let (path, _) = try run("") {
            $0.program = .trusted(script)
            $0.arguments = ["x", "one"]
        }
        #expect(path == "\(folder["x"]) one\n")
    }

    @Test func `a program replaced after it was checked is not run`() throws {
        folder.write("x", "#!/bin/sh\necho old\n", mode: 0o755)
        let program = try TrustedProgram(folder["x"], rules: .passesStickyFolders)
        folder.write("x", "#!/bin/sh\necho new\n", mode: 0o755)
        #expect(throws: SpawnError(stage: .changed, path: folder["x"], code: ESTALE)) {
            try run("") { $0.program = .trusted(program) }
        }
    }

    @Test func `the end of a program is told by status or by signal`() throws {
        #expect(try run("exit 7").end == .exited(7))
        #expect(try run("kill -9 $$").end == .signaled(9))
    }
}
