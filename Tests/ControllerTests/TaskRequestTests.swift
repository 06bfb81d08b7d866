import API
import ControllerCore
import Model
import Protocol
import Testing

@testable import Controller

/// Tasks as they come from outside: taken as they are, or refused with what is wrong.
@Suite struct TaskRequestTests {
    private func request(_ change: (inout TaskRequest) -> Void) -> TaskRequest {
        var request = TaskRequest(type: "PUSH")
        change(&request)
        return request
    }

    @Test func `every member arrives`() throws {
        let offer = try TaskOffer(
            request {
                $0.account = "acme — é"
                $0.attributes = ["region": "eu", "a": "x;y\\z"]
                $0.priority = 9
                $0.exclusiveKey = "customer 7"
                $0.ordered = true
                $0.key = "k/1"
                $0.attempts = 3
                $0.retryDelayMilliseconds = 1_500
                $0.notBefore = "2026-11-25T18:00:00Z"
                $0.payload = "héllo\u{0}"
            }
        )
        var wanted = TaskSubmission(type: .push, account: "acme — é")
        wanted.attributes = [
            try #require(TaskAttribute(name: "a", value: "x;y\\z")),
            try #require(TaskAttribute(name: "region", value: "eu")),
        ]
        wanted.priority = 9
        wanted.exclusiveKey = ExclusiveKey("customer 7", isOrdered: true)
        wanted.idempotencyKey = "k/1"
        wanted.attemptsMax = 3
        wanted.retryDelay = .milliseconds(1_500)
        wanted.notBefore = WallTime(iso8601: "2026-11-25T18:00:00Z")
        #expect(offer.submission == wanted)
        #expect(offer.payload == Array("héllo\u{0}".utf8))
        let binary = try TaskOffer(request { $0.payloadBase64 = "AP8=" })
        #expect(binary.payload == [0, 255])
        #expect(try TaskOffer(request { _ in }).submission == TaskSubmission(type: .push))
    }

    @Test func `what breaks a rule is refused, and nothing that cannot be kept is taken`() {
        let long = String(repeating: "x", count: 129)
        let bad: [(String, TaskRequest)] = [
            ("type", TaskRequest(type: "-x")), ("type", TaskRequest(type: "")),
            ("account", request { $0.account = long }),
            ("account", request { $0.account = "a\nb" }),
            ("account", request { $0.account = "a\u{0}b" }),
            ("kept", request { $0.account = "a\u{202E}b" }),
            ("kept", request { $0.key = "a\u{85}b" }),
            ("priority", request { $0.priority = 10 }),
            ("attributes", request { $0.attributes = .init(many: 17) }),
            ("attribute", request { $0.attributes = ["1": "x"] }),
            ("attribute", request { $0.attributes = ["a": "x\ny"] }),
            ("texts", request { $0.attributes = .init(many: 16, bytes: 256) }),
            ("exclusiveKey", request { $0.exclusiveKey = long }),
            ("ordered", request { $0.ordered = true }),
            ("key", request { $0.key = long }),
            ("attempts", request { $0.attempts = 0 }),
            ("attempts", request { $0.attempts = 1_001 }),
            ("retryDelay", request { $0.retryDelayMilliseconds = .max }),
            ("notBefore", request { $0.notBefore = "tomorrow" }),
            ("base64", request { $0.payloadBase64 = "%" }),
            ("either", request { ($0.payload, $0.payloadBase64) = ("x", "AA==") }),
        ]
        for (word, request) in bad {
            let failure = #expect(throws: API.Failure.self) { _ = try TaskOffer(request) }
            #expect(failure?.code == "invalid", "\(word)")
            #expect(failure?.detail.contains(word) == true, "\(word): \(failure?.detail ?? "")")
        }
    }

    @Test func `a batch is an array or lines, and a bad element is refused by itself`() throws {
        let array = #"[{"type":"PUSH"},{"type":7},{"account":"x"},{"type":"PULL"}]"#
        let read = try TaskBatch.read(Array(array.utf8), isLines: false)
        #expect(read.map { try? $0.get().type } == ["PUSH", nil, nil, "PULL"])
        guard case .failure(let failure) = read[1] else { return }
        #expect(failure.code == "bad-line" && failure.detail.contains("type"))
        let lines = "{\"type\":\"PUSH\"}\r\n\n  \nnonsense\n{\"type\":\"PULL\"}"
        let ndjson = try TaskBatch.read(Array(lines.utf8), isLines: true)
        #expect(ndjson.map { try? $0.get().type } == ["PUSH", nil, "PULL"])
    }

    @Test func `a batch has a thousand tasks at most, and one at least`() throws {
        func lines(_ count: Int) -> [UInt8] {
            Array(String(repeating: "{\"type\":\"PUSH\"}\n", count: count).utf8)
        }
        #expect(try TaskBatch.read(lines(1_000), isLines: true).count == 1_000)
        for (bytes, isLines) in [
            (lines(1_001), true), ([], true), (Array("[]".utf8), false),
            (Array("{\"type\":\"PUSH\"}".utf8), false),
        ] {
            #expect(throws: API.Failure.self) {
                _ = try TaskBatch.read(bytes, isLines: isLines)
            }
        }
    }
}

extension [String: String] {
    fileprivate init(many count: Int, bytes: Int = 1) {
        self.init(
            uniqueKeysWithValues: (0..<count).map {
                ("name-\($0)", String(repeating: "v", count: bytes))
            }
        )
    }
}
