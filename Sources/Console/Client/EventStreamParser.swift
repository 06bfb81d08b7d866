/// Reads server-sent events (the HTML standard, section 9.2.6) from bytes as they come.
///
/// A value: give it bytes cut anywhere, take whole events.
struct EventStreamParser: Sendable {
    struct Message: Hashable, Sendable {
        /// The `event:` field; `message` when there was none.
        var name: String
        /// The `id:` field of this event, if it had one.
        var id: String?
        var data: [UInt8]
    }

    /// A line or an event beyond this ends the stream: 4 MiB.
    static let sizeMax = 4 << 20

    /// A line or an event was longer than ``sizeMax``.
    struct TooLong: Error {}

    private var line: [UInt8] = []
    private var isAfterCarriageReturn = false
    private var name = ""
    private var id: String?
    private var data: [UInt8] = []
    private var hasData = false

    mutating func feed(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [Message] {
        var messages: [Message] = []
        for byte in bytes {
            let isSecondHalf = isAfterCarriageReturn && byte == 10
            isAfterCarriageReturn = byte == 13
            if isSecondHalf { continue }
            if byte == 10 || byte == 13 {
                if let message = endLine() { messages.append(message) }
            } else {
                guard line.count + data.count < Self.sizeMax else { throw TooLong() }
                line.append(byte)
            }
        }
        return messages
    }

    private mutating func endLine() -> Message? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endEvent() }
        // A line that begins with a colon is a comment: a sign of life.
        guard line[0] != UInt8(ascii: ":") else { return nil }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let field = String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self)
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == 32 { value = value.dropFirst() }
        switch field {
        case "event": name = String(decoding: value, as: UTF8.self)
        case "id":
            if !value.contains(0) { id = String(decoding: value, as: UTF8.self) }
        case "data":
            if hasData { data.append(10) }
            data += value
            hasData = true
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> Message? {
        defer {
            name = ""
            id = nil
            data = []
            hasData = false
        }
        guard hasData else { return nil }
        return Message(name: name.isEmpty ? "message" : name, id: id, data: data)
    }
}
