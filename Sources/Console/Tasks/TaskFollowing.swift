import API
import Foundation
import NIOCore

/// What comes over the stream of a task's output.
enum TaskStreamUpdate: Hashable, Sendable {
    case begun(TaskAttemptBegun)
    case output(TaskOutput)
    case ended(TaskAttemptEnded)
    case end(TaskFollowEnd)

    /// - Returns: nil for what this version does not know.
    init?(_ message: EventStreamParser.Message) {
        let data = Data(JSONCleaning.cleaned(message.data))
        func decoded<Value: Decodable>(_ type: Value.Type = Value.self) -> Value? {
            try? JSONDecoder().decode(type, from: data)
        }
        switch message.name {
        case TaskStreamEventName.begun:
            guard let value: TaskAttemptBegun = decoded() else { return nil }
            self = .begun(value)
        case TaskStreamEventName.output:
            guard let value: TaskOutput = decoded() else { return nil }
            self = .output(value)
        case TaskStreamEventName.ended:
            guard let value: TaskAttemptEnded = decoded() else { return nil }
            self = .ended(value)
        case TaskStreamEventName.end:
            guard let value: TaskFollowEnd = decoded() else { return nil }
            self = .end(value)
        default: return nil
        }
    }
}

/// Follows `GET /tasks/{id}/output/stream`, over as many connections as it takes.
struct TaskStream {
    /// A sign of life comes every two seconds.
    static let silenceMax = TimeAmount.seconds(10)

    let context: Context
    let id: UInt64
    /// Said when the connection is lost, once until there is another, and then that there is.
    let tell: (String) -> Void

    /// - Returns: the task as it has ended.
    func follow(_ show: (TaskStreamUpdate) -> Void) async throws -> TaskSummary {
        var connection = EventConnection(
            context: context,
            route: .followTaskOutput,
            path: Route.followTaskOutput.path("\(id)"),
            silence: Self.silenceMax
        )
        var wasConnected = false
        var isLost = false
        var end: TaskSummary?
        while true {
            var reason = "the controller ended the stream"
            do {
                var lastID = connection.lastID
                defer { connection.lastID = lastID }
                try await connection.follow {
                    if isLost { tell("connected again") }
                    (wasConnected, isLost) = (true, false)
                } _: { message in
                    lastID = message.id ?? lastID
                    guard let update = TaskStreamUpdate(message) else { return true }
                    if case .end(let told) = update { end = told.task }
                    show(update)
                    return end == nil
                }
            } catch let error as ConsoleError {
                guard wasConnected, Self.mayPass(error) else { throw Self.explained(error) }
                reason = EventStream.oneLine(error.message)
            } catch let error as CancellationError {
                throw error
            } catch {
                guard wasConnected else { throw error }
                reason = ConnectionFailure(error).text
            }
            if let end { return end }
            if !isLost { tell("connection lost: \(reason); trying again") }
            isLost = true
            try await Task.sleep(nanoseconds: EventStream.retryMilliseconds * 1_000_000)
        }
    }

    /// It is worth trying again: no controller answers, or too many follow just now.
    private static func mayPass(_ error: ConsoleError) -> Bool {
        error.status != .refused || error.code == "too-fast"
    }

    private static func explained(_ error: ConsoleError) -> ConsoleError {
        guard error.code == FailureCode.notFound else { return error }
        return ConsoleError(
            .failed,
            "this controller is too old to show what a task writes while it runs",
            hint: "compare the versions with `muster version`; without --follow it shows what the"
                + " last attempt has written"
        )
    }
}
