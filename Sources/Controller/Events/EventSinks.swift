import CHost
import ControllerCore
import Glibc
import Host
import Model

/// A place that events are written to. It is called from one thread.
protocol EventSink: Sendable {
    /// For people and for the file that keeps how far it has come: `json`, `journald`, `syslog`.
    var name: String { get }

    /// Writes all of them, in this order.
    ///
    /// - Throws: when one could not be; all of them are given again then.
    func write(_ events: [ClusterEvent]) throws(HostError)
}

/// One line of JSON for each event, added to a file or to standard output.
struct JSONSink: EventSink {
    let name = "json"
    /// Nil: standard output.
    var path: String?
    var cluster: String

    /// The file is opened for each portion: whoever moves it away to rotate it needs to tell nobody.
    func write(_ events: [ClusterEvent]) throws(HostError) {
        let text = events.map { Self.line($0, cluster: cluster) + "\n" }.joined()
        guard let path else {
            return try Self.write(Array(text.utf8), to: STDOUT_FILENO)
        }
        let flags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW
        let file = try Descriptor.open(path, flags: flags, mode: 0o640)
        try Self.add(Array(text.utf8), to: file) { file, bytes throws(HostError) in
            try file.writeAll(bytes, path: path)
        }
    }

    /// Adds whole lines or nothing: what was written of them before it failed is taken back, since all
    /// of it is given again. A half line that a crash or somebody else has left stays by itself.
    static func add(
        _ bytes: [UInt8],
        to file: Descriptor,
        write: (Descriptor, [UInt8]) throws(HostError) -> Void
    ) throws(HostError) {
        let end = lseek(file.number, 0, Int32(SEEK_END))
        var last: UInt8 = 10
        let isHalf = end > 0 && pread(file.number, &last, 1, end - 1) == 1 && last != 10
        do throws(HostError) {
            try write(file, isHalf ? [10] + bytes : bytes)
        } catch {
            // A pipe, or a disk that is broken altogether: the next one begins on a line of its own.
            if end >= 0 { _ = ftruncate(file.number, end) }
            throw error
        }
    }

    /// The fields of the interface's own events, and the cluster.
    static func line(_ event: ClusterEvent, cluster: String) -> String {
        CanonicalJSON.object([
            "at": .text(event.at.iso8601),
            "cause": .text(event.cause),
            "cluster": .text(cluster),
            "consequence": .text(event.consequence),
            "kind": .text(event.kind.rawValue),
            "sequence": .number(event.sequence),
            "severity": .text(event.severity.rawValue),
            "subject": .text(event.subject),
            "text": .text(event.text),
        ]).text
    }

    private static func write(_ bytes: [UInt8], to number: Int32) throws(HostError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(number, buffer.baseAddress! + written, buffer.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw HostError("write", path: "standard output", code: errno)
            }
            written += count
        }
    }
}

/// The journal of systemd, with fields: `journalctl MUSTER_KIND=node.offline`.
struct JournaldSink: EventSink {
    static let socketDefault = "/run/systemd/journal/socket"

    let name = "journald"
    var socket = socketDefault
    var cluster: String

    func write(_ events: [ClusterEvent]) throws(HostError) {
        for event in events {
            try LocalDatagram.send(Self.entry(event, cluster: cluster), to: socket)
        }
    }

    static func entry(_ event: ClusterEvent, cluster: String) -> String {
        let fields = [
            ("MESSAGE", event.text),
            ("PRIORITY", "\(event.severity.syslogLevel)"),
            ("SYSLOG_IDENTIFIER", "muster-events"),
            ("MUSTER_CLUSTER", cluster),
            ("MUSTER_SEQUENCE", "\(event.sequence)"),
            ("MUSTER_KIND", event.kind.rawValue),
            ("MUSTER_SEVERITY", event.severity.rawValue),
            ("MUSTER_SUBJECT", event.subject),
            ("MUSTER_CAUSE", event.cause),
            ("MUSTER_CONSEQUENCE", event.consequence),
            ("MUSTER_AT", event.at.iso8601),
        ]
        return fields.map { "\($0)=\(MailHeaders.oneLine($1))\n" }.joined()
    }
}

enum LocalDatagram {
    static func send(_ text: String, to path: String) throws(HostError) {
        let bytes = Array(text.utf8)
        guard muster_unix_datagram(path, bytes, bytes.count) == 0 else {
            throw HostError("write to", path: path, code: errno)
        }
    }
}

extension Severity {
    /// 6 informational, 4 warning, 2 critical.
    var syslogLevel: Int {
        switch self {
        case .info: 6
        case .warning: 4
        case .critical: 2
        }
    }
}
