import ControllerCore
import Model
import Transport

/// Whether and how the way to a mail server is encrypted.
enum MailTLS: String, CaseIterable, Hashable, Sendable {
    /// Plain first, and nothing is said until the server has switched to TLS.
    case starttls
    /// From the first byte.
    case tls
    /// Never. For a server on this machine or a wire of its own; no password goes over it.
    case none

    var portDefault: UInt16 {
        switch self {
        case .starttls: 587
        case .tls: 465
        case .none: 25
        }
    }
}

/// What stands behind the names of receivers: the section `notify` of the configuration. Of secrets
/// only the files are in it; they are read whenever they are used, so that they can be changed.
struct NotifySettings: Sendable {
    static let nameBytesMax = 58
    /// Each is a thread while it has something to do.
    static let channelsMax = 64
    static let timeoutRange: ClosedRange<Duration> = .seconds(1)...(.seconds(300))
    static let timeoutDefault: Duration = .seconds(30)
    static let connectTimeoutMax: Duration = .seconds(10)

    var mail: Mail?
    var webhooks: OrderedTable<String, Webhook> = OrderedTable()
    var alertmanagers: OrderedTable<String, Alertmanager> = OrderedTable()
    var commands: OrderedTable<String, HookDefinition> = OrderedTable()

    struct Login: Hashable, Sendable {
        var user: String
        var passwordFile: String
    }

    struct Mail: Hashable, Sendable {
        var server: Endpoint
        var tls: MailTLS = .starttls
        /// The system's authorities when nil.
        var authorityFile: String?
        var login: Login?
        var from: MailSender
        /// The right side of the `Message-ID`.
        var domain: String
        /// The name under which we greet the server.
        var helo: String
        var timeout: Duration = timeoutDefault
    }

    struct Webhook: Hashable, Sendable {
        var address: WebhookAddress
        var form: WebhookForm = .muster
        var secretFile: String?
        var authorityFile: String?
        /// Plain HTTP was allowed by name.
        var isInsecure = false
        var timeout: Duration = timeoutDefault
    }

    struct Alertmanager: Hashable, Sendable {
        /// Without the path of its interface.
        var url: WebAddress
        var authorityFile: String?
        var login: Login?
        var timeout: Duration = timeoutDefault
    }

    var channels: NotifyChannels {
        NotifyChannels(
            hasMail: mail != nil,
            webhooks: webhooks.keys,
            alertmanagers: alertmanagers.keys,
            commands: commands.keys
        )
    }
}

/// Where a webhook's address is written: the addresses of chat services are secrets themselves.
enum WebhookAddress: Hashable, Sendable {
    case url(WebAddress)
    case file(String)
}
