extension ExpositionFormat {
    /// What to answer who says that he accepts this (the header `Accept`; RFC 9110, 12.5.1).
    ///
    /// OpenMetrics is given only to who asks for it by name, in a version that we write, and does not
    /// like the plain text better. Everybody else gets the text, which everything can read.
    public init(accepting accept: String?) {
        var best: (openMetrics: Int, text: Int) = (0, 0)
        for part in (accept ?? "").split(separator: ",").prefix(Self.rangesMax) {
            let words = part.split(separator: ";").map { Self.trimmed($0).lowercased() }
            guard let type = words.first else { continue }
            var quality = 1_000
            var version: String?
            for word in words.dropFirst() {
                if word.hasPrefix("q=") { quality = Self.quality(word.dropFirst(2)) }
                if word.hasPrefix("version=") { version = String(word.dropFirst(8)) }
            }
            switch type {
            case "application/openmetrics-text":
                let isOurs = ["1.0.0", "\"1.0.0\"", "0.0.1", "\"0.0.1\""].contains(
                    version ?? "1.0.0"
                )
                if isOurs { best.openMetrics = max(best.openMetrics, quality) }
            case "text/plain": best.text = max(best.text, quality)
            default: break
            }
        }
        self = best.openMetrics > 0 && best.openMetrics >= best.text ? .openMetrics : .text
    }

    /// Of one header; what follows is not looked at.
    private static let rangesMax = 32

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    /// Thousandths; what cannot be read is not liked at all.
    private static func quality(_ text: Substring) -> Int {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first.flatMap({ Int($0) }), whole == 0 || whole == 1 else {
            return 0
        }
        let digits = parts.count == 2 ? parts[1].prefix(3) : ""
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return 0 }
        let padded = digits + String(repeating: "0", count: 3 - digits.count)
        return min(1_000, whole * 1_000 + (Int(padded) ?? 0))
    }
}
