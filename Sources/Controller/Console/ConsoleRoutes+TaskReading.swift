import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Model
import NIOCore
import Protocol
import Store

// Tasks are read: the live ones of the machine, the ended ones of the store. No request copies the
// tasks or walks through all of them.

extension ConsoleRoutes {
    func listTasks(_ request: ConsoleRequest) async throws -> Response {
        let query = try TaskQuery(request)
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(TaskPage.limitMax),
                default: UInt64(TaskPage.limitDefault)
            )
        )
        let after =
            request.query("after") == nil
            ? nil : TaskID(try request.query("after", in: 0...UInt64(Int64.max), default: 0))
        let listing = TaskListing(
            query: query,
            limit: limit,
            readLive: { [driver] before, query, looks, count in
                await driver.read { machine, _ in
                    machine.work.stretch(before: before, query, looks: looks, count: count)
                }
            },
            readEnded: { [driver] after, before, limit in
                try driver.tasks.ended(
                    after: after,
                    before: before,
                    limit: limit,
                    newestFirst: true
                )
            }
        )
        let page = try await listing.page(before: after)
        return try ConsoleAnswer.json(
            TaskPage(
                asOf: DriverLoop.moment().wall.iso8601,
                tasks: page.tasks,
                next: page.next?.number
            )
        )
    }

    func showTask(_ request: ConsoleRequest) async throws -> Response {
        let id = TaskID(try request.number("id"))
        let asOf = DriverLoop.moment().wall.iso8601
        switch try await find(id) {
        case .live(let view): return try ConsoleAnswer.json(TaskDetail(view, asOf: asOf))
        case .ended(let record): return try ConsoleAnswer.json(TaskDetail(record, asOf: asOf))
        }
    }

    private enum FoundTask {
        case live(TaskView)
        case ended(TaskEndRecord)
    }

    /// What ends between the two looks is found by the second: the answer of the first is given
    /// when all that it rests on is durable.
    private func find(_ id: TaskID) async throws -> FoundTask {
        if let view = await driver.read({ machine, _ in machine.work.view(of: id) }) {
            return .live(view)
        }
        if let record = try driver.tasks.ended(id) { return .ended(record) }
        throw Self.noTask(id)
    }

    static func noTask(_ id: TaskID) -> API.Failure {
        API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no task \(id), or it ended so long ago that it was forgotten",
            mend: "muster task list"
        )
    }

    // MARK: Output and payload

    /// The reading is admitted, and its audit record durable, before anything is given.
    func admitReading(_ verb: Command.Verb, _ request: ConsoleRequest) async throws {
        let outcome = await driver.perform(Command(verb), by: caller(request))
        if case .refused(let refused) = outcome { throw API.Failure(refused) }
    }

    func showTaskOutput(_ request: ConsoleRequest) async throws -> Response {
        let id = TaskID(try request.number("id"))
        try await admitReading(.readOutput(id), request)
        let offset = try request.query("offset", in: 0...UInt64(Int64.max), default: 0)
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(TaskOutput.limitMax),
                default: UInt64(TaskOutput.limitDefault)
            )
        )
        let running = await driver.read { machine, _ -> OutputPiece? in
            // While it runs nothing is told of it here: then the one before it is shown.
            guard let assignment = machine.work.view(of: id)?.assignment,
                let output = machine.work.output(of: id), !output.bytes.isEmpty
            else { return nil }
            return OutputPiece(
                attempt: assignment.attempt,
                kept: output.bytes,
                begin: output.offset,
                isEnded: false,
                from: offset,
                limit: limit
            )
        }
        if let running { return try ConsoleAnswer.json(running.answer(id)) }
        let attempt: UInt16
        let result: AttemptResult?
        let mayFollow: Bool
        switch try await find(id) {
        case .live(let view):
            attempt = view.result == nil ? view.attempt : view.resultAttempt
            (result, mayFollow) = (view.result, !view.state.isEnded)
        case .ended(let record):
            attempt = record.result == nil ? record.attempt : record.resultAttempt
            (result, mayFollow) = (record.result, false)
        }
        let kept = try driver.tasks.output(of: id) ?? []
        let total = max(result?.outputBytes ?? 0, UInt64(kept.count))
        let piece = OutputPiece(
            attempt: attempt,
            kept: kept,
            begin: total - UInt64(kept.count),
            isEnded: !mayFollow,
            from: offset,
            limit: limit
        )
        return try ConsoleAnswer.json(piece.answer(id))
    }

    /// Only for an operator and up: what tasks are about may be confidential.
    func getTaskPayload(_ request: ConsoleRequest) async throws -> Response {
        let id = TaskID(try request.number("id"))
        try await admitReading(.readPayload(id), request)
        var payload: [UInt8]?
        if case .live(let view) = try await find(id) {
            payload = try driver.tasks.payload(of: id, count: view.payloadBytes)
        }
        guard let payload else {
            throw API.Failure(
                code: RefusalCode.notNow.rawValue,
                detail: "task \(id) has ended, and its payload is not kept",
                mend: "muster task show \(id)"
            )
        }
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .cacheControl: "no-store",
        ]
        headers[HTTPField.Name("X-Content-Type-Options")!] = "nosniff"
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: payload))
        )
    }

    // MARK: Why

    func explainTask(_ request: ConsoleRequest) async throws -> Response {
        let id = TaskID(try request.number("id"))
        let found = await driver.read { machine, now -> TaskExplanation? in
            guard let view = machine.work.view(of: id),
                let explanation = machine.work.explain(id)
            else { return nil }
            var why = TaskExplanation(view, explanation, asOf: now.wall.iso8601)
            guard let assignment = view.assignment else { return why }
            why.candidates = []
            why.policy = nil
            why.add(
                assignment.decision,
                machine.work.views[assignment.decision.view],
                node: view.node?.text
            )
            return why
        }
        if let found { return try ConsoleAnswer.json(found) }
        guard case .ended(let record) = try await find(id) else {
            throw API.Failure(
                code: RefusalCode.notNow.rawValue,
                detail: "task \(id) changes just now",
                mend: "ask again"
            )
        }
        var why = TaskExplanation(
            asOf: DriverLoop.moment().wall.iso8601,
            id: id.number,
            state: record.state.rawValue,
            text: "it has ended",
            type: record.submission.type.text
        )
        guard let decision = record.decision else {
            why.text += " without a decision: no node had it when it ended"
            return try ConsoleAnswer.json(why)
        }
        let node = record.node?.text ?? "unknown"
        why.text = "it ran on \(node), by the rule \(decision.rule.rawValue)"
        let view = await driver.read { machine, _ in machine.work.views[decision.view] }
        why.add(decision, view, node: record.node?.text)
        return try ConsoleAnswer.json(why)
    }

    func showPolicy(_ request: ConsoleRequest) async throws -> Response {
        let policy = await views { $0.policy }
        return try ConsoleAnswer.json(policy)
    }
}

/// A piece of an output of which the last bytes are kept.
struct OutputPiece: Sendable {
    var attempt: UInt16
    var offset: UInt64
    var data: [UInt8]
    var next: UInt64
    var isFinal: Bool

    /// - Parameters:
    ///   - kept: the bytes that are there.
    ///   - begin: where the first of them stands in the whole output.
    init(
        attempt: UInt16,
        kept: [UInt8],
        begin: UInt64,
        isEnded: Bool,
        from: UInt64,
        limit: Int
    ) {
        self.attempt = attempt
        let end = begin + UInt64(kept.count)
        // Beyond the end: nothing is there yet, and nothing is passed over.
        offset = min(max(from, begin), max(end, begin))
        let first = Int(offset - begin)
        let last = min(first + limit, kept.count)
        data = Array(kept[first..<last])
        next = offset + UInt64(data.count)
        isFinal = isEnded && next >= end
    }

    func answer(
        _ id: TaskID,
        asOf: String = DriverLoop.moment().wall.iso8601
    ) -> TaskOutput {
        TaskOutput(
            asOf: asOf,
            id: id.number,
            attempt: attempt,
            offset: offset,
            dataBase64: Base64.encode(data),
            next: next,
            final: isFinal
        )
    }
}

extension TaskQuery {
    init(_ request: ConsoleRequest) throws(API.Failure) {
        self.init()
        func invalid(_ detail: String) -> API.Failure {
            API.Failure(code: RefusalCode.invalid.rawValue, detail: detail)
        }
        if let text = request.query("state") {
            guard let state = TaskState(rawValue: text) else {
                let all = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                throw invalid("state is not one of \(all)")
            }
            self.state = state
        }
        if let text = request.query("type") {
            guard let type = TaskType(text) else { throw invalid("type is not a name of a type") }
            self.type = type
        }
        account = request.query("account")
        if let text = request.query("node") {
            node = try ConsoleRequest.name(text, as: NodeNameKind.self)
        }
        if let text = request.query("since") {
            guard let time = WallTime(iso8601: text) else {
                throw invalid("since is not a time such as 2026-11-25T18:00:00Z")
            }
            since = time
        }
        if let text = request.query("live") {
            guard let isLive = Bool(text) else { throw invalid("live is not true or false") }
            self.isLive = isLive
        }
        guard request.query("ageMilliseconds") != nil else { return }
        guard since == nil else { throw invalid("either since or ageMilliseconds is given") }
        let age = try request.query(
            "ageMilliseconds",
            in: 0...WireLimits.millisecondsMax,
            default: 0
        )
        since = DriverLoop.moment().wall + .milliseconds(-Int64(age))
    }
}
