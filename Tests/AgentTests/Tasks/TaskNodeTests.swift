import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// From the line that orders an attempt to the line that tells its result.
@Suite(.serialized) struct TaskNodeTests {
    private static func handler(
        _ program: [String],
        delivery: DeliveryPolicy = .exclusive
    ) -> HandlerDefinition {
        HandlerDefinition(
            name: "h",
            types: [.push],
            program: program,
            slots: 8,
            prefetch: 400,
            delivery: delivery,
            stopGrace: .milliseconds(300),
            permanentStatuses: [65]
        )
    }

    @Test func `a task is started when that is durable, and its result told when that is`() throws {
        let node = try TaskNode([Self.handler(["/bin/cat"])])
        try node.join()
        let payload = (0..<50_000).map { UInt8(truncatingIfNeeded: $0) }
        node.order(7, payload: payload)
        #expect(node.await { node.result(7) != nil })
        let attempt = TaskAttempt(task: TaskID(7), attempt: 1)
        #expect(node.hasTold(.started(attempt)))
        let result = try #require(node.result(7))
        #expect(result.outcome == .done)
        #expect(result.status == 0)
        #expect(result.outputBytes == 50_000)
        #expect(result.memoryBytesMax > 0)
        #expect(node.output(7) == payload)
        let verbs = node.journalText.split(separator: "\n").compactMap {
            $0.split(separator: " ").first
        }
        #expect(verbs == ["OWNER", "START", "END"])
        node.receive(.taken(attempt))
        #expect(node.await { node.journalText.contains("FORGET task=7 attempt=1\n") })
    }

    @Test(arguments: [(65, true), (1, false)])
    func `a status that no retry mends is told as such`(status: Int, isPermanent: Bool) throws {
        let node = try TaskNode([Self.handler(["/bin/sh", "-c", "exit \(status)"])])
        try node.join()
        node.order(1)
        #expect(node.await { node.result(1) != nil })
        #expect(node.result(1)?.outcome == .failed)
        #expect(node.result(1)?.status == UInt8(status))
        #expect(node.result(1)?.isPermanent == isPermanent)
    }

    @Test func `what ignores SIGTERM at its time limit is killed, with its children`() throws {
        let script = "trap '' TERM; setsid sleep 600 & echo $!; while :; do sleep 1; done"
        var handler = Self.handler(["/bin/sh", "-c", script])
        handler.timeLimit = .milliseconds(600)
        let node = try TaskNode([handler])
        try node.join()
        node.order(1)
        #expect(node.await { node.result(1) != nil })
        let result = try #require(node.result(1))
        #expect(result.outcome == .timedOut)
        #expect(result.signal == 9)
        let child = try #require(Int32(String(decoding: node.output(1).dropLast(), as: UTF8.self)))
        #expect(kill(child, 0) != 0)
    }

    @Test func `what a followed task writes is told as it comes, and all of it at its end`() throws
    {
        let folder = try TemporaryFolder()
        let go = "\(folder.path)/go"
        let script = "echo one; while [ ! -e \(go) ]; do sleep 0.02; done; echo two; sleep 600"
        let node = try TaskNode([Self.handler(["/bin/sh", "-c", script])])
        try node.join()
        node.order(1)
        let attempt = TaskAttempt(task: TaskID(1), attempt: 1)
        #expect(node.await { node.hasTold(.started(attempt)) })
        node.followed = 1
        #expect(node.await { node.liveOutput(1) == Array("one\n".utf8) })
        try DurableFile.replace(go, with: "")
        #expect(node.await { node.liveOutput(1) == Array("one\ntwo\n".utf8) })
        #expect(node.output(1).isEmpty)
        node.followed = nil
        node.receive(.cancel(attempt, token: TaskNode.token, .cancelled))
        #expect(node.await { node.result(1) != nil })
        #expect(node.output(1) == Array("one\ntwo\n".utf8))
    }

    @Test func `account and attributes reach the handler exactly, and nothing runs them`() throws {
        let script = """
            import os, sys
            for name in ('MUSTER_ACCOUNT', 'MUSTER_ATTRIBUTE_A_B', 'MUSTER_TYPE', 'MUSTER_NODE'):
                sys.stdout.write(os.environ[name] + '\\0')
            sys.stdout.write(repr(sys.argv))
            """
        let node = try TaskNode([Self.handler(["/usr/bin/python3", "-c", script])])
        try node.join()
        let marker = "\(node.folder.path)/ran"
        let account = "a \"b\" 'c' $(touch \(marker)) `touch \(marker)`; touch \(marker) | & > é"
        let value = "-rf * ${IFS} \\ %s \"; touch \(marker)"
        let attribute = try #require(TaskAttribute(name: "a-b", value: value))
        node.order(1, account: account, attributes: [attribute])
        #expect(node.await { node.result(1) != nil })
        let words = String(decoding: node.output(1), as: UTF8.self).split(separator: "\0")
        #expect(words.map(String.init) == [account, value, "PUSH", "n-1", "['-c']"])
        #expect(access(marker, F_OK) != 0)
    }

    @Test func `a handler whose program is not there is told as not executed`() throws {
        let node = try TaskNode([Self.handler(["/nowhere/program"])])
        try node.join()
        node.order(1)
        #expect(node.await { node.result(1) != nil })
        #expect(node.result(1)?.outcome == .notExecuted)
        #expect(node.result(1)?.detail.contains("/nowhere") == true)
    }

    @Test func `cancelled is ended, and what waits for a slot is given back`() throws {
        var handler = Self.handler(["/bin/sleep", "600"])
        handler.slots = 1
        let node = try TaskNode([handler])
        try node.join()
        let first = TaskAttempt(task: TaskID(1), attempt: 1)
        let second = TaskAttempt(task: TaskID(2), attempt: 1)
        node.order(1)
        node.order(2)
        #expect(node.await { node.hasTold(.started(first)) })
        node.receive(.cancel(second, token: TaskNode.token, .cancelled))
        node.receive(.cancel(first, token: TaskNode.token, .cancelled))
        #expect(node.await { node.result(1) != nil })
        #expect(node.result(1)?.outcome == .cancelled)
        #expect(node.result(1)?.signal == 15)
        #expect(!node.hasTold(.started(second)))
        #expect(
            node.told.contains {
                if case .returned(second, _, _) = $0 { true } else { false }
            }
        )
    }

    @Test func `after its agent a task is told as interrupted, once nothing of it runs`() throws {
        let folder: TemporaryFolder
        let process: Int32
        do {
            let node = try TaskNode([Self.handler(["/bin/sh", "-c", "echo $$; exec sleep 600"])])
            folder = node.folder
            try node.join()
            node.order(1)
            let attempt = TaskAttempt(task: TaskID(1), attempt: 1)
            #expect(node.await { node.hasTold(.started(attempt)) })
            let output = LeashFolder(attempt: attempt, in: "\(folder.path)/tasks")
            #expect(node.await { output.outputTail(20).last == 10 })
            let text = String(decoding: output.outputTail(20).dropLast(), as: UTF8.self)
            process = try #require(Int32(text))
            #expect(kill(process, 0) == 0)
        }
        // The node above is gone as a killed process is: without a word to its leashes.
        let next = try TaskNode([Self.handler(["/bin/true"])], in: folder)
        #expect(next.await { next.result(1) != nil })
        #expect(next.result(1)?.outcome == .interrupted)
        #expect(kill(process, 0) != 0)
        #expect(LeashFolder.attempts(in: "\(folder.path)/tasks").isEmpty)
    }

    @Test func `a hundred tasks run through eight slots, and every result is told once`() throws {
        let node = try TaskNode([Self.handler(["/bin/true"])])
        try node.join()
        let count: UInt64 = 100
        for number in 1...count { node.order(number) }
        #expect(
            node.await(within: .seconds(120)) {
                node.told.count { if case .result = $0 { true } else { false } } >= count
            }
        )
        for number in 1...count { #expect(node.result(number)?.outcome == .done) }
        let results = node.told.count { if case .result = $0 { true } else { false } }
        #expect(results == count)
    }
}
