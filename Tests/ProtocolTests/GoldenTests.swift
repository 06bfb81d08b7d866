import Foundation
import Model
import Protocol
import Testing

/// The golden lines are the protocol as other programs know it: they are never changed, and every
/// verb of both directions, and every word of every closed list, has at least one. A version's file
/// holds what it adds to the one before.
struct GoldenTests {
    struct Entry: Sendable {
        var version: UInt16
        var number: Int
        var isAgent: Bool
        var text: String

        var verb: String { String(text.prefix { $0 != " " }) }

        /// The message, written again.
        func rewritten() throws -> String {
            let line = try Line.parse(text, limits: .member)
            return isAgent
                ? try AgentMessage(line).line.description
                : try ControllerMessage(line).line.description
        }
    }

    static let entries: [Entry] = WireLimits.versions.flatMap { version in
        textLines(of: "Golden/v\(version).txt").enumerated().compactMap { index, text in
            guard !text.hasPrefix("#") else { return nil }
            return Entry(
                version: version,
                number: index + 1,
                isAgent: text.hasPrefix("A "),
                text: String(text.dropFirst(2))
            )
        }
    }

    @Test func `every golden line is a message and is written back byte for byte`() throws {
        #expect(Self.entries.count { $0.version == 1 } >= 70)
        #expect(Self.entries.count { $0.version == 2 } >= 48)
        for entry in Self.entries {
            let written = try entry.rewritten()
            #expect(
                Array(written.utf8) == Array(entry.text.utf8),
                "v\(entry.version).txt:\(entry.number)"
            )
        }
    }

    @Test func `every golden line of a stranger is within a stranger's limits`() throws {
        for entry in Self.entries
        where entry.text.contains("speaker=stranger") || entry.text.hasPrefix("ENROL ") {
            #expect(throws: Never.self) { try Line.parse(entry.text, limits: .stranger) }
        }
    }

    @Test func `every verb of both directions has a golden line`() throws {
        for (verbs, isAgent) in [
            (ProtocolWords.agentVerbs, true), (ProtocolWords.controllerVerbs, false),
        ] {
            for verb in verbs {
                #expect(
                    Self.entries.contains { $0.isAgent == isAgent && $0.verb == verb },
                    "\(verb)"
                )
            }
        }
    }

    /// A version 1 peer refuses a verb that it does not know, and so each is of one version.
    @Test func `a verb about tasks is of version 2, and no other`() {
        let work = Set(ProtocolWords.agentWorkVerbs + ProtocolWords.controllerWorkVerbs)
        #expect(work.count == 15)
        for entry in Self.entries {
            let isNew = work.contains(entry.verb)
            #expect(isNew == false || entry.version == WireLimits.workVersion, "\(entry.text)")
        }
    }

    @Test func `a verb about what is compared is of version 3, and no other`() {
        let words = ProtocolWords.agentComparingVerbs + ProtocolWords.controllerComparingVerbs
        #expect(words.count == 8)
        for entry in Self.entries where words.contains(entry.verb) {
            #expect(entry.version == WireLimits.siteVersion, "\(entry.text)")
        }
    }

    @Test func `a verb about data sets is of version 3, and no other`() {
        let data = Set(ProtocolWords.agentDataVerbs + ProtocolWords.controllerDataVerbs)
        #expect(data.count == 6)
        #expect(Self.entries.count { $0.version == 3 } >= 20)
        for entry in Self.entries {
            let isNew = data.contains(entry.verb)
            #expect(isNew == false || entry.version == WireLimits.siteVersion, "\(entry.text)")
        }
    }

    @Test func `every word of every closed list has a golden line`() throws {
        func isThere(_ key: String, _ word: String, verb: String) -> Bool {
            Self.entries.contains { entry in
                entry.text.hasPrefix(verb + " ")
                    && (entry.text + " ").contains(" \(key)=\(word) ")
            }
        }
        for state in ServiceState.allCases {
            #expect(isThere("state", state.rawValue, verb: "SERVICE"), "\(state)")
        }
        for state in CheckState.allCases {
            #expect(isThere("state", state.rawValue, verb: "CHECK"), "\(state)")
        }
        for health in Health.allCases {
            #expect(isThere("health", health.rawValue, verb: "BEAT"), "\(health)")
        }
        for outcome in Finding.Outcome.allCases {
            #expect(isThere("outcome", outcome.rawValue, verb: "FINDING"), "\(outcome)")
        }
        for note in AgentNote.allCases {
            #expect(isThere("code", note.rawValue, verb: "NOTE"), "\(note)")
        }
        for reason in ByeReason.allCases {
            #expect(isThere("reason", reason.rawValue, verb: "BYE"), "\(reason)")
        }
        for role in SiteRole.allCases {
            #expect(isThere("role", role.rawValue, verb: "ROLE"), "\(role)")
        }
        for action in Probe.Action.allCases {
            #expect(isThere("action", action.rawValue, verb: "PROBE"), "\(action)")
        }
        for scope in Setting.Scope.allCases {
            #expect(isThere("scope", scope.rawValue, verb: "SET"), "\(scope)")
        }
        for policy in DeliveryPolicy.allCases {
            #expect(isThere("delivery", policy.rawValue, verb: "HANDLER"), "\(policy)")
        }
        for phase in HoldingPhase.allCases {
            #expect(isThere("phase", phase.rawValue, verb: "HOLDING"), "\(phase)")
        }
        for outcome in AttemptOutcome.allCases {
            #expect(isThere("outcome", outcome.rawValue, verb: "RESULT"), "\(outcome)")
        }
        for kind in ComparedKind.allCases {
            #expect(isThere("kind", kind.rawValue, verb: "COMPARED"), "\(kind)")
        }
        for kind in FileEntry.Kind.allCases {
            #expect(isThere("kind", kind.rawValue, verb: "ENTRY"), "\(kind)")
        }
        for reason in CancelReason.allCases {
            #expect(isThere("reason", reason.rawValue, verb: "CANCEL"), "\(reason)")
        }
    }
}
