import API
import AsyncHTTPClient
import NIOCore
import NIOFoundationCompat

/// One connection over which server-sent events come.
struct EventConnection: Sendable {
    var context: Context
    var route: Route
    /// With its parameters.
    var path: String
    var query: [(String, String?)] = []
    /// The `id:` of the last event that came over an earlier one.
    var lastID: String?
    /// Without a byte for this long it is given up.
    var silence: TimeAmount

    /// - Parameters:
    ///   - connected: the controller lets us in.
    ///   - give: is given every message, until it returns false.
    /// - Throws: also when the controller turns us down, or the connection breaks. Returns when the
    ///   controller has ended the stream.
    func follow(
        connected: () -> Void,
        _ give: (EventStreamParser.Message) throws -> Bool
    ) async throws {
        // The credential is read anew each time: it may have been renewed meanwhile.
        let identity = try ClientIdentity.load(context, at: TimeText.now())
        let client = try Client(servers: context.servers, identity: identity, silence: silence)
        do {
            try await follow(client, connected, give)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }

    private func follow(
        _ client: Client,
        _ connected: () -> Void,
        _ give: (EventStreamParser.Message) throws -> Bool
    ) async throws {
        var headers = [("Accept", "text/event-stream")]
        if let lastID { headers.append(("Last-Event-ID", lastID)) }
        let response = try await client.open(
            route,
            path: path,
            query: query,
            headers: headers,
            lasting: .hours(24 * 365)
        )
        connected()
        var parser = EventStreamParser()
        for try await buffer in response.body {
            for message in try parser.feed(buffer.readableBytesView) {
                guard try give(message) else { return }
            }
        }
    }
}
