import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// What a node states while a worker, or what one has started, may still act.
@Suite(.serialized) struct WorkerStatementTests {
    /// For its task it starts a process of a session of its own that SIGTERM does not end, and leaves it.
    private static let script = """
        import subprocess, sys
        while line := sys.stdin.buffer.readline():
            stay = "trap '' TERM; echo ready; while :; do sleep 1; done"
            child = subprocess.Popen(['/bin/sh', '-c', stay], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, start_new_session=True)
            child.stdout.readline()
            print(f'DONE text={child.pid}', flush=True)
        """

    private static let handler: HandlerDefinition = {
        var definition = HandlerDefinition(
            name: "h",
            types: [.push],
            program: ["/usr/bin/python3", "-u", "-c", script],
            delivery: .idempotent,
            stopGrace: .milliseconds(300)
        )
        definition.mode = .worker
        return definition
    }()

    private func isThere(_ process: Int32) -> Bool {
        let text = SystemFiles().text("/proc/\(process)/stat")
        return text.map { !$0.contains(") Z ") } ?? false
    }

    /// - Returns: the process that the worker has left behind.
    private func left(by task: UInt64, on node: TaskNode) throws -> Int32 {
        node.order(task)
        guard node.await({ node.result(task) != nil }),
            let child = Int32(String(decoding: node.output(task), as: UTF8.self))
        else { throw TestFault("no child is told: \(node.told)") }
        return child
    }

    @Test func `nothing is stated of a session before what its workers have left is gone`() throws {
        let node = try TaskNode([Self.handler])
        try node.join()
        let child = try left(by: 1, on: node)
        #expect(isThere(child))
        node.raiseToken()
        var wasThere = false
        let isStated = node.await {
            let isStated = node.stopStatement.map { $0 >= TaskNode.token } ?? false
            if !isStated { wasThere = wasThere || isThere(child) }
            return isStated
        }
        #expect(isStated && wasThere)
        #expect(!isThere(child))
        // The next session has a worker of its own, and keeps it.
        _ = try left(by: 2, on: node)
        let leashes = node.leashes
        #expect(leashes.count == 2)
        _ = try left(by: 3, on: node)
        #expect(node.leashes == leashes)
    }

    @Test func `a new agent states nothing before what workers of the last have left is gone`()
        throws
    {
        var first: TaskNode? = try TaskNode([Self.handler])
        let folder = try #require(first?.folder)
        try first?.join()
        let child = try left(by: 1, on: #require(first))
        // The older of both is the leash.
        let leash = try #require(first?.leashes.first)
        kill(leash, SIGSTOP)
        first = nil
        let second = try TaskNode([Self.handler], in: folder)
        try second.join()
        #expect(isThere(child))
        #expect(second.stopStatement == nil)
        kill(leash, SIGCONT)
        #expect(second.await { second.stopStatement != nil })
        #expect(!isThere(child))
    }
}
