import ControllerCore
import Crypto
import Host
import Model

/// A request that brings a notice to a chat, a program or an Alertmanager.
struct WebSender: Sendable {
    /// `webhook chat`, for people.
    var name: String
    /// The setting that holds the address.
    var setting: String
    var authorityFile: String?
    var timeout: Duration
    var stop: StopFlag

    /// - Parameter url: the whole of it; a part of it may be a secret.
    /// - Returns: nil when it was stopped: nobody is answered.
    func post(
        _ body: String,
        to address: WebAddress,
        url: String,
        headers: [String],
        login: Transfer.Login? = nil
    ) -> DeliveryOutcome? {
        let transfer = Transfer(
            url: url,
            authorityFile: authorityFile,
            login: login,
            connectTimeout: min(timeout, NotifySettings.connectTimeoutMax),
            timeout: timeout,
            stop: stop
        )
        let end = transfer.post(
            Array(body.utf8),
            headers: ["Content-Type: application/json", "User-Agent: muster"] + headers
        )
        var secrets = [url, address.rest]
        if let login { secrets.append(login.password) }
        return outcome(of: end, "\(name) at \(address.place)", secrets)
    }

    private func outcome(
        of end: TransferEnd,
        _ place: String,
        _ secrets: [String]
    ) -> DeliveryOutcome? {
        switch end.kind {
        case .done: break
        case .stopped: return nil
        case .unreachable:
            return .failed(
                "\(place) cannot be reached: \(end.problem); see that it runs, and that "
                    + "\(setting) and the firewall are right"
            )
        case .timedOut:
            return .failed("\(place) was not done within \(timeout.forPeople); see why it is slow")
        case .tls:
            return .failed(
                "\(place) is not believed: \(end.problem); mend its certificate, or name its "
                    + "authority as ca-file"
            )
        case .authoritiesUnreadable:
            return .failed(
                "\(place): \(authorityFile ?? "the system's authorities") cannot be used: "
                    + "\(end.problem); mend its ca-file"
            )
        case .noStartTLS, .noLogin, .server:
            return .failed("\(place) broke off: \(end.problem.without(secrets)); see its log")
        }
        let status = end.status ?? 0
        if (200...299).contains(status) { return .delivered }
        let said = MailHeaders.oneLine(end.said.without(secrets)).cut(toBytes: Mailer.saidBytesMax)
        let text = "\(place) said \(status)" + (said.isEmpty ? "" : ": \(said)")
        switch status {
        case 408, 425, 429, 500...599: return .failed("\(text); it may take it later")
        case 300...399: return .refused("\(text); it leads elsewhere: write that in \(setting)")
        default: return .refused("\(text); it does not take this: see \(setting) and its form")
        }
    }
}

extension WebSender {
    /// `t=1764130200,v1=5257a8…`: the HMAC-SHA256 of the time, a dot and the body.
    static func signature(of body: String, seconds: Int64, secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(seconds).\(body)".utf8),
            using: SymmetricKey(data: Array(secret.utf8))
        )
        return "t=\(seconds),v1=\(Hex.encode(code))"
    }

    static func webhook(
        _ name: String,
        _ settings: NotifySettings.Webhook,
        _ delivery: Delivery,
        cluster: String,
        stop: StopFlag
    ) -> DeliveryOutcome? {
        let address: WebAddress
        var secret: String?
        do throws(HostError) {
            address = try settings.address.read(isInsecure: settings.isInsecure)
            secret = try settings.secretFile.map { path throws(HostError) in
                try SecretText.read(path)
            }
        } catch {
            return .failed("webhook \(name): \(error)")
        }
        let notice = delivery.message
        let body = settings.form.body(of: notice, cluster: cluster)
        var headers = [
            "Muster-Notice: \(MailHeaders.oneLine(notice.id))",
            "Muster-Attempt: \(delivery.attempt)",
        ]
        if let secret {
            let seconds = WallClock.now().milliseconds / 1_000
            let signature = signature(of: body, seconds: seconds, secret: secret)
            headers.append("Muster-Signature: \(signature)")
        }
        let sender = WebSender(
            name: "webhook \(name)",
            setting: "notify.webhooks.\(name).\(settings.address.setting)",
            authorityFile: settings.authorityFile,
            timeout: settings.timeout,
            stop: stop
        )
        return sender.post(
            body,
            to: address,
            url: settings.form.query.map(address.appending(query:)) ?? address.text,
            headers: headers
        )
    }

    static func alertmanager(
        _ name: String,
        _ settings: NotifySettings.Alertmanager,
        _ delivery: Delivery,
        cluster: String,
        stop: StopFlag
    ) -> DeliveryOutcome? {
        let login: Transfer.Login?
        do throws(HostError) {
            login = try Transfer.Login.read(settings.login)
        } catch {
            return .failed("alertmanager \(name): \(error)")
        }
        let sender = WebSender(
            name: "alertmanager \(name)",
            setting: "notify.alertmanagers.\(name).url",
            authorityFile: settings.authorityFile,
            timeout: settings.timeout,
            stop: stop
        )
        return sender.post(
            AlertmanagerBody(notice: delivery.message, cluster: cluster).text,
            to: settings.url,
            url: settings.url.appending(path: "/api/v2/alerts"),
            headers: [],
            login: login
        )
    }
}

extension WebhookAddress {
    var setting: String {
        switch self {
        case .url: "url"
        case .file: "url-file"
        }
    }

    /// - Throws: when the file cannot be read or holds no address. Nothing of it is told.
    func read(isInsecure: Bool) throws(HostError) -> WebAddress {
        switch self {
        case .url(let address): return address
        case .file(let path):
            guard let address = WebAddress(try SecretText.read(path)) else {
                throw HostError(
                    "read secret",
                    path: path,
                    reason: "it is not \(WebAddress.expected)"
                )
            }
            guard address.isEncrypted || address.isLoopback || isInsecure else {
                throw HostError("read secret", path: path, reason: Self.plain)
            }
            return address
        }
    }

    static let plain = "it is not encrypted: write https, or say insecure: yes beside it"
}
