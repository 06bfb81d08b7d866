import API
import Foundation
import Host
import Model
import Testing

/// Who is told of what, through the interface of a running controller and by the command.
@Suite struct NotifyRouteTests {
    private static let rules = """
        thresholds:
          two:
            site: north
            minimum: 2
            for: 1h
            severity: warning
            advice: "Look first"
        templates:
          subject: "{{cluster}} {{label}}: {{headline}}"
          kinds:
            node.offline: {subject: "CALL {{subject}}"}
        pages: https://wiki.example.com/{kind}

        """

    @Test func `rules are set, kept over a restart, and seen in sites and previews`() async throws {
        try await TestCluster.with { cluster in
            let admin = cluster.admin
            let none: NotifyStatus = try await admin.get(.showNotify)
            #expect(none.version == 0 && none.rules == nil && none.thresholds.isEmpty)
            let before: ClusterStatus = try await admin.get(.getStatus)
            #expect(before.notices == NoticeSummary(configured: false))

            try cluster.folder.write("notify.yaml", Self.rules)
            let file = cluster.folder["notify.yaml"]
            let dry = try await cluster.muster("notify", "set", file, "--dry-run")
            #expect(dry.status == 0, "\(dry.everything)")
            #expect(dry.output.contains("+ threshold two: site north with fewer than 2 Online"))
            #expect(try await admin.get(.showNotify, as: NotifyStatus.self).version == 0)
            let set = try await cluster.muster("notify", "set", file, "--reason", "a test")
            #expect(set.status == 0 && set.output.contains("version 1 holds"), "\(set.everything)")
            try await admin.change(.setSiteMinimum, "north", body: SetMinimumRequest(minimum: 1))

            try await cluster.stop()
            try await cluster.start()
            let text: NotifyRulesText = try await admin.get(.getNotifyRules)
            #expect(
                text.lines.joined(separator: "\n") == Self.rules && text.version == 1
                    && text.by == "admin"
            )
            let sites: SiteList = try await admin.get(.listSites)
            let thresholds = try #require(sites.sites.first?.thresholds)
            #expect(thresholds.map(\.rule.name) == ["minimum", "two"])
            #expect(thresholds.map(\.rule.minimum) == [1, 2])
            let shown = try await cluster.muster("notify", "show")
            #expect(shown.output.contains("rules version 1, by admin"), "\(shown.everything)")

            let preview = try await cluster.muster("notify", "preview", "node.offline")
            #expect(preview.output.hasPrefix("Subject: CALL "), "\(preview.everything)")
            let ended: NotifyPreview = try await admin.send(
                .previewNotice,
                body: NotifyPreviewRequest(kind: "site.below-minimum", state: "resolved")
            )
            #expect(ended.subject.hasPrefix("test RESOLVED: "), "\(ended)")
            #expect(
                ended.lines.contains { $0.hasSuffix("https://wiki.example.com/site.below-minimum") }
            )
            let unknown = try await admin.refusal(
                .previewNotice,
                body: NotifyPreviewRequest(kind: "node.offlne")
            )
            #expect(unknown.mend == "did you mean node.offline?")
        }
    }

    @Test func `mistakes are told with their places, and nothing is set`() async throws {
        try await TestCluster.with { cluster in
            try cluster.folder.write(
                "bad.yaml",
                "receivers: {ops: {mail: [a@example.com]}}\nroutes:\n- receivers: [opps]\n"
            )
            let file = cluster.folder["bad.yaml"]
            let check = try await cluster.muster("notify", "check", file)
            #expect(check.status == 2, "\(check.everything)")
            #expect(
                check.output == """
                    \(file):1:25: receivers.ops.mail: the controller's configuration says of no mail \
                    server: add notify.mail there
                    \(file):3:15: routes[1].receivers[1]: there is no receiver opps; did you mean ops?

                    """
            )
            let set = try await cluster.muster("notify", "set", file)
            #expect(set.status == 3 && set.errors.contains("they have 2 mistakes"))
            let refused = try await cluster.admin.refusal(
                .setNotifyRules,
                body: SetDocumentRequest(text: "rutes: []")
            )
            #expect(refused.detail == "rules:1:1: rutes is not a setting; did you mean routes?")
            let status: NotifyStatus = try await cluster.admin.get(.showNotify)
            #expect(status.version == 0)
            let test = try await cluster.muster("notify", "test", "ops")
            #expect(test.status == 3 && test.errors.contains("there is no receiver ops"))
        }
    }

    @Test func `a silence is shown until it is ended, and over a restart`() async throws {
        try await TestCluster.with { cluster in
            let muster = cluster.muster
            let unreasoned = try await cluster.admin.refusal(
                .addSilence,
                body: AddSilenceRequest(forMilliseconds: 60_000)
            )
            #expect(unreasoned.detail == "a silence needs a reason")
            let set = try await muster(
                "notify",
                "silence",
                "--kind",
                "node.*",
                "--site",
                "north",
                "--for",
                "2h",
                "--reason",
                "switch exchange"
            )
            #expect(set.status == 0, "\(set.everything)")
            try await cluster.stop()
            try await cluster.start()
            let list: NotifySilenceList = try await cluster.admin.get(.listSilences)
            let silence = try #require(list.silences.first)
            #expect(silence.kinds == ["node.*"] && silence.sites == ["north"])
            #expect(silence.owner == "admin" && silence.reason == "switch exchange")
            let status = try await muster("status")
            #expect(status.output.contains("silence \(silence.number) of admin"), "\(status)")
            let ended = try await muster("notify", "unsilence", "\(silence.number)")
            #expect(ended.status == 0, "\(ended.everything)")
            #expect(try await muster("notify", "silences").output == "")
            let events: EventPage = try await cluster.admin.get(
                .listEvents,
                query: "kind=silence."
            )
            #expect(events.events.map(\.kind) == ["silence.begun", "silence.ended"])
        }
    }

    @Test func `a test says what was answered; what fails waits, and can be given up`()
        async throws
    {
        let commands = "good: {command: [/bin/true]}, bad: {command: [/bin/false]}"
        try await TestCluster.with(settings: "notify: {commands: {\(commands)}}") { cluster in
            let muster = cluster.muster
            try cluster.folder.write(
                "notify.yaml",
                "receivers: {ops: {commands: [good]}, pager: {commands: [good, bad]}}\n"
            )
            let set = try await muster("notify", "set", cluster.folder["notify.yaml"])
            #expect(set.errors == "hint: try it: `muster notify test ops`\n", "\(set.everything)")
            let good = try await muster("notify", "test", "ops")
            #expect(good.status == 0, "\(good.everything)")
            #expect(good.output == "● command good: delivered\n")

            let bad = try await muster("notify", "test", "pager")
            #expect(bad.status == 1, "\(bad.everything)")
            #expect(bad.output.contains("● command good: delivered\n"))
            #expect(bad.output.contains("✖ command bad: not delivered yet: command bad"))
            let pending: NotifyDeliveryList = try await cluster.admin.get(
                .listNotices,
                query: "pending=true"
            )
            #expect(pending.deliveries.map(\.destination) == ["command bad"])
            let waits = try await muster("notify", "pending")
            #expect(waits.status == 2 && waits.output.contains("pager"), "\(waits.everything)")
            let number = "\(pending.deliveries.first?.number ?? 0)"
            let dropped = try await muster("notify", "pending", "drop", number)
            #expect(dropped.status == 0, "\(dropped.everything)")
            let none = try await muster("notify", "pending")
            #expect(none.status == 0 && none.errors == "nothing waits to be delivered\n")
            let list = try await muster("notify", "list", "--receiver", "pager", "-o", "json")
            let all = try JSONDecoder().decode(
                NotifyDeliveryList.self,
                from: Data(list.output.utf8)
            )
            #expect(all.deliveries.map(\.state).sorted() == ["delivered", "dropped"])
            let again = try await muster("notify", "pending", "retry", number)
            #expect(again.output.contains("is attempted now"), "\(again.everything)")
        }
    }
}
