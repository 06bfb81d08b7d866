import API
import Foundation
import Host

/// Somebody who follows the events, through `curl`.
final class Follower {
    struct Message {
        var id: UInt64?
        var name: String
        var data: String

        var event: API.Event? {
            name == StreamEventName.event
                ? try? JSONDecoder().decode(API.Event.self, from: Data(data.utf8)) : nil
        }
    }

    let program: Program

    init(_ person: Operator, query: String = "", lastEventID: UInt64? = nil) throws {
        let path = Route.streamEvents.path() + (query.isEmpty ? "" : "?" + query)
        var arguments = ["-sSN", "--cacert", person.root]
        if let credential = person.credential {
            arguments += ["--cert", credential, "--key", credential]
        }
        if let lastEventID { arguments += ["-H", "Last-Event-ID: \(lastEventID)"] }
        program = try Program(
            "/usr/bin/curl",
            arguments + [person.server + path],
            in: person.folder,
            log: "follower-\(Hex.encode(RandomBytes.take(3)))"
        )
    }

    func says(_ text: String) async throws { try await program.says(text) }

    /// The whole messages so far; one that is still arriving is left out.
    var messages: [Message] {
        program.output.components(separatedBy: "\n\n").dropLast().map { block in
            var message = Message(id: nil, name: "", data: "")
            for line in block.split(separator: "\n") {
                if line.hasPrefix("id: ") { message.id = UInt64(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { message.name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { message.data = String(line.dropFirst(6)) }
            }
            return message
        }
    }

    var events: [API.Event] { messages.compactMap(\.event) }
}
