import Synchronization

/// All families of a program, in the order in which they were made.
public final class Registry: Sendable {
    /// Of a family whose label values come from outside.
    public static let seriesMaxDefault = 64

    private let families = Mutex<[any AnyFamily]>([])
    private let folded: Family<Counter>

    /// - Parameter prefix: before the name of the registry's own counter.
    public init(prefix: String) {
        folded = Family(
            head: FamilyHead(
                name: "\(prefix)_metrics_folded_total",
                help:
                    "Times that a series was counted under \"other\" because its family was full.",
                kind: .counter,
                labels: ["metric"]
            ),
            seriesMax: 256,
            shape: .ones,
            folded: nil
        )
        families.withLock { $0.append(folded) }
    }

    private func make<Kind: Meter>(
        _ name: String,
        _ help: String,
        _ labels: [String],
        _ seriesMax: Int,
        _ shape: Kind.Shape
    ) -> Family<Kind> {
        let family = Family<Kind>(
            head: FamilyHead(name: name, help: help, kind: Kind.kind, labels: labels),
            seriesMax: seriesMax,
            shape: shape,
            folded: labels.isEmpty ? nil : folded[name]
        )
        families.withLock { families in
            precondition(!families.contains { $0.head.name == name }, "\(name) is there already")
            families.append(family)
        }
        return family
    }

    public func counter(_ name: String, _ help: String, scale: Scale = .ones) -> Counter {
        let family: Family<Counter> = make(name, help, [], 1, scale)
        return family.meter([])
    }

    public func counters(
        _ name: String,
        _ help: String,
        labels: [String],
        seriesMax: Int = seriesMaxDefault
    ) -> Family<Counter> {
        make(name, help, labels, seriesMax, .ones)
    }

    public func gauge(_ name: String, _ help: String, scale: Scale = .ones) -> Gauge {
        let family: Family<Gauge> = make(name, help, [], 1, Gauge.Shape(scale))
        return family.meter([])
    }

    public func gauges(
        _ name: String,
        _ help: String,
        labels: [String],
        scale: Scale = .ones,
        fold: Gauge.Fold = .sum,
        seriesMax: Int = seriesMaxDefault
    ) -> Family<Gauge> {
        make(name, help, labels, seriesMax, Gauge.Shape(scale, fold: fold))
    }

    public func histogram(_ name: String, _ help: String, _ bounds: Histogram.Bounds) -> Histogram {
        let family: Family<Histogram> = make(name, help, [], 1, bounds)
        return family.meter([])
    }

    public func histograms(
        _ name: String,
        _ help: String,
        _ bounds: Histogram.Bounds,
        labels: [String],
        seriesMax: Int = seriesMaxDefault
    ) -> Family<Histogram> {
        make(name, help, labels, seriesMax, bounds)
    }

    /// What is known of the program from its start.
    public func info(_ name: String, _ help: String, _ facts: KeyValuePairs<String, String>) {
        let family: Family<Info> = make(name, help, facts.map(\.key), 1, ())
        _ = family.meter(facts.map(\.value))
    }

    /// Of every family, in their order.
    public var heads: [FamilyHead] { families.withLock { $0.map(\.head) } }

    /// The page to be scraped.
    public func page(_ format: ExpositionFormat) -> [UInt8] {
        var page = Page(format)
        for family in families.withLock({ $0 }) { family.write(to: &page) }
        page.finish()
        return page.bytes
    }
}
