import API
import Foundation
import NIOCore

/// What comes of the event stream, and what becomes of the connection.
enum StreamUpdate: Sendable {
    case connected
    /// Said once for each attempt that failed.
    case lost(String)
    /// The controller will not let us in: there is no use in trying again.
    case refused(ConsoleError)
    case event(Event, json: [UInt8])
    case change(StreamChange, json: [UInt8])
    case pulse(StreamPulse)
}

/// Follows `GET /events/stream`, over as many connections as it takes.
struct EventStream: Sendable {
    /// A pulse comes each second; without any for this long the connection is given up.
    static let silenceMax = TimeAmount.seconds(5)
    static let retryMilliseconds: UInt64 = 1_000

    var context: Context
    /// Filters of `GET /events`; they hold for events only.
    var filters: [(String, String?)] = []

    /// - Parameter after: events after this one come first; nil begins with now.
    func updates(after: UInt64?) -> AsyncStream<StreamUpdate> {
        AsyncStream { continuation in
            let task = Task {
                var last = after
                while !Task.isCancelled {
                    do {
                        try await follow(from: &last) { continuation.yield($0) }
                        continuation.yield(.lost("the controller ended the stream"))
                    } catch is CancellationError {
                        break
                    } catch let error as ConsoleError where error.status == .refused {
                        continuation.yield(.refused(error))
                        break
                    } catch let error as ConsoleError {
                        continuation.yield(.lost(Self.oneLine(error.message)))
                    } catch {
                        continuation.yield(.lost(ConnectionFailure(error).text))
                    }
                    try? await Task.sleep(nanoseconds: Self.retryMilliseconds * 1_000_000)
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private func follow(
        from last: inout UInt64?,
        _ give: (StreamUpdate) -> Void
    ) async throws {
        let connection = EventConnection(
            context: context,
            route: .streamEvents,
            path: Route.streamEvents.path,
            query: filters,
            lastID: last.map { "\($0)" },
            silence: Self.silenceMax
        )
        var newest = last
        defer { last = newest }
        try await connection.follow(connected: { give(.connected) }) { message in
            if let id = message.id.flatMap({ UInt64($0) }) { newest = id }
            if let update = Self.update(message) { give(update) }
            return true
        }
    }

    /// - Returns: nil for what this version does not know.
    static func update(_ message: EventStreamParser.Message) -> StreamUpdate? {
        let json = JSONCleaning.cleaned(message.data)
        let data = Data(json)
        let decoder = JSONDecoder()
        switch message.name {
        case StreamEventName.event:
            return (try? decoder.decode(Event.self, from: data)).map { .event($0, json: json) }
        case StreamEventName.change:
            return (try? decoder.decode(StreamChange.self, from: data)).map {
                .change($0, json: json)
            }
        case StreamEventName.pulse:
            return (try? decoder.decode(StreamPulse.self, from: data)).map { .pulse($0) }
        default: return nil
        }
    }

    static func oneLine(_ text: String) -> String {
        let lines = text.split(separator: "\n")
        // The first line only says that no server answered; the others say which and why.
        return (lines.count > 1 ? lines.dropFirst() : lines[...]).joined(separator: "; ")
    }
}
