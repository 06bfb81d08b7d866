public import Model

// How the parts of messages about tasks stand in their lines.

/// The numbers of work on the wire.
public enum WorkLimits {
    /// Bytes of one task's payload.
    public static let payloadBytesMax = 1 << 20
    /// A payload up to this size stands in its RUN or SUBMIT; a longer one follows in parts.
    public static let inlineBytesMax = 1_536
    /// Bytes of one part; in base64 a value's limit.
    public static let partBytesMax = 3_072
    /// Handlers of one node.
    public static let handlersPerNodeMax = 128
    /// Attempts that one node may have at once, ended ones that are not taken included.
    public static let attemptsPerNodeMax = 8_192
    /// Attempts that may fail before a task is given up.
    public static let attemptsMax: ClosedRange<UInt16> = 1...1_000
    /// Submissions of one session that may wait for their answer.
    public static let submissionsPerNodeMax = 1_024
}

extension FieldReader {
    /// Bytes in base64; none when the field is absent.
    public func data(_ key: String) throws(MessageError) -> [UInt8] {
        guard let text = line[key] else { return [] }
        guard let bytes = Base64.decode(text), bytes.count <= WorkLimits.partBytesMax else {
            throw .bad(key: key, expected: "base64 of at most \(WorkLimits.partBytesMax) bytes")
        }
        return bytes
    }

    func taskType(_ key: String) throws(MessageError) -> TaskType {
        guard let type = TaskType(try text(key)) else {
            throw .bad(key: key, expected: "a type such as PUSH")
        }
        return type
    }

    func attributes(_ key: String) throws(MessageError) -> [TaskAttribute] {
        guard let attributes = TaskAttribute.attributes(parsing: line[key] ?? "") else {
            throw .bad(key: key, expected: "attributes such as region=eu;size=large")
        }
        return attributes
    }

    func bounded(_ key: String, bytesMax limit: Int) throws(MessageError) -> String? {
        guard let text = line[key], !text.isEmpty else { return nil }
        guard text.utf8.count <= limit,
            text.unicodeScalars.allSatisfy({ $0 != "\n" && $0 != "\t" })
        else {
            throw .bad(key: key, expected: "a text of one line and at most \(limit) bytes")
        }
        return text
    }

    func payloadSize(_ key: String) throws(MessageError) -> UInt32 {
        try optionalNumber(key, in: 0...UInt32(WorkLimits.payloadBytesMax)) ?? 0
    }
}

extension LineWriter {
    public mutating func put(_ attempt: TaskAttempt) {
        put("task", attempt.task.number)
        put("attempt", attempt.attempt)
    }

    public mutating func put(_ key: String, data: [UInt8]) {
        put(key, Base64.encode(data))
    }
}

extension TaskAttempt {
    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            task: TaskID(try fields.number("task")),
            attempt: try fields.number("attempt", in: 1...UInt16.max)
        )
    }
}

extension HandlerReport {
    init(_ fields: FieldReader) throws(MessageError) {
        var types: [TaskType] = []
        for text in try fields.text("types").split(separator: ",") {
            guard let type = TaskType(String(text)), !types.contains(type),
                types.count < HandlerReport.typesMax
            else {
                throw .bad(key: "types", expected: "a list of types such as PUSH,PULL")
            }
            types.append(type)
        }
        guard !types.isEmpty else { throw .missing(key: "types") }
        self.init(
            name: try fields.name("name"),
            types: types.sorted(),
            slots: try fields.number("slots", in: 1...HandlerReport.slotsMax),
            prefetch: try fields.optionalNumber("prefetch", in: 0...HandlerReport.slotsMax) ?? 0,
            delivery: try fields.word("delivery"),
            timeLimit: try fields.optionalMilliseconds("limit")
        )
    }

    var line: Line {
        var writer = LineWriter("HANDLER")
        writer.put("name", name)
        writer.put("types", types.map(\.text).joined(separator: ","))
        writer.put("slots", slots)
        if prefetch > 0 { writer.put("prefetch", prefetch) }
        writer.put("delivery", delivery)
        writer.put("limit", milliseconds: timeLimit)
        return writer.line
    }
}

extension AttemptResult {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            outcome: try fields.word("outcome"),
            status: try fields.optionalNumber("status"),
            signal: try fields.optionalNumber("signal", in: 1...127),
            detail: fields.optionalText("detail") ?? "",
            isPermanent: try fields.flag("permanent"),
            ranMilliseconds: try fields.optionalNumber("ran", in: 0...WireLimits.millisecondsMax)
                ?? 0,
            processorMilliseconds: try fields.optionalNumber(
                "cpu",
                in: 0...WireLimits.millisecondsMax
            ) ?? 0,
            memoryBytesMax: try fields.optionalNumber("memory", in: 0...WireLimits.sizeMax) ?? 0,
            outputBytes: try fields.optionalNumber("output", in: 0...WireLimits.sizeMax) ?? 0
        )
    }

    func line(of attempt: TaskAttempt) -> Line {
        var writer = LineWriter("RESULT")
        writer.put(attempt)
        put(to: &writer)
        return writer.line
    }

    /// Its fields, as they stand in RESULT and in a task's record.
    public func put(to writer: inout LineWriter) {
        writer.put("outcome", outcome)
        writer.put("status", status)
        writer.put("signal", signal)
        writer.put("permanent", isPermanent)
        if ranMilliseconds > 0 { writer.put("ran", ranMilliseconds) }
        if processorMilliseconds > 0 { writer.put("cpu", processorMilliseconds) }
        if memoryBytesMax > 0 { writer.put("memory", memoryBytesMax) }
        if outputBytes > 0 { writer.put("output", outputBytes) }
        writer.put("detail", detail, bytesMax: WireLimits.outputBytesMax)
    }

    /// Reads what ``put(to:)`` writes.
    public init(record fields: FieldReader) throws(MessageError) {
        try self.init(fields)
    }
}

extension TaskSubmission {
    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            type: try fields.taskType("type"),
            account: try fields.bounded("account", bytesMax: Self.accountBytesMax) ?? "",
            attributes: try fields.attributes("attributes"),
            priority: try fields.optionalNumber("priority", in: 0...Self.priorityMax)
                ?? Self.priorityDefault,
            exclusiveKey: nil,
            idempotencyKey: try fields.bounded("key", bytesMax: Self.idempotencyKeyBytesMax),
            attemptsMax: try fields.optionalNumber("attempts", in: WorkLimits.attemptsMax),
            retryDelay: try fields.optionalMilliseconds("retry-delay"),
            notBefore: try fields.optionalTime("not-before")
        )
        if let text = try fields.bounded("exclusive", bytesMax: ExclusiveKey.bytesMax) {
            exclusiveKey = ExclusiveKey(text, isOrdered: try fields.flag("ordered"))
        }
    }

    /// Its fields, as they stand in SUBMIT and in a task's record.
    public func put(to writer: inout LineWriter) {
        writer.put("type", type.text)
        writer.put("account", account)
        writer.put("attributes", TaskAttribute.text(of: attributes))
        if priority != Self.priorityDefault { writer.put("priority", priority) }
        writer.put("exclusive", exclusiveKey?.text)
        writer.put("ordered", exclusiveKey?.isOrdered ?? false)
        writer.put("key", idempotencyKey)
        writer.put("attempts", attemptsMax)
        writer.put("retry-delay", milliseconds: retryDelay)
        writer.put("not-before", notBefore)
    }
}

extension LocalSubmission {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            reference: try fields.number("ref"),
            task: try TaskSubmission(fields),
            payloadBytes: try fields.payloadSize("payload"),
            payload: try fields.data("data")
        )
        try checkPayload(payload, of: payloadBytes)
    }

    var line: Line {
        var writer = LineWriter("SUBMIT")
        writer.put("ref", reference)
        task.put(to: &writer)
        if payloadBytes > 0 { writer.put("payload", payloadBytes) }
        writer.put("data", data: payload)
        return writer.line
    }
}

extension RunOrder {
    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            attempt: try TaskAttempt(fields),
            token: try fields.token("token"),
            handler: try fields.name("handler"),
            type: try fields.taskType("type"),
            account: try fields.bounded("account", bytesMax: TaskSubmission.accountBytesMax) ?? "",
            attributes: try fields.attributes("attributes"),
            priority: try fields.optionalNumber("priority", in: 0...TaskSubmission.priorityMax)
                ?? TaskSubmission.priorityDefault,
            exclusiveKey: try fields.bounded("exclusive", bytesMax: ExclusiveKey.bytesMax),
            isRepeated: try fields.flag("again"),
            submittedAt: try fields.time("submitted"),
            payloadBytes: try fields.payloadSize("payload"),
            payload: try fields.data("data")
        )
        try checkPayload(payload, of: payloadBytes)
    }

    var line: Line {
        var writer = LineWriter("RUN")
        writer.put(attempt)
        writer.put("token", token)
        writer.put("handler", handler)
        writer.put("type", type.text)
        writer.put("account", account)
        writer.put("attributes", TaskAttribute.text(of: attributes))
        if priority != TaskSubmission.priorityDefault { writer.put("priority", priority) }
        writer.put("exclusive", exclusiveKey)
        writer.put("again", isRepeated)
        writer.put("submitted", submittedAt)
        if payloadBytes > 0 { writer.put("payload", payloadBytes) }
        writer.put("data", data: payload)
        return writer.line
    }
}

/// A payload is whole in its line, or not there at all.
private func checkPayload(_ payload: [UInt8], of bytes: UInt32) throws(MessageError) {
    guard payload.isEmpty || payload.count == Int(bytes) else {
        throw .bad(key: "data", expected: "the whole payload")
    }
}
