import API
import Foundation
import Model
import Testing

@testable import Console

@Suite struct `Work, at the command line` {
    private static func page(_ tasks: [TaskSummary]) throws -> [String: Any] {
        ["body": try FakeCluster.json(TaskPage(asOf: Samples.now.iso8601, tasks: tasks))]
    }

    private static func detail(_ task: TaskSummary) throws -> [String: Any] {
        ["body": try FakeCluster.json(Samples.detail(of: task))]
    }

    private static func done(_ text: String = "2 tasks cancelled") throws -> [String: Any] {
        ["body": try FakeCluster.json(ChangeDone(asOf: "", text: text))]
    }

    private func bodies(_ cluster: FakeCluster, _ path: String) throws -> [[String: Any]] {
        try cluster.requests().filter { ($0["path"] as? String)?.hasPrefix(path) == true }
            .compactMap { request in
                let body = request["body"] as? String ?? ""
                return try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            }
    }

    @Test func `submit writes the number alone, and sends what was said`() throws {
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/tasks": [
                "status": 201, "body": try FakeCluster.json(SubmittedTask(id: 17, known: false)),
            ]
        ])
        let run = try cluster.muster(
            "task",
            "submit",
            "--type",
            "PUSH",
            "--account",
            "acme",
            "--attribute",
            "region=eu=x",
            "--priority",
            "9",
            "--exclusive",
            "k",
            "--ordered",
            "--attempts",
            "3",
            "--retry-delay",
            "1m30s",
            "--payload-file",
            "-",
            "--not-before",
            "2026-12-24T18:00:00+01:00",
            "--key",
            "once",
            input: "hello\n"
        )
        #expect(run.output == "17\n" && run.status == 0, "\(run)")
        let body = try #require(try bodies(cluster, "/api/v1/tasks").first)
        #expect(body["type"] as? String == "PUSH" && body["account"] as? String == "acme")
        #expect(body["attributes"] as? [String: String] == ["region": "eu=x"])
        #expect(body["retryDelayMilliseconds"] as? Int == 90_000)
        #expect(body["notBefore"] as? String == "2026-12-24T17:00:00.000Z")
        #expect(body["payload"] as? String == "hello\n" && body["ordered"] as? Bool == true)
    }

    @Test func `wait ends 0, 1 or 4 by how the tasks end`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks/20": try Self.detail(Samples.done),
            "GET /api/v1/tasks/18": try Self.detail(Samples.failed),
            "GET /api/v1/tasks/17": try Self.detail(Samples.running),
        ])
        let done = try cluster.muster("task", "wait", "20")
        #expect(done.status == 0 && done.output == "● task 20: done on a-1\n", "\(done)")
        let failed = try cluster.muster("task", "wait", "20", "18")
        #expect(failed.status == 1)
        #expect(failed.output.contains("task 18: failed on a-2 (exited with status 3)"))
        let running = try cluster.muster("task", "wait", "17", "20", "--timeout", "300ms")
        #expect(running.status == 4)
        #expect(running.error.contains("task 17: running on a-1"), "\(running)")
        #expect(try cluster.muster("task", "wait", "99").status == 3)
    }

    @Test func `wait says why a task is with no node`() throws {
        var why = TaskSamples.explanation
        why.text = "no node has a handler for PUSH"
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks/14": try Self.detail(Samples.task(14, "waiting")),
            "GET /api/v1/tasks/14/why": ["body": try FakeCluster.json(why)],
        ])
        let run = try cluster.muster("task", "wait", "14", "--timeout", "300ms")
        #expect(run.status == 4)
        #expect(run.error.contains("task 14: waiting: \(why.text)"), "\(run)")
    }

    @Test func `cancel by what they are counts and asks, and does nothing without an answer`()
        throws
    {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks": try Self.page([Samples.failed, Samples.running]),
            "POST /api/v1/tasks/cancel": try Self.done(),
        ])
        let asked = try cluster.muster("task", "cancel", "--account", "acme")
        #expect(asked.status == 3)
        #expect(asked.error.contains("This cancels 2 tasks: 1 assigned, 1 failed."), "\(asked)")
        #expect(try bodies(cluster, "/api/v1/tasks/cancel").isEmpty)
        let given = try cluster.muster("task", "cancel", "--account", "acme", "--yes")
        #expect(given.status == 0 && given.output == "2 tasks cancelled\n", "\(given)")
        #expect(try bodies(cluster, "/api/v1/tasks/cancel")[0]["ids"] as? [Int] == [17, 18])
    }

    @Test func `a list asks for live tasks only unless told otherwise`() throws {
        var resolved = Samples.failed
        resolved.live = false
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks": try Self.page([resolved, Samples.running])
        ])
        let live = try cluster.muster("task", "list", "--no-headers")
        #expect(live.output.split(separator: "\n").count == 1, "\(live)")
        #expect(live.output.contains("running"))
        let paths = try cluster.requests().compactMap { $0["path"] as? String }
        #expect(paths == ["/api/v1/tasks?live=true&limit=100"])
        let ended = try cluster.muster("task", "list", "--ended", "-o", "json")
        let page = try JSONDecoder().decode(TaskPage.self, from: Data(ended.output.utf8))
        #expect(page.tasks.map(\.id) == [18])
    }

    @Test func `a file's wrong lines are named, the others go, and busy ones go again`() throws {
        func answer(_ answers: [TaskAnswer]) throws -> [String: Any] {
            [
                "body": try FakeCluster.json(TaskBatchAnswer(asOf: "", answers: answers)),
                "headers": ["Retry-After": "0"],
            ]
        }
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/tasks/batch": [
                try answer([
                    TaskAnswer(id: 1, known: false),
                    TaskAnswer(code: "busy", detail: "the queue is full", mend: "later"),
                    TaskAnswer(code: "invalid", detail: "priority is too high", mend: ""),
                ]), try answer([TaskAnswer(id: 2, known: true)]),
            ] as [[String: Any]]
        ])
        let run = try cluster.muster(
            "task",
            "submit",
            "--file",
            "-",
            input: """
                {"type":"PUSH","key":"a"}
                nonsense

                {"type":"PULL","key":"b"}
                {"type":"PGP","priority":99}
                """
        )
        #expect(run.status == 3, "\(run)")
        #expect(run.output == "1 accepted, 1 known already, 2 refused\n")
        #expect(run.error.contains("standard input:2: it is not one JSON object"))
        #expect(run.error.contains("standard input:5: priority is too high"))
        #expect(run.error.contains("the queue is full; waiting for room"))
        let sent = try cluster.requests().compactMap { $0["body"] as? String }
        #expect(sent.count == 2)
        #expect(sent.last == #"[{"key":"b","type":"PULL"}]"#)
    }

    @Test func `what found no room goes again before anything that stands behind it`() throws {
        func answers(_ answers: [TaskAnswer]) throws -> [String: Any] {
            [
                "body": try FakeCluster.json(TaskBatchAnswer(asOf: "", answers: answers)),
                "headers": ["Retry-After": "0"],
            ]
        }
        let busy = TaskAnswer(code: "busy", detail: "the queue is full", mend: "later")
        func taken(_ count: Int) -> [TaskAnswer] {
            (0..<count).map { number -> TaskAnswer in
                TaskAnswer(id: UInt64(number + 1), known: false)
            }
        }
        // Of the first batch two find no room, and then one of these, once more.
        let first = taken(10) + [busy] + taken(500) + [busy] + taken(488)
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/tasks/batch": try [
                answers(first), answers(taken(1) + [busy]), answers(taken(1)), answers(taken(3)),
            ]
        ])
        let lines = (0..<1_003).map { #"{"type":"PUSH","exclusiveKey":"k","account":"\#($0)"}"# }
        let run = try cluster.muster(
            "task",
            "submit",
            "--file",
            "-",
            input: lines.joined(separator: "\n")
        )
        #expect(run.status == 0 && run.output == "1003 accepted\n", "\(run)")
        let sent = try cluster.requests().compactMap { request -> [String]? in
            let body = Data((request["body"] as? String ?? "").utf8)
            let tasks = try JSONSerialization.jsonObject(with: body) as? [[String: Any]]
            return tasks?.compactMap { $0["account"] as? String }
        }
        #expect(sent.map(\.count) == [1_000, 2, 1, 3])
        #expect(sent[1] == ["10", "511"] && sent[2] == ["511"])
        #expect(sent[3] == ["1000", "1001", "1002"])
    }

    @Test func `an answer that is lost is asked for again only where keys make it safe`() throws {
        let taken = try FakeCluster.json(
            TaskBatchAnswer(asOf: "", answers: [TaskAnswer(id: 1, known: true)])
        )
        let answers: [String: Any] = [
            "POST /api/v1/tasks/batch": [["drop": true], ["body": taken]] as [[String: Any]]
        ]
        let safe = try FakeCluster(answers: answers).muster(
            "task",
            "submit",
            "--file",
            "-",
            input: #"{"type":"PUSH","key":"a"}"#
        )
        #expect(safe.status == 0 && safe.output == "0 accepted, 1 known already\n", "\(safe)")
        let unsafe = try FakeCluster(answers: answers).muster(
            "task",
            "submit",
            "--file",
            "-",
            input: #"{"type":"PUSH"}"#
        )
        #expect(unsafe.status == 1, "\(unsafe)")
        #expect(unsafe.error.contains("standard input:1-1: "))
    }

    @Test func `policies are settings, and the policy itself comes last`() throws {
        let cluster = try FakeCluster(answers: ["PUT /api/v1/settings": try Self.done()])
        let run = try cluster.muster(
            "policy",
            "set",
            "attribute-match",
            "--strict",
            "yes",
            "--patience",
            "0"
        )
        #expect(run.status == 0, "\(run)")
        let first = try bodies(cluster, "/api/v1/settings").map {
            "\($0["scope"] ?? "") \($0["key"] ?? "")=\($0["value"] ?? "")"
        }
        #expect(
            first == [
                "cluster task.strict=yes", "cluster task.affinity.patience=0",
                "cluster task.policy=attribute-match",
            ]
        )
        _ = try cluster.muster("policy", "prefer", "a-1", "PGP", "region=eu")
        _ = try cluster.muster("policy", "overload", "a-1", "--load", "off", "--memory", "90%")
        _ = try cluster.muster("policy", "attribute", "declare", "region", "where it is")
        let later = try bodies(cluster, "/api/v1/settings").dropFirst(3).map {
            "\($0["scope"] ?? "") \($0["key"] ?? "")=\($0["value"] ?? "")"
        }
        #expect(
            later == [
                "node/a-1 task.prefer=PGP, region=eu", "node/a-1 task.overload.load=off",
                "node/a-1 task.overload.memory=90%", "cluster task.attribute.region=where it is",
            ]
        )
    }

    @Test func `a schedule is sent as the interface has it`() throws {
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/schedules": [
                "body": ["asOf": "", "text": "fires next at …", "orders": []]
            ]
        ])
        let run = try cluster.muster(
            "schedule",
            "add",
            "nightly",
            "--calendar",
            "0 3 * * MON-FRI",
            "--zone",
            "Europe/Berlin",
            "--type",
            "MAINTENANCE",
            "--overlap",
            "queue",
            "--missed",
            "all",
            "--missed-max",
            "3",
            "--exclude",
            "*-12-25",
            "--exclude-calendar",
            "holidays"
        )
        #expect(run.status == 0, "\(run)")
        let body = try #require(try bodies(cluster, "/api/v1/schedules").first)
        #expect(body["recurrence"] as? String == "calendar 0 3 * * MON-FRI in Europe/Berlin")
        #expect(body["overlap"] as? String == "queue" && body["missedMax"] as? Int == 3)
        #expect(body["excluded"] as? [String] == ["*-12-25"])
        #expect(body["calendars"] as? [String] == ["holidays"])
        #expect((body["task"] as? [String: Any])?["type"] as? String == "MAINTENANCE")
    }

    @Test func `next shows the local time, and ends 2 when there is none`() throws {
        let time = FiringTime(
            at: Samples.ago(-3_600),
            local: "2026-11-23 05:14:15 +01:00 CET"
        )
        func times(_ times: [FiringTime]) throws -> [String: Any] {
            [
                "body": try FakeCluster.json(
                    FiringTimes(
                        asOf: Samples.now.iso8601,
                        recurrence: "every 1h from …",
                        zone: "UTC",
                        times: times
                    )
                )
            ]
        }
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/schedules/next": [try times([time]), try times([])]
        ])
        let run = try cluster.muster("schedule", "next", "nightly", "--count", "1")
        #expect(run.status == 0, "\(run)")
        #expect(run.output.hasPrefix("  2026-11-23 05:14:15 +01:00 CET  2026-11-23T04:14:15.000Z"))
        #expect(run.output.contains("in 1h"))
        let none = try cluster.muster("schedule", "next", "--at", "2020-01-01T00:00:00Z")
        #expect(none.status == 2 && none.error.contains("it never fires again"), "\(none)")
        let path = try #require(try cluster.requests().last?["path"] as? String)
        #expect(path.contains("recurrence=once%202020-01-01T00%3A00%3A00.000Z"), "\(path)")
    }
}
