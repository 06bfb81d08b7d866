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
    /// Attempts that one answer to a heartbeat asks the output of.
    public static let watchedMax = 8
    /// Bytes of the output of a running attempt that are told at once: the last ones.
    public static let liveBytesMax = 65_536
}

extension FieldReader {
    /// Bytes in base64; none when the field is absent.
    public func data(_ key: String, bytesMax limit: Int) throws(MessageError) -> [UInt8] {
        guard let text = line[key] else { return [] }
        guard let bytes = Base64.decode(text), bytes.count <= limit else {
            throw .bad(key: key, expected: "base64 of at most \(limit) bytes")
        }
        return bytes
    }

    /// Bytes of one part: there is at least one.
    func part(_ key: String) throws(MessageError) -> [UInt8] {
        let bytes = try data(key, bytesMax: WorkLimits.partBytesMax)
        if bytes.isEmpty { throw .missing(key: key) }
        return bytes
    }

    /// A part of a payload and where it begins, within the longest payload there is: what is
    /// reckoned with later cannot overflow.
    func payloadPart() throws(MessageError) -> (at: UInt32, data: [UInt8]) {
        let limit = WorkLimits.payloadBytesMax
        let at: UInt32 = try number("at", in: 0...UInt32(limit - 1))
        let data = try part("data")
        guard Int(at) + data.count <= limit else {
            throw .bad(key: "data", expected: "within a payload of \(limit) bytes")
        }
        return (at, data)
    }

    func payloadSize(_ key: String) throws(MessageError) -> UInt32 {
        try optionalNumber(key, in: 0...UInt32(WorkLimits.payloadBytesMax)) ?? 0
    }

    /// The payload within a RUN or SUBMIT: all of it where it is short, nothing where it follows in
    /// parts, so that each payload has one form.
    func payload(_ key: String, of bytes: UInt32) throws(MessageError) -> [UInt8] {
        let payload = try data(key, bytesMax: WorkLimits.inlineBytesMax)
        let expected = bytes <= WorkLimits.inlineBytesMax ? Int(bytes) : 0
        if payload.isEmpty, expected > 0 { throw .missing(key: key) }
        guard payload.count == expected else {
            throw .bad(key: key, expected: "the whole of a short payload")
        }
        return payload
    }

    func taskType(_ key: String) throws(MessageError) -> TaskType {
        guard let type = TaskType(try text(key)) else {
            throw .bad(key: key, expected: "a type such as PUSH")
        }
        return type
    }

    func attributes(_ key: String) throws(MessageError) -> [TaskAttribute] {
        guard let attributes = TaskAttribute.attributes(parsing: line[key] ?? "") else {
            throw .bad(key: key, expected: TaskSubmission.attributesExpected)
        }
        return attributes
    }

    /// A text that is carried exactly as it is; nil when absent or empty.
    func bounded(_ key: String, bytesMax limit: Int) throws(MessageError) -> String? {
        guard let text = line[key], !text.isEmpty else { return nil }
        guard text.isPlainLine(bytesMax: limit) else {
            throw .bad(key: key, expected: boundedExpected(limit))
        }
        return text
    }
}

private func boundedExpected(_ limit: Int) -> String {
    "a text of one line and at most \(limit) bytes"
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
        let texts = try fields.text("types").split(separator: ",", omittingEmptySubsequences: false)
        for text in texts {
            guard let type = TaskType(String(text)), !types.contains(type),
                types.count < HandlerReport.typesMax
            else {
                throw .bad(key: "types", expected: "a list of types such as PUSH,PULL")
            }
            types.append(type)
        }
        self.init(
            name: try fields.name("name"),
            types: types,
            slots: try fields.number("slots", in: 1...HandlerReport.slotsMax),
            prefetch: try fields.optionalNumber("prefetch", in: 0...HandlerReport.slotsMax) ?? 0,
            delivery: try fields.word("delivery"),
            timeLimit: try fields.optionalMilliseconds("limit"),
            isDrainable: try fields.flag("drainable")
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
        writer.put("drainable", isDrainable)
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
        put("ran", ranMilliseconds, max: WireLimits.millisecondsMax, to: &writer)
        put("cpu", processorMilliseconds, max: WireLimits.millisecondsMax, to: &writer)
        put("memory", memoryBytesMax, max: WireLimits.sizeMax, to: &writer)
        put("output", outputBytes, max: WireLimits.sizeMax, to: &writer)
        writer.put("detail", detail, bytesMax: WireLimits.outputBytesMax)
    }

    /// Held to what its reader takes: a result that is refused would be told again for ever.
    private func put(_ key: String, _ number: UInt64, max: UInt64, to writer: inout LineWriter) {
        if number > 0 { writer.put(key, min(number, max)) }
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
        let isOrdered = try fields.flag("ordered")
        if let text = try fields.bounded("exclusive", bytesMax: ExclusiveKey.bytesMax) {
            exclusiveKey = ExclusiveKey(text, isOrdered: isOrdered)
        }
    }

    static let attributesExpected =
        "at most \(TaskAttribute.countMax) attributes such as region=eu;size=large, each name once, "
        + "of \(TaskAttribute.valueBytesMax) bytes each and \(TaskAttribute.textBytesMax) in all"

    /// Whether a line can carry it: what is not read from one (a request of the console, a
    /// schedule) is to be checked before it is accepted.
    ///
    /// - Throws: the first thing that is wrong, under the key that it has in SUBMIT.
    public func check() throws(MessageError) {
        try Self.check("account", account, bytesMax: Self.accountBytesMax)
        // What is read again as it was written has passed every rule of its reader.
        let text = TaskAttribute.text(of: attributes)
        guard TaskAttribute.attributes(parsing: text) == attributes.sorted() else {
            throw .bad(key: "attributes", expected: Self.attributesExpected)
        }
        guard priority <= Self.priorityMax else {
            throw .bad(key: "priority", expected: "a number from 0 to \(Self.priorityMax)")
        }
        if let exclusiveKey {
            if exclusiveKey.text.isEmpty { throw .missing(key: "exclusive") }
            try Self.check("exclusive", exclusiveKey.text, bytesMax: ExclusiveKey.bytesMax)
        }
        if let idempotencyKey {
            if idempotencyKey.isEmpty { throw .missing(key: "key") }
            try Self.check("key", idempotencyKey, bytesMax: Self.idempotencyKeyBytesMax)
        }
        let attempts = WorkLimits.attemptsMax
        if let attemptsMax, !attempts.contains(attemptsMax) {
            let expected = "a number from \(attempts.lowerBound) to \(attempts.upperBound)"
            throw .bad(key: "attempts", expected: expected)
        }
        let longest = Duration.milliseconds(Int64(WireLimits.millisecondsMax))
        if let retryDelay, retryDelay < .zero || retryDelay > longest {
            throw .bad(key: "retry-delay", expected: "a time of at most 10000 days")
        }
    }

    private static func check(
        _ key: String,
        _ text: String,
        bytesMax limit: Int
    ) throws(MessageError) {
        guard text.isPlainLine(bytesMax: limit) else {
            throw .bad(key: key, expected: boundedExpected(limit))
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
        let payloadBytes = try fields.payloadSize("payload")
        self.init(
            reference: try fields.number("ref"),
            task: try TaskSubmission(fields),
            payloadBytes: payloadBytes,
            payload: try fields.payload("data", of: payloadBytes)
        )
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
        let payloadBytes = try fields.payloadSize("payload")
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
            isDrainable: try fields.flag("drainable"),
            submittedAt: try fields.time("submitted"),
            payloadBytes: payloadBytes,
            payload: try fields.payload("data", of: payloadBytes)
        )
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
        writer.put("drainable", isDrainable)
        writer.put("submitted", submittedAt)
        if payloadBytes > 0 { writer.put("payload", payloadBytes) }
        writer.put("data", data: payload)
        return writer.line
    }
}
