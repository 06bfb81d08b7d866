import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// Attempts under real leashes.
@Suite(.serialized) struct TaskKeeperTests {
    private let stage: TaskStage

    init() throws {
        stage = try TaskStage()
    }

    @Test func `a task runs, and its status, output and folder are as they should be`() throws {
        let attempt = stage.launch(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"])
        let report = try stage.finish(attempt)
        #expect(report.exit == .exited(7))
        #expect(report.outputTail == Array("out\nerr\n".utf8))
        #expect(report.outputBytes == 8)
        let news = stage.news(attempt)
        #expect(news.count == 3)
        #expect(Array(news.dropFirst()) == [.exited(.exited(7)), .emptied])
        #expect(stage.folders == [])
    }

    @Test func `the report comes before the word that nothing is left`() throws {
        let attempt = stage.launch(["/bin/true"])
        _ = try stage.finish(attempt)
        #expect(stage.told.last == .task(attempt, .emptied))
        guard case .taskReport? = stage.told.dropLast().last else {
            Issue.record("\(stage.told)")
            return
        }
    }

    @Test func `a signal is told as a signal`() throws {
        let attempt = stage.launch(["/bin/sh", "-c", "kill -SEGV $$"])
        #expect(try stage.finish(attempt).exit == .signalled(UInt8(SIGSEGV)))
    }

    @Test func `every byte of a payload arrives, NUL and newlines too`() throws {
        let payload = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        #expect(payload.contains(0) && payload.contains(10))
        let attempt = stage.launch(["/bin/cat"], payload: payload) { $0.outputBytesMax = 1 << 20 }
        let report = try stage.finish(attempt)
        #expect(report.outputBytes == 1 << 20)
        #expect(report.outputTail == payload)
    }

    @Test func `without a payload the standard input is empty`() throws {
        let report = try stage.finish(stage.launch(["/usr/bin/wc", "-c"]))
        #expect(report.outputTail == Array("0\n".utf8))
    }

    @Test func `arguments and variables arrive as they are, whatever a shell would make of them`()
        throws
    {
        let marker = "\(stage.folder.path)/ran"
        let words = [
            "a b", "", "\"'`$(touch \(marker))", "; touch \(marker)", "line\nbreak", "--help",
            "é%41",
        ]
        let dump =
            "import os,sys; sys.stdout.write(repr(sys.argv[1:])); "
            + "sys.stdout.write(repr({k: v for k, v in os.environ.items() if k[0] == 'M'}))"
        let values = words.enumerated().map { index, word in
            EnvironmentVariable(name: "MUSTER_ATTRIBUTE_\(index)", value: word)
        }
        let attempt = stage.launch(
            ["/usr/bin/python3", "-c", dump] + words,
            environment: [EnvironmentVariable(name: "MUSTER_ACCOUNT", value: "$(id)\n`id`")]
                + values
        )
        let text = String(decoding: try stage.finish(attempt).outputTail, as: UTF8.self)
        #expect(text.contains(#"['a b', '', '"\'`$(touch "#), "\(text)")
        #expect(text.contains(#"'line\nbreak', '--help', 'é%41']"#), "\(text)")
        #expect(text.contains(#"'MUSTER_ACCOUNT': '$(id)\n`id`'"#), "\(text)")
        #expect(text.contains(#"'MUSTER_ATTRIBUTE_4': 'line\nbreak'"#), "\(text)")
        #expect(text.contains("'MUSTER_LAUNCH': '\(stage.mark(attempt))'"), "\(text)")
        #expect(access(marker, F_OK) != 0)
    }

    @Test func `what ignores SIGTERM is killed after its time`() throws {
        let attempt = stage.launch([
            "/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done",
        ])
        _ = try stage.started(attempt)
        let output = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        #expect(stage.await { output.outputTail(9) == Array("up\n".utf8) })
        let start = BootClock.now()
        stage.perform(.stop(attempt, grace: .milliseconds(400)))
        #expect(try stage.finish(attempt).exit == .signalled(9))
        #expect(BootClock.now() - start >= .milliseconds(400))
    }

    @Test func `a handler may end in order when it is stopped`() throws {
        let script = "trap 'echo bye; exit 3' TERM; echo up; while :; do :; done"
        let attempt = stage.launch(["/bin/sh", "-c", script])
        let output = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        #expect(stage.await { output.outputTail(9) == Array("up\n".utf8) })
        stage.perform(.stop(attempt, grace: .seconds(20)))
        let report = try stage.finish(attempt)
        #expect(report.exit == .exited(3))
        #expect(report.outputTail == Array("up\nbye\n".utf8))
    }

    @Test func `children that outlive the handler are gone before it has ended`() throws {
        let script = "trap '' TERM; (setsid sleep 600 &) ; setsid sleep 600 & echo $!"
        let attempt = stage.launch(["/bin/sh", "-c", script]) { $0.stopGrace = .milliseconds(200) }
        let report = try stage.finish(attempt)
        #expect(report.exit == .exited(0))
        let text = String(decoding: report.outputTail, as: UTF8.self)
        let child = try #require(Int32(text.split(separator: "\n").first ?? ""))
        #expect(kill(child, 0) != 0)
        #expect(Remnants(cgroupPath: nil, mark: stage.mark(attempt)).kill() == 0)
    }

    @Test func `of gigabytes of output the last bytes are kept and all are counted`() throws {
        let script = "head -c 1500000000 /dev/zero; echo the end"
        let attempt = stage.launch(["/bin/sh", "-c", script]) { $0.outputBytesMax = 10_000 }
        let folder = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        var largest = 0
        #expect(
            stage.await(within: .seconds(120)) {
                largest = max(largest, Self.size(folder.outputPath))
                return stage.report(attempt) != nil
            }
        )
        let report = try stage.finish(attempt)
        #expect(report.outputBytes == 1_500_000_008)
        #expect(report.outputTail.count == 10_000)
        #expect(report.outputTail.suffix(8) == Array("the end\n".utf8)[...])
        #expect(largest > 0 && largest <= 10_000)
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    @Test func `output that is not wanted is counted and not kept`() throws {
        let attempt = stage.launch(["/bin/echo", "hello"]) { $0.outputBytesMax = 0 }
        let report = try stage.finish(attempt)
        #expect(report.outputTail == [])
        #expect(report.outputBytes == 6)
    }

    @Test func `processor time and memory are measured`() throws {
        let script = "b = bytearray(50 << 20)\nimport time\nwhile time.process_time() < 0.3: pass"
        let report = try stage.finish(stage.launch(["/usr/bin/python3", "-c", script]))
        #expect(report.exit == .exited(0))
        #expect((300..<60_000).contains(report.processorMilliseconds))
        #expect((50 << 20..<1 << 30).contains(report.memoryBytesMax))
    }

    @Test func `more memory than allowed is not given`() throws {
        let script = "b = bytearray(400 << 20)"
        let attempt = stage.launch(["/usr/bin/python3", "-c", script]) {
            $0.memoryLimit = 200 << 20
        }
        let report = try stage.finish(attempt)
        #expect(report.exit != .exited(0))
        #expect(String(decoding: report.outputTail, as: UTF8.self).contains("MemoryError"))
    }

    @Test func `a handler runs in its folder, as nice as it is told`() throws {
        let script = "import os; print(os.getcwd(), os.nice(0))"
        let attempt = stage.launch(["/usr/bin/python3", "-c", script]) {
            $0.folder = "/usr"
            $0.nice = 7
        }
        #expect(try stage.finish(attempt).outputTail == Array("/usr 7\n".utf8))
    }

    @Test func `a handler runs as its account, with its home`() throws {
        // Only root can start a program as somebody else.
        guard geteuid() == 0 else { return }
        let attempt = stage.launch(["/bin/sh", "-c", "id -un; echo $HOME; cat"], payload: [65]) {
            $0.user = "nobody"
        }
        let home = try #require(Account.home(named: "nobody"))
        #expect(try stage.finish(attempt).outputTail == Array("nobody\n\(home)\nA".utf8))
    }

    @Test func `at the end of the lease the leash ends the task by itself`() throws {
        let deadline = BootClock.now() + .seconds(2)
        let attempt = stage.launch(["/bin/sleep", "600"], deadline: deadline)
        #expect(try stage.finish(attempt).exit == .signalled(9))
        #expect(BootClock.now() >= deadline)
        #expect(stage.news(attempt).contains(.leaseEnded))
    }

    @Test func `a program that is not there was not started, and why is said`() throws {
        let attempt = stage.launch(["/nowhere/program"])
        #expect(stage.await { !stage.news(attempt).isEmpty })
        guard case .notStarted(let reason)? = stage.news(attempt).last else {
            Issue.record("\(stage.news(attempt))")
            return
        }
        #expect(reason.contains("/nowhere"))
        #expect(stage.report(attempt) == nil)
        #expect(stage.folders == [])
    }

    @Test func `what waits to be spawned and is stopped was never started`() {
        let attempt = stage.launch(["/bin/true"])
        stage.perform(.stop(attempt, grace: .zero))
        #expect(stage.news(attempt) == [.notStarted(reason: "stopped before it could start")])
        #expect(stage.keeper?.hasQueued == false)
    }
}
