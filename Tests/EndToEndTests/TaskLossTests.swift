import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Real tasks on real agents under a real controller, and what becomes of them when one of the three
/// is killed or frozen in the middle.
@Suite struct TaskLossTests {
    @Test
    func `a task whose agent is killed runs to its end elsewhere, and its old result is refused`()
        async throws
    {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let handler = try GatedHandler(in: cluster.folder)
            let first = try await cluster.addAgent("n1", handlers: ["push": handler.text()])
            let id = try await cluster.submit(TaskRequest(type: "PUSH"))
            let begun = try await handler.begun("\(id).1")
            #expect(begun.again == "no" && Processes.lives(begun.process))
            _ = try await cluster.addAgent("n2", handlers: ["push": handler.text()])

            first.program?.signal(SIGKILL)
            _ = try await first.program?.wait()
            // What it ran is killed with it.
            #expect(await eventually { !Processes.lives(begun.process) })
            try await cluster.offline("n1")
            // The task moves when the lease of its node has surely ended, and not before.
            #expect(try await cluster.task(id).task.node == "n1")
            #expect(try await handler.begun("\(id).2").again == "yes")
            let moved = try await cluster.task(id, becomes: "running on n2") {
                $0.task.node == "n2" && $0.task.started == true
            }
            #expect(moved.task.state == "assigned" && moved.task.attempt == 2)
            #expect(
                moved.attempts.map { "\($0.attempt) \($0.node) \($0.outcome)" } == ["1 n1 lost"]
            )
            let events = try await cluster.events(subject: "n1").map(\.kind)
            #expect(events.contains("tasks.moved"), "\(events)")
            #expect(try await cluster.audit().contains { $0.verb == "node.fence" })

            // The node comes back and tells how the old attempt ended: that counts for nothing.
            try first.start()
            try await cluster.online("n1")
            let late = try await refused(id, cluster)
            #expect(late.cause == "the node said: interrupted")
            let shown = try await cluster.muster("event", "list", "--kind", "task.late")
            #expect(shown.output.contains("late result of task \(id) was refused"), "\(shown)")
            let after = try await cluster.task(id).task
            #expect(after.state == "assigned" && after.attempt == 2 && after.node == "n2")

            try handler.open("2")
            let ended = try await cluster.ended(id)
            #expect(ended.task.state == "done" && ended.task.attempt == 2)
            #expect(ended.task.node == "n2" && ended.task.result?.status == 0)
            #expect(try await cluster.output(id) == Array("done by attempt 2\n".utf8))
            #expect(handler.lines == ["begin \(id).1", "begin \(id).2", "end \(id).2"])
        }
    }

    /// The event that tells of a refused result of the first attempt.
    private func refused(_ id: UInt64, _ cluster: TestCluster) async throws -> API.Event {
        try await awaited("the refusal of the old result") {
            try await cluster.events(subject: "n1").last {
                $0.kind == "task.late"
                    && $0.text.contains(
                        "task \(id) was refused: attempt 1 of it is not the current"
                    )
            }
        }
    }

    @Test func `an agent that wakes up with a task that another has is refused, done or not`()
        async throws
    {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let handler = try GatedHandler(in: cluster.folder)
            let text = handler.text(delivery: "idempotent")
            let first = try await cluster.addAgent("n1", handlers: ["push": text])
            let id = try await cluster.submit(TaskRequest(type: "PUSH"))
            let begun = try await handler.begun("\(id).1")
            _ = try await cluster.addAgent("n2", handlers: ["push": text])

            first.program?.signal(SIGSTOP)
            // What may run twice goes elsewhere at once, without the wait for the lease.
            try await handler.begun("\(id).2")
            #expect(Processes.lives(begun.process))
            // The first attempt does all of its work while its agent is frozen.
            try handler.open("1")
            _ = try await awaited("the end of the first attempt") {
                handler.lines.contains("end \(id).1") ? true : nil
            }
            first.program?.signal(SIGCONT)
            let late = try await refused(id, cluster)
            #expect(late.cause == "the node said: done")
            let after = try await cluster.task(id).task
            #expect(after.state == "assigned" && after.attempt == 2 && after.node == "n2")
            try handler.open("2")
            let ended = try await cluster.ended(id)
            #expect(ended.task.state == "done" && ended.task.attempt == 2)
            #expect(try await cluster.output(id) == Array("done by attempt 2\n".utf8))
        }
    }

    @Test func `a task that may run once only is not given again when its agent is killed`()
        async throws
    {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let handler = try GatedHandler(in: cluster.folder)
            let text = handler.text(delivery: "at-most-once")
            let first = try await cluster.addAgent("n1", handlers: ["push": text])
            let id = try await cluster.submit(TaskRequest(type: "PUSH"))
            try await handler.begun("\(id).1")
            _ = try await cluster.addAgent("n2", handlers: ["push": text])
            try await cluster.task(id, becomes: "running") { $0.task.started == true }
            first.program?.signal(SIGKILL)
            _ = try await first.program?.wait()
            try await cluster.task(id, becomes: "unknown") { $0.task.state == "unknown" }
            let listed = try await cluster.muster("task", "list", "--state", "unknown")
            #expect(listed.output.contains("unknown"), "\(listed)")
            // An operator has looked, and has it run once more.
            let again = try await cluster.muster("task", "retry", "\(id)", "--reason", "a test")
            #expect(again.status == 0, "\(again)")
            try await handler.begun("\(id).2")
            try handler.open("2")
            #expect(try await cluster.ended(id).task.state == "done")
        }
    }

    @Test func `a controller that is killed loses no task and runs none twice`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let handler = try GatedHandler(in: cluster.folder)
            let gated = handler.text(type: "PULL", slots: 3)
            let other = """
                [handler]
                types = PUSH
                program = /bin/sh -c "echo \\"begin $MUSTER_TASK $MUSTER_ATTEMPT no $$\\" >>\
                \(cluster.folder["ledger"])"
                slots = 2

                """
            _ = try await cluster.addAgent("n1", handlers: ["pull": gated, "push": other])
            // Some have ended, some run, some wait for a slot, one for a handler that is nowhere.
            var done: [UInt64] = []
            for _ in 0..<3 { done.append(try await cluster.submit(TaskRequest(type: "PUSH"))) }
            for id in done { #expect(try await cluster.ended(id).task.state == "done") }
            var open: [UInt64] = []
            for _ in 0..<5 { open.append(try await cluster.submit(TaskRequest(type: "PULL"))) }
            for id in open.prefix(3) { try await handler.begun("\(id).1") }
            let nowhere = try await cluster.submit(TaskRequest(type: "PGP"))

            try await cluster.kill()
            // Two end while nobody is there to hear of it.
            try handler.open("all")
            _ = try await awaited("the end of what runs") {
                handler.lines.count { $0.hasPrefix("end") } >= 3 ? true : nil
            }
            try await cluster.start()
            for id in open {
                let ended = try await cluster.ended(id)
                #expect(ended.task.state == "done" && ended.task.attempt == 1, "\(ended)")
            }
            #expect(try await cluster.task(nowhere).task.state == "waiting")
            let began = handler.lines.filter { $0.hasPrefix("begin") }
            #expect(began.sorted() == (done + open).map { "begin \($0).1" }.sorted())
            #expect(handler.entries.allSatisfy { $0.again == "no" })
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            let states = Dictionary(
                uniqueKeysWithValues: status.work?.states.map { ($0.state, $0.count) } ?? []
            )
            #expect(states["waiting"] == 1 && states["assigned"] == 0)
        }
    }
}
