import API
import ArgumentParser
import Foundation
import Model
import Testing

@testable import Console

/// Tasks that are looked at while they run.
@Suite struct `Work, as it goes on` {
    private static let stream = "GET /api/v1/tasks/17/output/stream"

    private func frame(_ name: String, _ id: String, _ value: some Encodable) throws -> String {
        "id: \(id)\nevent: \(name)\ndata: \(try JSONLine.text(value))\n\n"
    }

    private func output(
        _ text: String,
        at offset: UInt64,
        attempt: UInt16 = 1
    ) throws -> String {
        let bytes = Array(text.utf8)
        return try frame(
            TaskStreamEventName.output,
            "\(attempt).\(offset + UInt64(bytes.count))",
            TaskOutput(
                asOf: "",
                id: 17,
                attempt: attempt,
                offset: offset,
                dataBase64: Data(bytes).base64EncodedString(),
                next: offset + UInt64(bytes.count),
                final: false
            )
        )
    }

    private func begun(_ attempt: UInt16, on node: String? = "a-1") throws -> String {
        try frame(
            TaskStreamEventName.begun,
            "\(attempt).0",
            TaskAttemptBegun(id: 17, attempt: attempt, node: node)
        )
    }

    private func ended(_ attempt: UInt16, _ result: TaskResult?, _ outcome: String) throws -> String
    {
        try frame(
            TaskStreamEventName.ended,
            "\(attempt).9.ended",
            TaskAttemptEnded(id: 17, attempt: attempt, outcome: outcome, result: result)
        )
    }

    private func end(_ task: TaskSummary) throws -> String {
        try frame(TaskStreamEventName.end, "2.9.ended", TaskFollowEnd(asOf: "", task: task))
    }

    @Test func `logs are as they were written, and those of the attempt that has ended`() throws {
        func piece(_ text: String, _ offset: UInt64, final: Bool) throws -> [String: Any] {
            [
                "body": try FakeCluster.json(
                    TaskOutput(
                        asOf: "",
                        id: 17,
                        attempt: 1,
                        offset: offset,
                        dataBase64: Data(text.utf8).base64EncodedString(),
                        next: offset + UInt64(text.utf8.count),
                        final: final
                    )
                )
            ]
        }
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks/17/output": [
                try piece("one\u{1B}[0m\n", 0, final: false), try piece("two\n", 8, final: true),
            ]
        ])
        let run = try cluster.muster("task", "logs", "17")
        #expect(run.status == 0 && run.output == "one\u{1B}[0m\ntwo\n", "\(run)")
        #expect(run.error.isEmpty)
    }

    @Test func `following shows what comes, says which attempt it is of, and ends with the task`()
        throws
    {
        let cluster = try FakeCluster(answers: [
            Self.stream: [
                "stream": try [
                    begun(1), output("one\n", at: 0), output("later\n", at: 1_000),
                    ended(1, Samples.failed.result, "failed"), ":\n\n", begun(2, on: "a-2"),
                    "event: unheard-of\ndata: {}\n\n", output("two", at: 0, attempt: 2),
                    ended(2, Samples.done.result, "done"), end(Samples.done),
                ],
                "hold": true,
            ] as [String: Any]
        ])
        let run = try cluster.muster("task", "logs", "17", "--follow")
        #expect(run.status == 0 && run.output == "one\nlater\ntwo", "\(run)")
        #expect(
            run.error.split(separator: "\n").map(String.init) == [
                "attempt 1 on a-1", "996 B before this are not kept",
                "attempt 1 has ended: exited with status 3", "attempt 2 on a-2",
                "attempt 2 has ended", "● task 20: done on a-1",
            ]
        )
    }

    @Test func `a stream that breaks is taken up behind the last event, and a failure ends 1`()
        throws
    {
        let cluster = try FakeCluster(answers: [
            Self.stream: [
                ["stream": try [begun(1), output("one", at: 0)]],
                [
                    "status": 503,
                    "body": try FakeCluster.json(Failure(code: "not-active", detail: "x")),
                ],
                ["stream": try [output("two", at: 3), end(Samples.failed)]],
            ] as [[String: Any]]
        ])
        let run = try cluster.muster("task", "logs", "17", "-f")
        #expect(run.status == 1 && run.output == "onetwo", "\(run)")
        #expect(run.error.contains("connection lost: the controller ended the stream; trying"))
        #expect(run.error.contains("connected again\n"))
        #expect(run.error.hasSuffix("task 18: failed on a-2 (exited with status 3)\n"), "\(run)")
        #expect(
            try cluster.requests().map { $0["lastEventID"] as? String } == [nil, "1.3", "1.3"]
        )
    }

    @Test func `who may not, no task, no room and no controller end at once, each with its status`()
        throws
    {
        func run(_ failure: Failure) throws -> Program.Run {
            try FakeCluster(answers: [
                Self.stream: ["status": failure.status, "body": try FakeCluster.json(failure)]
            ]).muster("task", "logs", "17", "--follow")
        }
        #expect(try run(Failure(code: "forbidden", detail: "no")).status == 3)
        #expect(try run(Failure(code: "unknown-name", detail: "there is no task 17")).status == 3)
        let full = try run(Failure(code: "too-fast", detail: "64 follow already"))
        #expect(full.status == 3 && full.error.contains("64 follow already"), "\(full)")
        #expect(try run(Failure(code: "not-active", detail: "no")).status == 5)
        let old = try run(Failure(code: FailureCode.notFound, detail: "no such path"))
        #expect(old.status == 1 && old.error.contains("too old"), "\(old)")
    }

    // MARK: The list

    @Test func `off a terminal there is a line for each task that stands elsewhere`() throws {
        let options = try ListOptions.parse([])
        var before = LiveTasks(filter: TaskFilter(), limit: 10, options: options)
        before.tasks = [Samples.failed, Samples.running]
        before.clock.set(Samples.now.iso8601)
        var after = before
        #expect(after.changes(since: before, style: .plain).isEmpty)
        var moved = Samples.running
        moved.node = "a-2"
        after.tasks = [Samples.failed, moved]
        after.departed = [Samples.done]
        let time = TimeText.short(Samples.now.iso8601, at: Samples.now)
        let lines = after.changes(since: before, style: .plain)
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("\(time)  17  ") && lines[0].contains("running on a-2"))
        #expect(lines[1].hasPrefix("\(time)  20  ") && lines[1].contains("done on a-1"))
        let objects = try after.objects(since: before)
        #expect(objects == [try JSONLine.text(moved), try JSONLine.text(Samples.done)])
    }

    @Test(arguments: [false, true])
    func `watching tasks off a terminal tells what becomes of each`(isJSON: Bool) throws {
        func page(_ tasks: [TaskSummary]) throws -> [String: Any] {
            ["body": try FakeCluster.json(TaskPage(asOf: Samples.now.iso8601, tasks: tasks))]
        }
        var done = Samples.running
        done.state = "done"
        done.started = nil
        let pulse =
            "event: pulse\ndata: {\"asOf\":\"\",\"nodeHeartbeatAgesMilliseconds\":{},"
            + "\"siteHeartbeatAgesMilliseconds\":{}}\n\n"
        let refusal = try FakeCluster.json(Failure(code: "forbidden", detail: "enough"))
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks": [
                try page([Samples.running]), try page([Samples.failed]), try page([Samples.failed]),
            ] as [[String: Any]],
            "GET /api/v1/tasks/17": ["body": try FakeCluster.json(Samples.detail(of: done))],
            "GET /api/v1/events/stream": [
                ["stream": [pulse, pulse, pulse], "pause": 1.1], ["status": 403, "body": refusal],
            ] as [[String: Any]],
        ])
        let words = ["task", "list", "--watch"] + (isJSON ? ["-o", "json"] : [])
        let run = try cluster.muster(words)
        #expect(run.status == 3, "\(run)")
        let lines = run.output.split(separator: "\n").map(String.init)
        guard lines.count == 2 else {
            Issue.record("\(run)")
            return
        }
        if isJSON {
            #expect(lines == [try JSONLine.text(done), try JSONLine.text(Samples.failed)])
        } else {
            #expect(lines[0].contains("  17  ") && lines[0].contains("done on a-1"))
            #expect(lines[1].contains("  18  ") && lines[1].contains("failed on a-2"))
        }
    }
}
