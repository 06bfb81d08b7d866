import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// What becomes of attempts when an agent, a leash or the machine's room for them ends.
@Suite(.serialized) struct TaskRestartTests {
    @Test func `a task dies with its agent, and the next agent hears that it has`() throws {
        let stage = try TaskStage()
        let attempt = stage.launch(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        let processID = try stage.started(attempt)
        stage.dropKeeper()
        #expect(stage.await { kill(processID, 0) != 0 })
        let leftovers = try stage.makeKeeper()
        // Its leash has left a result on disk by now, or is about to.
        if leftovers == [attempt] {
            #expect(stage.await { stage.news(attempt).last == .emptied })
        } else {
            #expect(leftovers == [])
        }
        #expect(stage.folders == [])
        #expect(stage.report(attempt) == nil)
    }

    @Test func `what a leash is still ending is waited for`() throws {
        let stage = try TaskStage()
        let attempt = stage.launch(["/bin/sleep", "600"])
        let processID = try stage.started(attempt)
        let leash = try #require(parent(of: processID))
        kill(leash, SIGSTOP)
        stage.dropKeeper()
        #expect(try stage.makeKeeper() == [attempt])
        #expect(kill(processID, 0) == 0)
        #expect(stage.news(attempt).last != .emptied)
        kill(leash, SIGCONT)
        #expect(stage.await { stage.news(attempt).last == .emptied })
        #expect(kill(processID, 0) != 0)
        #expect(stage.folders == [])
    }

    /// Found by the quickstart: a node was killed whole, between a leash's first breath and its
    /// agent's word that it may begin. Nobody was left to write a result, and it was waited for.
    @Test func `a leash that was killed with its agent before it began is not waited for`() throws {
        let stage = try TaskStage()
        stage.dropKeeper()
        let attempt = TaskAttempt(task: TaskID(77), attempt: 1)
        let left = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        try left.make(
            LeashSpec(
                token: "\(TaskStage.token)",
                program: "/bin/true",
                arguments: ["true"],
                onDisconnect: .kill
            )
        )
        let stale = try UnixSocket.listen(left.socketPath)
        _ = consume stale
        #expect(access(left.socketPath, F_OK) == 0)
        #expect(try stage.makeKeeper() == [attempt])
        #expect(stage.await { stage.news(attempt).last == .emptied })
        #expect(stage.folders == [])
    }

    @Test func `when a leash is killed its task is too, and what it wrote is kept`() throws {
        let stage = try TaskStage()
        let script = "echo so far; setsid sleep 600 & exec sleep 600"
        let attempt = stage.launch(["/bin/sh", "-c", script])
        let processID = try stage.started(attempt)
        let output = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        #expect(stage.await { output.outputTail(7) == Array("so far\n".utf8).suffix(7) })
        kill(try #require(parent(of: processID)), SIGKILL)
        let report = try stage.finish(attempt)
        #expect(stage.news(attempt).contains(.lost))
        #expect(report.exit == nil)
        #expect(report.outputTail == Array("so far\n".utf8))
        #expect(Remnants(cgroupPath: nil, mark: stage.mark(attempt)).kill() == 0)
    }

    @Test func `a leash that hangs is destroyed with what it holds`() throws {
        let stage = try TaskStage()
        let attempt = stage.launch(["/bin/sleep", "600"])
        let processID = try stage.started(attempt)
        kill(try #require(parent(of: processID)), SIGSTOP)
        stage.perform(.stop(attempt, grace: .zero))
        stage.perform(.destroy(attempt))
        #expect(stage.await { stage.news(attempt).last == .emptied })
        #expect(stage.news(attempt).contains(.lost))
        #expect(stage.await { kill(processID, 0) != 0 || isZombie(processID) })
    }

    @Test func `a leash that cannot be spawned is told as a task that was not started`() throws {
        let stage = try TaskStage(program: "/nowhere/muster-leash")
        let attempt = stage.launch(["/bin/true"])
        #expect(stage.await { !stage.news(attempt).isEmpty })
        guard case .notStarted(let reason)? = stage.news(attempt).last else {
            Issue.record("\(stage.news(attempt))")
            return
        }
        #expect(reason.contains("/nowhere/muster-leash"))
        #expect(stage.folders == [])
    }

    @Test func `a leash that ends before it listens is told as a task that was not started`() throws
    {
        let stage = try TaskStage(program: "/bin/false")
        let attempt = stage.launch(["/bin/true"])
        #expect(stage.await { !stage.news(attempt).isEmpty })
        guard case .notStarted? = stage.news(attempt).last else {
            Issue.record("\(stage.news(attempt))")
            return
        }
        #expect(stage.folders == [])
    }

    @Test func `where there is no room for its folder a task is not started, and not lost`() throws
    {
        let stage = try TaskStage()
        rmdir("\(stage.folder.path)/tasks")
        let attempt = stage.launch(["/bin/true"])
        #expect(stage.await { !stage.news(attempt).isEmpty })
        guard case .notStarted(let reason)? = stage.news(attempt).last else {
            Issue.record("\(stage.news(attempt))")
            return
        }
        #expect(reason.contains("make folder"))
    }

    @Test func `an attempt that was never begun by an earlier agent is not begun by the next`()
        throws
    {
        let stage = try TaskStage()
        let attempt = TaskAttempt(task: TaskID(77), attempt: 2)
        let folder = LeashFolder(attempt: attempt, in: "\(stage.folder.path)/tasks")
        let spec = LeashSpec(
            token: TaskStage.token.description,
            program: "/bin/sleep",
            arguments: ["/bin/sleep", "600"],
            onDisconnect: .kill
        )
        try folder.make(spec, payload: [1])
        stage.dropKeeper()
        #expect(try stage.makeKeeper() == [attempt])
        #expect(stage.await { stage.news(attempt).last == .emptied })
        #expect(!stage.news(attempt).contains { if case .started = $0 { true } else { false } })
        #expect(stage.folders == [])
    }

    @Test func `many tasks at once all run to their ends, and leave nothing`() throws {
        let stage = try TaskStage()
        let attempts = (0..<120).map { index in
            stage.launch(["/bin/sh", "-c", "cat; exit \(index % 3)"], payload: [UInt8(index)])
        }
        for (index, attempt) in attempts.enumerated() {
            let report = try stage.finish(attempt)
            #expect(report.exit == .exited(UInt8(index % 3)))
            #expect(report.outputTail == [UInt8(index)])
        }
        #expect(stage.folders == [])
        #expect(stage.keeper?.processIDs == [])
        // Leashes are reaped, too.
        #expect(stage.await { stage.keeper?.nextDeadline == nil })
    }

    @Test(arguments: ["1.1", "18446744073709551615.65535"])
    func `an attempt is read from the name of its folder`(name: String) {
        #expect(TaskAttempt(name)?.description == name)
    }

    @Test(arguments: [
        "", "1", "1.", ".1", "1.0", "01.1", "1.01", "1.1.1", "1.65536", "-1.1", "a.1",
    ])
    func `what is no attempt is not taken for one`(name: String) {
        #expect(TaskAttempt(name) == nil)
    }

    private func parent(of process: Int32) -> Int32? {
        guard let text = SystemFiles().text("/proc/\(process)/stat") else { return nil }
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 ? Int32(fields[1]) : nil
    }

    private func isZombie(_ process: Int32) -> Bool {
        SystemFiles().text("/proc/\(process)/stat")?.contains(") Z ") ?? true
    }
}
