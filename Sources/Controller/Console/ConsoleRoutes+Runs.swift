import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Model
import NIOCore
import Protocol

// Runs: what one would do, how one goes on, and what an operator says to it.

extension ConsoleRoutes {
    // MARK: Reading

    func listRuns(_ request: ConsoleRequest) async throws -> Response {
        let kind = try request.query("kind").map { text throws(API.Failure) in
            try Self.kind(text).rawValue
        }
        let list = await views { views in
            RunList(
                asOf: views.asOf,
                runs: views.runs.filter { kind == nil || $0.kind == kind }
            )
        }
        return try ConsoleAnswer.json(list)
    }

    func showRun(_ request: ConsoleRequest) async throws -> Response {
        let id = RunID(try request.number("run"))
        let detail = await views { views in views.machine.runs.runs[id].map(views.detail) }
        guard let detail else { throw Self.unknownRun(id) }
        return try ConsoleAnswer.json(detail)
    }

    static func unknownRun(_ id: RunID) -> API.Failure {
        API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no run \(id), or it ended so long ago that it was forgotten",
            mend: "muster run list"
        )
    }

    func showRunLedger(_ request: ConsoleRequest) async throws -> Response {
        let id = RunID(try request.number("run"))
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(RunLedger.limitMax),
                default: UInt64(RunLedger.limitDefault)
            )
        )
        let after =
            request.query("after") == nil
            ? nil : TaskID(try request.query("after", in: 0...UInt64(Int64.max), default: 0))
        guard await driver.read({ machine, _ in machine.runs.runs[id] }) != nil else {
            throw Self.unknownRun(id)
        }
        let asOf = DriverLoop.moment().wall.iso8601
        let (entries, next) = try await ledger(of: id, after: after, limit: limit)
        return try ConsoleAnswer.json(
            RunLedger(asOf: asOf, run: id.number, entries: entries, next: next)
        )
    }

    func showRunReport(_ request: ConsoleRequest) async throws -> Response {
        let id = RunID(try request.number("run"))
        let format = request.query("format") ?? "json"
        guard format == "json" || format == "markdown" else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "format is not json or markdown"
            )
        }
        let (entries, next) = try await ledger(of: id, after: nil, limit: RunLedger.limitMax)
        let report = await views { views in
            views.machine.runs.runs[id].map { run in
                views.report(run, ledger: entries, isCut: next != nil)
            }
        }
        guard var report else { throw Self.unknownRun(id) }
        try await addOutputs(to: &report, id, request)
        guard format == "markdown" else { return try ConsoleAnswer.json(report) }
        var headers: HTTPFields = [
            .contentType: "text/markdown; charset=utf-8", .cacheControl: "no-store",
        ]
        headers[HTTPField.Name("X-Content-Type-Options")!] = "nosniff"
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: RunReportText(report).markdown))
        )
    }

    /// Hooks on nodes whose output is in a report.
    private static let outputsMax = 64

    /// The end of what each hook on a node has written in the last attempt of its step. That it is read
    /// is admitted and audited first, as every other reading of outputs.
    private func addOutputs(
        to report: inout RunReport,
        _ run: RunID,
        _ request: ConsoleRequest
    ) async throws {
        var left = Self.outputsMax
        var isAdmitted = false
        for step in report.steps.indices {
            for hook in report.steps[step].hooks.indices {
                guard left > 0 else { return }
                left -= 1
                let task = TaskID(report.steps[step].hooks[hook].task)
                guard let bytes = try driver.tasks.output(of: task), !bytes.isEmpty else {
                    continue
                }
                if !isAdmitted { try await admitReading(.readRunOutputs(run), request) }
                isAdmitted = true
                report.steps[step].hooks[hook].output = Self.end(of: bytes)
            }
        }
    }

    /// Printable, and not longer than a report can bear.
    static func end(of output: [UInt8]) -> String {
        let text = String(decoding: output.suffix(RunHook.outputBytesMax), as: UTF8.self)
        let shown = text.unicodeScalars.map { $0 == "\n" || $0.isPlain ? String($0) : " " }.joined()
        return (output.count > RunHook.outputBytesMax ? "…" : "") + shown
    }

    func previewRun(_ request: ConsoleRequest) async throws -> Response {
        guard let kind = request.query("kind") else {
            throw API.Failure(code: RefusalCode.invalid.rawValue, detail: "kind is not given")
        }
        let asked = try await runRequest(
            kind: kind,
            to: request.query("to"),
            plan: request.query("plan")
        )
        let (preview, refusal) = await views { views -> (RunPreview?, API.Failure?) in
            let machine = views.machine
            let active = machine.cluster.activeSite
            guard asked.to != active else {
                return (
                    nil,
                    API.Failure(
                        code: RefusalCode.notNow.rawValue,
                        detail: "site \(active) is the active one already",
                        mend: "muster site list"
                    )
                )
            }
            guard let plan = machine.plan(named: asked.plan, for: asked.kind) else {
                let name = asked.plan ?? "derived"
                return (
                    nil, Self.unknownPlan(name, among: machine.runs.plans.keys.map(\.text))
                )
            }
            guard plan.draft.kinds.contains(asked.kind) || asked.kind == .drill else {
                return (
                    nil,
                    API.Failure(
                        code: RefusalCode.invalid.rawValue,
                        detail: "plan \(plan.draft.name) is not for a \(asked.kind.rawValue)",
                        mend: "muster plan list"
                    )
                )
            }
            return (views.preview(asked, plan), nil)
        }
        if let refusal { throw refusal }
        return try ConsoleAnswer.json(preview)
    }

    private func runRequest(
        kind: String,
        to: String?,
        plan: String?,
        looksForSite: Bool = true
    ) async throws -> RunRequest {
        let kind = try Self.kind(kind)
        let plan = try plan.map { text throws(API.Failure) in
            try ConsoleRequest.name(text, as: PlanKind.self)
        }
        if let to {
            let site = try ConsoleRequest.name(to, as: SiteKind.self)
            let isThere = await driver.read { machine, _ in machine.sites[site] != nil }
            guard isThere || !looksForSite else { throw await unknownSite(site.text) }
            return RunRequest(kind: kind, to: site, plan: plan)
        }
        guard kind == .failback else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "a \(kind.rawValue) needs a site",
                mend: "--to SITE"
            )
        }
        guard let site = await driver.read({ machine, _ in machine.failbackSite }) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "there is no run from which the way home could be told",
                mend: "muster failback --to SITE"
            )
        }
        return RunRequest(kind: kind, to: site, plan: plan)
    }

    // MARK: Changing

    func startRun(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: StartRunRequest.self)
        // Whether the site is there says the machine, after it has looked who asks.
        var asked = try await runRequest(
            kind: body.kind,
            to: body.to,
            plan: body.plan,
            looksForSite: false
        )
        asked.acceptsLoss = body.acceptDataLoss ?? false
        asked.acceptedDivergence = body.acceptDivergence
        guard case .runStarted(let run) = try await perform(.startRun(asked), body, request) else {
            throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply")
        }
        return try ConsoleAnswer.json(
            RunStarted(asOf: DriverLoop.moment().wall.iso8601, run: run.number),
            status: .accepted
        )
    }

    func changeRun(
        _ request: ConsoleRequest,
        _ verb: (RunID) -> Command.Verb
    ) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(verb(RunID(try request.number("run"))), body, request)
    }

    func decideStep(
        _ request: ConsoleRequest,
        _ verb: (RunID, StepName?) -> Command.Verb
    ) async throws -> Response {
        let body = try request.body(as: DecideStepRequest.self)
        let step = try body.step.map { try ConsoleRequest.name($0, as: StepKind.self) }
        return try await change(verb(RunID(try request.number("run")), step), body, request)
    }

    func certifyNode(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: CertifyNodeRequest.self)
        let node = try ConsoleRequest.name(body.node, as: NodeNameKind.self)
        return try await change(
            .certifyNode(RunID(try request.number("run")), node),
            body,
            request
        )
    }

    func acceptLoss(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AcceptLossRequest.self)
        return try await change(
            .acceptLoss(
                RunID(try request.number("run")),
                acceptsLoss: body.acceptDataLoss ?? false,
                divergence: body.acceptDivergence
            ),
            body,
            request
        )
    }

    func answerRun(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AnswerRunRequest.self)
        let step = try body.step.map { try ConsoleRequest.name($0, as: StepKind.self) }
        return try await change(
            .answerRun(RunID(try request.number("run")), isYes: body.yes, step: step),
            body,
            request
        )
    }
}
