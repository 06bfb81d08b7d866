import Synchronization

/// What is said of a family before its series.
public struct FamilyHead: Hashable, Sendable {
    /// Whole, with `_total` of a counter and `_info` of an info.
    public let name: String
    public let help: String
    public let kind: MetricKind
    public let labels: [String]

    init(name: String, help: String, kind: MetricKind, labels: [String]) {
        precondition(Self.isName(name), "\(name) is no name of a metric")
        precondition(labels.allSatisfy(Self.isLabel), "\(name) has a label that is no name")
        precondition(Set(labels).count == labels.count, "\(name) has a label twice")
        precondition(!help.isEmpty, "\(name) says nothing of itself")
        precondition((kind == .counter) == name.hasSuffix("_total"), "\(name) is a \(kind)")
        precondition((kind == .info) == name.hasSuffix("_info"), "\(name) is a \(kind)")
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == 95
        }
    }

    private static func isLabel(_ text: String) -> Bool {
        isName(text) && !text.hasPrefix("__") && text != "le" && text != "quantile"
    }
}

/// A family, whatever is in it.
protocol AnyFamily: AnyObject, Sendable {
    var head: FamilyHead { get }
    func write(to page: inout Page)
}

/// All meters of one name. There are no more than a fixed number of them: what would be one more is
/// counted under the label value ``other``.
public final class Family<Kind: Meter>: AnyFamily {
    /// Stands for every label value for which there was no room.
    public static var other: String { "other" }

    public let head: FamilyHead
    /// Without ``other``.
    public let seriesMax: Int
    private let shape: Kind.Shape
    private let meters = Mutex<[[String]: Kind]>([:])
    /// Times that ``other`` was taken for lack of room.
    private let folded: Counter?

    init(head: FamilyHead, seriesMax: Int, shape: Kind.Shape, folded: Counter?) {
        precondition(seriesMax > 0, "\(head.name) has room for nothing")
        self.head = head
        self.seriesMax = seriesMax
        self.shape = shape
        self.folded = folded
    }

    /// The meter of these label values, which is made when there is none. Who counts often keeps it.
    public subscript(values: String...) -> Kind { meter(values) }

    public func meter(_ values: [String]) -> Kind {
        precondition(values.count == head.labels.count, "\(head.name) has other labels")
        let (meter, isFolded) = meters.withLock { meters -> (Kind, Bool) in
            if let meter = meters[values] { return (meter, false) }
            let others = values.map { _ in Self.other }
            let isFull = meters.count - (meters[others] == nil ? 0 : 1) >= seriesMax
            let key = isFull ? others : values
            if let meter = meters[key] { return (meter, isFull) }
            let meter = Kind(shape)
            meters[key] = meter
            return (meter, isFull)
        }
        if isFolded { folded?.add() }
        return meter
    }

    func write(to page: inout Page) {
        page.head(head)
        let now = meters.withLock { $0 }
        let ordered = now.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (values, meter) in ordered {
            let labels = zip(head.labels, values).map { "\($0)=\"\(Page.escaped(label: $1))\"" }
            meter.write(head, labels.joined(separator: ","), to: &page)
        }
    }
}

extension Family where Kind == Gauge {
    /// Puts these series in the place of all there were.
    public func replace(with samples: [GaugeSample]) {
        var next: [[String]: Gauge] = [:]
        var foldedCount: UInt64 = 0
        for sample in samples {
            precondition(sample.labels.count == head.labels.count, "\(head.name) has other labels")
            let gauge = Gauge(shape)
            gauge.set(sample.value)
            var key = sample.labels
            if next[key] == nil, next.count >= seriesMax {
                key = sample.labels.map { _ in Self.other }
                foldedCount += 1
            }
            if let there = next[key] { there.absorb(gauge) } else { next[key] = gauge }
        }
        let ready = next
        meters.withLock { $0 = ready }
        if foldedCount > 0 { folded?.add(foldedCount) }
    }
}
