import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Model
import NIOCore
import Protocol

// Server-sent events: what a task's handler writes while it runs. Each follower looks for itself, when
// it has taken what was sent to it: one that is slow sees less often what is new, and nothing waits
// for it.

extension ConsoleRoutes {
    private static let lookInterval: Duration = .milliseconds(500)
    /// Looks without news before a sign of life.
    private static let quietLooksMax = 3

    func followTaskOutput(_ request: ConsoleRequest) async throws -> Response {
        let id = TaskID(try request.number("id"))
        let caller = caller(request)
        var cursor = OutputFollower.Cursor()
        let after =
            request.request.headers[HTTPField.Name("Last-Event-ID")!] ?? request.query("after")
        if let after {
            guard let told = OutputFollower.Cursor(after) else {
                throw API.Failure(
                    code: RefusalCode.invalid.rawValue,
                    detail: "Last-Event-ID is not the id of an event of this stream"
                )
            }
            cursor = told
        }
        // A task that is not there is refused before the stream begins.
        _ = try await look(at: id)
        try await admitReading(.readOutput(id), request)
        guard let own = server.ownFollowers.enter(caller.name) else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail: "\(caller.name) follows the output of \(server.ownFollowers.max) tasks "
                    + "already, as many as one account may",
                mend: "end one of them, or muster task logs \(id) for what there is"
            )
        }
        guard let place = GatePlace(in: server.followers) else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail: "\(server.followers.max) follow the output of tasks already",
                mend: "muster task logs \(id), when it has ended"
            )
        }
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        headers[HTTPField.Name("X-Accel-Buffering")!] = "no"
        let follower = OutputFollower(id, from: cursor)
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody { writer in
                // Given back when the answer is no more, written or not.
                defer { withExtendedLifetime((own, place)) {} }
                do {
                    try await follow(follower, caller, &writer)
                } catch {
                    // The reader has gone, or its account was removed: the stream ends.
                }
                try await writer.finish(nil)
            }
        )
    }

    @concurrent private func follow(
        _ follower: OutputFollower,
        _ caller: Caller,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        var follower = follower
        var quietLooks = 0
        while true {
            try Task.checkCancellation()
            _ = try await account(of: caller)
            let told = try await news(&follower)
            quietLooks = told.isEmpty ? quietLooks + 1 : 0
            for (event, cursor) in told {
                try await write(event, id: cursor, &writer)
                if case .end = event { return }
            }
            if quietLooks == Self.quietLooksMax {
                quietLooks = 0
                try await writer.write(ByteBuffer(string: ":\n\n"))
            }
            try await Task.sleep(for: Self.lookInterval)
        }
    }

    /// One look, and what it shows that was not told.
    private func news(
        _ follower: inout OutputFollower
    ) async throws -> [(told: OutputFollower.Told, cursor: OutputFollower.Cursor)] {
        let look = try await look(at: follower.id)
        var kept: [UInt8] = []
        if follower.needsKept(look) {
            kept = try driver.tasks.output(of: follower.id) ?? []
            // What was read may be of an attempt that has ended since the look.
            let again = try await self.look(at: follower.id)
            guard again.resultAttempt == look.resultAttempt else { return [] }
        }
        return follower.take(look, kept: kept, asOf: DriverLoop.moment().wall.iso8601)
    }

    /// Says that the task is followed, and looks at it.
    private func look(at id: TaskID) async throws -> OutputFollower.Look {
        driver.put(.followed(id))
        if let view = await driver.read({ machine, _ in machine.work.following(id) }) {
            return .live(view)
        }
        if let record = try driver.tasks.ended(id) { return .ended(record) }
        throw Self.noTask(id)
    }

    @concurrent private func write(
        _ event: OutputFollower.Told,
        id: OutputFollower.Cursor,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        let (name, data) =
            switch event {
            case .begun(let begun): (TaskStreamEventName.begun, try ConsoleAnswer.text(begun))
            case .output(let output): (TaskStreamEventName.output, try ConsoleAnswer.text(output))
            case .ended(let ended): (TaskStreamEventName.ended, try ConsoleAnswer.text(ended))
            case .end(let end): (TaskStreamEventName.end, try ConsoleAnswer.text(end))
            }
        let text = "id: \(id)\nevent: \(name)\ndata: \(data)\n\n"
        try await writer.write(ByteBuffer(string: text))
    }
}
