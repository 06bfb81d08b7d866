import ControllerCore
import Foundation
import Host
import Model
import Testing

@testable import Controller

/// Mails to real servers that are down, slow, refusing, lying, and back.
@Suite struct MailDeliveryTests {
    private let folder: NotifyFolder
    private let password: String

    init() throws {
        folder = try NotifyFolder()
        password = try folder.file("password", "geheim-1\n")
    }

    private func peer(_ more: [String] = []) async throws -> Peer {
        try await Peer(
            Peer.mail,
            ["--user", "muster", "--password-file", password] + more,
            in: folder
        )
    }

    private func settings(
        _ port: UInt16,
        tls: MailTLS = .starttls,
        timeout: Duration = .seconds(30)
    ) throws -> NotifySettings {
        var settings = NotifySettings()
        settings.mail = try NotifySettings.Mail(
            port,
            tls: tls,
            authorityFile: folder["certificate.pem"],
            passwordFile: password,
            timeout: timeout
        )
        return settings
    }

    private func outcome(
        _ settings: NotifySettings,
        to recipient: String = "ops@example.org"
    ) async throws -> DeliveryOutcome? {
        let answers = Answers()
        let notifier = try answers.notifier(settings)
        defer { notifier.stop() }
        notifier.deliver([Notices.mail(1, to: recipient)])
        return await answers.outcome(of: 1)
    }

    @Test func `a mail arrives by STARTTLS and a login, for one recipient at a time`() async throws
    {
        let peer = try await peer()
        let answers = Answers()
        let notifier = try answers.notifier(settings(peer.port))
        defer { notifier.stop() }
        let among = ["ops@example.org", "b@example.org"]
        notifier.deliver([
            Notices.delivery(1, .mail(to: among[0], among: among), id: "n1"),
            Notices.delivery(2, .mail(to: among[1], among: among), id: "n1"),
        ])
        #expect(await answers.outcome(of: 1) == .delivered)
        #expect(await answers.outcome(of: 2) == .delivered)
        let mails = peer.mails
        #expect(
            mails.map(\.to).sorted { $0[0] < $1[0] } == [["b@example.org"], ["ops@example.org"]]
        )
        for mail in mails {
            #expect(mail.tls && mail.user == "muster" && mail.from == "muster@example.org")
            #expect(mail.field("To") == "ops@example.org, b@example.org")
            #expect(mail.field("Message-ID") == "<n1@example.org>")
            #expect(mail.message.contains("\r\nTwo of four.\r\n"))
        }
    }

    @Test func `TLS from the first byte and AUTH LOGIN do as well`() async throws {
        let peer = try await peer(["--tls", "tls"])
        try peer.behave("login-only")
        #expect(try await outcome(settings(peer.port, tls: .tls)) == .delivered)
        #expect(peer.mails.first?.tls == true && peer.mails.first?.user == "muster")
    }

    @Test func `a server that others have written takes a mail too`() async throws {
        // Its certificate is made by ours.
        try await peer().stop()
        let foreign = try await Peer(
            Peer.foreignMail,
            ["--user", "muster", "--password-file", password],
            in: folder
        )
        #expect(try await outcome(settings(foreign.port)) == .delivered)
        #expect(foreign.mails.first?.to == ["ops@example.org"])
        #expect(foreign.mails.first?.tls == true && foreign.mails.first?.user == "muster")
        #expect(foreign.mails.first?.message.hasSuffix("--=_muster_notice--\r\n") == true)
    }

    @Test func `while a server is down an attempt fails, and when it is back one arrives`()
        async throws
    {
        let first = try await peer()
        first.stop()
        let down = try await outcome(settings(first.port))?.failure
        let words = "mail server localhost:\(first.port) cannot be reached: Connection refused; see"
        #expect(down?.hasPrefix(words) == true, "\(down ?? "")")
        let second = try await peer(["--port", "\(first.port)"])
        #expect(try await outcome(settings(second.port)) == .delivered)
        #expect(second.mails.count == 1)
    }

    @Test(arguments: [
        // What may be mended or pass by, at any stage.
        ("refuse 421 connect", false, "before its greeting: 421"),
        ("refuse 554 connect", false, "before its greeting: 554"),
        ("refuse 421 helo", false, "after EHLO"),
        ("refuse 454 auth", false, "refused the login of muster: 454"),
        ("refuse 535 auth", false, "refused the login of muster: 535"),
        ("refuse 451 mail", false, "after MAIL FROM: 451"),
        ("refuse 450 rcpt", false, "after RCPT TO: 450 5.1.1 refused at rcpt, as told"),
        ("refuse 452 data", false, "after DATA: 452"),
        ("refuse 451 message", false, "after the message: 451"),
        ("refuse 530 mail", false, "after MAIL FROM: 530"),
        ("drop connect", false, "broke off, before its greeting"),
        ("drop rcpt", false, "broke off, after RCPT TO"),
        ("drop data", false, "broke off, after "),
        ("drop message", false, "broke off, after the message"),
        ("no-starttls", false, "has no STARTTLS, and nothing was told to it"),
        // What will never be taken.
        ("refuse 550 mail", true, "after MAIL FROM: 550"),
        ("refuse 550 rcpt", true, "after RCPT TO: 550 5.1.1 refused at rcpt, as told"),
        ("refuse 554 data", true, "after DATA: 554"),
        ("refuse 552 message", true, "after the message: 552"),
    ])
    func `what a server says tells whether to try again`(
        mode: String,
        isRefused: Bool,
        said: String
    ) async throws {
        let peer = try await peer()
        try peer.behave(mode)
        let outcome = try await outcome(settings(peer.port))
        let text = isRefused ? outcome?.refusal : outcome?.failure
        #expect(text?.contains(said) == true, "\(String(describing: outcome))")
        #expect(text?.contains("mail server localhost:\(peer.port)") == true)
        #expect(peer.mails.isEmpty)
        // And it is taken as soon as the server takes mail.
        try peer.behave("normal")
        #expect(try await self.outcome(settings(peer.port)) == .delivered)
    }

    @Test func `one recipient is refused, and the other gets his mail`() async throws {
        let peer = try await peer()
        try peer.behave("refuse 550 rcpt gone@example.org")
        let answers = Answers()
        let notifier = try answers.notifier(settings(peer.port))
        defer { notifier.stop() }
        notifier.deliver([
            Notices.mail(1, to: "gone@example.org"), Notices.mail(2, to: "ops@example.org"),
        ])
        #expect(await answers.outcome(of: 1)?.refusal?.contains("gone@example.org") == true)
        #expect(await answers.outcome(of: 2) == .delivered)
        #expect(peer.mails.map(\.to) == [["ops@example.org"]])
    }

    @Test func `no password is said before TLS, nor to a stranger`() async throws {
        let peer = try await peer()
        try peer.behave("no-starttls")
        #expect(try await outcome(settings(peer.port))?.failure != nil)
        // Its certificate is nobody's that this machine knows.
        try peer.behave("normal")
        var strangers = try settings(peer.port)
        strangers.mail?.authorityFile = nil
        let unknown = try await outcome(strangers)?.failure
        #expect(unknown?.contains("is not believed: ") == true, "\(unknown ?? "")")
        #expect(!peer.log.contains("\"auth\""))
        #expect(peer.log.contains("connected"))
    }

    @Test func `a certificate for another name is not believed`() async throws {
        let peer = try await peer(["--name", "other.example.org"])
        let text = try await outcome(settings(peer.port))?.failure
        #expect(text?.contains("is not believed: ") == true, "\(text ?? "")")
        #expect(text?.contains("SSH") == false, "\(text ?? "")")
        #expect(!peer.log.contains("\"auth\""))
    }

    @Test func `a wrong password is a failure that does not tell it, and a new one is read`()
        async throws
    {
        let peer = try await peer()
        let wrong = try folder.file("wrong", "falsch-2\n")
        var settings = try settings(peer.port)
        settings.mail?.login?.passwordFile = wrong
        let text = try #require(try await outcome(settings)?.failure)
        #expect(text.contains("refused the login of muster: 535"))
        #expect(!text.contains("falsch-2"))
        let answers = Answers()
        let notifier = try answers.notifier(settings)
        defer { notifier.stop() }
        notifier.deliver([Notices.mail(1, to: "ops@example.org")])
        #expect(await answers.outcome(of: 1)?.failure != nil)
        _ = try folder.file("wrong", "geheim-1\n")
        notifier.deliver([Notices.mail(2, to: "ops@example.org")])
        #expect(await answers.outcome(of: 2) == .delivered)
        _ = try folder.file("wrong", "geheim-1\n", mode: 0o644)
        notifier.deliver([Notices.mail(3, to: "ops@example.org")])
        #expect(await answers.outcome(of: 3)?.failure?.contains("others may read it") == true)
    }

    @Test func `mails of one recipient come in the order in which they were given`() async throws {
        let peer = try await peer()
        let answers = Answers()
        let notifier = try answers.notifier(settings(peer.port))
        defer { notifier.stop() }
        notifier.deliver((1...8).map { Notices.mail($0, to: "ops@example.org") })
        for number in 1...8 as ClosedRange<UInt64> {
            #expect(await answers.outcome(of: number) == .delivered)
        }
        #expect(peer.mails.compactMap { $0.field("X-Muster-Notice") } == (1...8).map { "n1-\($0)" })
        #expect(answers.numbers == Array(1...8))
    }

    @Test func `a server that hangs for one recipient holds back nobody else`() async throws {
        let peer = try await peer()
        try peer.behave("hang rcpt slow@example.org")
        var all = try settings(peer.port, timeout: .seconds(20))
        all.commands["page"] = HookDefinition(
            command: ["/bin/true"],
            timeout: .seconds(20),
            description: ""
        )
        let answers = Answers()
        let notifier = try answers.notifier(all)
        defer { notifier.stop() }
        notifier.deliver([
            Notices.mail(1, to: "slow@example.org"), Notices.mail(2, to: "slow@example.org"),
            Notices.mail(3, to: "ops@example.org"), Notices.delivery(4, .command("page")),
        ])
        #expect(await answers.outcome(of: 3) == .delivered)
        #expect(await answers.outcome(of: 4) == .delivered)
        #expect(answers.all[1] == nil && answers.all[2] == nil)
        try peer.behave("normal")
        #expect(await answers.outcome(of: 1)?.failure != nil)
        #expect(await answers.outcome(of: 2) == .delivered)
    }

    @Test func `a server that hangs is given up after its time`() async throws {
        let peer = try await peer()
        try peer.behave("hang message")
        let began = BootClock.now()
        let text = try await outcome(settings(peer.port, timeout: .seconds(2)))?.failure
        #expect(
            text?.contains("was not done within 2s, after the message") == true,
            "\(text ?? "")"
        )
        #expect(BootClock.now() - began < .seconds(15))
    }

    @Test func `a stop ends what hangs at once, and answers nothing`() async throws {
        let peer = try await peer()
        try peer.behave("hang connect")
        let answers = Answers()
        let notifier = try answers.notifier(settings(peer.port))
        notifier.deliver((1...9).map { Notices.mail($0, to: "ops\($0)@example.org") })
        #expect(await eventually { peer.log.contains("hangs") })
        let began = BootClock.now()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            #expect(
                startThread {
                    notifier.stop(); done.resume()
                }
            )
        }
        #expect(BootClock.now() - began < .seconds(4))
        notifier.deliver([Notices.mail(10, to: "ops@example.org")])
        #expect(answers.all.isEmpty)
    }

    @Test func `attempts above the limit fail at once, and what is not set up is refused`()
        async throws
    {
        let peer = try await peer()
        try peer.behave("hang connect")
        let answers = Answers()
        let notifier = try answers.notifier(settings(peer.port))
        defer { notifier.stop() }
        let count = UInt64(Notifier.attemptsMax)
        notifier.deliver((1...count + 1).map { Notices.mail($0, to: "ops@example.org") })
        #expect(answers.all.keys.sorted() == [count + 1])
        #expect(
            answers.all[count + 1]?.failure?.contains("attempts to deliver notices wait") == true
        )
        notifier.deliver([
            Notices.delivery(5_001, .webhook("x")), Notices.delivery(5_002, .alertmanager("x")),
            Notices.delivery(5_003, .command("x")),
        ])
        #expect(
            answers.all[5_001]
                == .refused(
                    "webhook x is not set up on the controller's host: add notify.webhooks.x to the "
                        + "controller's configuration and restart it"
                )
        )
        #expect(answers.all[5_002]?.refusal != nil && answers.all[5_003]?.refusal != nil)
    }

    @Test func `an address that stays on the machine is refused`() async throws {
        let outcome = try await outcome(settings(1), to: "root@localhost")
        #expect(outcome?.refusal?.contains("root@localhost is not an address that") == true)
    }
}
