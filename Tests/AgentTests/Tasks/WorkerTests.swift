import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// Handlers that take one task after the other.
@Suite(.serialized) struct WorkerTests {
    /// Answers as its task's account says.
    private static let script = """
        import os, sys, time
        while True:
            line = sys.stdin.buffer.readline()
            if not line: break
            fields = dict(word.split('=', 1) for word in line.decode().split()[1:])
            payload = sys.stdin.buffer.read(int(fields['payload']))
            what = fields.get('account', '')
            if what == 'fail': print('FAILED status=65 text="no such partner"', flush=True)
            elif what == 'exit': sys.exit(0)
            elif what == 'crash': sys.exit(3)
            elif what == 'rubbish': print('hello', flush=True)
            elif what == 'hang': time.sleep(600)
            elif what == 'twice': print('DONE text=a\\nDONE text=b', flush=True)
            elif what.startswith('late:'):
                print('DONE text=early', flush=True)
                while not os.path.exists(what[5:]): time.sleep(0.02)
                print('DONE text=late', flush=True)
                os.rename(what[5:], what[5:] + '.said')
            elif what.startswith('say:'):
                print('OUTPUT text="one two"', flush=True)
                while not os.path.exists(what[4:]): time.sleep(0.02)
                print('OUTPUT text=three', flush=True)
                if os.path.exists(what[4:] + '.crash'): sys.exit(3)
                print('DONE text=end', flush=True)
            else: print(f'DONE text="{os.getpid()} {sum(payload)} {len(payload)}"', flush=True)
        """

    private let stage: TaskStage

    init() throws {
        stage = try TaskStage()
    }

    private func launch(
        _ what: String = "",
        payload: [UInt8] = [],
        program: [String] = ["/usr/bin/python3", "-u", "-c", script],
        token: FencingToken = TaskStage.token,
        deadline: Instant? = nil
    ) -> TaskAttempt {
        stage.launch(
            program,
            payload: payload,
            environment: [
                EnvironmentVariable(name: "MUSTER_TASK", value: "1"),
                EnvironmentVariable(name: "MUSTER_ACCOUNT", value: what),
            ],
            token: token,
            deadline: deadline
        ) {
            $0.mode = .worker
            $0.delivery = .idempotent
        }
    }

    private func text(_ attempt: TaskAttempt) throws -> String {
        String(decoding: try stage.finish(attempt).outputTail, as: UTF8.self)
    }

    @Test func `one process takes task after task, each with its whole payload`() throws {
        let payload = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let first = try text(launch(payload: payload)).split(separator: " ").map(String.init)
        #expect(
            first.dropFirst().elementsEqual(["\(payload.reduce(0) { $0 + Int($1) })", "1048576"])
        )
        for _ in 0..<20 {
            let next = try text(launch(payload: [1, 0, 10])).split(separator: " ").map(String.init)
            #expect(next == [first[0], "11", "3"])
        }
        #expect(stage.keeper?.processIDs.count == 2)
    }

    @Test func `half a thousand tasks need one process`() throws {
        var attempts: [TaskAttempt] = []
        for _ in 0..<500 {
            attempts.append(launch(payload: [1]))
            // Each is over before the next is given: the news that came since says so.
            let before = stage.told.count
            #expect(stage.await { stage.told[before...].last == .task(attempts.last!, .emptied) })
        }
        #expect(stage.keeper?.processIDs.count == 2)
        #expect(Set(try attempts.prefix(5).map(text)).count == 1)
    }

    @Test func `what it says of a failure is the result`() throws {
        let attempt = launch("fail")
        let report = try stage.finish(attempt)
        #expect(report.exit == .exited(65))
        #expect(report.outputTail == Array("no such partner".utf8))
        #expect(stage.news(attempt).last == .emptied)
    }

    @Test func `what it says of its task is read while it runs, and is the task's output`() throws {
        let file = "\(stage.folder.path)/go"
        let attempt = launch("say:\(file)")
        #expect(try stage.awaitRead { !(try stage.readOutput(attempt)).bytes.isEmpty })
        #expect(try stage.readOutput(attempt, from: 4).bytes == Array("two\n".utf8))
        #expect(try stage.readOutput(attempt, from: 8).bytes.isEmpty)
        try DurableFile.replace(file, with: "")
        let report = try stage.finish(attempt)
        #expect(report.outputTail == Array("one two\nthree\nend".utf8))
        #expect(report.outputBytes == 17)
        // The next task of the same process begins with nothing.
        #expect(try text(launch()).hasSuffix(" 0 0"))

        try DurableFile.replace(file + ".crash", with: "")
        let crashed = try stage.finish(launch("say:\(file)"))
        #expect(crashed.exit == .exited(3))
        #expect(crashed.outputTail == Array("one two\nthree\n".utf8))
    }

    @Test func `two at once have two processes, and one after the other have one`() throws {
        let hanging = launch("hang")
        let one = try text(launch())
        let other = try text(launch())
        #expect(one == other)
        stage.perform(.stop(hanging, grace: .zero))
        #expect(stage.await { stage.news(hanging).last == .emptied })
        // SIGTERM and, as it is given no time, SIGKILL: whichever is seen first.
        #expect([.signalled(9), .signalled(15)].contains(stage.report(hanging)?.exit))
    }

    @Test func `a worker that ends in the middle of a task has not done it`() throws {
        let ended = launch("exit")
        #expect(try stage.finish(ended).exit == nil)
        #expect(!stage.news(ended).contains(.exited(.exited(0))))
        let crashed = launch("crash")
        #expect(stage.await { !stage.news(crashed).isEmpty })
    }

    @Test func `a worker that does not stay is started again only after a while`() throws {
        let crashed = launch("crash")
        #expect(try stage.finish(crashed).exit == .exited(3))
        let early = launch()
        #expect(stage.await { !stage.news(early).isEmpty })
        guard case .notStarted(let reason)? = stage.news(early).last else {
            Issue.record("\(stage.news(early))")
            return
        }
        #expect(reason.contains("1 in a row"))
        let start = BootClock.now()
        #expect(stage.await { BootClock.now() - start > WorkerKeeper.delayMin })
        #expect(try text(launch()).hasSuffix(" 0 0"))
    }

    @Test func `a worker that says what is no answer is killed, and its task is not done`() throws {
        let attempt = launch("rubbish")
        #expect(try stage.finish(attempt).exit == .signalled(9))
    }

    @Test func `of two answers none is believed, and the task is told why`() throws {
        let report = try stage.finish(launch("twice"))
        #expect(report.exit == .signalled(9))
        #expect(String(decoding: report.outputTail, as: UTF8.self).contains("behind its answer"))
    }

    @Test func `an answer that comes while there is no task is not of the next one`() throws {
        let file = "\(stage.folder.path)/late"
        #expect(try text(launch("late:\(file)")) == "early")
        try DurableFile.replace(file, with: "")
        let limit = MonotonicDeadline(after: .seconds(20))
        // Nobody reads it: the next task comes first.
        while access(file + ".said", F_OK) != 0, !limit.hasPassed { poll(nil, 0, 10) }
        #expect(access(file + ".said", F_OK) == 0)
        #expect(try text(launch()).hasSuffix(" 0 0"))
    }

    @Test func `a worker is given no task of another token than its first`() throws {
        let before = try process(launch())
        var token = TaskStage.token
        token.session += 1
        #expect(try process(launch(token: token)) != before)
        #expect(stage.await { !isThere(before) })
    }

    @Test func `a worker that writes without end is killed, and fills nothing`() throws {
        let script = """
            import sys
            sys.stdin.buffer.readline()
            while True: sys.stdout.write('x' * 65536)
            """
        let attempt = launch(program: ["/usr/bin/python3", "-c", script])
        #expect(try stage.finish(attempt).exit == .signalled(9))
        #expect(
            stage.report(attempt)?.outputTail.count ?? 0 <= HandlerDefinition.outputBytesDefault
        )
        // The next one has a worker of its own, after a while.
        let start = BootClock.now()
        #expect(stage.await { BootClock.now() - start > WorkerKeeper.delayMin })
        #expect(try text(launch()).hasSuffix(" 0 0"))
    }

    @Test func `the example of the documentation works`() throws {
        let page = try repositoryText("docs/handlers.md")
        let marked = try #require(
            page.split(separator: "<!-- Run by WorkerTests").dropFirst().first
        )
        let code = try #require(marked.split(separator: "```python\n").dropFirst().first)
        let script = try #require(code.split(separator: "\n```\n").first)
        let program = ["/usr/bin/python3", "-c", String(script)]
        let account = "O'Brien \\ \"Söhne\" $(x)"
        #expect(
            try text(launch(account, payload: Array("one two\nthree".utf8), program: program))
                == "3 words for \(account)"
        )
        #expect(try text(launch(payload: [0, 255], program: program)) == "1 words for nobody")
        let empty = try stage.finish(launch(program: program))
        #expect(empty.exit == .exited(65))
        #expect(empty.outputTail == Array("there is nothing to count".utf8))
    }

    @Test func `at the end of the lease a worker is killed with its task`() throws {
        let deadline = BootClock.now() + .seconds(2)
        let attempt = launch("hang", deadline: deadline)
        #expect(try stage.finish(attempt).exit == .signalled(9))
        #expect(stage.news(attempt).contains(.leaseEnded))
        #expect(BootClock.now() >= deadline)
    }

    /// Waits for the end of a process while nobody attends to the leashes: the agent is frozen.
    private func awaitEnd(of process: Int32) -> Bool {
        let limit = MonotonicDeadline(after: .seconds(20))
        while isThere(process) {
            if limit.hasPassed { return false }
            poll(nil, 0, 10)
        }
        return true
    }

    private func isThere(_ process: Int32) -> Bool {
        SystemFiles().text("/proc/\(process)/comm") != nil
    }

    private func process(_ attempt: TaskAttempt) throws -> Int32 {
        let words = try text(attempt).split(separator: " ")
        return try #require(words.first.flatMap { Int32($0) })
    }

    @Test func `a task of a key ends with the lease though one without had the slot`() throws {
        let loose = try process(launch())
        let deadline = BootClock.now() + .seconds(2)
        let attempt = launch("hang", deadline: deadline)
        let bound = try stage.started(attempt)
        #expect(bound != loose)
        #expect(awaitEnd(of: bound))
        let end = BootClock.now()
        #expect(end >= deadline && end < deadline + .seconds(5))
        // One slot, one process: the other kind has gone.
        #expect(stage.await { !isThere(loose) })
    }

    @Test func `a task without a lease does not end with the lease of one before it`() throws {
        let deadline = BootClock.now() + .seconds(4)
        let bound = try process(launch(deadline: deadline))
        let file = "\(stage.folder.path)/go"
        let attempt = launch("say:\(file)")
        #expect(try stage.started(attempt) != bound)
        #expect(stage.await { BootClock.now() > deadline + .seconds(1) })
        try DurableFile.replace(file, with: "")
        #expect(try stage.finish(attempt).exit == .exited(0))
    }

    @Test func `a worker whose leash refuses a deadline is killed`() throws {
        let attempt = launch("hang")
        _ = try stage.started(attempt)
        stage.perform(.extend(attempt, deadline: BootClock.now() + .seconds(60)))
        let report = try stage.finish(attempt)
        #expect(report.exit == .signalled(9))
        #expect(String(decoding: report.outputTail, as: UTF8.self).contains("no deadline"))
    }

    @Test func `a program that is not there is told for its task`() throws {
        let attempt = launch(program: ["/nowhere/worker"])
        #expect(stage.await { !stage.news(attempt).isEmpty })
        guard case .notStarted(let reason)? = stage.news(attempt).last else {
            Issue.record("\(stage.news(attempt))")
            return
        }
        #expect(reason.contains("/nowhere"))
    }

    @Test func `a worker dies with its agent, and the next one hears of its task`() throws {
        let idle = launch()
        _ = try stage.finish(idle)
        let attempt = launch("hang")
        _ = try stage.started(attempt)
        let processes = stage.keeper?.processIDs ?? []
        #expect(processes.count == 2)
        for process in processes where (try? leashes(process)) == true { kill(process, SIGSTOP) }
        stage.dropKeeper()
        #expect(try stage.makeKeeper() == [attempt])
        #expect(!stage.told.contains(.workersBuried))
        for process in processes { kill(process, SIGCONT) }
        #expect(stage.await { stage.told.last == .workersBuried })
        #expect(stage.news(attempt).last == .emptied)
        #expect(LeashFolder.all(in: "\(stage.folder.path)/workers").isEmpty)
    }

    private func leashes(_ process: Int32) throws -> Bool {
        SystemFiles().text("/proc/\(process)/comm")?.hasPrefix("muster-leash") == true
    }

    @Test(arguments: [
        ("DONE", WorkerAnswer.done(text: "")), ("DONE text=x", .done(text: "x")),
        ("FAILED status=7 text=\"a b\"", .failed(status: 7, text: "a b")),
        ("FAILED", .failed(status: 1, text: "")),
    ])
    func `an answer is read`(line: String, answer: WorkerAnswer) {
        #expect(WorkerLine(line: line) == .answer(answer))
    }

    @Test func `a line of output is read`() {
        #expect(WorkerLine(line: "OUTPUT text=\"a b\"") == .output(text: "a b"))
        #expect(WorkerLine(line: "OUTPUT") == .output(text: ""))
    }

    @Test(arguments: ["", "done", "FAILED status=0", "FAILED status=256", "DONE  x", "DONE\r"])
    func `what is no answer is not taken for one`(line: String) {
        #expect(WorkerLine(line: line) == nil)
    }
}
