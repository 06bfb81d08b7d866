import API
import Testing

@testable import Console

@Suite struct `The event stream parser` {
    private static let stream = Array(
        """
        : a comment\r\n\r\nid: 7\r\nevent: event\r\ndata: {"a":\r\ndata: 1}\r\n\r\n\
        data:no space\n\nevent: change\rdata:  two spaces\r\rid: 8\nevent: pulse\n\n\
        unknown: field\ndata\nid: 9\n\n
        """.utf8
    )

    private static let expected: [EventStreamParser.Message] = [
        .init(name: "event", id: "7", data: Array("{\"a\":\n1}".utf8)),
        .init(name: "message", id: nil, data: Array("no space".utf8)),
        .init(name: "change", id: nil, data: Array(" two spaces".utf8)),
        .init(name: "message", id: "9", data: []),
    ]

    @Test(arguments: 0...stream.count)
    func `it finds the same events wherever the bytes are cut`(_ cut: Int) throws {
        var parser = EventStreamParser()
        let messages =
            try parser.feed(Self.stream[..<cut]) + parser.feed(Self.stream[cut...])
        #expect(messages == Self.expected)
    }

    @Test func `it finds the same events byte by byte`() throws {
        var parser = EventStreamParser()
        var messages: [EventStreamParser.Message] = []
        for byte in Self.stream { messages += try parser.feed([byte]) }
        #expect(messages == Self.expected)
    }

    @Test func `an event without an end is not given`() throws {
        var parser = EventStreamParser()
        let messages = try parser.feed(Array("data: x\n".utf8))
        #expect(messages.isEmpty)
    }

    @Test func `a line beyond the limit ends the stream`() throws {
        var parser = EventStreamParser()
        let full = [UInt8](repeating: 120, count: EventStreamParser.sizeMax)
        _ = try parser.feed(full)
        #expect(throws: EventStreamParser.TooLong.self) { try parser.feed([120]) }
    }

    @Test func `events, changes and pulses are told apart, and the unknown is passed over`() throws
    {
        func update(_ name: String, _ value: some Encodable) throws -> StreamUpdate? {
            EventStream.update(.init(name: name, id: nil, data: try JSONLine.bytes(value)))
        }
        if case .event(let event, _) = try update("event", Samples.events[0]) {
            #expect(event == Samples.events[0])
        } else {
            Issue.record("no event")
        }
        let change = StreamChange(node: Samples.nodes[0])
        if case .change(let found, _) = try update("change", change) {
            #expect(found == change)
        } else {
            Issue.record("no change")
        }
        #expect(try update("novelty", change) == nil)
        #expect(try update("event", ["not": "an event"]) == nil)
    }
}
