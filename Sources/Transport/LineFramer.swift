import NIOCore
import Protocol

/// Cuts a stream of bytes into lines. Of a line that has not ended it keeps no more than the
/// limit: whatever a peer sends, no more is ever held.
struct LineFramer {
    private static let lineFeed: UInt8 = 10

    let lineBytesMax: Int
    private var begun: [UInt8] = []

    init(lineBytesMax: Int) {
        self.lineBytesMax = lineBytesMax
    }

    /// Whether a line has begun and not ended.
    var isWithinLine: Bool { !begun.isEmpty }

    /// Takes bytes from the front of the chunk up to the first line feed.
    ///
    /// - Returns: a line without its line feed, or nil when the chunk is used up.
    mutating func next(from chunk: inout ByteBuffer) throws(LineError) -> [UInt8]? {
        let view = chunk.readableBytesView
        let end = view.firstIndex(of: Self.lineFeed)
        let count = (end ?? view.endIndex) - view.startIndex
        guard begun.count + count <= lineBytesMax else { throw .tooLong(limit: lineBytesMax) }
        begun.append(contentsOf: view.prefix(count))
        chunk.moveReaderIndex(forwardBy: end == nil ? count : count + 1)
        guard end != nil else { return nil }
        defer { begun = [] }
        return begun
    }
}
