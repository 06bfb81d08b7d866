import API
import Foundation
import Testing

@testable import Console

@Suite struct `The status screen` {
    private func screen(_ status: ClusterStatus, height: Int? = 23, width: Int = 80) -> [String] {
        StatusScreen(
            status: status,
            style: .plain,
            now: Samples.now,
            width: width,
            height: height
        ).lines()
    }

    private static let samples = [
        "healthy": Samples.healthy, "degraded": Samples.degraded, "down": Samples.down,
    ]

    @Test(arguments: ["healthy", "degraded", "down"])
    func `it looks as it was agreed, and fits`(_ name: String) throws {
        let lines = screen(try #require(Self.samples[name]))
        let path = FakeCluster.fixtures.appendingPathComponent("status-\(name).txt")
        let golden = try String(contentsOf: path, encoding: .utf8)
        #expect(lines.joined(separator: "\n") + "\n" == golden)
        #expect(lines.count <= 23)
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= 80 })
    }

    @Test func `what does not fit is counted, with the command that shows it`() {
        let lines = screen(Samples.down)
        #expect(
            lines.contains { $0.hasPrefix("  +") && $0.contains("muster status -o wide") }
        )
        let whole = screen(Samples.down, height: nil)
        #expect(!whole.contains { $0.contains("more:") })
        #expect(whole.count { $0.contains("critical") } == Samples.down.problems.count)
    }

    @Test func `however small the terminal, the worst problem is shown`() {
        for height in 1...30 {
            let lines = screen(Samples.down, height: height)
            #expect(lines.contains { $0.contains("0 of 3 nodes Online") })
        }
    }

    @Test func `colour adds nothing but colour`() {
        var coloured = StatusScreen(
            status: Samples.degraded,
            style: Style(isColoured: true, isUnicode: true),
            now: Samples.now,
            width: 80,
            height: 23
        )
        coloured.ageMilliseconds = 7_000
        let text = coloured.lines().joined(separator: "\n")
        let plain = text.replacing(/\u{1B}\[[0-9;]*m/, with: "")
        for word in ["DEGRADED", "critical", "warning", "2 of 3 Online", "7.0s ago"] {
            #expect(plain.contains(word))
        }
        #expect(coloured.lines().allSatisfy { DisplayWidth.of($0) <= 80 })
    }

    @Test func `a lost connection takes the place of the verdict, which is only what was`() {
        var screen = StatusScreen(
            status: Samples.healthy,
            style: .plain,
            now: Samples.now,
            width: 80
        )
        screen.connectionNote = "no connection for 12s: connection refused"
        let lines = screen.lines()
        #expect(lines[1] == "no connection for 12s: connection refused")
        #expect(lines[0].contains("NO CONNECTION  was HEALTHY"))
    }

    @Test func `planned work is shown and is nothing wrong`() {
        let problem = Problem(
            severity: .info,
            subject: "node b-1",
            text: "in maintenance by bob: new disk",
            since: Samples.ago(60),
            mend: "muster node show b-1"
        )
        let status = Samples.status(Samples.healthy.sites, [problem])
        #expect(status.verdict == .healthy)
        let lines = screen(status)
        #expect(lines.contains("NOTHING WRONG, BUT"))
        #expect(lines.contains("  ○ info  1m  node b-1: in maintenance by bob: new disk"))
        #expect(!lines.contains { $0.contains("WRONG NOW") || $0.contains("TYPE NEXT") })
    }

    @Test func `who decides that the site is lost is said in a line, and how long it still lasts`()
    {
        func line(_ change: (inout AutomaticStatus) -> Void, age: Int64 = 0) -> String {
            var automatic = RunSamples.automatic
            change(&automatic)
            return AutomaticWords.line(automatic, ageMilliseconds: age).text
        }
        func calm(_ automatic: inout AutomaticStatus) {
            automatic.belowMilliseconds = nil
            automatic.remainingMilliseconds = nil
        }
        func free(_ automatic: inout AutomaticStatus) {
            automatic.pause = nil
            automatic.brake.on = false
            automatic.brake.latched = false
            automatic.sticky = []
            automatic.obstacles = []
        }
        #expect(line(calm) == "failover automatic, PAUSED by olga")
        #expect(
            line {
                calm(&$0)
                $0.pause = nil
            } == "failover automatic, BRAKE ON until lifted"
        )
        #expect(
            line {
                calm(&$0)
                free(&$0)
            } == "failover automatic, brake free"
        )
        #expect(
            line(free, age: 5_000)
                == "failover automatic, brake free; site a below its minimum for 25s, failover in 55s"
        )
        #expect(line({ $0.remainingMilliseconds = 0 }).hasSuffix("NOT by itself"))
        // A controller that was started again counts anew, and asks nobody twice.
        func asked(_ automatic: inout AutomaticStatus) {
            automatic.mode = "manual"
            automatic.asOf = Samples.ago(0)
            automatic.proposedAt = Samples.ago(120)
        }
        #expect(
            line(asked, age: 5_000)
                == "failover manual; site a seems lost, a failover was proposed 2m 5s ago: you decide"
        )
        #expect(
            line {
                $0.mode = "manual"
                calm(&$0)
            } == "failover manual"
        )
        var status = Samples.healthy
        status.automatic = RunSamples.automatic
        #expect(screen(status).contains { $0.contains("PAUSED by olga") })
        let page = AutomaticWords.page(RunSamples.automatic, style: .plain)
        for word in [
            "ON until somebody lifts it", "network work", "a-1", "the brake is on", "lift it",
        ] {
            #expect(page.contains { $0.contains(word) }, "\(word)")
        }
    }

    @Test func `a note says a mark once`() {
        let node = Samples.node("a", reason: "maintenance by bob: disk", marks: [.maintenance])
        #expect(NodeWords.note(node).text == "maintenance by bob: disk")
        let other = Samples.node("a", reason: "unreachable 4s", marks: [.mayAct, .cordoned])
        #expect(NodeWords.note(other).text == "may-act, cordoned: unreachable 4s")
        #expect(NodeWords.note(Samples.node("a")).text == "-")
    }

    @Test func `a new cluster is told how to begin`() {
        let empty = Samples.status(
            [SiteStatus(name: "a", role: "active", online: 0, total: 0)],
            events: []
        )
        #expect(empty.verdict == .healthy)
        #expect(screen(empty).contains("  muster node add NAME"))
    }

    @Test func `the verdict is down only when nothing of the active site is there`() {
        #expect(Samples.healthy.verdict == .healthy)
        #expect(Samples.degraded.verdict == .degraded)
        #expect(Samples.down.verdict == .down)
        var resting = Samples.site("a", "active", 0)
        resting.inMaintenance = 3
        #expect(Verdict(activeSite: resting, problems: []) == .healthy)
    }

    @Test func `that no site is active is worse than all, and said first`() {
        var fenced = Samples.site("a", "standby", 3)
        fenced.fencing = true
        let status = Samples.status([fenced, Samples.site("b", "standby", 3)])
        #expect(status.verdict == .down)
        #expect(StatusCheck.state(status) == .critical)
        #expect(StatusCheck.line(status).contains("6 of 6 nodes Online, NO SITE active |"))
        #expect(screen(status)[0].hasPrefix("✖ prod  NO SITE IS ACTIVE  site a is being fenced"))
    }

    @Test func `a site below a threshold of the rules is shown as such`() throws {
        var site = Samples.site("a", "active", 3)
        let rule = NotifyThresholdRule(name: "restore", site: "a", minimum: 4, severity: .warning)
        site.thresholds = [
            NotifyThresholdStatus(rule: rule, online: 3, total: 3, firesAtLoss: 0)
        ]
        func line() throws -> String {
            try #require(screen(Samples.status([site])).first { $0.hasPrefix("  site a ") })
        }
        #expect(try line().contains("▲ 3 of 3 Online"))
        #expect(try line().hasSuffix("below restore (4)"))
        #expect(StatusScreen.tone(site) == .warning)
        site.thresholds?[0].rule.severity = .critical
        #expect(StatusScreen.tone(site) == .bad)
        // Planned work alone: nothing is lost, and nobody would be told.
        site.thresholds?[0].firesAtLoss = 1
        #expect(StatusScreen.tone(site) == .good)
    }

    @Test func `what keeps the controller from acting comes first, nothing is too wide`() {
        var status = Samples.degraded
        status.controller.tilted = true
        status.controller.journalLate = true
        status.you.name = "alexandra.of-the-night-shift"
        status.sites[0].name = "a-site-with-a-rather-long-name-in-the-north-of-the-country"
        var run = RunSamples.fencing.run
        run.needs[0].commands = [
            "muster run certify 3 a-node-with-a-rather-long-name.example.com --reason TEXT"
        ]
        status.run = run
        for width in [40, 60, 80] {
            let lines = screen(status, width: width)
            #expect(lines.allSatisfy { DisplayWidth.of($0) <= width }, "\(lines)")
            #expect(lines.contains { $0.hasPrefix("TILTED: it does not act") })
            #expect(lines.first?.contains("prod") == true)
        }
    }

    @Test func `at which loss somebody is told is not cut for when a site was heard`() throws {
        var status = Samples.healthy
        status.sites[0].name = "paris-2"
        status.sites[0].thresholds = Array(NotifySamples.thresholds[1...1])
        func line(_ width: Int) throws -> String {
            try #require(screen(status, width: width).first { $0.contains("paris-2") })
        }
        #expect(try line(120).contains("heard 0.8s ago, told at the 3rd loss"))
        #expect(try line(80).hasSuffix("  told at the 3rd loss"))
    }

    @Test func `an event loses what followed first, then why, and is cut between two words`() {
        let event = Samples.event(
            1,
            41,
            "node.offline",
            .critical,
            "a-2",
            "Node a-2 is Offline.",
            cause: "unreachable",
            consequence: "2 of 3 nodes of site a are Online"
        )
        func shown(_ width: Int) -> String {
            EventWords.cell(event, hasSubject: true).fitted(to: width, mark: "…")
        }
        #expect(
            shown(80) == "Node a-2 is Offline (unreachable); 2 of 3 nodes of site a are Online"
        )
        #expect(shown(40) == "Node a-2 is Offline (unreachable)")
        #expect(shown(20) == "Node a-2 is Offline")
        #expect(shown(18) == "Node a-2 is …")
    }

    @Test(
        arguments: [
            ("healthy", "MUSTER OK: prod: 6 of 6 nodes Online, site a active |", 0),
            (
                "degraded",
                "MUSTER CRITICAL: prod: site a: 2 of 3 nodes Online, minimum 3 (+2 more);", 2
            ),
            ("down", "MUSTER CRITICAL: prod: site a: 0 of 3 nodes Online", 2),
        ] as [(String, String, Int32)]
    )
    func `a monitor gets one line and its exit status`(_ sample: (String, String, Int32)) throws {
        let status = try #require(Self.samples[sample.0])
        let line = StatusCheck.line(status)
        #expect(line.hasPrefix(sample.1))
        #expect(line.contains("| a_online="))
        #expect(StatusCheck.state(status).rawValue == sample.2)
        #expect(line.count { $0 == "|" } == 1)
    }
}
