import API
import Foundation
import Testing

@testable import Console

@Suite struct `Who is told of what, in words` {
    @Test func `a threshold says at which loss from now it tells`() {
        let words = NotifySamples.thresholds.map {
            NotifyWords.fires($0, at: Samples.now).text
        }
        #expect(
            words == [
                "at the 2nd loss from now", "at the 3rd loss from now, after 2m",
                "told, below for 2m",
            ]
        )
        #expect(
            [1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111].map { NotifyWords.ordinal($0) } == [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd",
                "111th",
            ]
        )
    }

    @Test func `a route is told as a sentence`() {
        let routes = NotifySamples.rules.routes
        #expect(NotifyWords.what(routes[0]) == "site.*, run.* of site a, critical only, to chat")
        #expect(
            NotifyWords.how(routes[0])
                == "one message a site, at once, then at most every 5m; not repeated; planned work, "
                + "too; not when it has ended; later routes look at it, too"
        )
        #expect(NotifyWords.what(routes[1]) == "everything, warning or worse, to ops")
        #expect(
            NotifyWords.how(routes[1])
                == "one message a site, after 10s, then at most every 5m; again every 4h while it "
                + "lasts; no planned work"
        )
    }

    @Test func `of each open thing it is said who knows, or why nobody does`() {
        #expect(
            NotifySamples.alarms.map(NotifyPage.told) == [
                "told ops, chat", "told with its site", "silence 7", "planned; told to nobody",
                "no route takes it; told to nobody", "to be told: ops",
            ]
        )
    }

    @Test func `only what differs is shown, and nothing when nothing does`() {
        var other = NotifySamples.rules
        other.thresholds[0].minimum = 2
        other.receivers.removeLast()
        func changes(_ after: NotifyRulesView) -> [String] {
            NotifyWords.changes(from: NotifySamples.rules, to: after, style: .plain, width: nil)
        }
        #expect(changes(NotifySamples.rules) == [])
        let threshold = " Online for 2m, critical, and each further loss; proposes a failover"
        #expect(
            changes(other) == [
                "- receiver chat: webhook team",
                "- threshold dr: site a with fewer than 1\(threshold)",
                "+ threshold dr: site a with fewer than 2\(threshold)",
            ]
        )
        let first = NotifyWords.changes(
            from: nil,
            to: NotifySamples.rules,
            style: .plain,
            width: 80
        )
        #expect(first.allSatisfy { DisplayWidth.of($0) <= 80 })
        #expect(first.first == "+ receiver ops: mail to ops@example.com, b@example.com")
    }

    @Test func `the page fits, and has everything`() {
        let page = NotifyPage(
            status: NotifySamples.status,
            style: .plain,
            now: Samples.now,
            width: 80
        )
        let lines = page.lines()
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= 80 }, "\(lines)")
        let text = lines.joined(separator: "\n")
        for part in [
            "rules version 3, by alice", "told to chat", "mail to ops@example.com",
            "site.*, run.* of site a", "at the 2nd loss from now", "takes it; told to nobody",
            "  and 100 more", "● delivered", "switch exchange", "in 1h",
        ] { #expect(text.contains(part), "\(part)\n\(text)") }
        let none = NotifyPage(
            status: NotifyStatus(asOf: Samples.ago(0), version: 0),
            style: .plain,
            now: Samples.now,
            width: 80
        )
        #expect(none.lines().joined(separator: " ").hasPrefix("notices are not set up: nobody is"))
    }

    @Test func `the status screen says that nobody is told, once, and what is on its way`() {
        func foot(_ notices: NoticeSummary?) -> [String] {
            var status = Samples.healthy
            status.notices = notices
            return StatusScreen(
                status: status,
                style: .plain,
                now: Samples.now,
                width: 80,
                height: 23
            ).lines().filter { $0.contains("notices") || $0.contains("notify") }
        }
        #expect(foot(nil) == [])
        #expect(foot(NoticeSummary(configured: true)) == [])
        #expect(foot(NoticeSummary(configured: false)).first?.hasPrefix("notices are not") == true)
        #expect(
            foot(NoticeSummary(configured: true, pending: 2)) == [
                "2 messages wait to be delivered: muster notify pending"
            ]
        )
    }

    @Test func `sites say the loss at which somebody is told first`() {
        var site = Samples.site("a", "active", 3)
        #expect(SiteWords.firesAt(site) == 2 && SiteWords.told(site) == nil)
        site.thresholds = Array(NotifySamples.thresholds[1...1])
        #expect(SiteWords.firesAt(site) == 3 && SiteWords.told(site) == "told at the 3rd loss")
        site.thresholds = NotifySamples.thresholds
        #expect(SiteWords.firesAt(site) == 0 && SiteWords.told(site) == nil)
    }
}
