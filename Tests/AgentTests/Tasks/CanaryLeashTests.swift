import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent
@testable import AgentCore

/// Programs that write canaries, under real leashes: nothing of one writes when the right to is over,
/// whatever has become of the agent.
@Suite(.serialized) struct CanaryLeashTests {
    private static let canary = Canary(epoch: TaskNode.token.epoch, sequence: 7)

    /// A program that hands its work to a grandchild in a session of its own, which tells its number and
    /// would write much later.
    private struct Writer {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
        }

        var program: [String] {
            let late = "echo $$ >\(folder.path)/number; sleep 30; echo late >\(folder.path)/data"
            return ["/bin/sh", "-c", "setsid /bin/sh -c '\(late)' & sleep 600"]
        }

        var definition: DataSetDefinition {
            DataSetDefinition(name: "orders", write: program, timeout: .seconds(60))
        }

        /// Of the grandchild, once it runs.
        var number: Int32? {
            let text = SystemFiles().text("\(folder.path)/number") ?? ""
            return text.hasSuffix("\n") ? Int32(text.dropLast()) : nil
        }

        var hasWritten: Bool { access("\(folder.path)/data", F_OK) == 0 }

        func lives(_ process: Int32) -> Bool {
            guard let text = SystemFiles().text("/proc/\(process)/stat") else { return false }
            return !text.contains(") Z ")
        }
    }

    private func ends(_ writer: Writer, _ process: Int32, by end: MonotonicDeadline) -> Bool {
        while writer.lives(process) {
            if end.hasPassed { return false }
            poll(nil, 0, 10)
        }
        return true
    }

    @Test func `a canary reaches its program, and is told when nothing of it is left`() throws {
        let writer = try Writer()
        let kept = "\(writer.folder.path)/data"
        let script = "cat >\(kept); env | grep ^MUSTER_ | grep -v LAUNCH | sort >>\(kept)"
        let node = try TaskNode(
            [],
            dataSets: [DataSetDefinition(name: "orders", write: ["/bin/sh", "-c", script])]
        )
        try node.join(dataSet: "orders")
        node.order(Self.canary, of: "orders")
        #expect(node.await { node.hasTold(.written("orders", Self.canary)) })
        #expect(
            SystemFiles().text(kept)
                == """
                \(Self.canary)
                MUSTER_CANARY=\(Self.canary)
                MUSTER_DATA_SET=orders
                MUSTER_TOKEN=\(TaskNode.token)

                """
        )
        #expect(node.folders == [])
    }

    /// As after a SIGSTOP: the sockets stand, and nobody reads, renews or decides anything.
    @Test func `when its agent is frozen, what writes is dead by the end of the lease`() throws {
        let writer = try Writer()
        let node = try TaskNode([], dataSets: [writer.definition], lease: .seconds(3))
        try node.join(dataSet: "orders")
        let ordered = BootClock.now()
        node.order(Self.canary, of: "orders")
        #expect(node.await { writer.number != nil })
        let process = try #require(writer.number)
        // Nothing is done from here on. S, which the controller reckons with, is 2 s.
        let left = ordered + .seconds(3 + 2) - BootClock.now()
        #expect(ends(writer, process, by: MonotonicDeadline(after: left)))
        #expect(node.dataTold.count == 1)
        // It wakes, and the write counts as ended, and not as done.
        #expect(
            node.await {
                node.dataTold.contains {
                    if case .unwritten("orders", Self.canary, .storage, _) = $0 {
                        true
                    } else {
                        false
                    }
                }
            }
        )
        #expect(!writer.hasWritten)
        #expect(node.folders == [])
    }

    @Test func `when its agent is killed, what writes is dead at once`() throws {
        let writer = try Writer()
        var node: TaskNode? = try TaskNode([], dataSets: [writer.definition])
        try node?.join(dataSet: "orders")
        node?.order(Self.canary, of: "orders")
        #expect(node?.await { writer.number != nil } == true)
        let process = try #require(writer.number)
        node = nil
        #expect(ends(writer, process, by: MonotonicDeadline(after: .seconds(2))))
        #expect(!writer.hasWritten)
    }

    @Test func `when its leash is killed, the agent ends what writes`() throws {
        let writer = try Writer()
        let node = try TaskNode([], dataSets: [writer.definition])
        try node.join(dataSet: "orders")
        node.order(Self.canary, of: "orders")
        #expect(node.await { writer.number != nil })
        let process = try #require(writer.number)
        kill(try #require(node.leashes.first), SIGKILL)
        #expect(node.await { !writer.lives(process) })
        #expect(
            node.await {
                node.dataTold.contains {
                    if case .unwritten(_, _, _, "its leash was killed") = $0 { true } else { false }
                }
            }
        )
    }

    /// Nobody is left to end it: the next agent does, before it states or writes anything.
    @Test func `when both are killed, the next agent ends what writes before all else`() throws {
        let writer = try Writer()
        let stage = try TaskStage()
        let attempt = TaskAttempt.ofCanary(1, incarnation: 1)
        let launch = writer.definition.launch(
            writer.program,
            Self.canary,
            under: TaskStage.token,
            until: BootClock.now() + .seconds(60)
        )
        stage.perform(.launch(attempt, launch))
        _ = try stage.started(attempt)
        #expect(stage.await { writer.number != nil })
        let process = try #require(writer.number)
        let leash = try #require(stage.keeper?.processIDs.min())
        kill(leash, SIGKILL)
        stage.dropKeeper()
        #expect(try stage.makeKeeper() == [attempt])
        #expect(attempt.isOfCanary)
        #expect(stage.await { stage.news(attempt).last == .emptied })
        #expect(!writer.lives(process))
        #expect(!writer.hasWritten)
        #expect(stage.folders == [])
    }
}
