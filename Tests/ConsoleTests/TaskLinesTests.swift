import API
import Foundation
import Testing

@testable import Console

@Suite struct `A file of tasks` {
    private func lines(_ pieces: [String]) throws -> [(Int, String?)] {
        var rest = pieces[...]
        var file = LineFile { rest.popFirst().map { Array($0.utf8) } }
        var found: [(Int, String?)] = []
        while let line = try file.line() {
            found.append((line.number, line.bytes.map { String(decoding: $0, as: UTF8.self) }))
        }
        return found
    }

    @Test func `lines are numbered as an editor numbers them, however they come`() throws {
        let whole = try lines(["one\n\ntwo\r\n  \nthree"])
        #expect(whole.map(\.0) == [1, 3, 5])
        #expect(whole.map(\.1) == ["one", "two\r", "three"])
        let bits = try lines("one\n\ntwo\r\n  \nthree".map { String($0) })
        #expect(bits.map(\.0) == [1, 3, 5])
        #expect(bits.map(\.1) == whole.map(\.1))
        #expect(try lines([]).isEmpty)
        #expect(try lines(["\n\n"]).isEmpty)
    }

    @Test func `a line that is too long is one line, and the next is read`() throws {
        let long = String(repeating: "x", count: LineFile.lineBytesMax)
        let found = try lines(["a\n", long, "x", "\nb\n", long, "\nc"])
        #expect(found.map(\.0) == [1, 2, 3, 4, 5])
        #expect(found.map { $0.1 == nil } == [false, true, false, false, false])
    }

    private func problem(_ text: String) -> String? {
        do throws(TaskLines.Problem) {
            _ = try TaskLines.task(Array(text.utf8))
            return nil
        } catch {
            return error.text
        }
    }

    @Test func `a task is read as the interface would`() throws {
        let task = try TaskLines.task(
            Array(#"{"type":"PUSH","priority":7,"attributes":{"a":"b"},"payload":"x\ny"}"#.utf8)
        )
        #expect(task.type == "PUSH" && task.priority == 7 && task.payload == "x\ny")
        #expect(task.attributes == ["a": "b"])
    }

    @Test(arguments: [
        ("{", "it is not one JSON object"), (#"["PUSH"]"#, "it is not one JSON object"),
        (#"{"account":"a"}"#, "there is no type"),
        (#"{"type":"PUSH","prioritty":1}"#, "did you mean priority?"),
        (#"{"type":"PUSH","priority":"high"}"#, "priority is not what it should be"),
        (#"{"type":"PUSH","attributes":{"a":1}}"#, "attributes.a is not what it should be"),
        ("{\"type\":\"PUSH\",\"x\\u001b[2J\":1}", "no member x?[2J"),
    ])
    func `what is wrong with a line is said`(_ sample: (String, String)) throws {
        let text = try #require(problem(sample.0))
        #expect(text.contains(sample.1), "\(text)")
        #expect(!text.contains("\u{1B}"))
    }

    @Test func `every member of the interface is known`() throws {
        var task = TaskRequest(type: "PUSH")
        task.account = "a"
        task.attributes = [:]
        task.priority = 1
        task.exclusiveKey = "e"
        task.ordered = true
        task.key = "k"
        task.attempts = 1
        task.retryDelayMilliseconds = 1
        task.notBefore = "t"
        task.payload = "p"
        task.payloadBase64 = "cA=="
        let object = try #require(try FakeCluster.json(task) as? [String: Any])
        #expect(Set(object.keys) == TaskLines.members)
    }
}

@Suite struct `The output of a task` {
    private func output(
        _ text: String,
        offset: UInt64,
        attempt: UInt16 = 1,
        final: Bool = false
    ) -> TaskOutput {
        TaskOutput(
            asOf: "",
            id: 1,
            attempt: attempt,
            offset: offset,
            dataBase64: Data(text.utf8).base64EncodedString(),
            next: offset + UInt64(text.utf8.count),
            final: final
        )
    }

    @Test func `what is not kept any more is told, and a new attempt begins anew`() {
        var follower = OutputFollower(attempt: nil, offset: 0)
        let first = follower.take(output("hello", offset: 100))
        #expect(first.bytes == Array("hello".utf8))
        #expect(first.note == "100 B before this are not kept")
        #expect(follower.offset == 105)
        #expect(follower.take(output(" you", offset: 105)).note == nil)
        let second = follower.take(output("lf", offset: 50, attempt: 2))
        #expect(second.bytes.isEmpty && second.isBegunAnew)
        #expect(second.note == "attempt 2 begins")
        #expect(follower.offset == 0)
        #expect(follower.take(output("itself", offset: 0, attempt: 2)).bytes.count == 6)
    }

    @Test func `it cannot move the cursor of who looks at it`() {
        var rest: [UInt8] = []
        let text = OutputText.forTerminal(Array("a\u{1B}[2Jb\tc\r\nd\u{202E}e".utf8), rest: &rest)
        #expect(text == "a?[2Jb\tc?\nd?e")
    }

    @Test func `a letter that is cut between two pieces is whole on the terminal`() {
        let bytes = Array("grün €".utf8)
        for cut in 0...bytes.count {
            var rest: [UInt8] = []
            let text =
                OutputText.forTerminal(Array(bytes[..<cut]), rest: &rest)
                + OutputText.forTerminal(Array(bytes[cut...]), rest: &rest)
            #expect(text == "grün €", "cut at \(cut)")
            #expect(rest.isEmpty)
        }
    }
}
