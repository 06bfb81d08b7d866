import API
import Testing

@testable import Console

@Suite struct `A refusal and its exit status` {
    private static let samples: [(String, Int, CommandStatus)] = [
        ("forbidden", 403, .refused), ("unknown-name", 404, .refused),
        ("duplicate", 409, .refused), ("not-now", 409, .refused), ("confirmation", 422, .refused),
        ("invalid", 422, .refused), ("too-fast", 429, .refused), ("no-certificate", 401, .refused),
        ("busy", 503, .refused), ("not-active", 503, .unreachable), ("storage", 507, .failed),
        ("internal", 500, .failed),
        ("not-found", 404, .failed), ("something-new", 500, .failed),
    ]

    @Test(arguments: samples)
    func `each code has its status for programs`(_ sample: (String, Int, CommandStatus)) {
        let failure = Failure(code: sample.0, detail: "node db-3: no", mend: "muster node list")
        #expect(failure.status == sample.1)
        let error = ConsoleError(failure)
        #expect(error.status == sample.2)
        #expect(error.message == "node db-3: no")
        #expect(error.hint == "muster node list")
    }

    @Test func `an error says what, then what to do`() {
        let error = ConsoleError(
            .refused,
            "node db-3: is Online\nnothing done",
            hint: "try --force"
        )
        #expect(
            error.lines(style: .plain) == [
                "error: node db-3: is Online", "  nothing done", "hint: try --force",
            ]
        )
    }

    @Test func `every refusal code of the protocol is in the table`() {
        for code in FailureCode.all {
            #expect(FailureCode.title(code) != code)
            #expect((400...599).contains(FailureCode.status(code)))
        }
        #expect(FailureCode.all.count == Set(FailureCode.all).count)
    }
}
