import Model
import Protocol
import Testing

struct MessageTests {
    private func agent(_ text: String) throws -> AgentMessage {
        try AgentMessage(Line.parse(text, limits: .member))
    }

    private func controller(_ text: String) throws -> ControllerMessage {
        try ControllerMessage(Line.parse(text, limits: .member))
    }

    @Test func `fields and their order that are not known are passed over`() throws {
        for entry in GoldenTests.entries {
            var line = try Line.parse(entry.text, limits: .member)
            line.fields.reverse()
            line.fields.insert(Line.Field(key: "later-x", value: "of version 9"), at: 0)
            let written =
                entry.isAgent
                ? try AgentMessage(line).line.description
                : try ControllerMessage(line).line.description
            #expect(written == entry.text)
        }
    }

    @Test func `a verb of the other direction is not known`() throws {
        let both = Set(ProtocolWords.agentVerbs).intersection(ProtocolWords.controllerVerbs)
        #expect(both == ["REFUSED", "BYE"])
        for entry in GoldenTests.entries {
            let line = try Line.parse(entry.text, limits: .member)
            if both.contains(line.verb) { continue }
            #expect(throws: MessageError.unknownVerb) {
                if entry.isAgent {
                    _ = try ControllerMessage(line)
                } else {
                    _ = try AgentMessage(line)
                }
            }
        }
    }

    @Test func `each kind of wrong field has a sentence that names it and the mend`() {
        #expect(throws: MessageError.missing(key: "order")) { try agent("DONE") }
        #expect(MessageError.missing(key: "order").sentence == "the field order is missing")
        #expect(MessageError.unknownVerb.sentence == "this verb is not known here")
        for (text, sentence) in [
            ("DONE order=x", "the field order is not a number from 0 to 18446744073709551615"),
            ("BYE reason=x", "the field reason is not one of stopping, restarting, moving"),
            ("GONE service=A", "the field service is not a name: 1 to 63 of a-z 0-9 . _ -"),
            ("FACTS os=a arch=b cgroups=1", "the field cgroups is not yes or no"),
            (
                "HELLO speaker=agent version=x",
                "the field version is not a version such as 1 or 1-2"
            ),
        ] {
            #expect(sentenceOf(text) == sentence)
        }
    }

    private func sentenceOf(_ text: String) -> String {
        guard let line = try? Line.parse(text, limits: .member) else { return "not a line" }
        do throws(MessageError) {
            _ = try AgentMessage(line)
            return "taken"
        } catch {
            return error.sentence
        }
    }

    @Test func `each kind of wrong line has a sentence of its own`() {
        let errors: [LineError] = [
            .tooLong(limit: 1), .tooManyFields(limit: 2), .keyTooLong(limit: 3),
            .valueTooLong(limit: 4), .empty, .notUTF8, .forbiddenCharacter, .badVerb, .badField,
            .duplicateKey,
        ]
        #expect(Set(errors.map(\.sentence)).count == errors.count)
    }

    @Test func `no character that could forge a line or hide in one crosses raw`() {
        for value in 0...0x10ffff as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            guard ReferenceParser.isForbidden(scalar) else { continue }
            let text = "NOTE code=tilt text=\"a\(scalar)b\""
            #expect(throws: LineError.forbiddenCharacter) {
                try Line.parse(text, limits: .member)
            }
        }
    }

    @Test func `a scalar is allowed exactly when the page does not forbid it`() {
        for value in 0x80...0x10ffff as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            // Written by the one rule and judged by the other.
            let line = Line(verb: "V", fields: [Line.Field(key: "k", value: String(scalar))])
            let isReplaced = line.description == "V k=\"\u{fffd}\"" && value != 0xfffd
            if isReplaced != ReferenceParser.isForbidden(scalar) {
                Issue.record("U+\(String(value, radix: 16))")
            }
        }
    }

    @Test func `more free than there is is read as all free`() throws {
        guard
            case .load(let load, 0) = try agent(
                "LOAD cpus=1 cpu=0 mem=10 mem-free=11 swap=5 swap-used=6 disks=0"
            ),
            case .disk(let disk) = try agent(
                "DISK mount=/ total=10 free=11 inodes=5 inodes-free=6"
            )
        else { throw MessageError.unknownVerb }
        #expect(load.memoryAvailable == 10)
        #expect(load.swapUsed == 5)
        #expect(disk.available == 10)
        #expect(disk.inodesAvailable == 5)
    }

    /// Whatever a program or a file system calls itself, the line that tells of it is within the
    /// limits of its reader: else one odd mount point would keep a node out for ever.
    @Test(arguments: ["\u{1}", "\"", "\n", "é", "\u{202e}", "👩‍👩‍👧‍👦", "e\u{301}", "\u{10ffff}"])
    func `no text can make a line that its reader refuses`(letter: String) throws {
        let text = String(repeating: letter, count: 5_000)
        let facts = Facts(
            operatingSystem: text,
            operatingSystemVersion: text,
            kernel: text,
            architecture: text,
            hostname: text,
            installPath: text,
            agentVersion: text,
            cgroups: true
        )
        let report = ServiceReport(name: "s", state: .failed, isWanted: true, detail: text)
        let check = CheckReport(
            service: "s",
            name: "c",
            kind: "http",
            state: .failing,
            output: text
        )
        let disk = Disk(mount: text, total: 1, available: 1, inodesTotal: 1, inodesAvailable: 1)
        let finding = Finding(order: 1, check: text, outcome: .failed, text: text, mend: text)
        let messages: [AgentMessage] = [
            .facts(facts), .service(report), .check(check), .disk(disk), .finding(finding),
            .failed(order: 1, text: text), .refused(order: 1, code: .invalid, text: text),
            .note(.tilt, text: text),
        ]
        for message in messages {
            let line = try Line.parse(message.line.description, limits: .member)
            #expect(throws: Never.self) { try AgentMessage(line) }
        }
        for message in [
            ControllerMessage.refused(verb: "RENEW", code: .invalid, text: text),
            .error(code: .invalid, text: text),
        ] {
            let line = try Line.parse(message.line.description, limits: .stranger)
            #expect(throws: Never.self) { try ControllerMessage(line) }
        }
    }

    @Test func `a text is cut at a character's edge and says so`() throws {
        let long = String(repeating: "é", count: 600)
        guard
            case .failed(_, let cut) = try agent(
                AgentMessage.failed(order: 1, text: long).line.description
            ),
            case .failed(_, let whole) = try agent(
                AgentMessage.failed(order: 1, text: String(long.prefix(500))).line.description
            )
        else { throw MessageError.unknownVerb }
        #expect(cut == String(repeating: "é", count: 498) + "…")
        #expect(whole == String(repeating: "é", count: 500))
    }

    @Test func `what a stranger says of an agent's secrets is not read`() throws {
        let text = "HELLO version=1-3 speaker=stranger incarnation=7 nonce=abc highest=x"
        #expect(try agent(text) == .hello(Hello(speaker: .stranger)))
    }

    @Test func `a flag that is not there or no is false`() throws {
        for (flag, expected) in [("", false), (" cgroups=no", false), (" cgroups=yes", true)] {
            guard case .facts(let facts) = try agent("FACTS os=linux arch=arm\(flag)") else {
                throw MessageError.unknownVerb
            }
            #expect(facts.cgroups == expected)
        }
    }

    @Test func `a line is found by its key and ends with a line feed`() throws {
        let line = try Line.parse("BYE reason=moving", limits: .member)
        #expect(line["reason"] == "moving")
        #expect(line["retry"] == nil)
        #expect(line.bytes == Array("BYE reason=moving\n".utf8))
        #expect(try controller("BYE reason=moving") == .bye(reason: .moving, retry: .zero))
    }
}
