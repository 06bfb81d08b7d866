import API
@testable import ControllerCore
import Foundation
import Model
import Protocol
import Testing

@testable import Controller

/// What one who follows a task is told, look after look.
@Suite struct OutputFollowerTests {
    private typealias Look = OutputFollower.Look

    private static let failed = AttemptResult(outcome: .failed, status: 3, outputBytes: 5)

    private func trace(_ attempt: UInt16, _ outcome: String) -> AttemptTrace {
        AttemptTrace(
            attempt: attempt,
            node: "a-1",
            endedAt: WallTime(milliseconds: 0),
            outcome: outcome
        )
    }

    private func live(
        _ state: TaskState,
        running attempt: UInt16? = nil,
        isStarted: Bool = true,
        wrote text: String? = nil,
        at offset: UInt64 = 0,
        of writer: UInt16? = nil,
        result: UInt16 = 0,
        traces: [AttemptTrace] = []
    ) -> Look {
        var view = TaskView(
            id: TaskID(17),
            submission: TaskSubmission(type: .push),
            submittedBy: "a test",
            acceptedAt: WallTime(milliseconds: 0),
            payloadBytes: 0,
            state: state,
            since: WallTime(milliseconds: 0),
            attempt: attempt ?? result,
            failures: 0,
            interruptions: 0,
            notBefore: nil,
            assignment: nil,
            node: nil,
            result: result > 0 ? Self.failed : nil,
            resultAttempt: result,
            traces: traces
        )
        if let attempt {
            view.node = "a-2"
            view.assignment = Assignment(
                worker: 0,
                attempt: attempt,
                token: .zero,
                handler: "push",
                delivery: .exclusive,
                decision: Decision(rule: .wholeSite, view: 1),
                isStarted: isStarted,
                isDrainable: false
            )
        }
        var output = LiveOutput()
        if let text {
            output.append(Array(text.utf8), at: offset, of: writer ?? attempt ?? 0)
        }
        return .live(FollowedView(task: view, live: output))
    }

    private func ended(_ state: TaskState, result: UInt16, attempt: UInt16) throws -> Look {
        let text =
            "ENDED id=17 type=PUSH accepted=2026-11-23T06:41:12.345Z state=\(state.rawValue)"
            + " ended=2026-11-23T06:41:12.345Z node=a-3 attempt-number=\(attempt)"
            + " outcome=done status=0 output=5 result-attempt=\(result)"
        return .ended(try TaskEndRecord(FieldReader(Line.parse(text, limits: .record))))
    }

    /// What it says, in short.
    private func told(
        _ follower: inout OutputFollower,
        _ look: Look,
        kept: String = "never looked at"
    ) -> [String] {
        let kept = follower.needsKept(look) ? Array(kept.utf8) : []
        return follower.take(look, kept: kept, asOf: "").map { told, _ in
            switch told {
            case .begun(let begun): return "begun \(begun.attempt) on \(begun.node ?? "?")"
            case .output(let output):
                let bytes = Data(base64Encoded: output.dataBase64) ?? Data()
                #expect(!output.final && output.next == output.offset + UInt64(bytes.count))
                return
                    "\(output.attempt) at \(output.offset): \(String(decoding: bytes, as: UTF8.self))"
            case .ended(let ended):
                return "ended \(ended.attempt) \(ended.outcome ?? "?")"
                    + (ended.result == nil ? "" : " with a result")
            case .end(let end): return "end \(end.task.state)"
            }
        }
    }

    @Test func `a running attempt is shown as it grows, and its end from what is durable`() throws {
        var follower = OutputFollower(TaskID(17))
        #expect(told(&follower, live(.waiting)) == [])
        #expect(told(&follower, live(.assigned, running: 1, isStarted: false)) == [])
        #expect(told(&follower, live(.assigned, running: 1)) == ["begun 1 on a-2"])
        #expect(told(&follower, live(.assigned, running: 1, wrote: "one")) == ["1 at 0: one"])
        #expect(told(&follower, live(.assigned, running: 1, wrote: "one")) == [])
        #expect(told(&follower, live(.assigned, running: 1, wrote: "onet")) == ["1 at 3: t"])
        let end = try ended(.done, result: 1, attempt: 1)
        #expect(
            told(&follower, end, kept: "onetw") == [
                "1 at 4: w", "ended 1 done with a result", "end done",
            ]
        )
    }

    @Test func `what is not kept any more is passed over, and the next byte says where it stands`()
    {
        var follower = OutputFollower(TaskID(17))
        #expect(
            told(&follower, live(.assigned, running: 1, wrote: "abc", at: 100)) == [
                "begun 1 on a-2", "1 at 100: abc",
            ]
        )
        #expect(
            told(&follower, live(.assigned, running: 1, wrote: "xyz", at: 500)) == ["1 at 500: xyz"]
        )
    }

    @Test func `across attempts each is begun and ended, also one that ran between two looks`()
        throws
    {
        var follower = OutputFollower(TaskID(17))
        _ = told(&follower, live(.assigned, running: 1, wrote: "on"))
        let traces = [trace(1, "failed")]
        #expect(
            told(&follower, live(.delayed, result: 1, traces: traces), kept: "one!!") == [
                "1 at 2: e!!", "ended 1 failed with a result",
            ]
        )
        #expect(told(&follower, live(.delayed, result: 1, traces: traces)) == [])
        #expect(
            told(&follower, live(.assigned, running: 2, result: 1, traces: traces))
                == ["begun 2 on a-2"]
        )
        // The third began and ended since: the fourth runs.
        let more = traces + [trace(2, "interrupted"), trace(3, "failed")]
        let look = live(.assigned, running: 4, wrote: "4", result: 3, traces: more)
        #expect(
            told(&follower, look, kept: "three") == [
                "ended 2 interrupted", "begun 3 on a-1", "3 at 0: three",
                "ended 3 failed with a result", "begun 4 on a-2", "4 at 0: 4",
            ]
        )
    }

    @Test func `an attempt that is lost is shown as far as it was heard`() {
        var follower = OutputFollower(TaskID(17))
        _ = told(&follower, live(.assigned, running: 1, wrote: "on"))
        let lost = live(.waiting, wrote: "one", of: 1, traces: [trace(1, "lost")])
        #expect(told(&follower, lost) == ["1 at 2: e", "ended 1 lost"])
        #expect(told(&follower, live(.assigned, running: 2)) == ["begun 2 on a-2"])
    }

    @Test
    func `a task that has failed for good ends the stream, and so does one whose end is open`()
        throws
    {
        var follower = OutputFollower(TaskID(17))
        let look = live(.failed, result: 2, traces: [trace(1, "failed"), trace(2, "failed")])
        #expect(
            told(&follower, look, kept: "again") == [
                "begun 2 on a-1", "2 at 0: again", "ended 2 failed with a result", "end failed",
            ]
        )
        var other = OutputFollower(TaskID(17))
        #expect(told(&other, live(.unknown, traces: [trace(1, "lost")])) == ["end unknown"])
        var third = OutputFollower(TaskID(17))
        #expect(told(&third, live(.cancelled)) == ["end cancelled"])
    }

    @Test func `whoever begins while an attempt runs sees that one, and else the last that ended`()
        throws
    {
        let traces = [trace(1, "failed")]
        var late = OutputFollower(TaskID(17))
        let running = live(.assigned, running: 2, wrote: "two", result: 1, traces: traces)
        #expect(told(&late, running) == ["begun 2 on a-2", "2 at 0: two"])
        var between = OutputFollower(TaskID(17))
        let delayed = live(.delayed, result: 1, traces: traces)
        #expect(
            told(&between, delayed, kept: "one!!") == [
                "begun 1 on a-1", "1 at 0: one!!", "ended 1 failed with a result",
            ]
        )
        // Cancelled before its second attempt had started: the output is the first one's.
        var after = OutputFollower(TaskID(17))
        #expect(
            told(&after, try ended(.cancelled, result: 1, attempt: 2), kept: "one!!") == [
                "begun 1 on ?", "1 at 0: one!!", "ended 1 done with a result", "end cancelled",
            ]
        )
    }

    @Test func `a stream that was cut is taken up where it was`() throws {
        var first = OutputFollower(TaskID(17))
        let look = live(.assigned, running: 1, wrote: "one")
        let last = try #require(first.take(look, kept: [], asOf: "").last)
        #expect("\(last.cursor)" == "1.3")
        var second = OutputFollower(
            TaskID(17),
            from: try #require(OutputFollower.Cursor("\(last.cursor)"))
        )
        #expect(told(&second, live(.assigned, running: 1, wrote: "onetwo")) == ["1 at 3: two"])
        // A controller that has just started does not know yet that it runs.
        #expect(told(&second, live(.assigned, running: 1, isStarted: false)) == [])
        let delayed = live(.delayed, result: 1, traces: [trace(1, "failed")])
        let closed = try #require(second.take(delayed, kept: [], asOf: "").last)
        #expect("\(closed.cursor)" == "1.6.ended")
        var third = OutputFollower(
            TaskID(17),
            from: try #require(OutputFollower.Cursor("\(closed.cursor)"))
        )
        #expect(told(&third, delayed) == [])
    }

    @Test(arguments: [
        "", "1", "1.", ".1", "1.2.3", "1.2.ended.", "-1.2", "a.b", "65536.0", "1.2 ",
        "1.1152921504606846977",
    ])
    func `what is no place in the stream is refused`(text: String) {
        #expect(OutputFollower.Cursor(text) == nil)
    }

    @Test func `a long output goes out in pieces that a reader can take`() throws {
        var follower = OutputFollower(TaskID(17))
        let kept = [UInt8](repeating: 7, count: 1 << 20)
        let look = try ended(.done, result: 1, attempt: 1)
        let pieces = follower.take(look, kept: kept, asOf: "").compactMap { told, _ -> UInt64? in
            if case .output(let output) = told { output.next - output.offset } else { nil }
        }
        #expect(pieces == [UInt64](repeating: 262_144, count: 4))
    }
}
