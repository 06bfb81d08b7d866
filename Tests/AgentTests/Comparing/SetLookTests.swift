import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// Looks at real files, as they are found and while they change.
struct SetLookTests {
    static func set(
        _ root: String,
        _ paths: [String] = ["**"],
        kind: ComparedKind = .files,
        ignoring: [String] = [],
        aspects: ComparedSet.Aspects = .all,
        replacing: [Replacement] = [],
        isShown: Bool = false
    ) -> ComparedSet {
        ComparedSet(
            name: "app",
            kind: kind,
            root: root,
            paths: paths.compactMap { PathPattern($0) },
            ignored: ignoring.compactMap { IgnorePattern($0) },
            aspects: aspects,
            replacements: replacing,
            isShown: isShown
        )
    }

    static func look(
        _ set: ComparedSet,
        limits: LookLimits = LookLimits(),
        after before: FoundSet? = nil,
        values: NodeValues = NodeValues()
    ) -> FoundSet {
        var look = SetLook(set, limits: limits, values: values)
        return look.found(after: before)
    }

    private func names(_ found: FoundSet) -> [String] {
        found.entries.map { "\($0.kind.rawValue) \($0.path)" }
    }

    @Test func `files are found by their patterns, with what is compared of them`() throws {
        let folder = try TemporaryFolder()
        try folder.write("bin/start.sh", "exec app\n", mode: 0o755)
        try folder.write("etc/app.conf", "port = 80\n", mode: 0o640)
        try folder.write("etc/cache/x", "x")
        try folder.write("etc/app.conf.log", "x")
        try folder.write("data/big", "x")
        let set = Self.set(
            folder.path,
            ["bin/*", "etc/**"],
            ignoring: ["*.log", "etc/cache"]
        )
        let found = Self.look(set)
        #expect(names(found) == ["file bin/start.sh", "file etc/app.conf"])
        let script = found.entries[0]
        #expect(script.mode == 0o755 && script.size == 9)
        #expect(script.digest == SHA256Sum.hex(of: Array("exec app\n".utf8)))
        #expect(script.owner?.contains(":") == true)
        #expect(found.result.entries == 2 && found.result.bytes == 19)
        #expect(found.result.problem == "")
        #expect(Self.look(set).result.digest == found.result.digest)
        chmod(folder.path + "/etc/app.conf", 0o644)
        #expect(Self.look(set).result.digest != found.result.digest)
        let careless = Self.set(folder.path, ["bin/*", "etc/*.conf"], aspects: .content)
        let entry = try #require(Self.look(careless).entries.last)
        #expect(entry.mode == nil && entry.owner == nil && entry.digest != nil)
    }

    @Test func `a set that finds nothing, or has no root, says so`() throws {
        let folder = try TemporaryFolder()
        let nothing = Self.look(Self.set(folder.path)).result
        #expect(nothing.digest == "" && nothing.problem.contains("nothing is there"))
        let missing = Self.look(Self.set(folder.path + "/none")).result
        #expect(missing.digest == "" && missing.problem.contains("No such file"))
    }

    @Test func `links are found and not followed, special files are named and not opened`() throws {
        let folder = try TemporaryFolder()
        try folder.write("real/file", "x")
        #expect(symlink("b", folder.path + "/a") == 0)
        #expect(symlink("a", folder.path + "/b") == 0)
        #expect(symlink("..", folder.path + "/real/up") == 0)
        #expect(symlink("/etc/passwd", folder.path + "/out") == 0)
        #expect(mkfifo(folder.path + "/fifo", 0o644) == 0)
        let found = Self.look(Self.set(folder.path))
        #expect(
            names(found) == [
                "link a", "link b", "fifo fifo", "link out", "file real/file", "link real/up",
            ]
        )
        #expect(found.entries[3].target == "/etc/passwd" && found.entries[3].digest == nil)
        #expect(found.result.problem == "")
    }

    @Test func `a root may be reached through a link`() throws {
        let folder = try TemporaryFolder()
        try folder.write("v2/bin/app", "x")
        #expect(symlink("v2", folder.path + "/current") == 0)
        #expect(names(Self.look(Self.set(folder.path + "/current"))) == ["file bin/app"])
    }

    @Test func `a name may be any bytes`() throws {
        let folder = try TemporaryFolder()
        try folder.write("line\nbreak", "x")
        let latin = folder.path + "/"
        let name = cString(Array(latin.utf8) + [0x67, 0xF6, 0x74])
        let made = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        #expect(made >= 0)
        close(made)
        let set = Self.set(folder.path, isShown: true)
        #expect(names(Self.look(set)) == ["file g\\xf6t", "file line\\x0abreak"])
        let keeper = try Self.keeper(of: set)
        #expect(keeper.text(of: "line\\x0abreak", in: set) == .text([120]))
        #expect(keeper.text(of: "g\\xf6t", in: set) == .text([]))
        unlink(name)
    }

    @Test func `twenty thousand files come to the limit, at the same place each time`() throws {
        let folder = try TemporaryFolder()
        for part in 0..<20 {
            let path = "\(folder.path)/\(10 + part)"
            mkdir(path, 0o755)
            for index in 0..<1_000 {
                close(open("\(path)/\(1_000 + index)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644))
            }
        }
        let set = Self.set(folder.path)
        let found = Self.look(set)
        #expect(found.result.entries == 10_000)
        #expect(found.result.problem.contains("more than 10000 files"))
        #expect(found.entries.last?.path == "19/1999")
        #expect(Self.look(set).result == found.result)
    }

    @Test func `other limits are said, too`() throws {
        let folder = try TemporaryFolder()
        try folder.write("a/b/c/d", "x")
        try folder.write("e", "123456")
        var limits = LookLimits()
        limits.depthMax = 2
        limits.fileBytesMax = 5
        let found = Self.look(Self.set(folder.path), limits: limits)
        #expect(names(found) == [])
        #expect(found.result.problem.contains("a/b is deeper than 2 folders"))
        #expect(found.result.problem.contains("e is larger than 5 B"))
        limits = LookLimits()
        limits.namesMax = 3
        #expect(Self.look(Self.set(folder.path), limits: limits).result.problem.contains("3 names"))
        limits = LookLimits()
        limits.totalBytesMax = 3
        let total = Self.look(Self.set(folder.path), limits: limits)
        #expect(names(total) == ["file a/b/c/d"] && total.result.problem.contains("3 B"))
    }

    @Test func `what has not changed is not read again`() throws {
        let folder = try TemporaryFolder()
        try folder.write("a", "one")
        var limits = LookLimits()
        limits.settledAfter = .zero
        let set = Self.set(folder.path)
        let first = Self.look(set, limits: limits)
        #expect(first.known.count == 1)
        // Nothing may be read at all.
        limits.totalBytesMax = 0
        let second = Self.look(set, limits: limits, after: first)
        #expect(second.result == first.result)
        try folder.write("a", "two")
        #expect(Self.look(set, limits: limits, after: first).result.problem.contains("beyond"))
        // Of another definition nothing is believed.
        let other = Self.set(folder.path, aspects: [.content, .mode])
        #expect(Self.look(other, limits: limits, after: first).result.problem != "")
        // What was changed just now may be changed again without showing it.
        let fresh = Self.look(set, after: nil)
        #expect(fresh.known.isEmpty)
    }

    /// A thread that does something again and again until it is told to end.
    private final class Restless: @unchecked Sendable {
        private let isOver = Monitor(false)
        private let hasEnded = Monitor(false)

        init(_ body: @escaping @Sendable () -> Void) {
            let (isOver, hasEnded) = (isOver, hasEnded)
            let hasBegun = startThread {
                while !isOver.read({ $0 }) { body() }
                hasEnded.change { $0 = true }
            }
            precondition(hasBegun, "no room for a thread")
        }

        func end() {
            isOver.change { $0 = true }
            hasEnded.wait(while: { !$0 }) { _ in }
        }
    }

    @Test func `a file that grows while it is read is no whole truth`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("log", String(repeating: "x", count: 2 << 20))
        try folder.write("steady", "x")
        let writer = Restless {
            let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
            _ = write(file, "x", 1)
            close(file)
            poll(nil, 0, 1)
        }
        var limits = LookLimits()
        // Each attempt takes a quarter of a second.
        limits.bytesPerSecond = 8 << 20
        let found = Self.look(Self.set(folder.path), limits: limits)
        writer.end()
        #expect(names(found) == ["file steady"])
        #expect(found.result.problem.contains("log changes while it is read"))
    }

    @Test func `what vanishes while it is walked was not there`() throws {
        let folder = try TemporaryFolder()
        try folder.write("a/steady", "x")
        try folder.write("z/steady", "x")
        let path = folder.path
        let changer = Restless {
            mkdir("\(path)/m", 0o755)
            mkdir("\(path)/m/n", 0o755)
            close(open("\(path)/m/n/o", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644))
            unlink("\(path)/m/n/o")
            rmdir("\(path)/m/n")
            rmdir("\(path)/m")
            symlink("a", "\(path)/m")
            unlink("\(path)/m")
        }
        for _ in 0..<200 {
            let found = Self.look(Self.set(path))
            let steady = names(found).filter { !$0.contains(" m") }
            #expect(steady == ["file a/steady", "file z/steady"])
            #expect(found.result.problem == "", "\(found.result.problem)")
        }
        changer.end()
    }

    @Test func `declared differences are replaced before anything is compared`() throws {
        let folder = try TemporaryFolder()
        try folder.write("app.conf", "name = l-1\nlisten = 10.0.0.1:80\n")
        #expect(symlink("data-l-1", folder.path + "/data") == 0)
        let replacing: [Replacement] = [
            Replacement(.value(.name), with: "NODE"),
            Replacement(.value(.address), with: "ADDRESS"),
        ]
        let set = Self.set(folder.path, replacing: replacing, isShown: true)
        let own = NodeValues(name: "l-1", addresses: ["10.0.0.1"])
        let found = Self.look(set, values: own)
        let text = "name = NODE\nlisten = ADDRESS:80\n"
        #expect(found.entries[0].digest == SHA256Sum.hex(of: Array(text.utf8)))
        // A word of its own it is not.
        #expect(found.entries[1].target == "data-l-1")
        let keeper = try Self.keeper(of: set, values: own)
        #expect(keeper.text(of: "app.conf", in: set) == .text(Array(text.utf8)))
    }

    @Test func `of what is private only content counts, and empty files do not`() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", "secret")
        try folder.write("empty", "")
        #expect(symlink("key", folder.path + "/link") == 0)
        let found = Self.look(Self.set(folder.path, kind: .private))
        #expect(names(found) == ["file key"])
        #expect(found.entries[0].mode == nil && found.entries[0].owner == nil)
        let none = try TemporaryFolder()
        let nothing = Self.look(Self.set(none.path, kind: .private)).result
        #expect(nothing.digest.count == 64 && nothing.problem == "")
    }

    // MARK: Programs

    private func version(_ command: [String], timeout: Duration = .seconds(10)) -> FoundSet {
        let set = ComparedSet(
            name: "tools",
            kind: .version,
            command: command,
            timeout: timeout,
            isShown: true
        )
        return Self.look(set)
    }

    @Test func `the output of a program is compared, its blanks cut`() {
        let found = version(["/usr/bin/printf", "  a 1\\nb 2\\n\\n"])
        #expect(String(decoding: found.output, as: UTF8.self) == "a 1\nb 2")
        #expect(names(found) == ["output tools"])
        #expect(found.result.digest == version(["/usr/bin/printf", "a 1\\nb 2"]).result.digest)
    }

    @Test func `a program that fails, hangs, says too much or is not trusted says nothing`() throws
    {
        let failed = version(["/bin/ls", "/no/such/folder"]).result
        #expect(failed.digest == "" && failed.problem.contains("it exited with status 2: "))
        let hung = version(["/usr/bin/tail", "-f", "/dev/null"], timeout: .milliseconds(200)).result
        #expect(hung.digest == "" && hung.problem == "it did not end in time")
        let much = version(["/usr/bin/head", "-c", "70000", "/dev/zero"]).result
        #expect(much.digest == "" && much.problem.contains("65536 bytes"))
        let folder = try TemporaryFolder()
        let program = try folder.write("tool", "#!/usr/bin/env true\n", mode: 0o777)
        let open = version([program]).result
        #expect(open.digest == "" && open.problem.contains("can be written by others"))
    }

    // MARK: Showing

    static func keeper(
        of set: ComparedSet,
        values: NodeValues = NodeValues()
    ) throws -> ComparingKeeper {
        let inbox = try DriverInbox()
        let keeper = ComparingKeeper(values: values, inbox: inbox)
        precondition(keeper.begin(), "no room for a thread")
        keeper.perform(.look(set, number: 1))
        while true {
            for case .event(.looked(_, number: 1, _)) in inbox.take() { return keeper }
            var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
            poll(&wanted, 1, 1_000)
        }
    }

    @Test func `only texts of the set's own files are shown`() throws {
        let folder = try TemporaryFolder()
        try folder.write("set/text", "größe\n")
        try folder.write("set/binary", "a\u{0}b")
        try folder.write("set/long", String(repeating: "x", count: 65_537))
        try folder.write("set/ignored.key", "secret")
        try folder.write("outside", "secret")
        #expect(symlink("../outside", folder.path + "/set/link") == 0)
        #expect(mkfifo(folder.path + "/set/fifo", 0o644) == 0)
        let set = Self.set(folder.path + "/set", ignoring: ["*.key"], isShown: true)
        let keeper = try Self.keeper(of: set)
        func code(_ path: String) -> RefusalCode? {
            if case .refused(let code, _) = keeper.text(of: path, in: set) { code } else { nil }
        }
        #expect(keeper.text(of: "text", in: set) == .text(Array("größe\n".utf8)))
        for path in ["binary", "long", "link", "fifo"] {
            #expect(code(path) == .invalid, "\(path)")
        }
        for path in ["ignored.key", "../outside", "none", ""] {
            #expect(code(path) == .unknownName, "\(path)")
        }
        // A link that has taken the place of a file, or of its folder, is not followed.
        unlink(folder.path + "/set/text")
        #expect(symlink("../outside", folder.path + "/set/text") == 0)
        #expect(code("text") == .invalid)
        var hidden = set
        hidden.isShown = false
        #expect(keeper.text(of: "long", in: hidden) != .text([]))
    }

    @Test func `a list is given in parts, and not of another digest`() throws {
        let folder = try TemporaryFolder()
        for index in 0..<450 { try folder.write("\(1_000 + index)", "") }
        let set = Self.set(folder.path)
        let keeper = try Self.keeper(of: set)
        let digest = Self.look(set).result.digest
        var paths: [String] = []
        var from: UInt32? = 0
        while let place = from {
            guard
                case .entries(let entries, let next) = keeper.listing(
                    of: "app",
                    digest: digest,
                    from: place
                )
            else {
                Issue.record("no entries")
                return
            }
            #expect(entries.count <= 200)
            paths += entries.map(\.path)
            from = next
        }
        #expect(paths == (0..<450).map { "\(1_000 + $0)" })
        #expect(keeper.listing(of: "app", digest: "", from: 0) == .stale)
        #expect(keeper.listing(of: "app", digest: digest, from: 451) == .stale)
        keeper.perform(.forget("app"))
        #expect(keeper.listing(of: "app", digest: digest, from: 0) == .stale)
    }
}
