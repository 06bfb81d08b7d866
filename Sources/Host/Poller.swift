import CHost
import Glibc

/// Which of many descriptors have something to read, at a cost that does not grow with their number.
public final class Poller: Sendable {
    /// What one ``ready(within:)`` tells at most; the rest is told by the next.
    public static let readyMax = 64

    private let epoll: Descriptor

    public init() throws(HostError) {
        let number = muster_epoll_create()
        guard number >= 0 else { throw HostError("watch descriptors", code: errno) }
        epoll = Descriptor(owning: number)
    }

    /// Readable while one of those that are watched is.
    public var descriptor: Int32 { epoll.number }

    /// Watches until ``remove(_:)``, which comes before the descriptor is closed.
    public func add(_ descriptor: Descriptor, tag: UInt64) throws(HostError) {
        guard muster_epoll_add(epoll.number, descriptor.number, tag) == 0 else {
            throw HostError("watch a descriptor", code: errno)
        }
    }

    public func remove(_ descriptor: Descriptor) {
        _ = muster_epoll_remove(epoll.number, descriptor.number)
    }

    /// Tags of what can be read, or has been closed by its other end.
    ///
    /// - Parameter milliseconds: how long to wait for the first; -1: for as long as it takes.
    public func ready(within milliseconds: Int32 = 0) -> [UInt64] {
        var tags = [UInt64](repeating: 0, count: Self.readyMax)
        let count = muster_epoll_wait(epoll.number, &tags, tags.count, milliseconds)
        return Array(tags.prefix(Int(max(0, count))))
    }
}
