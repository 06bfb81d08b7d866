/// How metrics are written down.
public enum ExpositionFormat: Hashable, Sendable, CaseIterable {
    /// Prometheus's own.
    case text
    case openMetrics

    public var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// The page that is scraped, as it is written.
public struct Page: Sendable {
    public let format: ExpositionFormat
    private(set) var bytes: [UInt8] = []

    init(_ format: ExpositionFormat) {
        self.format = format
        bytes.reserveCapacity(16_384)
    }

    mutating func head(_ head: FamilyHead) {
        var name = head.name
        var kind = head.kind.rawValue
        switch (format, head.kind) {
        case (.openMetrics, .counter), (.openMetrics, .info):
            name = String(name.dropLast(head.kind == .counter ? 6 : 5))
        case (.text, .info): kind = MetricKind.gauge.rawValue
        case (.text, _), (.openMetrics, _): break
        }
        append("# HELP \(name) \(escaped(help: head.help))\n# TYPE \(name) \(kind)\n")
        guard format == .openMetrics, head.kind != .info else { return }
        for unit in ["seconds", "bytes", "ratio"] where name.hasSuffix("_\(unit)") {
            append("# UNIT \(name) \(unit)\n")
        }
    }

    /// - Parameter labels: as they stand between the braces.
    mutating func sample(_ name: String, _ labels: String, _ value: String) {
        append(labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n")
    }

    mutating func finish() {
        if format == .openMetrics { append("# EOF\n") }
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    static func escaped(label text: String) -> String {
        escaped(text, quotes: true)
    }

    /// Quotes are escaped in OpenMetrics only.
    private func escaped(help text: String) -> String {
        Self.escaped(text, quotes: format == .openMetrics)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 92 || $0 == 10 || $0 == 34 }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
