import Dispatch
import Synchronization

/// What waits to be handled by the one consumer of a controller, in two lanes: operators and the
/// journal first, so that a flood of agents cannot keep an order waiting.
///
/// Unbounded by itself: the agents' lane is bounded by the transport (a connection that has too
/// many lines untaken is not read), the operators' by the console's own limit of requests.
final class Inbox<Item: Sendable>: Sendable {
    private struct Lanes {
        var urgent: [Item] = []
        var ordinary: [Item] = []
        var isClosed = false
    }

    private let lanes = Mutex(Lanes())
    private let wake = DispatchSemaphore(value: 0)

    enum Lane {
        case urgent
        case ordinary
    }

    func put(_ item: Item, in lane: Lane) {
        let wasEmpty = lanes.withLock { lanes in
            switch lane {
            case .urgent:
                lanes.urgent.append(item)
                return lanes.urgent.count == 1
            case .ordinary:
                lanes.ordinary.append(item)
                return lanes.ordinary.count == 1
            }
        }
        if wasEmpty { wake.signal() }
    }

    /// Ends the consumer's wait for good.
    func close() {
        lanes.withLock { $0.isClosed = true }
        wake.signal()
    }

    /// Everything that waits, the urgent lane first; waits until there is something, `timeout` is
    /// over, or the inbox is closed.
    ///
    /// - Parameter timeout: nil to wait as long as it takes.
    /// - Returns: nil when the inbox is closed and empty.
    func take(timeout: Duration?, takeOrdinary: Bool) -> [Item]? {
        if let taken = takeNow(takeOrdinary) { return taken }
        let deadline =
            timeout.map {
                DispatchTime.now() + .nanoseconds(Int(clamping: max(0, $0.nanosecondsClamped)))
            } ?? .distantFuture
        _ = wake.wait(timeout: deadline)
        if let taken = takeNow(takeOrdinary) { return taken }
        return lanes.withLock { $0.isClosed } ? nil : []
    }

    private func takeNow(_ takeOrdinary: Bool) -> [Item]? {
        lanes.withLock { lanes in
            if lanes.urgent.isEmpty, !takeOrdinary || lanes.ordinary.isEmpty { return nil }
            var taken = lanes.urgent
            lanes.urgent.removeAll(keepingCapacity: true)
            if takeOrdinary {
                taken += lanes.ordinary
                lanes.ordinary.removeAll(keepingCapacity: true)
            }
            return taken
        }
    }
}

extension Duration {
    fileprivate var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        if seconds > 3_600 { return 3_600_000_000_000 }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
