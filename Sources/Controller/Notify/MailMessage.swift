import ControllerCore
import Model

/// A notice as a mail: the same bytes at every attempt, so that a server or a reader that knows the
/// `Message-ID` already knows the whole of it.
struct MailMessage: Sendable {
    /// It stands in no quoted-printable text, where an equals sign is followed by two digits.
    private static let boundary = "=_muster_notice"
    private static let kindsMax = 5

    var from: MailSender
    /// All recipients, for the `To` field.
    var among: [String]
    /// The right side of the `Message-ID`.
    var domain: String
    var cluster: String
    var notice: NoticeMessage

    /// Lines that end in CR LF.
    var text: String {
        headers
            + """
            \r
            --\(Self.boundary)\r
            Content-Type: text/plain; charset=utf-8\r
            Content-Transfer-Encoding: quoted-printable\r
            \r

            """ + QuotedPrintable.encode(notice.text)
                + """
                \r
                --\(Self.boundary)\r
                Content-Type: text/html; charset=utf-8\r
                Content-Transfer-Encoding: quoted-printable\r
                \r

                """ + QuotedPrintable.encode(MailPage(notice: notice, cluster: cluster).text)
            + "\r\n--\(Self.boundary)--\r\n"
    }

    private var headers: String {
        var text = "Date: \(MailHeaders.date(notice.at))\r\n"
        text += MailHeaders.list("From", [MailHeaders.mailbox(from)])
        text += MailHeaders.list("To", recipients)
        text += MailHeaders.unstructured("Subject", notice.subject)
        text += "Message-ID: \(messageID(notice.id))\r\n"
        if let thread = notice.thread {
            text += "In-Reply-To: \(messageID(thread))\r\n"
            text += "References: \(messageID(thread))\r\n"
        }
        // Nobody's out-of-office answers a machine.
        text += "Auto-Submitted: auto-generated\r\n"
        text += "X-Auto-Response-Suppress: All\r\n"
        text += MailHeaders.unstructured("X-Muster-Cluster", cluster)
        text += MailHeaders.unstructured("X-Muster-Notice", notice.id)
        text += MailHeaders.list("X-Muster-Kind", notice.kinds(atMost: Self.kindsMax))
        text += "X-Muster-Severity: \(notice.severity.rawValue)\r\n"
        text += "X-Muster-State: \(notice.state.rawValue)\r\n"
        text += "MIME-Version: 1.0\r\n"
        text += "Content-Type: multipart/alternative; boundary=\"\(Self.boundary)\"\r\n"
        return text
    }

    /// What is no address is in no field of addresses.
    private var recipients: [String] {
        let found = among.compactMap { MailBox($0)?.text }
        return found.isEmpty ? ["undisclosed-recipients:;"] : found
    }

    /// Of the letters that a name has, whatever it was.
    private func messageID(_ name: String) -> String {
        let kept = name.lowercased().utf8.filter { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return "<\(String(decoding: kept, as: UTF8.self))@\(domain)>"
    }
}

extension NoticeMessage {
    /// What it is about, each once, in the order of its items.
    func kinds(atMost limit: Int) -> [String] {
        var kinds: [String] = []
        for item in items where kinds.count < limit && !kinds.contains(item.kind.rawValue) {
            kinds.append(item.kind.rawValue)
        }
        return kinds.isEmpty ? ["none"] : kinds
    }

    /// One word for a glance: how bad it is, or that it is over.
    var word: String {
        switch state {
        case .firing, .told: severity.rawValue
        case .resolved: "resolved"
        case .test: "test"
        }
    }

    var tone: NoticeTone { NoticeTone(state: state, severity: severity) }
}

/// How a notice looks. The word always stands beside it: nothing is said by colour alone.
enum NoticeTone: Hashable, Sendable {
    case good
    case plain
    case warning
    case critical

    init(state: NoticeState, severity: Severity) {
        switch (state, severity) {
        case (.resolved, _): self = .good
        case (.test, _), (.firing, .info), (.told, .info): self = .plain
        case (.firing, .warning), (.told, .warning): self = .warning
        case (.firing, .critical), (.told, .critical): self = .critical
        }
    }

    /// Of the ground; `onIt` is read on it in the dark and in the light.
    var colour: (hex: String, number: UInt64, onIt: String) {
        switch self {
        case .good: ("2e7d32", 0x2e_7d32, "ffffff")
        case .plain: ("1565c0", 0x15_65c0, "ffffff")
        case .warning: ("f0a500", 0xf0_a500, "000000")
        case .critical: ("b3261e", 0xb3_261e, "ffffff")
        }
    }
}
