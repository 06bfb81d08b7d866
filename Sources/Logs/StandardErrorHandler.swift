import Glibc
import Host
public import Logging
import Model

/// Writes one line a message to stderr, for a terminal, a file or the journal.
///
/// Text is `2026-11-23T06:41:12.345Z notice The node is Online node.id=…`; under a service manager
/// the time is left out (the journal has its own) and the priority is given as `<5>`, as
/// `sd-daemon(3)` has it. JSON is one object a line. Nothing of a message can begin a new line.
public struct StandardErrorHandler: LogHandler {
    public enum Format: Sendable {
        case text
        case journal
        case json
    }

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Format

    public init(label: String, level: Logger.Level, format: Format) {
        self.label = label
        self.format = format
        logLevel = level
    }

    /// ``Format/journal`` when a service manager reads our stderr.
    public static var textFormat: Format {
        getenv("JOURNAL_STREAM") == nil ? .text : .journal
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var merged = metadata
        if let given = event.metadata { merged.merge(given) { _, new in new } }
        let facts = merged.map { ($0.key, $0.value.description) }.sorted { $0.0 < $1.0 }
        let message = event.message.description
        var line: String
        switch format {
        case .text:
            line = "\(WallClock.now().iso8601) \(event.level.rawValue) \(visible(message))"
            for (key, value) in facts { line += " \(key)=\(quoted(value))" }
        case .journal:
            line = "<\(priority(event.level))>\(visible(message))"
            for (key, value) in facts { line += " \(key)=\(quoted(value))" }
        case .json:
            line =
                "{\"time\":\(json(WallClock.now().iso8601)),\"level\":\(json(event.level.rawValue))"
            line += ",\"program\":\(json(label)),\"message\":\(json(message))"
            for (key, value) in facts { line += ",\(json(key)):\(json(value))" }
            line += "}"
        }
        line += "\n"
        var bytes = Array(line.utf8)
        // One write a line: lines of several threads do not mix.
        let written = bytes.withUnsafeMutableBytes { write(2, $0.baseAddress, $0.count) }
        _ = written
    }

    private func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private func visible(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
                || (0x2028...0x202e).contains(scalar.value)
                || (0x2066...0x2069).contains(scalar.value)
            {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    private func quoted(_ text: String) -> String {
        let shown = visible(text)
        let isPlain =
            !shown.isEmpty
            && shown.utf8.allSatisfy { $0 > 32 && $0 != 34 && $0 != 61 && $0 != 92 }
        if isPlain { return shown }
        var escaped = "\""
        for character in shown {
            if character == "\"" || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped + "\""
    }

    private func json(_ text: String) -> String {
        var escaped = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": escaped += "\\\""
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\t": escaped += "\\t"
            default:
                if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    escaped += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    escaped.unicodeScalars.append(scalar)
                }
            }
        }
        return escaped + "\""
    }
}
