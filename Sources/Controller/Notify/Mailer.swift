import ControllerCore
import Host
import Model

/// Sends mails as the configuration says.
struct Mailer: Sendable {
    static let saidBytesMax = 300

    var settings: NotifySettings.Mail
    var cluster: String
    var stop: StopFlag

    private var place: String { "mail server \(settings.server)" }

    /// - Returns: nil when it was stopped: nobody is answered.
    func send(_ notice: NoticeMessage, to: String, among: [String]) -> DeliveryOutcome? {
        guard let recipient = MailBox(to) else {
            return .refused(
                "\(MailHeaders.oneLine(to)) is not an address that mail can be sent to; "
                    + "name one such as ops@example.org"
            )
        }
        let login: Transfer.Login?
        do throws(HostError) {
            login = try Transfer.Login.read(settings.login)
        } catch {
            return .failed("\(place): \(error)")
        }
        let message = MailMessage(
            from: settings.from,
            among: among.contains(to) ? among : [to],
            domain: settings.domain,
            cluster: cluster,
            notice: notice
        )
        let end = transfer(login).mail(
            from: settings.from.address.text,
            to: recipient.text,
            tls: settings.tls,
            message: Array(message.text.utf8)
        )
        return outcome(of: end, to: recipient.text, login)
    }

    private func transfer(_ login: Transfer.Login?) -> Transfer {
        let scheme = settings.tls == .tls ? "smtps" : "smtp"
        return Transfer(
            url: "\(scheme)://\(settings.server)/\(settings.helo)",
            authorityFile: settings.authorityFile,
            login: login,
            connectTimeout: min(settings.timeout, NotifySettings.connectTimeoutMax),
            timeout: settings.timeout,
            stop: stop
        )
    }

    /// What will never be taken is told apart from what may be taken later. A server that turns
    /// down our login, or everybody, is mended by somebody: that is later.
    private func outcome(
        of end: TransferEnd,
        to recipient: String,
        _ login: Transfer.Login?
    ) -> DeliveryOutcome? {
        let secrets = login.map { Self.shapes(of: $0) } ?? []
        let said = MailHeaders.oneLine(end.said.without(secrets)).cut(toBytes: Self.saidBytesMax)
        let answer = end.status.map { "\($0) \(said)" } ?? "nothing"
        switch end.kind {
        case .done: return .delivered
        case .stopped: return nil
        case .unreachable:
            return .failed(
                "\(place) cannot be reached: \(end.problem); see that it runs, and that "
                    + "notify.mail.server and the firewall are right"
            )
        case .timedOut:
            return .failed(
                "\(place) was not done within \(settings.timeout.forPeople), \(end.stage.behind); "
                    + "see why it is slow"
            )
        case .tls:
            return .failed(
                "\(place) is not believed: \(end.problem); mend its certificate, or name its "
                    + "authority in notify.mail.ca-file"
            )
        case .noStartTLS:
            return .failed(
                "\(place) has no STARTTLS, and nothing was told to it; switch it on there, or say "
                    + "notify.mail.tls: tls if it begins with TLS"
            )
        case .authoritiesUnreadable:
            return .failed(
                "\(place): \(settings.authorityFile ?? "the system's authorities") cannot be used: "
                    + "\(end.problem); mend notify.mail.ca-file"
            )
        case .noLogin:
            guard let status = end.status, status >= 400 else {
                return .failed(
                    "\(place) lets nobody log in by PLAIN or LOGIN; switch one on there, or take "
                        + "notify.mail.user away"
                )
            }
            return .failed(
                "\(place) refused the login of \(login?.user ?? "nobody"): \(answer); see "
                    + "notify.mail.user and its password-file"
            )
        case .server: return refusal(end, to: recipient, answer)
        }
    }

    private func refusal(
        _ end: TransferEnd,
        to recipient: String,
        _ answer: String
    ) -> DeliveryOutcome {
        guard let status = end.status, status >= 400 else {
            return .failed(
                "\(place) broke off, \(end.stage.behind): \(end.problem); see its log"
            )
        }
        let text = "\(place) said, \(end.stage.behind): \(answer)"
        guard status >= 500 else { return .failed("\(text); it may take it later") }
        switch status {
        case 530, 534, 535, 538:
            return .failed("\(text); give notify.mail.user and password-file, or mend them")
        default: break
        }
        switch end.stage {
        case .sender:
            return .refused("\(text); it does not take mail from \(settings.from.address)")
        case .recipient: return .refused("\(text); it does not take mail to \(recipient)")
        case .data, .message: return .refused("\(text); it does not take this mail")
        case .greeting, .hello, .startTLS, .login, .request:
            return .failed("\(text); it turns this host down: see its log")
        }
    }

    /// A password, and what it looks like on the wire.
    private static func shapes(of login: Transfer.Login) -> [String] {
        let plain = "\0\(login.user)\0\(login.password)"
        return [
            login.password, Model.Base64.encode(Array(login.password.utf8)),
            Model.Base64.encode(Array(plain.utf8)),
        ]
    }
}

extension TransferEnd.Stage {
    /// Where in the exchange it was.
    fileprivate var behind: String {
        switch self {
        case .greeting: "before its greeting"
        case .hello: "after EHLO"
        case .startTLS: "after STARTTLS"
        case .login: "at the login"
        case .sender: "after MAIL FROM"
        case .recipient: "after RCPT TO"
        case .data: "after DATA"
        case .message: "after the message"
        case .request: "after the request"
        }
    }
}
