import Model
import NIOCore
import Protocol
import Testing

@testable import Transport

/// The pure parts of the wire, without a socket.
@Suite struct LimitTests {
    @Test(arguments: [-1, 0, 1], [1, 3, 64])
    func `a line may be as long as its limit, in whatever pieces it comes`(
        beyond: Int,
        piece: Int
    ) throws {
        var framer = LineFramer(lineBytesMax: 64)
        let bytes = [UInt8](repeating: 65, count: 64 + beyond) + [10]
        var lines: [[UInt8]] = []
        var error: LineError?
        for start in stride(from: 0, to: bytes.count, by: piece) {
            var chunk = ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)])
            do {
                while let line = try framer.next(from: &chunk) { lines.append(line) }
            } catch let found {
                error = found
                break
            }
        }
        #expect(error == (beyond > 0 ? .tooLong(limit: 64) : nil))
        #expect(lines == (beyond > 0 ? [] : [Array(bytes.dropLast())]))
        if beyond <= 0 { #expect(!framer.isWithinLine) }
    }

    @Test func `several lines of one piece come one by one`() throws {
        var framer = LineFramer(lineBytesMax: 8)
        var chunk = ByteBuffer(string: "AB\n\nC\nDE")
        var lines: [String] = []
        while let line = try framer.next(from: &chunk) {
            lines.append(String(decoding: line, as: UTF8.self))
        }
        #expect(lines == ["AB", "", "C"])
        #expect(framer.isWithinLine)
        chunk = ByteBuffer(string: "F\n")
        #expect(try framer.next(from: &chunk) == Array("DEF".utf8))
        #expect(!framer.isWithinLine)
    }

    @Test func `a bucket gives its burst, and then its pace`() {
        var now = Instant.origin
        var bucket = TokenBucket(Pace(linesPerSecond: 4, burst: 3), at: now)
        let burst = (0..<4).map { _ in bucket.take(at: now) }
        #expect(burst == [true, true, true, false])
        now += .milliseconds(249)
        let early = bucket.take(at: now)
        #expect(!early)
        now += .milliseconds(1)
        let due = bucket.take(at: now)
        #expect(due)
        now += .seconds(3_600)
        let rested = (0..<4).map { _ in bucket.take(at: now) }
        #expect(rested == [true, true, true, false])
    }

    @Test func `a clock that goes back gives and takes nothing`() {
        let now = Instant.origin + .seconds(10)
        var bucket = TokenBucket(Pace(linesPerSecond: 1, burst: 1), at: now)
        let first = bucket.take(at: now)
        let back = bucket.take(at: now - .seconds(5))
        let later = bucket.take(at: now + .seconds(1))
        #expect(first && !back && later)
    }

    @Test func `every reason to close has a counter of its own`() {
        var counters = TransportCounters()
        #expect(counters.closes.count == CloseReason.allCases.count)
        for reason in CloseReason.allCases { counters.closed(reason) }
        #expect(counters.closes.values.allSatisfy { $0 == 1 })
    }
}
