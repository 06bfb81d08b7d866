import ControllerCore
import Foundation
import Model
import Testing

@testable import Controller

/// What webhooks and Alertmanagers are sent.
@Suite struct WebhookFormTests {
    private func object(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    /// The value at a path of keys and indices.
    private func value(_ text: String, _ path: Any...) throws -> String? {
        var value: Any? = try object(text)
        for step in path {
            if let key = step as? String { value = (value as? [String: Any])?[key] }
            if let index = step as? Int {
                let list = value as? [Any]
                value = list.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
        }
        return value.map { "\($0)" }
    }

    @Test func `our own form is written exactly so`() {
        var item = Notices.item
        item.state = .resolved
        item.endedAt = Notices.time + .seconds(90)
        let notice = Notices.notice(
            thread: "n1-7",
            subject: "a \"b\"\n",
            text: "ä\n",
            items: [item],
            itemsLeftOut: 3
        )
        #expect(
            WebhookForm.muster.body(of: notice, cluster: "c")
                == #"{"at":"2026-11-26T04:10:00.000Z","cluster":"c","id":"n1-41","items":"#
                + #"[{"cause":"no heartbeat of db-3 for 3.5s","#
                + #""consequence":"one more loss stops <work>","#
                + #""endedAt":"2026-11-26T04:11:30.000Z","kind":"site.below-minimum","#
                + #""sequence":41,"severity":"critical","since":"2026-11-26T04:10:00.000Z","#
                + #""site":"a","state":"resolved","subject":"a","#
                + #""text":"2 of 4 nodes of site a are Online; 3 is the minimum"}],"#
                + #""itemsLeftOut":3,"severity":"critical","state":"firing","#
                + #""subject":"a \"b\"\u000a","text":"ä\u000a","thread":"n1-7","version":1}"#
        )
    }

    @Test func `a signature is that of the time, a dot and the body`() {
        // printf '1764130200.{}' | openssl dgst -sha256 -hmac secret
        #expect(
            WebSender.signature(of: "{}", seconds: 1_764_130_200, secret: "secret")
                == "t=1764130200,v1="
                + "f16ecd904cbb14ae6babe77587ef2e151f564cf15113366d084569f574d513b7"
        )
    }

    @Test func `each chat gets the subject with its word, and the text`() throws {
        let notice = Notices.notice()
        let heading = "[CRITICAL] Site a is below its minimum"
        let line = "Two of four."

        let slack = WebhookForm.slack.body(of: notice, cluster: "c")
        #expect(try value(slack, "text") == heading)
        #expect(try value(slack, "attachments", 0, "color") == "#b3261e")
        let section = try value(slack, "attachments", 0, "blocks", 0, "text", "text")
        #expect(section == notice.text)
        let kind = try value(slack, "attachments", 0, "blocks", 0, "text", "type")
        #expect(kind == "plain_text")

        let teams = WebhookForm.teams.body(of: notice, cluster: "c")
        #expect(try value(teams, "type") == "message")
        #expect(
            try value(teams, "attachments", 0, "contentType")
                == "application/vnd.microsoft.card.adaptive"
        )
        let runs = try (0...1).map {
            try value(teams, "attachments", 0, "content", "body", $0, "inlines", 0, "text")
        }
        #expect(runs == [heading, line])

        let discord = WebhookForm.discord.body(of: notice, cluster: "c")
        #expect(try value(discord, "embeds", 0, "title") == heading)
        #expect(try value(discord, "embeds", 0, "description")?.hasPrefix(line) == true)
        #expect(try value(discord, "embeds", 0, "color") == "\(0xb3_261e)")

        let mattermost = WebhookForm.mattermost.body(of: notice, cluster: "c")
        #expect(try value(mattermost, "attachments", 0, "fallback") == heading)
        #expect(try value(mattermost, "attachments", 0, "text")?.hasPrefix(line) == true)

        let google = WebhookForm.googleChat.body(of: notice, cluster: "c")
        #expect(try value(google, "cardsV2", 0, "card", "header", "title") == "CRITICAL")
        #expect(try value(google, "thread", "threadKey") == "n1-41")
        let thread = Notices.notice(id: "n2", thread: "n1-41", state: .resolved)
        let reply = WebhookForm.googleChat.body(of: thread, cluster: "c")
        #expect(try value(reply, "thread", "threadKey") == "n1-41")
        #expect(try value(reply, "cardsV2", 0, "card", "header", "title") == "RESOLVED")
    }

    @Test func `no chat obeys what a text says`() throws {
        let text = "<!channel> @channel **b** [x](https://evil.example) <users/all> & `c`\n"
        let notice = Notices.notice(subject: "<!here> & *x*", text: text)
        let slack = WebhookForm.slack.body(of: notice, cluster: "c")
        #expect(try value(slack, "text") == "[CRITICAL] &lt;!here&gt; &amp; *x*")
        let discord = WebhookForm.discord.body(of: notice, cluster: "c")
        #expect(
            try value(discord, "allowed_mentions", "parse") == "(\n)"
                || value(discord, "allowed_mentions", "parse") == "[]"
        )
        let description = try #require(try value(discord, "embeds", 0, "description"))
        #expect(description.contains(#"\*\*b\*\* \[x\]\(https://evil.example\)"#))
        let mattermost = WebhookForm.mattermost.body(of: notice, cluster: "c")
        let shown = try #require(try value(mattermost, "attachments", 0, "text"))
        #expect(!shown.contains("@channel") && shown.contains("@\u{200b}channel"))
        let google = WebhookForm.googleChat.body(of: notice, cluster: "c")
        let paragraph = try value(
            google,
            "cardsV2",
            0,
            "card",
            "sections",
            0,
            "widgets",
            0,
            "textParagraph",
            "text"
        )
        #expect(paragraph?.contains("&lt;users/all&gt; &amp; `c`") == true)
    }

    @Test(arguments: WebhookForm.allCases)
    func `the longest notice stays within what services take`(form: WebhookForm) throws {
        var item = Notices.item
        item.text = String(repeating: "ü", count: 500)
        let notice = Notices.notice(
            subject: String(repeating: "s", count: 500),
            text: String(repeating: "<*_ä>\n", count: 10_000),
            items: Array(repeating: item, count: NoticeMessage.itemsMax)
        )
        let body = form.body(of: notice, cluster: "c")
        _ = try object(body)
        // Teams and Google Chat take 28 and 32 KB.
        if form != .muster { #expect(body.utf8.count < 28_000, "\(body.utf8.count)") }
    }

    @Test func `Alertmanager gets labels that stay the same from the beginning to the end`() throws
    {
        var item = Notices.item
        let firing = AlertmanagerBody(notice: Notices.notice(), cluster: "c").text
        item.state = .resolved
        item.endedAt = Notices.time + .seconds(90)
        let notice = Notices.notice(id: "n2", state: .resolved, items: [item])
        let resolved = AlertmanagerBody(notice: notice, cluster: "c").text
        #expect(
            firing
                == #"[{"annotations":{"description":"2 of 4 nodes of site a are Online; 3 is the minimum\u000a"#
                + #"Cause: no heartbeat of db-3 for 3.5s\u000aConsequence: one more loss stops <work>","#
                + #""notice":"n1-41","summary":"2 of 4 nodes of site a are Online; 3 is the minimum"},"#
                + #""endsAt":"2026-11-27T04:10:00.000Z","labels":{"alertname":"site.below-minimum","#
                + #""cluster":"c","severity":"critical","site":"a","subject":"a"},"#
                + #""startsAt":"2026-11-26T04:10:00.000Z"}]"#
        )
        #expect(try value(resolved, 0, "endsAt") == "2026-11-26T04:11:30.000Z")
        for label in ["alertname", "cluster", "severity", "site", "subject"] {
            #expect(try value(firing, 0, "labels", label) == value(resolved, 0, "labels", label))
        }
        let empty = Notices.notice(state: .test, severity: .info, items: [])
        let test = AlertmanagerBody(notice: empty, cluster: "c").text
        #expect(try value(test, 0, "labels", "alertname") == "muster.test")
    }

    private func labels(_ text: String) throws -> [[String: String]] {
        let alerts = try object(text) as? [[String: Any]] ?? []
        return alerts.compactMap { $0["labels"] as? [String: String] }
    }

    @Test func `two thresholds of one site are two alerts`() throws {
        var other = Notices.item
        other.about = "a/dr"
        let notice = Notices.notice(items: [Notices.item, other])
        let found = try labels(AlertmanagerBody(notice: notice, cluster: "c").text)
        #expect(found.count == 2 && Set(found).count == 2)
        #expect(found.map { $0["about"] } == [nil, "a/dr"])
    }

    @Test func `a severity that has changed leaves no alert that fires`() throws {
        var item = Notices.item
        item.formerSeverities = [.warning]
        let notice = Notices.notice(items: [item])
        let text = AlertmanagerBody(notice: notice, cluster: "c").text
        let found = try labels(text)
        #expect(found.map { $0["severity"] } == ["warning", "critical"])
        #expect(try value(text, 0, "endsAt") == notice.at.iso8601)
        #expect(try value(text, 1, "endsAt") == (notice.at + .seconds(86_400)).iso8601)
        item.state = .resolved
        item.endedAt = Notices.time + .seconds(-5)
        let end = AlertmanagerBody(notice: Notices.notice(items: [item]), cluster: "c").text
        #expect(try value(end, 0, "endsAt") == (Notices.time + .seconds(-5)).iso8601)
        #expect(try value(end, 1, "endsAt") == (Notices.time + .seconds(-5)).iso8601)
    }

    @Test func `a node's loss that its site stands for is no alert: nothing would end it`() throws {
        var node = Notices.item
        node.kind = .nodeOffline
        node.isCovered = true
        let notice = Notices.notice(items: [Notices.item, node])
        let found = try labels(AlertmanagerBody(notice: notice, cluster: "c").text)
        #expect(found.map { $0["alertname"] } == ["site.below-minimum"])
    }

    @Test(arguments: [
        ("https://x.example", "x.example:443", true),
        ("http://x.example:81/a?b", "x.example:81", false),
        ("https://[2001:db8::1]:9/x", "[2001:db8::1]:9", true),
    ])
    func `an address names its place without its path`(text: String, place: String, tls: Bool) {
        let address = WebAddress(text)
        #expect(address?.place == place && address?.isEncrypted == tls)
    }

    @Test(arguments: [
        "", "x.example", "ftp://x.example", "https://", "https://u:p@x.example/",
        "https://x.example/#a",
        "https://x.example/a b", "https://x.example\r\n", "https://x.example:0/", "https://x:70000",
        "https://[::1", "https://x.example/\"", "HTTPS://x.example", "file:///etc/passwd",
    ])
    func `what is no address of a webhook is not taken for one`(text: String) {
        #expect(WebAddress(text) == nil)
    }

    @Test func `loopback is told from what looks like it`() {
        for text in [
            "http://127.0.0.1/", "http://localhost:1", "http://[::1]/", "http://127.9.9.9",
        ] {
            #expect(WebAddress(text)?.isLoopback == true, "\(text)")
        }
        for text in [
            "http://127.0.0.1.evil.example/", "http://localhost.evil.example", "http://128.0.0.1",
        ] {
            #expect(WebAddress(text)?.isLoopback == false, "\(text)")
        }
    }

    @Test func `a query is added to an address as it must be`() {
        #expect(
            WebAddress("https://x.example")?.appending(query: "a=b") == "https://x.example/?a=b"
        )
        #expect(
            WebAddress("https://x.example/p?k=1")?.appending(query: "a=b")
                == "https://x.example/p?k=1&a=b"
        )
        #expect(
            WebAddress("https://x.example/am/")?.appending(path: "/api")
                == "https://x.example/am/api"
        )
    }
}
