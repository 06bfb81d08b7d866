import Logging
import Synchronization

/// What was logged, a line each: `level: message: key=value …`.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var log: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private func take(_ line: String) { lines.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let lines: LogLines
        var logLevel: Logger.Level = .trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let values = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted()
            lines.take("\(event.level): \(event.message): \(values.joined(separator: " "))")
        }
    }
}
