import Model

/// Keeps what is sent in bulk (outputs, results, submissions) from filling the connection's outbox,
/// over which it would be closed: so many bytes that are not answered yet, and so many at once.
struct BulkSender<Key: Comparable & Hashable & Sendable>: Hashable, Sendable {
    /// Bytes sent and not answered. A single thing may be larger.
    static var unansweredBytesMax: Int { 96 * 1_024 }
    /// Bytes within one ``interval``.
    static var burstBytesMax: Int { 48 * 1_024 }
    static var interval: Duration { .milliseconds(20) }

    private var unanswered: OrderedTable<Key, Int> = OrderedTable()
    private var unansweredBytes = 0
    private var left = Self.burstBytesMax
    private var openedAt: Instant?

    init() {}

    /// Bytes of a line that carries so many bytes in base64, roughly and not less.
    static func wireBytes(of count: Int) -> Int { count / 3 * 4 + 128 }

    func mayBegin(_ bytes: Int) -> Bool {
        unansweredBytes == 0 || unansweredBytes + bytes <= Self.unansweredBytesMax
    }

    mutating func settle(at now: Instant) {
        guard let openedAt, now - openedAt >= Self.interval else { return }
        self.openedAt = nil
        left = Self.burstBytesMax
    }

    /// - Returns: false when the burst is used up; again after ``nextDeadline``.
    mutating func take(_ bytes: Int, at now: Instant) -> Bool {
        guard left > 0 else { return false }
        left -= bytes
        if openedAt == nil { openedAt = now }
        return true
    }

    mutating func sent(_ key: Key, _ bytes: Int) {
        answered(key)
        unanswered[key] = bytes
        unansweredBytes += bytes
    }

    mutating func answered(_ key: Key) {
        guard let bytes = unanswered[key] else { return }
        unanswered[key] = nil
        unansweredBytes -= bytes
    }

    var nextDeadline: Instant? {
        left > 0 ? nil : openedAt.map { $0 + Self.interval }
    }
}
