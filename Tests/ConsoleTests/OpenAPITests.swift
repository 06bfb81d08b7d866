import API
import Foundation
import Testing
import Yams

@testable import Console

@Suite struct `The OpenAPI file` {
    private static let path = FakeCluster.fixtures.deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/openapi.yaml")

    private func document() throws -> [String: Any] {
        let text = try String(contentsOf: Self.path, encoding: .utf8)
        return try #require(try Yams.load(yaml: text) as? [String: Any])
    }

    @Test func `it is valid OpenAPI 3.1`() throws {
        let run = try Program.run(
            "/usr/bin/env",
            ["python3", "-m", "openapi_spec_validator", Self.path.path]
        )
        #expect(run.status == 0, "pip install openapi-spec-validator? \(run.output)\(run.error)")
        #expect(try document()["openapi"] as? String == "3.1.0")
    }

    @Test func `it has every path and method there is, and no other`() throws {
        let paths = try #require(try document()["paths"] as? [String: [String: [String: Any]]])
        var found: [String: String] = [:]
        for (path, methods) in paths {
            for (method, operation) in methods {
                let name = try #require(operation["operationId"] as? String)
                found[name] = "\(method.uppercased()) \(path)"
            }
        }
        var expected: [String: String] = [:]
        for route in Route.allCases {
            expected[route.rawValue] = "\(route.method.rawValue) \(route.path)"
        }
        #expect(found == expected)
    }

    @Test func `those without a certificate are let in where the routes say so`() throws {
        let paths = try #require(try document()["paths"] as? [String: [String: [String: Any]]])
        for route in Route.allCases {
            let operation = paths[route.path]?[route.method.rawValue.lowercased()]
            #expect((operation?["security"] != nil) == (route.access == .anyone), "\(route)")
        }
    }

    /// What the types write is what the file says: every key is known, every demanded key is there.
    @Test func `the values fit the schemas`() throws {
        let components = try #require(try document()["components"] as? [String: Any])
        let schemas = try #require(components["schemas"] as? [String: Any])
        let values: [(String, any Encodable)] = [
            ("ClusterStatus", Samples.degraded), ("NodeDetail", Samples.detail),
            ("NodeList", NodeList(asOf: "", nodes: Samples.nodes)),
            ("ServiceList", ServiceList(asOf: "", services: Samples.services)),
            ("EventPage", EventPage(asOf: "", events: Samples.events, next: 1, isCut: true)),
            ("Failure", Failure(code: "forbidden", detail: "no", mend: "")),
            ("StreamChange", StreamChange(node: Samples.nodes[0])),
            ("DrainRequest", DrainRequest(withinMilliseconds: 1, reason: "x", force: true)),
            ("ChangeDone", ChangeDone(asOf: "", text: "done", orders: [1], remark: "x")),
            ("TaskRequest", TaskSamples.request), ("TaskBatchAnswer", TaskSamples.batch),
            ("SubmittedTask", SubmittedTask(id: 1, known: false)),
            ("TasksChange", TasksChange(ids: [1], reason: "x", force: true)),
            ("ResolveTasksRequest", ResolveTasksRequest(ids: [1], done: true, reason: "x")),
            ("TaskPage", TaskPage(asOf: "", tasks: [TaskSamples.summary], next: 40)),
            ("TaskDetail", TaskSamples.detail), ("TaskOutput", TaskSamples.output),
            ("TaskAttemptBegun", TaskAttemptBegun(id: 1, attempt: 2, node: "a-1")),
            (
                "TaskAttemptEnded",
                TaskAttemptEnded(
                    id: 1,
                    attempt: 2,
                    outcome: "failed",
                    result: Samples.failed.result
                )
            ), ("TaskFollowEnd", TaskFollowEnd(asOf: "", task: TaskSamples.summary)),
            ("TaskExplanation", TaskSamples.explanation), ("ClusterPolicy", TaskSamples.policy),
            ("ClusterStatus", TaskSamples.status), ("NodeDetail", TaskSamples.node),
            ("StreamPulse", TaskSamples.pulse),
            ("Order", Order(asOf: "", id: 1, node: "n", action: "stop", state: .done, givenAt: "")),
        ]
        for (name, value) in values + Self.schedules + Self.runs + Self.replication + Self.notices {
            let object = try FakeCluster.json(value)
            #expect(try mistakes(object, schemas[name], schemas, name) == [])
        }
        // The check itself must be able to fail.
        let odd: [String: Any] = ["asOf": "", "text": "", "orders": [], "colour": 1]
        #expect(try mistakes(odd, schemas["ChangeDone"], schemas, "x") == ["x.colour is unknown"])
        let short: [String: Any] = ["asOf": "", "text": ""]
        #expect(try mistakes(short, schemas["ChangeDone"], schemas, "x") == ["x.orders is missing"])
    }

    private static var notices: [(String, any Encodable)] {
        var event = Samples.events[0]
        event.site = "a"
        event.planned = true
        var status = Samples.healthy
        status.notices = NoticeSummary(
            configured: true,
            pending: 1,
            undelivered: 2,
            silences: [NotifySamples.silence]
        )
        status.sites[0].thresholds = NotifySamples.thresholds
        return [
            ("NotifyStatus", NotifySamples.status), ("Notice", NotifySamples.notice),
            ("Event", event), ("ClusterStatus", status),
            (
                "NotifyDeliveryList",
                NotifyDeliveryList(
                    asOf: "",
                    deliveries: [NotifySamples.failing],
                    undelivered: [NotifySamples.refused]
                )
            ),
            (
                "ActiveSiteAnswer",
                ActiveSiteAnswer(site: "a", asked: "b", epoch: "1.1", status: "site b is not")
            ),
            ("NotifySilenceList", NotifySilenceList(asOf: "", silences: [NotifySamples.silence])),
            (
                "NotifyRulesText",
                NotifyRulesText(asOf: "", version: 1, by: "x", at: "", lines: [""])
            ),
            (
                "NotifyCheck",
                NotifyCheck(
                    asOf: "",
                    mistakes: [DocumentMistake(line: 1, column: 1, text: "x")],
                    warnings: [DocumentMistake(line: 2, column: 1, text: "y")],
                    rules: NotifySamples.rules
                )
            ), ("SetDocumentRequest", SetDocumentRequest(text: "", file: "f", reason: "x")),
            (
                "AddSilenceRequest",
                AddSilenceRequest(
                    kinds: ["*"],
                    sites: ["a"],
                    subject: "x",
                    owner: "o",
                    forMilliseconds: 1,
                    reason: "x",
                    force: true
                )
            ), ("NoticePosted", NoticePosted(asOf: "", text: "", notice: 1)),
            (
                "NotifyPreview",
                NotifyPreview(asOf: "", kind: "k", state: "told", subject: "s", lines: ["t"])
            ),
            (
                "NotifyPreviewRequest",
                NotifyPreviewRequest(kind: "k", state: "told", text: "", file: "f")
            ),
        ]
    }

    private static var replication: [(String, any Encodable)] {
        [
            (
                "DataSetList",
                DataSetList(asOf: "", dataSets: [ReplicationTests.late])
            ), ("DataSetDetail", ReplicationTests.detail), ("RunDataLoss", ReplicationTests.loss),
        ]
    }

    private static var runs: [(String, any Encodable)] {
        [
            ("RunDetail", RunSamples.fencing), ("RunReport", RunSamples.report),
            ("RunLedger", RunSamples.ledger), ("RunPreview", RunSamples.preview()),
            ("RunStarted", RunStarted(asOf: "", run: 1)),
            ("RunList", RunList(asOf: "", runs: [RunSamples.done.run])),
            (
                "StartRunRequest",
                StartRunRequest(
                    kind: "failover",
                    to: "b",
                    plan: "p",
                    reason: "x",
                    acceptDataLoss: true,
                    acceptDivergence: 5
                )
            ),
            ("CertifyNodeRequest", CertifyNodeRequest(node: "n", reason: "x")),
            ("AnswerRunRequest", AnswerRunRequest(yes: true)),
            ("AutomaticStatus", RunSamples.automatic),
            ("SiteReadiness", RunSamples.notReady),
            ("SiteDrift", DriftSamples.drift([DriftSamples.app, DriftSamples.packages])),
            ("FileDiff", DriftSamples.diff), ("PlanDetail", RunSamples.planDetail),
            (
                "PlanCheck",
                PlanCheck(asOf: "", mistakes: [DocumentMistake(line: 1, column: 1, text: "x")])
            ), ("SetDocumentRequest", SetDocumentRequest(text: "", file: "f")),
            ("SetFormRequest", SetFormRequest(form: "warm")),
            ("PairNodesRequest", PairNodesRequest(standby: "s", production: "p")),
        ]
    }

    private static var schedules: [(String, any Encodable)] {
        [
            (
                "ScheduleDetail",
                ScheduleDetail(
                    asOf: "",
                    schedule: Samples.schedule,
                    times: [FiringTime(at: "", local: "")]
                )
            ),
            (
                "AddScheduleRequest",
                AddScheduleRequest(
                    name: "n",
                    recurrence: "every 1h",
                    task: TaskRequest(type: "PUSH")
                )
            ), ("FiringTimes", FiringTimes(asOf: "", recurrence: "", zone: "UTC", times: [])),
            (
                "CalendarDetail",
                CalendarDetail(
                    asOf: "",
                    calendar: CalendarSummary(
                        name: "c",
                        entries: 1,
                        by: "a",
                        at: "",
                        schedules: []
                    ),
                    dates: ["*-12-25"]
                )
            ), ("SetCalendarRequest", SetCalendarRequest(dates: "")),
        ]
    }

    private func mistakes(
        _ value: Any,
        _ schema: Any?,
        _ schemas: [String: Any],
        _ place: String
    ) throws -> [String] {
        var schema = try #require(schema as? [String: Any], "no schema at \(place)")
        if let reference = schema["$ref"] as? String {
            let name = String(reference.split(separator: "/").last ?? "")
            schema = try #require(schemas[name] as? [String: Any], "no schema \(name)")
        }
        if let list = value as? [Any] {
            return try list.flatMap { try mistakes($0, schema["items"], schemas, place + "[]") }
        }
        if let words = schema["enum"] as? [String] {
            return words.contains(value as? String ?? "") ? [] : ["\(place) is \(value)"]
        }
        guard let object = value as? [String: Any], schema["additionalProperties"] == nil else {
            return []
        }
        let properties = schema["properties"] as? [String: Any] ?? [:]
        var found: [String] = []
        for key in object.keys.sorted() where properties[key] == nil {
            found.append("\(place).\(key) is unknown")
        }
        for key in schema["required"] as? [String] ?? [] where object[key] == nil {
            found.append("\(place).\(key) is missing")
        }
        for (key, inner) in object where properties[key] != nil {
            found += try mistakes(inner, properties[key], schemas, "\(place).\(key)")
        }
        return found
    }

    @Test func `paths are filled in with encoded values`() {
        #expect(Route.showNode.path("db-3") == "/api/v1/nodes/db-3")
        #expect(Route.drainNode.path("a/../b?x") == "/api/v1/nodes/a%2F..%2Fb%3Fx/drain")
        #expect(Route.getStatus.path() == "/api/v1/status")
    }
}
