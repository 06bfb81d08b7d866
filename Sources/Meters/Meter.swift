/// What is counted or measured under one name and one set of labels.
public protocol Meter: AnyObject, Sendable {
    /// What all meters of a family have in common.
    associatedtype Shape: Sendable

    static var kind: MetricKind { get }
    init(_ shape: Shape)
    /// Adds what another meter has: of series that are shown as one.
    func absorb(_ other: Self)
    func write(_ head: FamilyHead, _ labels: String, to page: inout Page)
}

public enum MetricKind: String, Hashable, Sendable {
    case counter
    case gauge
    case histogram
    case info
}

/// In which parts of its unit a number is kept, so that none is a floating-point number.
public enum Scale: Int, Hashable, Sendable {
    case ones = 0
    case thousandths = 3
    case billionths = 9

    /// The exact decimal: `12`, `-0.5`, `3.000000001`.
    ///
    /// - Parameter fractionMin: digits after the point that are shown though they are 0.
    public func text(_ value: Int64, fractionMin: Int = 0) -> String {
        let sign = value < 0 ? "-" : ""
        return sign + text(magnitude: value.magnitude, fractionMin: fractionMin)
    }

    func text(magnitude: UInt64, fractionMin: Int = 0) -> String {
        var divisor: UInt64 = 1
        for _ in 0..<rawValue { divisor *= 10 }
        let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: divisor)
        var fraction = String(rest)
        fraction = String(repeating: "0", count: max(0, rawValue - fraction.count)) + fraction
        if rawValue == 0 { fraction = "" }
        while fraction.last == "0" { fraction.removeLast() }
        if fraction.count < fractionMin {
            fraction += String(repeating: "0", count: fractionMin - fraction.count)
        }
        return fraction.isEmpty ? "\(whole)" : "\(whole).\(fraction)"
    }
}

extension Duration {
    /// Whole nanoseconds, saturated to what 64 bits hold.
    var billionths: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, further) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || further ? (seconds < 0 ? .min : .max) : sum
    }
}
