import Foundation
import Model
import Protocol
import Testing

/// docs/PROTOCOL.md is what authors of other agents have; it must say what the code does.
struct PageTests {
    /// One message's section of the page.
    struct Section: Sendable {
        struct Field: Sendable {
            var key: String
            var type: String
            var required: String
        }

        var isAgent: Bool
        var verb: String
        var text = ""
        var fields: [Field] = []
        var name: String { (isAgent ? "Agent: " : "Controller: ") + verb }
    }

    static let lines = textLines(ofRepository: "docs/PROTOCOL.md")
    static let page = lines.joined(separator: "\n")

    static let sections: [Section] = {
        var found: [Section] = []
        var isInside = false
        for line in lines {
            if line.hasPrefix("#") {
                let words = line.split(separator: " ")
                isInside = words.count == 3 && ["Agent:", "Controller:"].contains(words[1])
                if isInside {
                    found.append(Section(isAgent: words[1] == "Agent:", verb: String(words[2])))
                }
            } else if isInside {
                found[found.count - 1].text += line + "\n"
                if let field = field(line) { found[found.count - 1].fields.append(field) }
            }
        }
        return found
    }()

    private static func cells(_ line: String) -> [String] {
        guard line.hasPrefix("|") else { return [] }
        return line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func field(_ line: String) -> Section.Field? {
        let cells = cells(line)
        guard cells.count == 4, cells[0].hasPrefix("`") else { return nil }
        return Section.Field(
            key: cells[0].trimmingCharacters(in: ["`"]),
            type: cells[1],
            required: cells[2]
        )
    }

    /// The rows of a table that begin with a name in backquotes.
    private static func rows(under heading: String) -> [[String]] {
        let from = lines.firstIndex(of: heading).map { lines[($0 + 1)...] } ?? []
        return from.prefix { !$0.hasPrefix("## ") && !$0.hasPrefix("### ") }
            .map(cells).filter { $0.first?.hasPrefix("`") == true }
    }

    private func message(_ line: Line, isAgent: Bool) throws(MessageError) -> Line {
        isAgent ? try AgentMessage(line).line : try ControllerMessage(line).line
    }

    /// Golden lines of a section's verb. Of HELLO only an agent's: a stranger's lack most fields.
    private func golden(_ section: Section) throws -> [Line] {
        try GoldenTests.entries
            .filter { $0.isAgent == section.isAgent && $0.text.hasPrefix(section.verb + " ") }
            .map { try Line.parse($0.text, limits: .member) }
            .filter { $0["speaker"] != "stranger" }
    }

    @Test func `every verb of both directions has its section`() {
        let agent = Self.sections.filter(\.isAgent).map(\.verb)
        #expect(agent == ProtocolWords.agentVerbs)
        let controller = Self.sections.filter { !$0.isAgent }.map(\.verb)
        #expect(controller == ProtocolWords.controllerVerbs)
    }

    @Test func `every example is a message, written as we write it`() throws {
        var isExample = false
        var count = 0
        for line in Self.lines {
            if line.hasPrefix("```") {
                isExample = line == "```muster"
                continue
            }
            guard isExample else { continue }
            count += 1
            let isAgent = line.hasPrefix("> ")
            #expect(isAgent || line.hasPrefix("< "), "\(line)")
            let text = String(line.dropFirst(2))
            let written = try message(Line.parse(text, limits: .member), isAgent: isAgent)
            #expect(written.description == text)
        }
        #expect(count >= 70)
    }

    @Test func `every section begins with examples of its verb and lists every field of it`() throws
    {
        for section in Self.sections {
            let mark = section.isAgent ? ">" : "<"
            #expect(section.text.contains("\n\(mark) \(section.verb)"), "\(section.name)")
            let known = Set(section.fields.map(\.key))
            #expect(known.count == section.fields.count, "\(section.name)")
            let used = Set(try golden(section).flatMap(\.fields).map(\.key))
            #expect(known == used, "\(section.name)")
        }
    }

    @Test func `a field is required exactly where the page says so`() throws {
        for section in Self.sections {
            for field in section.fields {
                var line = try #require(try golden(section).first { $0[field.key] != nil })
                line.fields.removeAll { $0.key == field.key }
                var error: MessageError?
                do throws(MessageError) {
                    _ = try message(line, isAgent: section.isAgent)
                } catch let thrown {
                    error = thrown
                }
                let expected = field.required.isEmpty ? nil : MessageError.missing(key: field.key)
                #expect(error == expected, "\(section.name) \(field.key)")
            }
        }
    }

    /// For a type of the page: the greatest or another good value, and one that is just not good.
    private static let ofType: [String: (good: String, bad: String)] = [
        "u16": ("65535", "65536"),
        "u32": ("4294967295", "4294967296"),
        "u64": ("18446744073709551615", "18446744073709551616"),
        "size": ("1152921504606846976", "1152921504606846977"),
        "clock": ("9223372036854775807", "9223372036854775808"),
        "duration": ("864000000000", "864000000001"),
        "per mille": ("1000", "1001"),
        "time": ("2026-11-23T08:41:12+02:00", "2026-02-29T00:00:00Z"),
        "flag": ("no", "true"),
        "name": (String(repeating: "x", count: 63), String(repeating: "x", count: 64)),
        "canary": ("65535.4294967295.1", "1.3"),
        "token": ("0001.00000003.00000029", "1.3.29"),
        "versions": ("1-65535", "0"),
        "word": ("", "no-such-word"),
        "text": ("any", ""),
        "base64": ("QUJD", ""),
        "number": ("0", "18446744073709551615"),
        "count": ("1", "0"),
        "bytes": ("QUJD", "QUI"),
        "type": ("x.y_z-1", "1x"),
        "types": ("A,B", "A,,B"),
        "attributes": ("b=;a=1", "a"),
        "digest": (String(repeating: "0f", count: 32), String(repeating: "0F", count: 32)),
        "mark": ("0123456789abcdef", "0123456789abcde"),
        "mode": ("7777", "0644"),
        "path": (String(repeating: "x", count: 1_000), String(repeating: "x", count: 1_001)),
        "interval": ("1000", "999"),
        "watches": ("1.1.0,2.65535.400", "1.0.0"),
        "line": (String(repeating: "x", count: 128), String(repeating: "x", count: 129)),
    ]

    @Test func `a field takes what its type on the page takes, and no more`() throws {
        for section in Self.sections {
            for field in section.fields {
                let place = "\(section.name) \(field.key)"
                let values = try #require(Self.ofType[field.type], "\(place)")
                let line = try #require(try golden(section).first { $0[field.key] != nil })
                let at = try #require(line.fields.firstIndex { $0.key == field.key })
                var good = line
                if !values.good.isEmpty { good.fields[at].value = values.good }
                #expect(throws: Never.self, "\(place)") {
                    try message(good, isAgent: section.isAgent)
                }
                // Only a required text has a value that is not good: none.
                if values.bad.isEmpty, field.required.isEmpty { continue }
                var bad = line
                bad.fields[at].value = values.bad
                #expect(throws: MessageError.self, "\(place)") {
                    try message(bad, isAgent: section.isAgent)
                }
            }
        }
    }

    @Test func `every word of a closed list stands in its section`() throws {
        func check(_ verb: String, isAgent: Bool, _ words: [String]) throws {
            let section = try #require(
                Self.sections.first { $0.verb == verb && $0.isAgent == isAgent }
            )
            for word in words { #expect(section.text.contains("`\(word)`"), "\(verb) \(word)") }
        }
        try check("HELLO", isAgent: true, Hello.Speaker.allCases.map(\.rawValue))
        try check("SERVICE", isAgent: true, ServiceState.allCases.map(\.rawValue))
        try check("CHECK", isAgent: true, CheckState.allCases.map(\.rawValue))
        try check("BEAT", isAgent: true, Health.allCases.map(\.rawValue))
        try check("FINDING", isAgent: true, Finding.Outcome.allCases.map(\.rawValue))
        try check("NOTE", isAgent: true, AgentNote.allCases.map(\.rawValue))
        try check("BYE", isAgent: true, ByeReason.allCases.map(\.rawValue))
        try check("BYE", isAgent: false, ByeReason.allCases.map(\.rawValue))
        try check("WELCOME", isAgent: false, SiteRole.allCases.map(\.rawValue))
        try check("ROLE", isAgent: false, SiteRole.allCases.map(\.rawValue))
        try check("PROBE", isAgent: false, Probe.Action.allCases.map(\.rawValue))
        try check("SET", isAgent: false, Setting.Scope.allCases.map(\.rawValue))
        try check("HANDLER", isAgent: true, DeliveryPolicy.allCases.map(\.rawValue))
        try check("HOLDING", isAgent: true, HoldingPhase.allCases.map(\.rawValue))
        try check("RESULT", isAgent: true, AttemptOutcome.allCases.map(\.rawValue))
        try check("COMPARED", isAgent: true, ComparedKind.allCases.map(\.rawValue))
        try check("ENTRY", isAgent: true, FileEntry.Kind.allCases.map(\.rawValue))
        try check("CANCEL", isAgent: false, CancelReason.allCases.map(\.rawValue))
        let tasks = Self.rows(under: "## Tasks").map { $0[0] }
        for word in AttemptOutcome.allCases.map(\.rawValue) + CancelReason.allCases.map(\.rawValue)
        {
            #expect(tasks.contains("`\(word)`"), "\(word)")
        }
    }

    @Test func `the refusal codes are those of the code, each with meaning and mend`() {
        let rows = Self.rows(under: "### Refusal codes")
        #expect(rows.map { $0[0] } == RefusalCode.allCases.map { "`\($0.rawValue)`" })
        #expect(rows.allSatisfy { $0.count == 3 && !$0[1].isEmpty && !$0[2].isEmpty })
    }

    @Test func `every limit in the code stands on the page with its number`() {
        let rows = Self.rows(under: "## Limits")
        let numbers = Dictionary(
            uniqueKeysWithValues: rows.filter { $0.count == 3 }.map { row in
                (row[0].trimmingCharacters(in: ["`"]), row[1])
            }
        )
        #expect(numbers == PageLimits.expected)
        #expect(PageLimits.inCode == Set(PageLimits.expected.keys))

        let member = LineLimits.member
        let stranger = LineLimits.stranger
        let lineRows = rows.filter { $0.count == 4 }.map { Array($0[0..<3]) }
        #expect(
            lineRows == [
                ["`lineBytesMax`", "\(stranger.lineBytesMax)", "\(member.lineBytesMax)"],
                ["`fieldsMax`", "\(stranger.fieldsMax)", "\(member.fieldsMax)"],
                ["`keyBytesMax`", "\(stranger.keyBytesMax)", "\(member.keyBytesMax)"],
                ["`valueBytesMax`", "\(stranger.valueBytesMax)", "\(member.valueBytesMax)"],
            ]
        )
        let record = LineLimits.record
        let text =
            "\(record.lineBytesMax), \(record.fieldsMax), \(record.keyBytesMax) and "
            + "\(record.valueBytesMax)"
        #expect(Self.page.contains(text))
    }
}
