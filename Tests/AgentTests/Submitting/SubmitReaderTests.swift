import AgentCore
import Model
import Protocol
import Testing

@testable import Agent

@Suite struct SubmitReaderTests {
    private let budget = PayloadBudget()

    private func items(_ bytes: [UInt8], piece: Int = .max) -> [SubmitReader.Item] {
        var reader = SubmitReader(budget: budget)
        var found: [SubmitReader.Item] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + min(piece, bytes.count))
            reader.append(bytes[at..<end])
            at = end
            while let item = reader.next() {
                found.append(item)
                if case .broken = item { return found }
            }
        }
        return found
    }

    private func items(_ text: String) -> [SubmitReader.Item] { items(Array(text.utf8)) }

    private static let full = SubmitRequest(
        task: LocalTask(
            task: TaskSubmission(
                type: .push,
                account: "a \"b\" $(c)",
                attributes: [
                    TaskAttribute(name: "region", value: "eu;x\\y")!,
                    TaskAttribute(name: "size", value: "é = 1")!,
                ],
                priority: 9,
                exclusiveKey: ExclusiveKey("k 1", isOrdered: true),
                idempotencyKey: "2026-11-25/7",
                attemptsMax: 3,
                retryDelay: .seconds(2)
            ),
            payload: [0, 10, 13, 255, 65],
            spool: true,
            patience: .milliseconds(1_500)
        )
    )

    @Test(arguments: [1, 2, 7, 64, Int.max])
    func `requests are read however their bytes come`(piece: Int) {
        let one = Array((Self.full.line + "\n").utf8) + Self.full.task.payload
        let bytes = one + Array("SUBMIT type=PULL\n".utf8) + one
        #expect(
            items(bytes, piece: piece) == [
                .task(Self.full.task),
                .task(LocalTask(task: TaskSubmission(type: .pull))),
                .task(Self.full.task),
            ]
        )
    }

    @Test func `the line of the documentation reads as it says`() {
        let line =
            "SUBMIT type=PUSH account=acme attributes=\"region=eu;size=large\" priority=7 "
            + "exclusive=ledger ordered=yes key=2026-11-25/7 spool=yes wait=2000 payload=3\nabc"
        #expect(
            items(line) == [
                .task(
                    LocalTask(
                        task: TaskSubmission(
                            type: .push,
                            account: "acme",
                            attributes: [
                                TaskAttribute(name: "region", value: "eu")!,
                                TaskAttribute(name: "size", value: "large")!,
                            ],
                            priority: 7,
                            exclusiveKey: ExclusiveKey("ledger", isOrdered: true),
                            idempotencyKey: "2026-11-25/7"
                        ),
                        payload: Array("abc".utf8),
                        spool: true,
                        patience: .seconds(2)
                    )
                )
            ]
        )
    }

    @Test(
        arguments: [
            ("SUBMIT", "type"), ("SUBMIT type=1", "type"),
            ("SUBMIT type=A priority=10", "priority"),
            ("SUBMIT type=A priorty=1", "did you mean priority?"),
            ("SUBMIT type=A ordered=yes", "exclusive"), ("SUBMIT type=A spool=1", "yes or no"),
            ("SUBMIT type=A attributes=\"a=1;a=2\"", "attributes"),
            ("SUBMIT type=A wait=-1", "wait"), ("SUBMIT type=A attempts=0", "attempts"),
        ]
    )
    func `a wrong field is turned down, its payload is read over, and what follows is taken`(
        line: String,
        reason: String
    ) {
        let found = items("\(line) payload=12\nSUBMIT x\n\n\nzSUBMIT type=B\n")
        #expect(found.count == 2)
        guard case .answer(.declined(.invalid, let text, nil))? = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(text.contains(reason), "\(text)")
        #expect(found.last == .task(LocalTask(task: TaskSubmission(type: TaskType("B")!))))
    }

    @Test(
        arguments: [
            "\n", " \n", "submit type=A\n", "SUBMIT  type=A\n", "SUBMIT type=A type=B\n",
            "SUBMIT type=A payload=01\n", "SUBMIT type=A payload=-1\n", "SUBMIT type=A payload=x\n",
            "SUBMIT type=A payload=1048577\n", "SUBMIT type=A account=\"x\n", "GET / HTTP/1.1\r\n",
            "SUBMIT type=A\r\n", "RUN task=1\n", "SUBMIT type=A \u{0}\n",
        ]
    )
    func `after what cannot be understood nothing more is read`(text: String) {
        let found = items(text + "SUBMIT type=A\n")
        #expect(found.count == 1)
        guard case .broken? = found.first else {
            Issue.record("\(found)")
            return
        }
    }

    @Test func `a line has its limit, to the byte`() {
        let head = "SUBMIT type=A account="
        let limit = SubmitReader.lineBytesMax
        func line(_ count: Int) -> [UInt8] {
            Array(head.utf8) + [UInt8](repeating: 97, count: count - head.utf8.count)
        }
        // So long an account is turned down, but the line is read.
        guard case .answer? = items(line(limit) + [10]).first else {
            Issue.record("the longest line is not read")
            return
        }
        for bytes in [line(limit + 1) + [10], line(limit + 1)] {
            guard case .broken(.badLine, _)? = items(bytes).first else {
                Issue.record("a longer line is read")
                return
            }
        }
        #expect(items(line(limit)) == [])
    }

    @Test func `a payload may have 1 MiB, and together they have their limit`() {
        let whole =
            Array("SUBMIT type=A payload=1048576\n".utf8)
            + [UInt8](repeating: 10, count: 1 << 20)
        let most = PayloadBudget.bytesMax >> 20
        for _ in 0..<most {
            guard case .task(let task)? = items(whole, piece: 65_536).first else {
                Issue.record("it is not read")
                return
            }
            #expect(task.payload.count == 1 << 20)
        }
        guard case .answer(.declined(.busy, _, retry: .seconds(1)))? = items(whole).first else {
            Issue.record("more is taken than there is room for")
            return
        }
        budget.give(1 << 20)
        guard case .task? = items(whole).first else {
            Issue.record("what was given back is not to be had")
            return
        }
    }

    @Test func `what a program has announced and not sent is given back when it goes`() {
        var reader = SubmitReader(budget: budget)
        reader.append(Array("SUBMIT type=A payload=1000\nabc".utf8)[...])
        #expect(reader.next() == nil)
        #expect(budget.used == 1_000)
        #expect(reader.phase == .payload)
        reader.close()
        #expect(budget.used == 0)
    }

    @Test(arguments: [
        SubmitAnswer.accepted(TaskID(7), isKnown: false), .accepted(TaskID(.max), isKnown: true),
        .spooled, .declined(.busy, text: "so \"many\"", retry: .milliseconds(50)),
        .declined(.invalid, text: "", retry: nil), .broken(.tooSlow, text: "late"),
    ])
    func `an answer reads as it was written`(answer: SubmitAnswer) {
        #expect(SubmitAnswer(line: answer.line) == answer)
    }

    @Test(arguments: ["", "ACCEPTED", "ACCEPTED task=x", "DECLINED", "DECLINED code=odd", "OK"])
    func `what is no answer is not taken for one`(line: String) {
        #expect(SubmitAnswer(line: line) == nil)
    }
}
