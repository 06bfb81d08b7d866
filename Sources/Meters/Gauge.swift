import Synchronization

/// Goes up and down.
public final class Gauge: Meter {
    public struct Shape: Hashable, Sendable {
        public var scale: Scale
        public var fold: Fold

        public init(_ scale: Scale = .ones, fold: Fold = .sum) {
            self.scale = scale
            self.fold = fold
        }
    }

    /// What stands for several series that are shown as one.
    public enum Fold: Hashable, Sendable {
        case sum
        case least
        case greatest
    }

    public static var kind: MetricKind { .gauge }

    private let shape: Shape
    private let number = Atomic<Int64>(0)
    private let isSet = Atomic<Bool>(false)

    public init(_ shape: Shape) {
        self.shape = shape
    }

    /// In parts of the family's scale.
    public var value: Int64 { number.load(ordering: .relaxed) }

    /// - Parameter value: in parts of the family's scale; saturated to what 64 bits hold.
    public func set(_ value: some BinaryInteger) {
        number.store(Int64(clamping: value), ordering: .relaxed)
        isSet.store(true, ordering: .relaxed)
    }

    /// Of a family in seconds.
    public func set(_ duration: Duration) {
        precondition(shape.scale == .billionths, "durations are kept in billionths")
        set(duration.billionths)
    }

    public func set(_ flag: Bool) { set(flag ? 1 : 0) }

    public func absorb(_ other: Gauge) {
        guard isSet.load(ordering: .relaxed) else { return set(other.value) }
        switch shape.fold {
        case .sum:
            let (sum, overflow) = value.addingReportingOverflow(other.value)
            set(overflow ? .max : sum)
        case .least: set(min(value, other.value))
        case .greatest: set(max(value, other.value))
        }
    }

    public func write(_ head: FamilyHead, _ labels: String, to page: inout Page) {
        page.sample(head.name, labels, shape.scale.text(value))
    }
}

/// A value that stands behind one set of labels, for ``Family/replace(with:)``.
public struct GaugeSample: Hashable, Sendable {
    public var labels: [String]
    /// In parts of the family's scale.
    public var value: Int64

    public init(_ labels: String..., value: some BinaryInteger) {
        self.labels = labels
        self.value = Int64(clamping: value)
    }

    public init(_ labels: String..., duration: Duration) {
        self.labels = labels
        value = duration.billionths
    }
}

/// Always 1: what it says is in its labels. Its name ends in `_info`.
public final class Info: Meter {
    public static var kind: MetricKind { .info }

    public init(_ shape: Void) {}

    public func absorb(_ other: Info) {}

    public func write(_ head: FamilyHead, _ labels: String, to page: inout Page) {
        page.sample(head.name, labels, "1")
    }
}
