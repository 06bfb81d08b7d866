import ControllerCore
import Host
import Model
import Transport
import YAMLFiles

// The section `notify`: what stands behind the names of receivers. Whom what is told is an operator's
// to say; where it goes, and with which secret, is said here, on the host.

extension ControllerConfiguration {
    mutating func readNotify(_ section: YAMLSection) {
        if let mail = section.subsection("mail") { notify.mail = Self.readMail(mail) }
        notify.webhooks = Self.named(section.subsection("webhooks"), "webhook") {
            NotifySettings.Webhook($0)
        }
        notify.alertmanagers = Self.named(section.subsection("alertmanagers"), "Alertmanager") {
            NotifySettings.Alertmanager($0)
        }
        notify.commands = Self.named(section.subsection("commands"), "command") {
            HookDefinition(
                reading: $0,
                timeoutRange: CommandSender.timeoutRange,
                timeoutDefault: CommandSender.timeoutDefault
            )
        }
        section.finish()
        let count = notify.webhooks.count + notify.alertmanagers.count + notify.commands.count
        if count > NotifySettings.channelsMax {
            section.note("has \(count) channels; \(NotifySettings.channelsMax) is the limit")
        }
        machine.channels = notify.channels
    }

    private static func named<Value>(
        _ channels: YAMLSection?,
        _ what: String,
        _ read: (YAMLSection) -> Value?
    ) -> OrderedTable<String, Value> {
        var table: OrderedTable<String, Value> = OrderedTable()
        guard let channels else { return table }
        for name in channels.keys {
            guard let channel = channels.subsection(name) else {
                if channels.isEmpty(name) { channels.note("says nothing", at: name) }
                continue
            }
            guard HookName(name) != nil, name.utf8.count <= NotifySettings.nameBytesMax else {
                channels.note(
                    "is not the name of a \(what): 1 to \(NotifySettings.nameBytesMax) of "
                        + "a-z 0-9 . _ -, the first a letter or a digit",
                    at: name
                )
                continue
            }
            table[name] = read(channel)
        }
        channels.finish()
        return table
    }

    private static func readMail(_ section: YAMLSection) -> NotifySettings.Mail? {
        let modes = MailTLS.allCases.map(\.rawValue).joined(separator: ", ")
        let tls = section.scalar("tls", expected: "one of \(modes)", default: MailTLS.starttls) {
            MailTLS(rawValue: $0)
        }
        let server = section.optionalScalar(
            "server",
            expected: "an address such as smtp.example.org:587"
        ) { text -> Endpoint? in
            let endpoint = endpoint(text, portDefault: tls.portDefault)
            return endpoint.flatMap { $0.host.contains("%") || $0.port == 0 ? nil : $0 }
        }
        let from = section.optionalScalar(
            "from",
            expected: "an address that mail can be sent to, such as Muster <muster@example.org>"
        ) { MailSender($0) }
        let domain = section.optionalScalar(
            "domain",
            expected: "a domain such as example.org"
        ) { MailBox.isDomain($0) ? $0 : nil }
        let helo = section.optionalScalar(
            "helo",
            expected: "the whole name of this host, such as ctl1.example.org"
        ) { MailBox.isDomain($0) ? $0 : nil }
        let login = section.login()
        let authorityFile = section.authorityFile()
        let timeout = section.timeout()
        if login != nil, tls == .none {
            section.note(
                "would send the password for everybody to read; take tls: none away",
                at: "tls"
            )
        }
        if authorityFile != nil, tls == .none {
            section.note("is of no use with tls: none; take one of the two away", at: "ca-file")
        }
        if section.isEmpty("server") {
            section.note("names no server: server: smtp.example.org:587", at: "server")
        }
        if section.isEmpty("from") {
            section.note("names no sender: from: muster@example.org", at: "from")
        }
        section.finish()
        guard let server, let from, let timeout else { return nil }
        let host = hostname
        return NotifySettings.Mail(
            server: server,
            tls: tls,
            authorityFile: authorityFile,
            login: login,
            from: from,
            domain: domain ?? from.address.domain,
            helo: helo ?? (MailBox.isDomain(host) ? host : from.address.domain),
            timeout: timeout
        )
    }
}

extension NotifySettings.Webhook {
    /// - Returns: nil when something is wrong with it, which the reader has noted.
    fileprivate init?(_ section: YAMLSection) {
        let forms = WebhookForm.allCases.map(\.rawValue).joined(separator: ", ")
        let form = section.scalar(
            "form",
            expected: "one of \(forms)",
            default: WebhookForm.muster
        ) { WebhookForm(rawValue: $0) }
        let isInsecure = section.scalar(
            "insecure",
            expected: "yes or no",
            default: false,
            ControllerConfiguration.flag
        )
        let secretFile = section.secretScalar("secret-file")
        if secretFile != nil, form != .muster {
            section.note(
                "is of no use with form: \(form.rawValue), which is not signed",
                at: "secret-file"
            )
        }
        let url = section.addressScalar("url", isInsecure: isInsecure)
        let file = section.pathScalar("url-file")
        let hasURL = !section.isEmpty("url")
        let hasFile = !section.isEmpty("url-file")
        let authorityFile = section.authorityFile()
        let timeout = section.timeout()
        section.finish()
        guard hasURL != hasFile else {
            section.note("needs either url or url-file")
            return nil
        }
        let address: WebhookAddress
        if let url {
            address = .url(url)
        } else if let file {
            address = .file(file)
            do throws(HostError) {
                _ = try address.read(isInsecure: isInsecure)
            } catch {
                section.note(": \(error)", at: "url-file")
                return nil
            }
        } else {
            return nil
        }
        guard let timeout else { return nil }
        self.init(
            address: address,
            form: form,
            secretFile: secretFile,
            authorityFile: authorityFile,
            isInsecure: isInsecure,
            timeout: timeout
        )
    }
}

extension NotifySettings.Alertmanager {
    /// - Returns: nil when something is wrong with it, which the reader has noted.
    fileprivate init?(_ section: YAMLSection) {
        let isInsecure = section.scalar(
            "insecure",
            expected: "yes or no",
            default: false,
            ControllerConfiguration.flag
        )
        let url = section.addressScalar("url", isInsecure: isInsecure)
        if section.isEmpty("url") {
            section.note("has no address: url: https://alertmanager.example.org:9093", at: "url")
        }
        let login = section.login()
        let authorityFile = section.authorityFile()
        let timeout = section.timeout()
        section.finish()
        guard let url, let timeout else { return nil }
        if login != nil, !url.isEncrypted, !url.isLoopback {
            section.note("would get the password for everybody to read; write https", at: "url")
            return nil
        }
        guard !url.rest.contains("?") else {
            section.note("is not \(WebAddress.expected), and here without a query", at: "url")
            return nil
        }
        self.init(url: url, authorityFile: authorityFile, login: login, timeout: timeout)
    }
}

extension YAMLSection {
    fileprivate func pathScalar(_ key: String) -> String? {
        optionalScalar(key, expected: "an absolute path") {
            $0.hasPrefix("/") && !$0.utf8.contains(0) ? $0 : nil
        }
    }

    /// A file with a secret that can be read now, as it is to be read later.
    fileprivate func secretScalar(_ key: String) -> String? {
        guard let path = pathScalar(key) else { return nil }
        do throws(HostError) {
            _ = try SecretText.read(path)
            return path
        } catch {
            note(": \(error)", at: key)
            return nil
        }
    }

    fileprivate func authorityFile() -> String? {
        guard let path = pathScalar("ca-file") else { return nil }
        do throws(HostError) {
            guard try DurableFile.readText(path).contains("-----BEGIN CERTIFICATE-----") else {
                note(": \(path) holds no certificate in PEM form", at: "ca-file")
                return nil
            }
            return path
        } catch {
            note(": \(error)", at: "ca-file")
            return nil
        }
    }

    /// User and password file, of which there are both or none.
    fileprivate func login() -> NotifySettings.Login? {
        let user = optionalScalar("user", expected: "a line of 1 to 256 bytes") {
            !$0.isEmpty && $0.isPlainLine(bytesMax: 256) ? $0 : nil
        }
        let file = secretScalar("password-file")
        let hasUser = !isEmpty("user")
        let hasFile = !isEmpty("password-file")
        if hasUser, !hasFile { note("has no password-file beside it", at: "user") }
        if hasFile, !hasUser { note("has no user beside it", at: "password-file") }
        guard let user, let file else { return nil }
        return NotifySettings.Login(user: user, passwordFile: file)
    }

    fileprivate func timeout() -> Duration? {
        let range = NotifySettings.timeoutRange
        let value = duration("timeout", default: NotifySettings.timeoutDefault)
        guard range.contains(value) else {
            note(
                "is not a duration from \(range.lowerBound.forPeople) to "
                    + range.upperBound.forPeople,
                at: "timeout"
            )
            return nil
        }
        return value
    }

    /// What is behind the host may be a secret, and is not repeated.
    fileprivate func addressScalar(_ key: String, isInsecure: Bool) -> WebAddress? {
        guard let text = optionalScalar(key, expected: "a text", { $0 }) else { return nil }
        guard let address = WebAddress(text) else {
            note("is not \(WebAddress.expected)", at: key)
            return nil
        }
        guard address.isEncrypted || address.isLoopback || isInsecure else {
            note(": \(WebhookAddress.plain)", at: key)
            return nil
        }
        return address
    }
}
