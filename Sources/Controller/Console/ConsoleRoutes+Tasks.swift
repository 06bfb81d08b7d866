import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Model
import Protocol

// Tasks are submitted, cancelled, given again and resolved. Each answer is given when what it says
// is durable.

extension ConsoleRoutes {
    func submitTask(_ request: ConsoleRequest) async throws -> Response {
        var body = try request.body(as: TaskRequest.self)
        if let key = request.request.headers[Self.idempotencyKey] {
            guard body.key == nil || body.key == key else {
                throw API.Failure(
                    code: RefusalCode.invalid.rawValue,
                    detail: "the header Idempotency-Key and the member key are not the same"
                )
            }
            body.key = key
        }
        let answers = try await submit([try TaskOffer(body)], request)
        switch answers.first {
        case .accepted(let id):
            return try ConsoleAnswer.json(
                SubmittedTask(id: id.number, known: false),
                status: .created
            )
        case .known(let id):
            return try ConsoleAnswer.json(SubmittedTask(id: id.number, known: true))
        case .refused(let refused): throw API.Failure(refused)
        case nil:
            throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply")
        }
    }

    private static var idempotencyKey: HTTPField.Name { HTTPField.Name("Idempotency-Key")! }

    private func submit(
        _ offers: [TaskOffer],
        _ request: ConsoleRequest
    ) async throws -> [ControllerCore.TaskAnswer] {
        switch await driver.submit(offers, by: caller(request)) {
        case .tasks(let answers) where answers.count == offers.count: return answers
        case .refused(let refused): throw API.Failure(refused)
        case .tasks, .texts, .done, .preflightStarted, .runStarted, .certificate:
            throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply")
        }
    }

    /// Those that can be read are submitted at once; each of the others has its own refusal.
    func submitTasks(_ request: ConsoleRequest) async throws -> Response {
        let read: [TaskBatch.Element]
        do throws(API.Failure) {
            read = try TaskBatch.read(
                request.bytes,
                isLines: request.request.headers[.contentType]?
                    .hasPrefix(TaskRequest.linesContentType) ?? false
            )
        } catch {
            // Who may not is told that first, and it is written down.
            _ = try await submit([], request)
            throw error
        }
        var offers: [TaskOffer] = []
        var refused: [Int: API.Failure] = [:]
        for (index, element) in read.enumerated() {
            do throws(API.Failure) {
                offers.append(try TaskOffer(try element.get()))
            } catch {
                refused[index] = error
            }
        }
        let decided = try await submit(offers, request)
        var remaining = decided[...]
        var answers: [API.TaskAnswer] = []
        for index in read.indices {
            if let failure = refused[index] {
                answers.append(
                    API.TaskAnswer(
                        code: failure.code,
                        detail: failure.detail,
                        mend: failure.mend
                    )
                )
            } else if let answer = remaining.popFirst() {
                answers.append(API.TaskAnswer(answer))
            }
        }
        var response = try ConsoleAnswer.json(
            TaskBatchAnswer(asOf: DriverLoop.moment().wall.iso8601, answers: answers)
        )
        if answers.contains(where: { $0.code == RefusalCode.busy.rawValue }) {
            response.headers[.retryAfter] = ConsoleAnswer.busySeconds
        }
        return response
    }

    // MARK: What operators do with tasks

    func cancelTasks(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: TasksChange.self)
        return try await change(.cancelTasks(body.ids.map { TaskID($0) }), body, request)
    }

    func retryTasks(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: TasksChange.self)
        return try await change(.retryTasks(body.ids.map { TaskID($0) }), body, request)
    }

    func resolveTasks(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: ResolveTasksRequest.self)
        return try await change(
            .resolveTasks(body.ids.map { TaskID($0) }, isDone: body.done),
            body,
            request
        )
    }
}

extension API.TaskAnswer {
    init(_ answer: ControllerCore.TaskAnswer) {
        switch answer {
        case .accepted(let id): self.init(id: id.number, known: false)
        case .known(let id): self.init(id: id.number, known: true)
        case .refused(let refused):
            self.init(code: refused.code.rawValue, detail: refused.text, mend: refused.mend)
        }
    }
}

/// The body of a batch: a JSON array, or one JSON object a line. An element that cannot be read is
/// refused by itself.
enum TaskBatch {
    typealias Element = Result<TaskRequest, API.Failure>

    /// - Throws: when it is no batch at all, or too large.
    static func read(_ bytes: [UInt8], isLines: Bool) throws(API.Failure) -> [Element] {
        let elements = isLines ? lines(bytes) : try array(bytes)
        guard !elements.isEmpty, elements.count <= TaskRequest.batchCountMax else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "a batch has 1 to \(TaskRequest.batchCountMax) tasks",
                mend: "submit the rest in another request"
            )
        }
        return elements
    }

    private static func lines(_ bytes: [UInt8]) -> [Element] {
        let decoder = JSONDecoder()
        // One too many is enough to know that there are too many.
        return bytes.split(separator: 10, maxSplits: TaskRequest.batchCountMax + 1)
            .filter { line in !line.allSatisfy { $0 == 32 || $0 == 13 || $0 == 9 } }
            .map { line in
                do {
                    return .success(try decoder.decode(TaskRequest.self, from: Data(line)))
                } catch {
                    return .failure(unreadable(error))
                }
            }
    }

    private static func array(_ bytes: [UInt8]) throws(API.Failure) -> [Element] {
        do {
            return try JSONDecoder().decode([Lenient].self, from: Data(bytes)).map(\.element)
        } catch {
            throw API.Failure(
                code: RefusalCode.badLine.rawValue,
                detail: "the body is not a JSON array of tasks",
                mend: "one task a line needs Content-Type: \(TaskRequest.linesContentType)"
            )
        }
    }

    private static func unreadable(_ error: any Error) -> API.Failure {
        let detail = (error as? DecodingError).map(ConsoleRequest.describe)
        return API.Failure(
            code: RefusalCode.badLine.rawValue,
            detail: detail ?? "the task cannot be read"
        )
    }

    private struct Lenient: Decodable {
        var element: Element

        init(from decoder: any Decoder) {
            do {
                element = .success(try TaskRequest(from: decoder))
            } catch {
                element = .failure(TaskBatch.unreadable(error))
            }
        }
    }
}
