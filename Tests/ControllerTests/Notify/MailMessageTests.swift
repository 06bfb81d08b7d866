import ControllerCore
import Foundation
import Glibc
import Host
import Model
import Testing

@testable import Controller

/// Notices as mails: byte by byte, and read by Python's `email`.
@Suite struct MailMessageTests {
    private static func message(
        _ notice: NoticeMessage,
        among: [String] = ["ops@example.org"],
        from: String = "muster@example.org"
    ) throws -> MailMessage {
        MailMessage(
            from: try #require(MailSender(from)),
            among: among,
            domain: "example.org",
            cluster: Notices.cluster,
            notice: notice
        )
    }

    @Test func `a mail is written exactly so`() throws {
        let notice = Notices.notice(
            thread: "n1-7",
            state: .resolved,
            text: "All four are back.\n.\nÄ = 1 \n",
            items: []
        )
        let text = try Self.message(notice, among: ["ops@example.org", "b@example.org"]).text
        let expected = """
            Date: Thu, 26 Nov 2026 04:10:00 +0000
            From: "Muster" <muster@example.org>
            To: ops@example.org, b@example.org
            Subject: Site a is below its minimum
            Message-ID: <n1-41@example.org>
            In-Reply-To: <n1-7@example.org>
            References: <n1-7@example.org>
            Auto-Submitted: auto-generated
            X-Auto-Response-Suppress: All
            X-Muster-Cluster: c-0123456789abcdef
            X-Muster-Notice: n1-41
            X-Muster-Kind: none
            X-Muster-Severity: critical
            X-Muster-State: resolved
            MIME-Version: 1.0
            Content-Type: multipart/alternative; boundary="=_muster_notice"

            --=_muster_notice
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            All four are back.
            =2E
            =C3=84 =3D 1=20

            --=_muster_notice
            Content-Type: text/html; charset=utf-8
            Content-Transfer-Encoding: quoted-printable

            <!DOCTYPE html>
            <html lang=3D"en">
            <head>
            <meta charset=3D"utf-8">
            <meta name=3D"color-scheme" content=3D"light dark">
            <meta name=3D"supported-color-schemes" content=3D"light dark">
            <title>Site a is below its minimum</title>
            </head>
            <body style=3D"font-family:sans-serif;font-size:15px;line-height:1.4">
            <p><span style=3D"background:#2e7d32;color:#ffffff;padding:1px 7px;border-r=
            adius:3px;font-weight:bold">RESOLVED</span> <strong>c-0123456789abcdef</str=
            ong></p>
            <div style=3D"white-space:pre-wrap;font-family:monospace;font-size:14px">
            All four are back.
            =2E
            =C3=84 =3D 1=20
            </div>
            <p style=3D"font-size:12px;opacity:0.7">Muster cluster c-0123456789abcdef, =
            notice n1-41, 2026-11-26 04:10:00 UTC</p>
            </body>
            </html>

            --=_muster_notice--

            """
        #expect(text == expected.replacing("\n", with: "\r\n"))
        #expect(try Self.message(notice, among: ["ops@example.org", "b@example.org"]).text == text)
    }

    private struct Parsed: Decodable {
        var headers: [[String]]
        var plain: String
        var html: String
        var defects: [String]

        func field(_ name: String) -> [String] {
            headers.filter { $0[0].lowercased() == name.lowercased() }.map { $0[1] }
        }
    }

    /// What Python's `email` makes of it.
    private static func parsed(_ text: String) throws -> Parsed {
        let folder = try NotifyFolder()
        let script = """
            import email, email.policy, json, sys
            mail = email.message_from_bytes(open(sys.argv[1], 'rb').read(), policy=email.policy.default)
            defects = [str(d) for part in mail.walk() for d in part.defects]
            defects += [str(d) for part in mail.walk() for v in part.values() for d in v.defects]
            body = lambda kind: mail.get_body((kind,)).get_content().replace('\\r\\n', '\\n')
            json.dump({'headers': [[k, str(v)] for k, v in mail.items()], 'plain': body('plain'),
                       'html': body('html'), 'defects': defects}, open(sys.argv[2], 'w'))
            """
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let plan = SpawnPlan(
            .path("/usr/bin/env"),
            arguments: [
                "env", "python3", "-c", script, try folder.file("mail", text), folder["parsed"],
            ],
            environment: ["PATH=\(path)"]
        )
        #expect(try Spawn.start(plan).wait() == .exited(0))
        return try JSONDecoder().decode(Parsed.self, from: Data(folder.text("parsed").utf8))
    }

    @Test func `Python's email reads what was meant`() throws {
        let subject =
            "Standort Wien: 2 von 4 Knoten — "
            + String(repeating: "ein sehr langer Grund, ", count: 12) + "🚨 Ende"
        let body = "Grüße,\n\n" + String(repeating: "x", count: 300) + "\nFrom here \t\n=20\n"
        let among = (1...12).map { "operator-number-\($0)@example.org" }
        let message = try Self.message(
            Notices.notice(subject: subject, text: body),
            among: among,
            from: "Müster \"of\" Wien <muster@example.org>"
        )
        #expect(
            message.text.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 78 },
            "a line is too long"
        )
        #expect(message.text.utf8.allSatisfy { $0 < 0x80 && ($0 >= 0x20 || $0 == 10 || $0 == 13) })
        let mail = try Self.parsed(message.text)
        #expect(mail.defects == [])
        #expect(mail.field("subject") == [subject])
        #expect(mail.field("from") == ["\"Müster \\\"of\\\" Wien\" <muster@example.org>"])
        #expect(mail.field("to") == [among.joined(separator: ", ")])
        #expect(mail.field("date") == ["Thu, 26 Nov 2026 04:10:00 +0000"])
        #expect(mail.field("message-id") == ["<n1-41@example.org>"])
        #expect(mail.field("references") == [])
        #expect(mail.field("x-muster-kind") == ["site.below-minimum"])
        #expect(mail.plain == body)
        #expect(mail.html.contains("Grüße,"))
    }

    @Test func `the page says a thing once, and several in a table with times to be read`() {
        let one = MailPage(notice: Notices.notice(), cluster: "prod").text
        #expect(!one.contains("<table") && one.contains("<strong>prod</strong>"))
        // As the title only.
        #expect(one.components(separatedBy: "Site a is below its minimum").count == 2)
        let two = Notices.notice(items: [Notices.item, Notices.item])
        let page = MailPage(notice: two, cluster: "prod").text
        #expect(page.contains("one more loss stops &lt;work&gt;") && !page.contains("<work>"))
        #expect(page.contains(">2026-11-26 04:10:00 UTC</td>"))
    }

    /// Whatever a notice says, no header field comes of it and no part ends.
    @Test(arguments: [
        "x\r\nBcc: evil@example.org", "x\nBcc: evil@example.org\n\nbody",
        "x\rBcc: evil@example.org",
        "x\u{85}Bcc: e", "x\u{2028}Bcc: e", "\0", " ", "", "=?utf-8?Q?x=0D=0ABcc:_e?=",
        "--=_muster_notice--", String(repeating: "ü\r\n", count: 200),
        String(repeating: "y", count: 2_000),
    ])
    func `no text begins a header field`(text: String) throws {
        var item = Notices.item
        item.text = text
        item.subject = text
        item.site = text
        let notice = Notices.notice(
            id: "n1\r\nBcc: e@example.org",
            thread: "n0\r\n\r\n",
            subject: text,
            text: text + "\n",
            items: [item]
        )
        let message = try Self.message(notice, among: ["ops@example.org", text])
        let expected = [
            "Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
            "Auto-Submitted", "X-Auto-Response-Suppress", "X-Muster-Cluster", "X-Muster-Notice",
            "X-Muster-Kind", "X-Muster-Severity", "X-Muster-State", "MIME-Version", "Content-Type",
        ]
        let head = try #require(message.text.components(separatedBy: "\r\n\r\n").first)
        var names: [String] = []
        for line in head.components(separatedBy: "\r\n") where !line.hasPrefix(" ") {
            names.append(String(line.prefix { $0 != ":" }))
        }
        #expect(names == expected)
        #expect(!head.contains { $0 == "\r" || $0 == "\n" || $0 == "\0" })
        let mail = try Self.parsed(message.text)
        #expect(mail.headers.map { $0[0] } == expected)
        #expect(mail.field("subject") == [MailHeaders.oneLine(text)])
        #expect(mail.field("to") == ["ops@example.org"])
        #expect(!mail.plain.isEmpty && mail.html.contains("</html>"))
    }

    @Test(arguments: [
        ("ops@example.org", true), ("a.b+c@x.example.org", true), ("o'neil@example.co", true),
        ("root@localhost", false), ("ops@localhost.localdomain", false), ("ops@LOCALHOST", false),
        ("ops@a.localhost", false), ("ops@ctl1", false), ("ops", false), ("@example.org", false),
        ("a@b@example.org", false), ("a b@example.org", false), ("a@example..org", false),
        (".a@example.org", false), ("a.@example.org", false), ("a@192.0.2.1", false),
        ("a@-x.org", false), ("a@example.org\n", false), ("a\r\n@example.org", false),
        ("ä@example.org", false), ("a@exämple.org", false), ("<a@example.org>", false), ("", false),
        (String(repeating: "a", count: 65) + "@example.org", false),
    ])
    func `an address is one that mail can be sent to`(text: String, isGood: Bool) {
        #expect((MailBox(text) != nil) == isGood)
    }

    @Test func `a sender may have a name`() {
        #expect(MailSender("muster@example.org")?.name == "Muster")
        let named = MailSender("Muster Wien <muster@example.org>")
        #expect(named?.name == "Muster Wien" && named?.address.text == "muster@example.org")
        for text in [
            "<muster@example.org>", "M <root@localhost>", "M\n <m@example.org>", "M <m", "",
        ] {
            #expect(MailSender(text) == nil, "\(text)")
        }
    }

    @Test func `links are made, and nothing else is`() {
        #expect(
            MailPage.linked("See https://x.example/a?b=1&c, <b>now</b>.")
                == "See <a href=\"https://x.example/a?b=1&amp;c\">https://x.example/a?b=1&amp;c</a>, "
                + "&lt;b&gt;now&lt;/b&gt;."
        )
        #expect(MailPage.linked("https://\"onclick=x") == "https://&quot;onclick=x")
    }
}
