import CHost
import Glibc
import Model
import Synchronization

/// What waits to be handled by one consumer, in two lanes, and the bell that wakes it.
///
/// Unbounded by itself: whoever fills it has a limit of its own.
public final class Inbox<Item: Sendable>: Sendable {
    public enum Lane: Sendable {
        /// Taken first.
        case urgent
        case ordinary
    }

    private struct Lanes {
        var urgent: [Item] = []
        var ordinary: [Item] = []
        var isClosed = false
        /// The bell holds one byte, and never more.
        var isRung = false
    }

    private let lanes = Mutex(Lanes())
    private let bell: (read: Descriptor, write: Descriptor)

    public init() throws(HostError) {
        bell = try Descriptor.pipe()
        try bell.read.setNonblocking()
        try bell.write.setNonblocking()
    }

    /// Readable when something has come since the last look, for who waits for other things too.
    public var descriptor: Int32 { bell.read.number }

    public func put(_ item: Item, in lane: Lane = .ordinary) {
        lanes.withLock { lanes in
            switch lane {
            case .urgent: lanes.urgent.append(item)
            case .ordinary: lanes.ordinary.append(item)
            }
            ring(&lanes)
        }
    }

    /// Ends the consumer's wait for good.
    public func close() {
        lanes.withLock { lanes in
            lanes.isClosed = true
            ring(&lanes)
        }
    }

    /// Everything that is there now, the urgent lane first.
    public func take() -> [Item] {
        takeNow(takeOrdinary: true)
    }

    /// Everything that is there, the urgent lane first; waits until there is something, `timeout`
    /// is over, or the inbox is closed.
    ///
    /// - Parameter timeout: nil to wait as long as it takes.
    /// - Returns: nil when the inbox is closed and empty.
    public func take(timeout: Duration?, takeOrdinary: Bool) -> [Item]? {
        let taken = takeNow(takeOrdinary: takeOrdinary)
        if !taken.isEmpty { return taken }
        if lanes.withLock({ $0.isClosed }) { return nil }
        wait(timeout)
        let late = takeNow(takeOrdinary: takeOrdinary)
        if !late.isEmpty { return late }
        return lanes.withLock { $0.isClosed } ? nil : []
    }

    private func wait(_ timeout: Duration?) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Rounded up, so that a deadline is not looked at before it has come.
        let milliseconds = timeout.map { timeout in
            Int32((min(max(0, timeout.nanoseconds), 3_600_000_000_000) + 999_999) / 1_000_000)
        }
        _ = poll(&watched, 1, milliseconds ?? -1)
    }

    private func takeNow(takeOrdinary: Bool) -> [Item] {
        lanes.withLock { lanes in
            if lanes.isRung {
                var byte: UInt8 = 0
                _ = read(bell.read.number, &byte, 1)
                lanes.isRung = false
            }
            var taken = lanes.urgent
            lanes.urgent.removeAll(keepingCapacity: true)
            if takeOrdinary {
                taken += lanes.ordinary
                lanes.ordinary.removeAll(keepingCapacity: true)
            }
            return taken
        }
    }

    private func ring(_ lanes: inout Lanes) {
        guard !lanes.isRung else { return }
        lanes.isRung = true
        _ = write(bell.write.number, [1], 1)
    }
}
