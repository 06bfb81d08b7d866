import Model

// How each message about what is compared stands in its line.

extension AgentComparingMessage {
    static let verbs = ["COMPARED", "UNCOMPARED", "ENTRY", "LISTED", "TEXT", "UNLISTED"]

    init(_ line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch line.verb {
        case "COMPARED": self = .compared(try SetReport(fields))
        case "UNCOMPARED": self = .uncompared(try fields.name("set"))
        case "ENTRY":
            self = .entry(request: try fields.number("request"), try FileEntry(fields))
        case "LISTED":
            self = .listed(
                request: try fields.number("request"),
                next: try fields.optionalNumber("next", in: 1...ComparingLimits.entriesMax)
            )
        case "TEXT":
            let sizes = 0...ComparingLimits.textBytesMax
            self = .text(
                request: try fields.number("request"),
                at: try fields.number("at", in: sizes),
                total: try fields.number("total", in: sizes),
                data: try fields.data("data", bytesMax: ComparingLimits.pieceBytesMax)
            )
        case "UNLISTED":
            self = .unlisted(
                request: try fields.number("request"),
                code: try fields.word("code"),
                text: kept(fields.optionalText("text") ?? "", bytesMax: WireLimits.outputBytesMax)
            )
        default: throw .unknownVerb
        }
    }

    var line: Line {
        var writer: LineWriter
        switch self {
        case .compared(let report): return report.line
        case .uncompared(let set):
            writer = LineWriter("UNCOMPARED")
            writer.put("set", set)
        case .entry(let request, let entry): return entry.line(request: request)
        case .listed(let request, let next):
            writer = LineWriter("LISTED")
            writer.put("request", request)
            writer.put("next", next)
        case .text(let request, let at, let total, let data):
            writer = LineWriter("TEXT")
            writer.put("request", request)
            writer.put("at", at)
            writer.put("total", total)
            writer.put("data", Base64.encode(data))
        case .unlisted(let request, let code, let text):
            writer = LineWriter("UNLISTED")
            writer.put("request", request)
            writer.put("code", code)
            writer.put("text", text, bytesMax: WireLimits.outputBytesMax)
        }
        return writer.line
    }
}

extension SetReport {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            name: try fields.name("set"),
            kind: try fields.word("kind"),
            digest: try fields.optionalHex("digest", digits: 64) ?? "",
            definition: try fields.hex("definition", digits: 16),
            entries: try fields.optionalNumber("entries", in: 0...ComparingLimits.entriesMax) ?? 0,
            bytes: try fields.optionalNumber("bytes", in: 0...WireLimits.sizeMax) ?? 0,
            age: try fields.optionalMilliseconds("age"),
            interval: .milliseconds(
                Int64(try fields.number("interval", in: ComparingLimits.intervalMilliseconds))
            ),
            isRequired: try fields.flag("required"),
            isShown: try fields.flag("show"),
            problem: kept(
                fields.optionalText("problem") ?? "",
                bytesMax: WireLimits.outputBytesMax
            )
        )
    }

    var line: Line {
        var writer = LineWriter("COMPARED")
        writer.put("set", name)
        writer.put("kind", kind)
        writer.put("digest", digest)
        writer.put("definition", definition)
        if entries > 0 { writer.put("entries", entries) }
        if bytes > 0 { writer.put("bytes", bytes) }
        writer.put("age", milliseconds: age)
        writer.put("interval", milliseconds: interval)
        writer.put("required", isRequired)
        writer.put("show", isShown)
        writer.put("problem", problem, bytesMax: WireLimits.outputBytesMax)
        return writer.line
    }
}

extension FileEntry {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            path: try fields.path("path"),
            kind: try fields.word("kind"),
            mode: try fields.optionalMode("mode"),
            owner: fields.optionalText("owner")
                .map { kept($0, bytesMax: WireLimits.factBytesMax) },
            size: try fields.optionalNumber("size", in: 0...WireLimits.sizeMax) ?? 0,
            digest: try fields.optionalHex("digest", digits: 64),
            target: try fields.optionalPath("target")
        )
    }

    func line(request: UInt64?) -> Line {
        var writer = LineWriter("ENTRY")
        writer.put("request", request)
        writer.put("path", path)
        writer.put("kind", kind)
        writer.put("mode", mode.map { String($0, radix: 8) })
        if let owner { writer.put("owner", owner, bytesMax: WireLimits.factBytesMax) }
        if size > 0 { writer.put("size", size) }
        writer.put("digest", digest)
        writer.put("target", target)
        return writer.line
    }
}

extension FieldReader {
    func optionalHex(_ key: String, digits: Int) throws(MessageError) -> String? {
        guard let value = line[key] else { return nil }
        let isHex = value.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
        guard isHex, value.utf8.count == digits else {
            throw .bad(key: key, expected: "\(digits) hexadecimal digits in lower case")
        }
        return value
    }

    func hex(_ key: String, digits: Int) throws(MessageError) -> String {
        guard let value = try optionalHex(key, digits: digits) else { throw .missing(key: key) }
        return value
    }

    /// Permission bits, octal without leading zeros.
    func optionalMode(_ key: String) throws(MessageError) -> UInt16? {
        guard let value = line[key] else { return nil }
        guard let mode = UInt16(value, radix: 8), mode <= 0o7777, String(mode, radix: 8) == value
        else { throw .bad(key: key, expected: "permission bits, octal, from 0 to 7777") }
        return mode
    }

    /// A path in the form of ``PathText``.
    func optionalPath(_ key: String) throws(MessageError) -> String? {
        guard let value = line[key] else { return nil }
        guard !value.isEmpty, value.utf8.count <= ComparingLimits.pathBytesMax,
            PathText.bytes(value) != nil
        else {
            throw .bad(
                key: key,
                expected: "a path of 1 to \(ComparingLimits.pathBytesMax) bytes in its escaped form"
            )
        }
        return value
    }

    func path(_ key: String) throws(MessageError) -> String {
        guard let value = try optionalPath(key) else { throw .missing(key: key) }
        return value
    }
}
