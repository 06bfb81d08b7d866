import Synchronization

/// Only ever grows, from 0 at the start of the program. Its name ends in `_total`.
public final class Counter: Meter {
    public static var kind: MetricKind { .counter }

    private let scale: Scale
    private let count = Atomic<UInt64>(0)

    public init(_ scale: Scale) {
        self.scale = scale
    }

    /// In parts of the family's scale.
    public var value: UInt64 { count.load(ordering: .relaxed) }

    public func add(_ number: UInt64 = 1) {
        count.wrappingAdd(number, ordering: .relaxed)
    }

    /// For what is counted elsewhere. It must not be less than before.
    public func set(_ value: UInt64) {
        count.store(value, ordering: .relaxed)
    }

    public func absorb(_ other: Counter) { add(other.value) }

    public func write(_ head: FamilyHead, _ labels: String, to page: inout Page) {
        page.sample(head.name, labels, scale.text(magnitude: value))
    }
}
