import Foundation
import Protocol
import Testing

/// Lines that must be refused, each for the reason that stands beside it (Tests/Corpus).
struct CorpusTests {
    struct Entry: Sendable {
        var place: String
        var reason: String
        var bytes: [UInt8]
    }

    static func entries(_ name: String) -> [Entry] {
        textLines(ofRepository: "Tests/Corpus/bad-lines/" + name).enumerated().map { index, line in
            let parts = line.split(separator: " ", maxSplits: 1)
            guard let data = Data(base64Encoded: parts.count > 1 ? String(parts[1]) : "") else {
                fatalError("\(name):\(index + 1) is not base64")
            }
            return Entry(
                place: "\(name):\(index + 1)",
                reason: String(parts[0]),
                bytes: Array(data)
            )
        }
    }

    static func name(of error: LineError) -> String {
        switch error {
        case .tooLong: "tooLong"
        case .tooManyFields: "tooManyFields"
        case .keyTooLong: "keyTooLong"
        case .valueTooLong: "valueTooLong"
        case .empty: "empty"
        case .notUTF8: "notUTF8"
        case .forbiddenCharacter: "forbiddenCharacter"
        case .badVerb: "badVerb"
        case .badField: "badField"
        case .duplicateKey: "duplicateKey"
        }
    }

    static func name(of error: MessageError) -> String {
        switch error {
        case .unknownVerb: "unknownVerb"
        case .missing(let key): "missing:\(key)"
        case .bad(let key, _): "bad:\(key)"
        }
    }

    @Test func `every line that breaks the grammar is refused for its own reason`() {
        let entries = Self.entries("grammar.txt")
        #expect(entries.count >= 1_000)
        for entry in entries {
            do throws(LineError) {
                _ = try Line.parse(entry.bytes[...], limits: .member)
                Issue.record("\(entry.place) was taken")
            } catch {
                #expect(Self.name(of: error) == entry.reason, "\(entry.place)")
                #expect(!error.sentence.isEmpty)
            }
        }
        let reasons = Set(entries.map(\.reason))
        #expect(reasons.count == 10, "every reason has an entry")
    }

    @Test func `every line that is no message of an agent is refused for its own reason`() throws {
        let entries = Self.entries("agent.txt")
        #expect(entries.count >= 500)
        for entry in entries {
            let line = try Line.parse(entry.bytes[...], limits: .member)
            do throws(MessageError) {
                _ = try AgentMessage(line)
                Issue.record("\(entry.place) was taken")
            } catch {
                #expect(Self.name(of: error) == entry.reason, "\(entry.place)")
            }
        }
    }

    @Test func `every line that is no message of a controller is refused for its reason`() throws {
        let entries = Self.entries("controller.txt")
        #expect(entries.count >= 400)
        for entry in entries {
            let line = try Line.parse(entry.bytes[...], limits: .member)
            do throws(MessageError) {
                _ = try ControllerMessage(line)
                Issue.record("\(entry.place) was taken")
            } catch {
                #expect(Self.name(of: error) == entry.reason, "\(entry.place)")
            }
        }
    }

    /// What a peer sent is never repeated to it or to a log.
    @Test func `no refusal repeats what was sent`() throws {
        let secret = "s3cretvalue"
        for verb in ProtocolWords.agentVerbs {
            let keys = [
                "speaker", "state", "code", "reason", "order", "seq", "version", "wanted", "task",
                "attempt", "phase", "types", "ref", "at", "data",
            ]
            let text = verb + keys.map { " \($0)=\(secret)" }.joined()
            let line = try Line.parse(text, limits: .member)
            do throws(MessageError) {
                _ = try AgentMessage(line)
                Issue.record("\(verb) was taken")
            } catch {
                #expect(!error.sentence.contains(secret))
            }
        }
    }
}
