import Model
import Protocol
import Testing

/// What is said about tasks: that all of it fits into its line, and is read as it was meant.
struct WorkMessageTests {
    /// The letters that make a line longest: quotes and backslashes are doubled, by an attribute's
    /// text and by the line; the others are long in UTF-8, and forbidden or not.
    static let letters = ["\"", "\\", ";", "é", "\u{301}", "\u{10000}", "x", "\n", "\u{202e}"]

    private static let token = FencingToken(
        epoch: Epoch(generation: .max, counter: .max),
        session: .max
    )
    private static let attempt = TaskAttempt(task: TaskID(.max), attempt: .max)

    private func filled(_ letter: String, bytes: Int) -> String {
        let count = bytes / letter.utf8.count
        return String(repeating: letter, count: count)
            + String(repeating: "x", count: bytes - count * letter.utf8.count)
    }

    /// As many bytes of attributes as there may be, with as many of `letter` as there is room for.
    private func attributes(_ letter: String) throws -> [TaskAttribute] {
        var attributes: [TaskAttribute] = []
        while attributes.count < TaskAttribute.countMax {
            let name = filled("n", bytes: 61) + String(100 + attributes.count).suffix(2)
            var found: TaskAttribute?
            for bytes in stride(from: TaskAttribute.valueBytesMax, through: 0, by: -1) {
                let value = filled(letter, bytes: bytes)
                guard let next = TaskAttribute(name: name, value: value) else { continue }
                let text = TaskAttribute.text(of: attributes + [next])
                if text.utf8.count <= TaskAttribute.textBytesMax {
                    found = next
                    break
                }
            }
            guard let found else { break }
            attributes.append(found)
        }
        return attributes
    }

    private func submission(_ letter: String) throws -> TaskSubmission {
        TaskSubmission(
            type: try #require(TaskType(filled("T", bytes: 63))),
            account: filled(letter, bytes: TaskSubmission.accountBytesMax),
            attributes: try attributes(letter),
            priority: TaskSubmission.priorityMax,
            exclusiveKey: ExclusiveKey(
                filled(letter, bytes: ExclusiveKey.bytesMax),
                isOrdered: true
            ),
            idempotencyKey: filled(letter, bytes: TaskSubmission.idempotencyKeyBytesMax),
            attemptsMax: WorkLimits.attemptsMax.upperBound,
            retryDelay: .milliseconds(Int64(WireLimits.millisecondsMax)),
            notBefore: WallTime(milliseconds: .max)
        )
    }

    private func run(_ task: TaskSubmission, payload: [UInt8]) throws -> RunOrder {
        RunOrder(
            attempt: Self.attempt,
            token: Self.token,
            handler: try #require(HandlerName(filled("h", bytes: 63))),
            type: task.type,
            account: task.account,
            attributes: task.attributes,
            priority: task.priority,
            exclusiveKey: task.exclusiveKey?.text,
            isRepeated: true,
            submittedAt: WallTime(milliseconds: .max),
            payloadBytes: UInt32(payload.count),
            payload: payload
        )
    }

    @Test(arguments: letters)
    func `a task at all its limits fits into its line and is read as it was`(letter: String) throws
    {
        let task = try submission(letter)
        let payload = [UInt8](repeating: 0xff, count: WorkLimits.inlineBytesMax)
        if letter == "\n" || letter == "\u{202e}" {
            #expect(throws: MessageError.self) { try task.check() }
            return
        }
        #expect(throws: Never.self) { try task.check() }
        let local = LocalSubmission(
            reference: .max,
            task: task,
            payloadBytes: UInt32(payload.count),
            payload: payload
        )
        let submit = try Line.parse(
            AgentMessage.work(.submit(local)).line.description,
            limits: .member
        )
        guard case .work(.submit(let read)) = try AgentMessage(submit) else {
            throw MessageError.unknownVerb
        }
        #expect(read.task.account.utf8.elementsEqual(task.account.utf8))
        #expect(read.task.attributes == task.attributes)
        #expect(read.payload == payload)

        let order = try run(task, payload: payload)
        let line = try Line.parse(
            ControllerMessage.work(.run(order)).line.description,
            limits: .member
        )
        guard case .work(.run(let again)) = try ControllerMessage(line) else {
            throw MessageError.unknownVerb
        }
        #expect(again.account.utf8.elementsEqual(task.account.utf8))
        #expect(again.attributes == order.attributes)
        #expect(again.fencingToken == order.fencingToken)
    }

    /// The attributes are as many as there may be: the test above is about the longest lines.
    @Test func `the longest attributes are a line's longest value`() throws {
        let lengths = try Self.letters.filter { $0 != "\n" && $0 != "\u{202e}" }.map { letter in
            TaskAttribute.text(of: try attributes(letter)).utf8.count
        }
        #expect(lengths.allSatisfy { $0 > TaskAttribute.textBytesMax - 70 })
        let order = try run(
            submission("\\"),
            payload: [UInt8](repeating: 1, count: WorkLimits.inlineBytesMax)
        )
        let line = ControllerMessage.work(.run(order)).line
        // What is left over is less than another payload's worth: the limits are not too careful.
        #expect(line.bytes.count > LineLimits.member.lineBytesMax - 2_048)
    }

    @Test(arguments: letters)
    func `everything else at its limits fits into its line, too`(letter: String) throws {
        let text = String(repeating: letter, count: 5_000)
        let types = (0..<HandlerReport.typesMax).compactMap {
            TaskType(filled("T", bytes: 61) + String(100 + $0).suffix(2))
        }
        #expect(types.count == 32)
        let handler = HandlerReport(
            name: try #require(HandlerName(filled("h", bytes: 63))),
            types: types.reversed(),
            slots: HandlerReport.slotsMax,
            prefetch: HandlerReport.slotsMax,
            delivery: .atMostOnce,
            timeLimit: .milliseconds(Int64(WireLimits.millisecondsMax))
        )
        let result = AttemptResult(
            outcome: .interrupted,
            status: .max,
            signal: 127,
            detail: text,
            isPermanent: true,
            ranMilliseconds: .max,
            processorMilliseconds: .max,
            memoryBytesMax: .max,
            outputBytes: .max
        )
        let part = [UInt8](repeating: 0xff, count: WorkLimits.partBytesMax)
        let last = UInt32(WorkLimits.payloadBytesMax - part.count)
        let agent: [AgentWorkMessage] = [
            .handler(handler), .unhandled(handler.name), .holding(Self.attempt, phase: .running),
            .started(Self.attempt), .output(Self.attempt, at: WireLimits.sizeMax, data: part),
            .output(Self.attempt, at: WireLimits.sizeMax, data: part, isLive: true),
            .result(Self.attempt, result), .returned(Self.attempt, code: .unknownName, text: text),
            .submitPart(reference: .max, at: last, data: part),
        ]
        for message in agent {
            let line = try Line.parse(AgentMessage.work(message).line.description, limits: .member)
            #expect(throws: Never.self) { try AgentMessage(line) }
        }
        let controller: [ControllerWorkMessage] = [
            .part(Self.attempt, at: last, data: part), .taken(Self.attempt),
            .cancel(Self.attempt, token: Self.token, .cancelled),
            .accepted(reference: .max, task: TaskID(.max), isKnown: true),
            .declined(
                reference: .max,
                code: .unknownName,
                text: text,
                retry: .milliseconds(Int64(WireLimits.millisecondsMax))
            ),
        ]
        for message in controller {
            let line = try Line.parse(
                ControllerMessage.work(message).line.description,
                limits: .member
            )
            #expect(throws: Never.self) { try ControllerMessage(line) }
        }
    }

    @Test func `a lease that asks for all that it may fits into its line`() throws {
        let lease = Lease(
            sequence: .max,
            sent: .max,
            incarnation: .max,
            length: .milliseconds(Int64(WireLimits.millisecondsMax)),
            token: Self.token,
            watched: (0..<WorkLimits.watchedMax).map { index in
                WatchedAttempt(
                    TaskAttempt(task: TaskID(.max - UInt64(index)), attempt: .max),
                    from: WireLimits.sizeMax
                )
            }
        )
        let line = try Line.parse(ControllerMessage.lease(lease).line.description, limits: .member)
        #expect(try ControllerMessage(line) == .lease(lease))
    }

    private func problem(_ change: (inout TaskSubmission) -> Void) -> MessageError? {
        var task = TaskSubmission(type: .push)
        change(&task)
        do throws(MessageError) {
            try task.check()
            return nil
        } catch {
            return error
        }
    }

    @Test func `what a line could not carry is found before it is accepted`() throws {
        let attribute = try #require(TaskAttribute(name: "a", value: "1"))
        let wide = (0..<16).compactMap {
            TaskAttribute(name: "a\($0)", value: filled("v", bytes: 125))
        }
        var forged = attribute
        forged.value = "a\nb"
        let cases: [(String, (inout TaskSubmission) -> Void)] = [
            ("account", { $0.account = filled("x", bytes: 129) }),
            ("account", { $0.account = "a\tb" }),
            ("account", { $0.account = "a\u{85}b" }),
            ("attributes", { $0.attributes = wide }),
            ("attributes", { $0.attributes = [attribute, attribute] }),
            ("attributes", { $0.attributes = [forged] }),
            (
                "attributes",
                { $0.attributes = (0..<17).compactMap { TaskAttribute(parsing: "a\($0)=") } }
            ),
            ("priority", { $0.priority = 10 }),
            ("exclusive", { $0.exclusiveKey = ExclusiveKey("") }),
            ("exclusive", { $0.exclusiveKey = ExclusiveKey(filled("x", bytes: 129)) }),
            ("exclusive", { $0.exclusiveKey = ExclusiveKey("\u{202e}") }),
            ("key", { $0.idempotencyKey = "" }),
            ("key", { $0.idempotencyKey = filled("x", bytes: 129) }),
            ("key", { $0.idempotencyKey = "a\nb" }),
            ("attempts", { $0.attemptsMax = 0 }),
            ("attempts", { $0.attemptsMax = 1_001 }),
            ("retry-delay", { $0.retryDelay = .milliseconds(-1) }),
            ("retry-delay", { $0.retryDelay = .milliseconds(864_000_000_001) }),
        ]
        for (index, (key, change)) in cases.enumerated() {
            switch problem(change) {
            case .bad(key, _), .missing(key): break
            case let other: Issue.record("case \(index), \(key): \(String(describing: other))")
            }
        }
        #expect(
            problem { $0.attributes = wide }?.sentence
                == "the field attributes is not at most 16 attributes such as "
                + "region=eu;size=large, each name once, of 256 bytes each and 2048 in all"
        )
        #expect(problem { $0.attributes = Array(wide.dropLast()) } == nil)
        #expect(problem { $0.attributes = [attribute] } == nil)
        #expect(problem { $0.retryDelay = .milliseconds(864_000_000_000) } == nil)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `whatever task passes the check is read as it was written`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var passed = 0
        for _ in 0..<500 {
            let task = random(&generator)
            let size = generator.below(1_536)
            let payload = (0..<size).map { _ in UInt8(generator.below(256)) }
            let local = LocalSubmission(
                reference: generator.next(),
                task: task,
                payloadBytes: UInt32(size),
                payload: payload
            )
            guard (try? task.check()) != nil else { continue }
            passed += 1
            let submit = AgentMessage.work(.submit(local))
            let line = try Line.parse(submit.line.description, limits: .member)
            #expect(try AgentMessage(line) == submit)
            let run = ControllerMessage.work(.run(try self.run(task, payload: payload)))
            let order = try Line.parse(run.line.description, limits: .member)
            #expect(try ControllerMessage(order).line == run.line)
        }
        #expect(passed > 100)
        #expect(passed < 500)
    }

    private func random(_ generator: inout SeededGenerator) -> TaskSubmission {
        func text(_ generator: inout SeededGenerator, _ limit: UInt64) -> String {
            var text = ""
            for _ in 0..<generator.below(limit) {
                // A control character now and then.
                let letters: [Unicode.Scalar] = [";", "\\", "\"", "=", " ", "é", "a", "\u{301}"]
                let isOdd = generator.chance(perMille: 4)
                text.unicodeScalars.append(
                    isOdd ? "\u{1}" : letters[Int(generator.below(UInt64(letters.count)))]
                )
            }
            return text
        }
        let attributes = (0..<generator.below(6)).compactMap {
            TaskAttribute(name: "n\($0)", value: text(&generator, 90))
        }
        let key = text(&generator, 60)
        return TaskSubmission(
            type: .pgp,
            account: text(&generator, 60),
            attributes: attributes.reversed(),
            priority: UInt8(generator.below(10)),
            exclusiveKey: generator.chance(perMille: 500)
                ? ExclusiveKey(text(&generator, 60), isOrdered: generator.chance(perMille: 500))
                : nil,
            idempotencyKey: key.isEmpty ? nil : key,
            attemptsMax: generator.chance(perMille: 500) ? UInt16(generator.below(1_001)) : nil,
            retryDelay: generator.chance(perMille: 500)
                ? .milliseconds(Int64(generator.below(1 << 40))) : nil,
            notBefore: generator.chance(perMille: 500)
                ? WallTime(milliseconds: Int64(generator.below(1 << 44))) : nil
        )
    }

    @Test func `the token of what is done names task and attempt`() throws {
        let order = RunOrder(
            attempt: TaskAttempt(task: TaskID(1_234), attempt: 2),
            token: try #require(FencingToken("0001.00000003.00000029")),
            handler: "push",
            type: .push,
            submittedAt: WallTime(milliseconds: 0)
        )
        #expect(order.fencingToken.description == "0001.00000003.00000029.00000000000004d2.0002")
    }

    @Test func `a result is held to what its reader takes`() throws {
        var result = AttemptResult(outcome: .done, status: 0)
        result.ranMilliseconds = .max
        result.processorMilliseconds = WireLimits.millisecondsMax + 1
        result.memoryBytesMax = WireLimits.sizeMax + 1
        result.outputBytes = .max
        let message = AgentMessage.work(.result(Self.attempt, result))
        guard case .work(.result(_, let read)) = try AgentMessage(message.line) else {
            throw MessageError.unknownVerb
        }
        #expect(read.ranMilliseconds == WireLimits.millisecondsMax)
        #expect(read.processorMilliseconds == WireLimits.millisecondsMax)
        #expect(read.memoryBytesMax == WireLimits.sizeMax)
        #expect(read.outputBytes == WireLimits.sizeMax)
    }

    @Test func `what a record holds of a task and of a result is read again`() throws {
        let task = try submission("\\")
        var writer = LineWriter("TASK")
        task.put(to: &writer)
        let line = try Line.parse(writer.line.description, limits: .record)
        #expect(try TaskSubmission(FieldReader(line)) == task.writable)
        let result = AttemptResult(
            outcome: .failed,
            status: 3,
            signal: 9,
            detail: "a\nb",
            isPermanent: true,
            ranMilliseconds: 1,
            processorMilliseconds: 2,
            memoryBytesMax: 3,
            outputBytes: 4
        )
        writer = LineWriter("END")
        result.put(to: &writer)
        let end = try Line.parse(writer.line.description, limits: .record)
        #expect(try AttemptResult(record: FieldReader(end)) == result)
    }
}

extension TaskSubmission {
    /// A time is written up to the year 9999.
    fileprivate var writable: TaskSubmission {
        var task = self
        task.notBefore = notBefore.flatMap { WallTime(iso8601: $0.iso8601) }
        return task
    }
}
