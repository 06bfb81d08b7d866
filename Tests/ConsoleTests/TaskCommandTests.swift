import API
import Foundation
import Model
import Testing

@testable import Console

/// What `muster task`, `muster policy` and `muster schedule` send, and how they end.
@Suite struct `Commands of work` {
    private static func page(_ tasks: [TaskSummary]) throws -> [String: Any] {
        ["body": try FakeCluster.json(TaskPage(asOf: Samples.now.iso8601, tasks: tasks))]
    }

    private static func done(_ text: String) throws -> [String: Any] {
        ["body": try FakeCluster.json(ChangeDone(asOf: "", text: text))]
    }

    private func bodies(_ cluster: FakeCluster, _ path: String) throws -> [[String: Any]] {
        try cluster.requests().filter { $0["path"] as? String == path }.compactMap { request in
            let body = request["body"] as? String ?? ""
            return try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        }
    }

    // MARK: Payloads

    private static var submitted: [String: Any] {
        [
            "POST /api/v1/tasks": [
                "status": 201, "body": ["id": 1, "known": false] as [String: Any],
            ]
        ]
    }

    @Test func `a payload of the limit is sent, whatever its bytes, and one byte more is not`()
        throws
    {
        let cluster = try FakeCluster(answers: Self.submitted)
        let file = cluster.folder + "/payload"
        let submit = ["task", "submit", "--type", "PUSH", "--payload-file", file]
        // As text each of them would take six bytes.
        let bytes = Data(repeating: 1, count: 1 << 20)
        try bytes.write(to: URL(fileURLWithPath: file))
        let largest = try cluster.muster(submit)
        #expect(largest.status == 0, "\(largest)")
        let body = try #require(try bodies(cluster, "/api/v1/tasks").first)
        #expect(body["payload"] == nil)
        #expect((body["payloadBase64"] as? String).flatMap { Data(base64Encoded: $0) } == bytes)
        try (bytes + [1]).write(to: URL(fileURLWithPath: file))
        let larger = try cluster.muster(submit)
        #expect(larger.status == 3, "\(larger)")
        #expect(larger.error.contains("payload is larger than 1.0 MiB"))
        #expect(larger.error.contains("hint: name a file in the payload instead"))
        #expect(try bodies(cluster, "/api/v1/tasks").count == 1)
    }

    @Test(arguments: [[0, 255, 10, 34], [39, 10, 36, 40, 96], []] as [[UInt8]])
    func `bytes of a payload arrive as they are`(bytes: [UInt8]) throws {
        let cluster = try FakeCluster(answers: Self.submitted)
        let file = cluster.folder + "/payload"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        _ = try cluster.muster("task", "submit", "--type", "PUSH", "--payload-file", file)
        let body = try #require(try bodies(cluster, "/api/v1/tasks").first)
        let text = (body["payload"] as? String).map { Array($0.utf8) }
        let binary = (body["payloadBase64"] as? String).flatMap { Data(base64Encoded: $0) }
        #expect(text ?? binary.map { Array($0) } == bytes)
    }

    // MARK: Dead letters

    @Test func `what has failed is listed, given again or taken off the list`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/tasks": try Self.page([Samples.failed]),
            "POST /api/v1/tasks/retry": try Self.done("1 of 1 task given again"),
            "POST /api/v1/tasks/resolve": try Self.done("1 of 1 task resolved"),
        ])
        let listed = try cluster.muster("task", "list", "--state", "failed", "--no-headers")
        #expect(listed.output.hasPrefix("18  PUSH  acme  ✖ failed"), "\(listed)")
        let all = try cluster.muster("task", "retry", "--failed", "--account", "acme")
        #expect(all.status == 0 && all.output == "1 of 1 task given again\n", "\(all)")
        #expect(try bodies(cluster, "/api/v1/tasks/retry")[0]["ids"] as? [Int] == [18])
        let paths = try cluster.requests().compactMap { $0["path"] as? String }
        #expect(paths[0] == "/api/v1/tasks?state=failed&limit=100")
        #expect(paths[1] == "/api/v1/tasks?state=failed&live=true&account=acme&limit=1000")
        let without = try cluster.muster("task", "resolve", "18", "--failed")
        #expect(without.status == 64 && without.error.contains("--reason"), "\(without)")
        let both = try cluster.muster("task", "resolve", "18", "--failed", "--done")
        #expect(both.status == 64)
        for (flag, isDone) in [("--done", true), ("--failed", false)] {
            let run = try cluster.muster("task", "resolve", "18", flag, "--reason", "looked")
            #expect(run.status == 0, "\(run)")
            let body = try #require(try bodies(cluster, "/api/v1/tasks/resolve").last)
            #expect(body["done"] as? Bool == isDone && body["ids"] as? [Int] == [18])
            #expect(body["reason"] as? String == "looked")
        }
    }

    @Test func `a list is chosen by state, type, account, node and age`() throws {
        let cluster = try FakeCluster(answers: ["GET /api/v1/tasks": try Self.page([])])
        let run = try cluster.muster(
            "task",
            "list",
            "--state",
            "waiting",
            "--type",
            "PUSH",
            "--account",
            "a b",
            "--node",
            "a-1",
            "--since",
            "2h"
        )
        #expect(run.status == 0 && run.error.contains("no such tasks"), "\(run)")
        let times = try cluster.muster("task", "list", "--since", "2026-11-25T19:00:00+01:00")
        #expect(times.status == 0)
        let paths = try cluster.requests().compactMap { $0["path"] as? String }
        #expect(
            paths == [
                "/api/v1/tasks?state=waiting&type=PUSH&account=a%20b&node=a-1"
                    + "&ageMilliseconds=7200000&limit=100",
                "/api/v1/tasks?live=true&since=2026-11-25T18%3A00%3A00.000Z&limit=100",
            ]
        )
        #expect(try cluster.muster("task", "list", "--state", "wating").status == 64)
    }

    @Test func `a refusal of a task is told with its mend, and ends with 3`() throws {
        let failure = API.Failure(
            code: "busy",
            detail: "the queue is full: 3 tasks wait",
            mend: "try again in 5s"
        )
        let cluster = try FakeCluster(answers: [
            "POST /api/v1/tasks": [
                "status": failure.status, "body": try FakeCluster.json(failure),
            ]
        ])
        let run = try cluster.muster("task", "submit", "--type", "PUSH")
        #expect(run.status == 3, "\(run)")
        #expect(run.error.contains("error: the queue is full: 3 tasks wait"), "\(run)")
        #expect(run.error.contains("hint: try again in 5s"))
        #expect(run.output.isEmpty)
    }

    // MARK: Policies and schedules

    @Test func `what is declared, preferred and borne is set and taken back`() throws {
        let cluster = try FakeCluster(answers: [
            "PUT /api/v1/settings": try Self.done("set"),
            "DELETE /api/v1/settings": try Self.done("unset"),
        ])
        let commands = [
            ["policy", "type", "declare", "INVOICE", "the ERP's"],
            ["policy", "type", "remove", "INVOICE"], ["policy", "attribute", "remove", "region"],
            ["policy", "slots", "a-1", "4"], ["policy", "slots", "a-1", "--clear"],
            ["policy", "prefer", "a-1", "--clear"],
            ["policy", "overload", "--running", "40", "--relief", "70%"],
        ]
        for command in commands {
            let run = try cluster.muster(command)
            #expect(run.status == 0, "\(command) \(run)")
        }
        let sent = try cluster.requests().map { request in
            let body = request["body"] as? String ?? ""
            let members =
                try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] ?? [:]
            let value = (members["value"] as? String).map { "=\($0)" } ?? ""
            let what = "\(members["scope"] ?? "") \(members["key"] ?? "")\(value)"
            return "\(request["method"] ?? "") \(what)"
        }
        #expect(
            sent == [
                "PUT cluster task.type.INVOICE=the ERP's", "DELETE cluster task.type.INVOICE",
                "DELETE cluster task.attribute.region", "PUT node/a-1 task.slots=4",
                "DELETE node/a-1 task.slots", "DELETE node/a-1 task.prefer",
                "PUT cluster task.overload.running=40", "PUT cluster task.overload.clear=70%",
            ]
        )
        for wrong in [
            ["policy", "set", "round-robbin"], ["policy", "slots", "a-1", "5000"],
            ["policy", "overload", "--running", "0"], ["policy", "overload", "--load", "much"],
            ["policy", "prefer", "a-1"],
        ] {
            #expect(try cluster.muster(wrong).status == 64, "\(wrong)")
        }
        #expect(try cluster.requests().count == sent.count)
    }

    @Test func `a schedule is listed, paused, resumed and removed`() throws {
        var broken = Samples.schedule
        broken.name = "broken"
        broken.problem = "the time zone X/Y is not known here"
        let list = ScheduleList(asOf: Samples.now.iso8601, schedules: [Samples.schedule, broken])
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/schedules": ["body": try FakeCluster.json(list)],
            "POST /api/v1/schedules/nightly/pause": try Self.done("schedule nightly is paused"),
            "POST /api/v1/schedules/nightly/resume": try Self.done("it fires next at …"),
            "DELETE /api/v1/schedules/nightly": try Self.done("schedule nightly is removed"),
        ])
        let listed = try cluster.muster("schedule", "list", "--no-headers")
        let lines = listed.output.split(separator: "\n")
        #expect(lines.count == 2 && lines[1].contains("is not known here"), "\(listed)")
        let paused = try cluster.muster("schedule", "pause", "nightly", "--reason", "moving")
        #expect(paused.output == "schedule nightly is paused\n", "\(paused)")
        #expect(try cluster.muster("schedule", "resume", "nightly").status == 0)
        // Nobody is there to be asked.
        let unasked = try cluster.muster("schedule", "remove", "nightly")
        #expect(unasked.status == 3 && unasked.error.contains("will not fire again"))
        let removed = try cluster.muster("schedule", "remove", "nightly", "--yes")
        #expect(removed.output == "schedule nightly is removed\n", "\(removed)")
        let changes = try cluster.requests().dropFirst().map {
            "\($0["method"] ?? "") \($0["path"] ?? "")"
        }
        #expect(
            changes == [
                "POST /api/v1/schedules/nightly/pause", "POST /api/v1/schedules/nightly/resume",
                "DELETE /api/v1/schedules/nightly",
            ]
        )
        let reason = try bodies(cluster, "/api/v1/schedules/nightly/pause").first?["reason"]
        #expect(reason as? String == "moving")
    }
}
