import ControllerCore
import Foundation
import Host
import Model
import Testing
import Transport
import YAMLFiles

@testable import Controller

/// The section `notify` of `controller.yaml`.
@Suite struct NotifyConfigurationTests {
    private let folder: NotifyFolder
    private let secret: String
    private let authority: String

    init() throws {
        folder = try NotifyFolder()
        secret = try folder.file("secret", "geheim\n")
        authority = try folder.file("ca", "-----BEGIN CERTIFICATE-----\n", mode: 0o644)
        _ = try folder.file("open", "geheim\n", mode: 0o644)
        _ = try folder.file("empty", "\n")
        _ = try folder.file("lines", "one\ntwo\n")
        _ = try folder.file("url", "https://chat.example.org/hooks/geheim\n")
        _ = try folder.file("plain-url", "http://chat.example.org/hooks/geheim\n")
    }

    private func read(_ text: String) throws(ConfigurationError) -> ControllerConfiguration {
        try ControllerConfiguration.parse(
            text.replacing("FOLDER", with: folder.path),
            path: "c.yaml"
        )
    }

    private func problems(_ text: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try read(text)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `every key is read`() throws {
        let configuration = try read(
            """
            notify:
              mail:
                server: smtp.example.org
                tls: tls
                ca-file: FOLDER/ca
                user: muster
                password-file: FOLDER/secret
                from: Muster Wien <muster@wien.example.org>
                domain: example.org
                helo: ctl1.example.org
                timeout: 1m
              webhooks:
                own: {url: "https://x.example.org/a", secret-file: FOLDER/secret, ca-file: FOLDER/ca}
                chat: {url-file: FOLDER/url, form: slack, timeout: 5s}
                near: {url: "http://127.0.0.1:8080/"}
                plain: {url: "http://x.example.org/", insecure: yes}
              alertmanagers:
                am: {url: "https://am.example.org:9093", user: u, password-file: FOLDER/secret}
                near: {url: "http://localhost:9093/", timeout: 2s}
              commands:
                page: {command: [/bin/true, -v], timeout: 10s, description: Pages}

            """
        )
        let notify = configuration.notify
        let mail = try #require(notify.mail)
        #expect(mail.server == Endpoint(host: "smtp.example.org", port: 465))
        #expect(mail.tls == .tls && mail.authorityFile == authority)
        #expect(mail.login == NotifySettings.Login(user: "muster", passwordFile: secret))
        #expect(mail.from.name == "Muster Wien")
        #expect(mail.from.address.text == "muster@wien.example.org")
        #expect(mail.domain == "example.org" && mail.helo == "ctl1.example.org")
        #expect(mail.timeout == .seconds(60))
        #expect(notify.webhooks.keys == ["chat", "near", "own", "plain"])
        #expect(notify.webhooks["own"]?.secretFile == secret)
        #expect(notify.webhooks["own"]?.authorityFile == authority)
        #expect(notify.webhooks["chat"]?.address == .file(folder["url"]))
        #expect(notify.webhooks["chat"]?.form == .slack)
        #expect(notify.webhooks["plain"]?.isInsecure == true)
        #expect(notify.alertmanagers["am"]?.login?.user == "u")
        #expect(notify.alertmanagers["near"]?.timeout == .seconds(2))
        #expect(notify.commands["page"]?.command == ["/bin/true", "-v"])
        #expect(notify.commands["page"]?.timeout == .seconds(10))
        #expect(
            configuration.machine.channels
                == NotifyChannels(
                    hasMail: true,
                    webhooks: ["chat", "near", "own", "plain"],
                    alertmanagers: ["am", "near"],
                    commands: ["page"]
                )
        )
    }

    @Test func `what is not said has the documented default`() throws {
        let mail = try read("notify: {mail: {server: smtp.example.org, from: m@x.example.org}}\n")
            .notify.mail
        #expect(mail?.server.port == 587 && mail?.tls == .starttls)
        #expect(mail?.domain == "x.example.org" && mail?.timeout == .seconds(30))
        #expect(mail?.from.name == "Muster")
        #expect(mail.map { MailBox.isDomain($0.helo) } == true)
        let plain = try read(
            "notify: {mail: {server: 127.0.0.1, tls: none, from: m@x.example.org}}\n"
        )
        #expect(plain.notify.mail?.server.port == 25)
        #expect(try read("").machine.channels == NotifyChannels())
    }

    private static let from = "from: m@x.example.org"

    private static let mistakes: [(String, String, String)] = [
        ("mail: {from: m@x.example.org}", "1:16", "notify.mail.server names no server"),
        ("mail: {server: s.example.org}", "1:16", "notify.mail.from names no sender"),
        ("mail: {server: 25, \(from)}", "1:25", "25 is not an address such as smtp"),
        ("mail: {server: \"s.example.org:0\", \(from)}", "1:25", "is not an address such as"),
        (
            "mail: {server: s, from: root@localhost}", "1:34",
            "root@localhost is not an address that"
        ),
        ("mail: {server: s, from: \"a@ctl1\"}", "1:34", "a@ctl1 is not an address that"),
        (
            "mail: {server: s, \(from), tls: maybe}", "1:56",
            "maybe is not one of starttls, tls, none"
        ),
        ("mail: {server: s, \(from), user: u}", "1:57", "mail.user has no password-file beside it"),
        (
            "mail: {server: s, \(from), password-file: FOLDER/secret}", "1:66",
            "mail.password-file has no user beside it"
        ),
        (
            "mail: {server: s, \(from), user: u, password-file: FOLDER/open}", "1:75",
            "others may read it (mode 0644); run: chmod 600"
        ),
        (
            "mail: {server: s, \(from), user: u, password-file: FOLDER/nowhere}", "1:75",
            "No such file"
        ),
        ("mail: {server: s, \(from), user: u, password-file: FOLDER/empty}", "1:75", "it is empty"),
        (
            "mail: {server: s, \(from), user: u, password-file: FOLDER/lines}", "1:75",
            "it is more than one line"
        ),
        (
            "mail: {server: s, \(from), user: u, password-file: x}", "1:75",
            "x is not an absolute path"
        ),
        (
            "mail: {server: s, \(from), user: u, password-file: FOLDER/secret, tls: none}", "1:0",
            "notify.mail.tls would send the password for everybody to read"
        ),
        ("mail: {server: s, \(from), ca-file: FOLDER/secret}", "1:60", "holds no certificate"),
        (
            "mail: {server: s, \(from), tls: none, ca-file: FOLDER/ca}", "1:71",
            "ca-file is of no use with tls: none"
        ),
        ("mail: {server: s, \(from), domain: localhost}", "1:59", "localhost is not a domain such"),
        ("mail: {server: s, \(from), helo: ctl1}", "1:57", "ctl1 is not the whole name"),
        ("mail: {server: s, \(from), timeout: 0s}", "1:60", "is not a duration from 1s to 5m00s"),
        ("mail: {server: s, \(from), sender: x}", "1:51", "notify.mail.sender is not a setting"),
        ("mail: x", "1:16", "notify.mail is not a mapping"),
        ("mails: {}", "1:10", "did you mean notify.mail?"),
        ("webhooks: {x: {}}", "1:24", "notify.webhooks.x needs either url or url-file"),
        ("webhooks: {x: }", "1:0", "notify.webhooks.x says nothing"),
        (
            "webhooks: {X: {url: \"https://x\"}}", "1:24",
            "notify.webhooks.X is not the name of a webhook"
        ),
        (
            "webhooks: {x: {url: \"https://x\", url-file: FOLDER/url}}", "1:24",
            "needs either url or url-file"
        ),
        (
            "webhooks: {x: {url: \"http://x.org/geheim\"}}", "1:30",
            "it is not encrypted: write https"
        ),
        (
            "webhooks: {x: {url: \"geheim\"}}", "1:30",
            "notify.webhooks.x.url is not an address such as"
        ),
        ("webhooks: {x: {url-file: FOLDER/open}}", "1:35", "others may read it"),
        ("webhooks: {x: {url-file: FOLDER/secret}}", "1:35", "it is not an address such as"),
        ("webhooks: {x: {url-file: FOLDER/plain-url}}", "1:35", "it is not encrypted"),
        (
            "webhooks: {x: {url: \"https://x\", form: irc}}", "1:49",
            "irc is not one of muster, slack"
        ),
        ("webhooks: {x: {url: \"https://x\", insecure: 1}}", "1:53", "1 is not yes or no"),
        ("webhooks: {x: {url: \"https://x\", timeout: 1h}}", "1:52", "is not a duration from 1s"),
        (
            "webhooks: {x: {url: \"https://x\", form: slack, secret-file: FOLDER/secret}}", "1:69",
            "is of no use with form: slack"
        ),
        ("alertmanagers: {x: {user: u, password-file: FOLDER/secret}}", "1:29", "has no address"),
        (
            "alertmanagers: {x: {url: \"http://x\", insecure: yes, user: u, password-file: FOLDER/secret}}",
            "1:35", "would get the password for everybody to read"
        ),
        ("alertmanagers: {x: {url: \"https://x/?a=b\"}}", "1:35", "and here without a query"),
        ("alertmanagers: {x: {url: \"https://x\", form: slack}}", "1:48", "form is not a setting"),
        ("commands: {x: {}}", "1:24", "notify.commands.x.command names no program"),
        ("commands: {x: {command: [true]}}", "1:34", "a program is named by its absolute path"),
        ("commands: {x: {command: [/bin/true], timeout: 1h}}", "1:56", "is not a duration from 1s"),
    ]

    @Test(arguments: mistakes)
    func `a mistake is told with its place and what would be right`(
        text: String,
        place: String,
        said: String
    ) {
        let found = problems("notify: {\(text)}\n")
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(said) == true, "\(found)")
        #expect(found.allSatisfy { !$0.contains("geheim") })
        if !place.hasSuffix(":0") {
            #expect(found.first?.hasPrefix("c.yaml:\(place): ") == true, "\(found)")
        }
    }

    @Test func `there is a limit to the channels`() {
        let hooks = (0...NotifySettings.channelsMax).map { "w\($0): {url: \"https://x\"}" }
        let found = problems("notify: {webhooks: {\(hooks.joined(separator: ", "))}}\n")
        #expect(found.count == 1 && found[0].contains("notify has 65 channels; 64 is the limit"))
    }
}
