import CNetwork
import ControllerCore
import Glibc
import Host
import Model
import Synchronization
import Transport

/// A syslog server, by RFC 5424.
final class SyslogSink: EventSink {
    enum Place: Hashable, Sendable {
        /// The socket of this machine's own.
        case local(String)
        case datagrams(Endpoint)
        /// Each message with its length before it (RFC 6587).
        case stream(Endpoint)

        static let localDefault = "/dev/log"
        static let portDefault: UInt16 = 514

        /// Reads `local`, `udp://HOST:PORT` or `tcp://HOST:PORT`.
        init?(_ text: String) {
            if text == "local" {
                self = .local(Self.localDefault)
                return
            }
            let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].isEmpty,
                let endpoint = ControllerConfiguration.endpoint(
                    String(parts[2]),
                    portDefault: Self.portDefault
                ), endpoint.port > 0
            else { return nil }
            switch parts[0] {
            case "udp:": self = .datagrams(endpoint)
            case "tcp:": self = .stream(endpoint)
            default: return nil
            }
        }
    }

    private static let patienceMilliseconds: Int32 = 5_000
    /// What every server takes over UDP (RFC 5424, section 6.1).
    static let datagramBytesMax = 2_048
    /// Of subject, cause and consequence each, where the whole is too long.
    private static let fieldBytesMax = 300

    let name = "syslog"
    private let place: Place
    private let cluster: String
    private let host: String
    private let connection = Mutex<Descriptor?>(nil)

    init(_ place: Place, cluster: String, host: String) {
        self.place = place
        self.cluster = cluster
        self.host = host
    }

    func write(_ events: [ClusterEvent]) throws(HostError) {
        for event in events {
            let text = Self.message(event, cluster: cluster, host: host)
            switch place {
            case .local(let path): try LocalDatagram.send(text, to: path)
            case .datagrams(let server):
                let text = Self.datagram(event, cluster: cluster, host: host)
                try send(Array(text.utf8), to: server, isStream: false)
            case .stream(let server):
                try send(Array("\(text.utf8.count) \(text)".utf8), to: server, isStream: true)
            }
        }
    }

    private func send(
        _ bytes: [UInt8],
        to server: Endpoint,
        isStream: Bool
    ) throws(HostError) {
        var current = connection.withLock { $0 }
        if current == nil {
            let number = muster_network_connect(
                server.host,
                "\(server.port)",
                isStream,
                Self.patienceMilliseconds
            )
            guard number >= 0 else { throw HostError("connect to", path: "\(server)", code: errno) }
            let made = Descriptor(owning: number)
            connection.withLock { $0 = made }
            current = made
        }
        guard let current else { return }
        do throws(HostError) {
            // A server that has gone away is noticed by the write after the next at the latest.
            guard !isStream || muster_network_is_open(current.number) else {
                throw HostError("write", path: "\(server)", reason: "it has closed the connection")
            }
            guard muster_network_send(current.number, bytes, bytes.count) == 0 else {
                throw HostError("write", path: "\(server)", code: errno)
            }
        } catch {
            connection.withLock { $0 = nil }
            throw error
        }
    }

    /// The message, with its longest parts cut where it would not fit: its fields stay whole as fields, and
    /// what is cut ends in an ellipsis.
    static func datagram(_ event: ClusterEvent, cluster: String, host: String) -> String {
        let whole = message(event, cluster: cluster, host: host)
        guard whole.utf8.count > datagramBytesMax else { return whole }
        var event = event
        event.subject = event.subject.cut(toBytes: fieldBytesMax)
        event.cause = event.cause.cut(toBytes: fieldBytesMax)
        event.consequence = event.consequence.cut(toBytes: fieldBytesMax)
        // What is left over is the text's end.
        return message(event, cluster: cluster, host: host).cut(toBytes: datagramBytesMax)
    }

    /// `<130>1 2026-11-26T04:10:00.000Z ctl1 muster-events - node.offline [muster@32473 …] text`: facility
    /// local0, and as the message's kind that of the event.
    static func message(_ event: ClusterEvent, cluster: String, host: String) -> String {
        let facility = 16
        let fields = [
            ("cluster", cluster), ("sequence", "\(event.sequence)"),
            ("severity", event.severity.rawValue), ("subject", event.subject),
            ("cause", event.cause), ("consequence", event.consequence),
        ]
        let data = fields.map { "\($0)=\"\(escaped($1))\"" }.joined(separator: " ")
        let shownHost = host.isEmpty ? "-" : host
        return "<\(facility * 8 + event.severity.syslogLevel)>1 \(event.at.iso8601) \(shownHost) "
            + "muster-events - \(event.kind.rawValue) [muster@32473 \(data)] "
            + MailHeaders.oneLine(event.text)
    }

    private static func escaped(_ text: String) -> String {
        MailHeaders.oneLine(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("]", with: "\\]")
    }
}
