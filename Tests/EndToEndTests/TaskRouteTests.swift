import API
import Foundation
import Host
import Model
import Testing

/// Tasks through the interface of a running controller: submitted, listed, explained, cancelled,
/// and there again after a restart.
@Suite struct TaskRouteTests {
    private func request(
        _ type: String = "PUSH",
        account: String? = nil,
        key: String? = nil,
        payload: String? = nil
    ) -> TaskRequest {
        var request = TaskRequest(type: type)
        request.account = account
        request.key = key
        request.payload = payload
        return request
    }

    private func submit(_ person: Operator, _ request: TaskRequest) async throws -> UInt64 {
        try await person.send(.submitTask, body: request, as: SubmittedTask.self).id
    }

    @Test func `a task is submitted once by one key, shown, explained and cancelled`() async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let first = try await admin.ask(.submitTask, body: request(key: "k", payload: "né"))
            #expect(first.status == 201, "\(first.text)")
            let task = try JSONDecoder().decode(SubmittedTask.self, from: first.body)
            let again = try await admin.ask(
                "POST",
                Route.submitTask.path,
                body: try JSONEncoder().encode(request(payload: "né")),
                headers: ["content-type: application/json", "idempotency-key: k"]
            )
            #expect(again.status == 200)
            let known = try JSONDecoder().decode(SubmittedTask.self, from: again.body)
            #expect(known == SubmittedTask(id: task.id, known: true))
            let other = try await admin.refusal(
                .submitTask,
                body: request(key: "k", payload: "another")
            )
            #expect(other.code == "duplicate" && other.status == 409)

            let detail: TaskDetail = try await admin.get(.showTask, "\(task.id)")
            #expect(detail.task.state == "waiting" && detail.task.submittedBy == "admin")
            #expect(detail.task.live && detail.task.key == "k" && detail.task.payloadBytes == 3)
            let why: TaskExplanation = try await admin.get(.explainTask, "\(task.id)")
            #expect(why.text == "no node defines a handler for PUSH")
            #expect(why.policy == "account-affinity" && why.candidates.isEmpty)
            let payload = try await admin.ask(.getTaskPayload, ["\(task.id)"])
            #expect(payload.status == 200 && payload.text == "né")
            let output: TaskOutput = try await admin.get(.showTaskOutput, "\(task.id)")
            #expect(output.dataBase64.isEmpty && !output.final)

            try await admin.change(.cancelTasks, body: TasksChange(ids: [task.id], reason: "x"))
            let ended: TaskDetail = try await admin.get(.showTask, "\(task.id)")
            #expect(ended.task.state == "cancelled" && !ended.task.live)
            let gone = try await admin.ask(.getTaskPayload, ["\(task.id)"])
            #expect(gone.status == 409)
            let last: TaskOutput = try await admin.get(.showTaskOutput, "\(task.id)")
            #expect(last.final)
            let unknown = try await admin.ask(.showTask, ["999999"])
            #expect(unknown.status == 404)
        }
    }

    @Test func `a batch is answered in order, and the list has live and ended ones, newest first`()
        async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let lines = [
                #"{"type":"PUSH","account":"a"}"#, "nonsense", #"{"type":"PULL","account":"b"}"#,
                #"{"type":"PUSH","priority":77}"#, #"{"type":"PUSH","account":"a"}"#,
            ]
            let answer = try await admin.ask(
                "POST",
                Route.submitTasks.path,
                body: Data(lines.joined(separator: "\n").utf8),
                headers: ["content-type: application/x-ndjson"]
            )
            #expect(answer.status == 200, "\(answer.text)")
            let batch = try JSONDecoder().decode(TaskBatchAnswer.self, from: answer.body)
            #expect(batch.accepted == 3 && batch.refused == 2)
            #expect(batch.answers.map(\.code) == [nil, "bad-line", nil, "invalid", nil])
            let ids = batch.answers.compactMap(\.id)
            #expect(ids == ids.sorted() && ids.count == 3)

            try await admin.change(.cancelTasks, body: TasksChange(ids: [ids[1]]))
            let all: TaskPage = try await admin.get(.listTasks)
            #expect(all.tasks.map(\.id) == ids.reversed() && all.next == nil)
            #expect(all.tasks.map(\.state) == ["waiting", "cancelled", "waiting"])
            let page: TaskPage = try await admin.get(.listTasks, query: "limit=2")
            #expect(page.tasks.map(\.id) == [ids[2], ids[1]])
            let next = try #require(page.next)
            let rest: TaskPage = try await admin.get(.listTasks, query: "limit=2&after=\(next)")
            #expect(rest.tasks.map(\.id) == [ids[0]] && rest.next == nil)
            for (query, wanted) in [
                ("account=a", [ids[2], ids[0]]), ("type=PULL", [ids[1]]),
                ("state=cancelled", [ids[1]]), ("state=waiting&account=b", []),
                ("node=nobody", []), ("ageMilliseconds=600000", ids.reversed()),
                ("since=2100-01-01T00:00:00Z", []),
            ] {
                let found: TaskPage = try await admin.get(.listTasks, query: query)
                #expect(found.tasks.map(\.id) == wanted, "\(query)")
            }
            let status: ClusterStatus = try await admin.get(.getStatus)
            #expect(status.work?.accepted == 3 && status.work?.cancelled == 1)
            let waiting = status.work?.states.first { $0.state == "waiting" }
            #expect(waiting?.count == 2 && waiting?.oldestMilliseconds != nil)
        }
    }

    @Test func `what was accepted, ended, and by which key, is known after a restart`() async throws
    {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let long = String(repeating: "payload ", count: 10_000)
            let first = try await submit(admin, request(account: "a", key: "k", payload: long))
            let second = try await submit(admin, request())
            try await admin.change(.cancelTasks, body: TasksChange(ids: [second]))
            try await cluster.kill()
            try await cluster.start()
            #expect(
                try await submit(admin, request(account: "a", key: "k", payload: long)) == first
            )
            let all: TaskPage = try await admin.get(.listTasks)
            #expect(all.tasks.map(\.id) == [second, first])
            #expect(all.tasks.map(\.state) == ["cancelled", "waiting"])
            let payload = try await admin.ask(.getTaskPayload, ["\(first)"])
            #expect(payload.text == long)
            #expect(try await submit(admin, request()) > second)
        }
    }

    @Test func `a viewer sees tasks, not their payloads, and submits none`() async throws {
        try await TestCluster.with { cluster in
            let id = try await submit(cluster.admin, request(payload: "secret"))
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let page: TaskPage = try await viewer.get(.listTasks)
            #expect(page.tasks.map(\.id) == [id])
            for route in [Route.showTask, .explainTask, .showTaskOutput] {
                let answer = try await viewer.ask(route, ["\(id)"])
                #expect(answer.status == 200 && !answer.text.contains("secret"), "\(route)")
            }
            let payload = try await viewer.ask(.getTaskPayload, ["\(id)"])
            #expect(payload.status == 403 && !payload.text.contains("secret"))
            let shown = try await cluster.admin.ask(.getTaskPayload, ["\(id)"])
            #expect(shown.status == 200 && shown.text == "secret")
            // Who has read what a task carries, or was refused, is written down.
            let objects = ["\(id)", "/api/v1/tasks/\(id)/payload"]
            let readings = try await cluster.audit().filter { objects.contains($0.object) }
                .map { "\($0.actor) \($0.verb) \($0.outcome)" }
            #expect(
                readings == [
                    "vera task.output done", "vera getTaskPayload forbidden",
                    "admin task.payload done",
                ]
            )
            let refused = try await viewer.refusal(.submitTask, body: request())
            #expect(refused.code == "forbidden")
            let batch = try await viewer.refusal(.submitTasks, body: [request()])
            #expect(batch.code == "forbidden")
            let now: TaskPage = try await cluster.admin.get(.listTasks)
            #expect(now.tasks.count == 1)
        }
    }

    @Test func `the policy is shown as it holds, and what is too large is refused`() async throws {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            try await admin.change(
                .setSetting,
                body: SetSettingRequest(
                    scope: "cluster",
                    key: "task.policy",
                    value: "least-loaded",
                    reason: "a test"
                )
            )
            let policy: ClusterPolicy = try await admin.get(.showPolicy)
            #expect(policy.policy == "least-loaded" && policy.types.contains("FM_TRIGGERED"))
            let large = try await admin.refusal(
                .submitTask,
                body: request(payload: String(repeating: "x", count: 1 << 20 + 1))
            )
            #expect(large.code == "invalid")
            let huge = try await admin.refusal(
                .submitTask,
                body: request(payload: String(repeating: "x", count: 2 << 20))
            )
            #expect(huge.code == "bad-line")
            let fits = try await submit(
                admin,
                request(payload: String(repeating: "x", count: 1 << 20))
            )
            #expect(fits > 0)
        }
    }
}
