import ControllerCore
import Foundation
import Glibc
import Host
import Model
import Testing

@testable import Controller

/// Webhooks, Alertmanagers and commands, against real servers and programs.
@Suite struct WebDeliveryTests {
    private let folder: NotifyFolder
    private let secret: String

    init() throws {
        folder = try NotifyFolder()
        secret = try folder.file("secret", "geheim-1\n")
    }

    private func peer(_ more: [String] = []) async throws -> Peer {
        try await Peer(Peer.web, ["--secret-file", secret] + more, in: folder)
    }

    private func webhook(
        _ url: String,
        form: WebhookForm = .muster,
        timeout: Duration = .seconds(30)
    ) throws -> NotifySettings {
        var settings = NotifySettings()
        settings.webhooks["x"] = NotifySettings.Webhook(
            address: .url(try #require(WebAddress(url))),
            form: form,
            secretFile: form == .muster ? secret : nil,
            timeout: timeout
        )
        return settings
    }

    private func outcome(
        _ settings: NotifySettings,
        _ destination: Destination = .webhook("x")
    ) async throws -> DeliveryOutcome? {
        let answers = Answers()
        let notifier = try answers.notifier(settings)
        defer { notifier.stop() }
        notifier.deliver([Notices.delivery(1, destination)])
        return await answers.outcome(of: 1)
    }

    @Test func `a webhook is signed, so that its receiver can tell`() async throws {
        let peer = try await peer()
        let url = "http://127.0.0.1:\(peer.port)/hooks/a?b=1"
        #expect(try await outcome(webhook(url)) == .delivered)
        let request = try #require(peer.requests.first)
        #expect(request.path == "/hooks/a?b=1" && request.signed == "yes")
        #expect(request.headers["muster-notice"] == "n1-1")
        #expect(request.headers["muster-attempt"] == "1")
        #expect(request.headers["content-type"] == "application/json")
        #expect(
            request.body
                == WebhookForm.muster.body(of: Notices.notice(id: "n1-1"), cluster: Notices.cluster)
        )
        // The peer reads it anew as well: a kept secret would be wrong.
        _ = try folder.file("secret", "geheim-2\n")
        #expect(try await outcome(webhook(url)) == .delivered)
        #expect(peer.requests.map(\.signed) == ["yes", "yes"])
    }

    @Test func `a chat's address comes from a file, and is added to`() async throws {
        let peer = try await peer()
        let file = try folder.file("url", "http://127.0.0.1:\(peer.port)/v1/spaces?key=k\n")
        var settings = NotifySettings()
        settings.webhooks["x"] = NotifySettings.Webhook(address: .file(file), form: .googleChat)
        #expect(try await outcome(settings) == .delivered)
        let request = try #require(peer.requests.first)
        #expect(
            request.path
                == "/v1/spaces?key=k&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
        )
        #expect(request.signed == "no")
    }

    @Test(arguments: [
        ("204", "delivered"), ("408", "failed"), ("425", "failed"), ("429", "failed"),
        ("500", "failed"), ("503", "failed"), ("400", "refused"), ("401", "refused"),
        ("404", "refused"), ("410", "refused"), ("redirect http://127.0.0.1:1/", "refused"),
        ("drop", "failed"), ("talk", "delivered"),
    ])
    func `what a webhook answers tells whether to try again`(
        mode: String,
        expected: String
    ) async throws {
        let peer = try await peer()
        try peer.behave(mode)
        let outcome = try await outcome(webhook("http://127.0.0.1:\(peer.port)/hooks/s3cret-path"))
        let text: String
        switch outcome {
        case .delivered:
            #expect(expected == "delivered")
            return
        case .failed(let why):
            #expect(expected == "failed", "\(why)")
            text = why
        case .refused(let why):
            #expect(expected == "refused", "\(why)")
            text = why
        case nil: throw Peer.Failed(description: "it was not answered")
        }
        #expect(text.hasPrefix("webhook x at 127.0.0.1:\(peer.port) "))
        // The peer repeats the path, which for a chat is the secret.
        #expect(!text.contains("s3cret"), "\(text)")
        #expect(peer.requests.count == 1)
    }

    @Test func `a webhook that hangs is given up after its time`() async throws {
        let peer = try await peer()
        try peer.behave("hang")
        let url = "http://127.0.0.1:\(peer.port)/"
        let text = try await outcome(webhook(url, timeout: .seconds(1)))?.failure
        #expect(text?.contains("was not done within 1s") == true, "\(text ?? "")")
    }

    @Test func `a certificate must be believed, and a closed port is said`() async throws {
        let peer = try await peer(["--tls"])
        var settings = try webhook("https://localhost:\(peer.port)/")
        let text = try await outcome(settings)?.failure
        #expect(text?.contains("is not believed: ") == true, "\(text ?? "")")
        #expect(text?.contains("SSH") == false, "\(text ?? "")")
        settings.webhooks["x"]?.authorityFile = folder["certificate.pem"]
        #expect(try await outcome(settings) == .delivered)
        #expect(peer.requests.count == 1)
        peer.stop()
        let down = try await outcome(settings)?.failure
        #expect(down?.contains("cannot be reached: ") == true, "\(down ?? "")")
    }

    @Test func `an Alertmanager is told by its second interface, with a login`() async throws {
        let peer = try await peer()
        var settings = NotifySettings()
        settings.alertmanagers["am"] = NotifySettings.Alertmanager(
            url: try #require(WebAddress("http://127.0.0.1:\(peer.port)/am/")),
            login: NotifySettings.Login(user: "u", passwordFile: secret)
        )
        #expect(try await outcome(settings, .alertmanager("am")) == .delivered)
        let request = try #require(peer.requests.first)
        #expect(request.path == "/am/api/v2/alerts")
        let login = Data("u:geheim-1".utf8).base64EncodedString()
        #expect(request.headers["authorization"] == "Basic \(login)")
        #expect(request.body.hasPrefix("[{\"annotations\":"))
    }

    // MARK: Commands

    private func command(_ script: String, timeout: Duration = .seconds(60)) -> NotifySettings {
        var settings = NotifySettings()
        settings.commands["x"] = HookDefinition(
            command: ["/bin/sh", "-c", script],
            timeout: timeout,
            description: ""
        )
        return settings
    }

    @Test func `a command gets the notice as JSON and in short`() async throws {
        let settings = command("cat > \(folder["input"]); env > \(folder["environment"])")
        #expect(try await outcome(settings, .command("x")) == .delivered)
        let body = WebhookForm.muster.body(
            of: Notices.notice(id: "n1-1"),
            cluster: Notices.cluster
        )
        #expect(folder.text("input") == body + "\n")
        let variables = folder.text("environment").split(separator: "\n").filter {
            $0.hasPrefix("MUSTER_")
        }
        #expect(
            variables.sorted() == [
                "MUSTER_ATTEMPT=1", "MUSTER_CLUSTER=\(Notices.cluster)",
                "MUSTER_KIND=site.below-minimum", "MUSTER_NOTICE=n1-1", "MUSTER_SEVERITY=critical",
                "MUSTER_STATE=firing", "MUSTER_SUBJECT=Site a is below its minimum",
                "MUSTER_THREAD=n1-1",
            ]
        )
    }

    @Test(arguments: [
        ("exit 75", false, "command x exited with status 75"),
        ("echo no network >&2; exit 1", false, "command x exited with status 1: no network"),
        ("kill -9 $$", false, "command x ended by signal 9"),
        ("exec tail -f /dev/null", false, "command x not done within 1s"),
        ("exit 65", true, "command x exited with status 65"),
        ("exit 67", true, "command x exited with status 67"),
    ])
    func `how a command ends tells whether to try again`(
        script: String,
        isRefused: Bool,
        said: String
    ) async throws {
        let outcome = try await outcome(command(script, timeout: .seconds(1)), .command("x"))
        let text = isRefused ? outcome?.refusal : outcome?.failure
        #expect(text?.hasPrefix(said) == true, "\(String(describing: outcome))")
    }

    @Test
    func `what is under way when the controller stops is waited for, and begins nothing more`()
        async throws
    {
        let answers = Answers()
        let gate = folder["gate"]
        let begun = folder["begun"]
        let notifier = try answers.notifier(
            command("mkfifo \(gate) && touch \(begun) && cat \(gate)")
        )
        defer { notifier.stop() }
        notifier.deliver([Notices.delivery(1, .command("x"))])
        #expect(await eventually { FileManager.default.fileExists(atPath: begun) })
        let settling = Task.detached { notifier.settle() }
        // To open it waits for who reads, and to close it ends the command.
        close(open(gate, O_WRONLY))
        await settling.value
        #expect(answers.all == [1: .delivered])
        notifier.deliver([Notices.delivery(2, .command("x"))])
        notifier.stop()
        #expect(answers.numbers == [1])
    }

    @Test func `a long notice does not block a command that reads nothing`() async throws {
        let answers = Answers()
        let notifier = try answers.notifier(command("exit 0"))
        defer { notifier.stop() }
        var delivery = Notices.delivery(1, .command("x"))
        delivery.message.text = String(repeating: "x", count: 300_000)
        notifier.deliver([delivery])
        #expect(await answers.outcome(of: 1) == .delivered)
    }
}
