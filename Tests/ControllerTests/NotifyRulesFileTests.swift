import Foundation
import Model
import Testing
import YAMLFiles

@testable import Controller
@testable import ControllerCore

/// The rules of notifications as a file, key by key, and every mistake with its place.
@Suite struct NotifyRulesFileTests {
    private static let channels = NotifyChannels(
        hasMail: true,
        webhooks: ["team"],
        alertmanagers: ["main"],
        commands: ["page"]
    )
    private static let nodes: OrderedTable<SiteName, Int> = {
        var nodes: OrderedTable<SiteName, Int> = OrderedTable()
        nodes["lyon"] = 0
        nodes["paris"] = 3
        return nodes
    }()

    private static func read(
        _ text: String,
        _ channels: NotifyChannels = channels
    ) throws(ConfigurationError) -> NotifyRules {
        try NotifyRulesFile.parse(text, path: "n.yaml", channels: channels, nodes: nodes).rules
    }

    private func warnings(_ text: String) throws -> [String] {
        try NotifyRulesFile.parse(text, path: "n.yaml", channels: Self.channels, nodes: Self.nodes)
            .warnings.map(\.description)
    }

    private func problems(_ text: String, _ channels: NotifyChannels = channels) -> [String] {
        do throws(ConfigurationError) {
            _ = try Self.read(text, channels)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    private static let whole = """
        receivers:
          ops: {mail: [ops@example.com, b@example.com], webhooks: [team]}
          rest:
            alertmanagers: [main]
            commands: [page]
        routes:
          - kinds: [node.*, site.below-minimum]
            sites: [paris]
            severity: critical
            receivers: [ops, rest]
            continue: yes
            group-by: kind
            group-wait: 5s
            group-interval: 1m
            repeat-interval: never
            planned: yes
            resolved: no
          - receivers: [rest]
        thresholds:
          dr: {site: paris, minimum: 3, for: 1m30s, recover: 2m, severity: warning,
            further: no, action: propose, advice: "Call: 1 2 3"}
        templates:
          subject: "{{label}} {{headline}}"
          kinds:
            node.offline:
              body: |
                {{text}}
                {{?cause}}
                Why: {{cause}}
                {{/?cause}}
        undeliverable: {give-up-after: 2h, receivers: [rest]}
        pages: https://wiki.example.com/{kind}

        """

    @Test func `every key is read`() throws {
        let rules = try Self.read(Self.whole)
        #expect(rules.source == Self.whole)
        #expect(
            rules.receivers == [
                NotifyReceiver(
                    name: "ops",
                    mail: ["ops@example.com", "b@example.com"],
                    webhooks: ["team"]
                ), NotifyReceiver(name: "rest", alertmanagers: ["main"], commands: ["page"]),
            ]
        )
        #expect(
            rules.routes == [
                NotifyRoute(
                    kinds: [KindPattern("node.*"), KindPattern("site.below-minimum")],
                    sites: ["paris"],
                    severity: .critical,
                    receivers: ["ops", "rest"],
                    continues: true,
                    groupBy: .kind,
                    groupWait: .seconds(5),
                    groupInterval: .seconds(60),
                    repeatInterval: .zero,
                    planned: true,
                    resolved: false
                ), NotifyRoute(receivers: ["rest"]),
            ]
        )
        #expect(
            rules.thresholds == [
                NotifyThreshold(
                    name: "dr",
                    site: "paris",
                    minimum: 3,
                    hold: .seconds(90),
                    recover: .seconds(120),
                    severity: .warning,
                    further: false,
                    action: .propose,
                    advice: "Call: 1 2 3"
                )
            ]
        )
        #expect(rules.templates.subject == "{{label}} {{headline}}" && rules.templates.body == nil)
        #expect(rules.templates.kinds.map(\.kind) == [.nodeOffline])
        #expect(rules.templates.body(of: .nodeOffline).hasPrefix("{{text}}\n{{?cause}}\nWhy"))
        #expect(rules.giveUpAfter == .seconds(7_200) && rules.undeliverable == ["rest"])
        #expect(rules.pages == "https://wiki.example.com/{kind}")
    }

    @Test func `without anything it is rules that tell nobody`() throws {
        let rules = try Self.read("# nothing yet\n")
        #expect(rules.receivers.isEmpty && rules.routes.isEmpty && rules.thresholds.isEmpty)
        #expect(rules.giveUpAfter == NotifyRules.giveUpAfterDefault)
    }

    @Test func `every mistake is told at once, with its place and the nearest`() {
        let text = """
            receivers:
              ops:
                mail: [ops@example.com, root@localhost]
                webhook: [team]
              chat: {webhooks: [teamm]}
              empty:
            routes:
              - kinds: [node.offlne]
                receivers: [opps]
                group-wait: soon
              - sites: [pariss]
                severity: bad
                receivers: [chat]
            thresholds:
              dr: {site: lion, minimum: 0}
              other: {minimum: 2, tell: yes}
            undeliverable:
              give-up-after: 1s
              receivers: [ops, nobody]
            route: []
            """
        #expect(
            problems(text) == [
                "n.yaml:3:29: receivers.ops.mail[2]: root@localhost is of localhost: mail to the "
                    + "controller's own host is read by nobody",
                "n.yaml:4:5: receivers.ops.webhook is not a setting; did you mean "
                    + "receivers.ops.webhooks?",
                "n.yaml:5:21: receivers.chat.webhooks[1]: the controller's configuration has no "
                    + "webhook teamm; did you mean team?",
                "n.yaml:6:9: receivers.empty: empty has no mail, webhooks, alertmanagers or commands",
                "n.yaml:8:13: routes[1].kinds[1]: node.offlne is no kind of event; did you mean "
                    + "node.offline?",
                "n.yaml:9:17: routes[1].receivers[1]: there is no receiver opps; did you mean ops?",
                "n.yaml:10:17: routes[1].group-wait: soon is not a duration such as 30s or 1h30m",
                "n.yaml:11:13: routes[2].sites[1]: there is no site pariss; did you mean paris?",
                "n.yaml:12:15: routes[2].severity: bad is not info, warning or critical",
                "n.yaml:15:29: thresholds.dr.minimum: 0 is not a number from 1 to 100000",
                "n.yaml:16:10: thresholds.other needs a site: site: NAME",
                "n.yaml:16:23: thresholds.other.tell is not a setting; known here: action, advice, "
                    + "for, further, minimum, recover, severity, site",
                "n.yaml:18:18: undeliverable.give-up-after is not from 1m00s to 30d00h",
                "n.yaml:19:20: undeliverable.receivers[2]: there is no receiver nobody",
                "n.yaml:20:1: route is not a setting; did you mean routes?",
            ]
        )
    }

    @Test func `a mistake of a template is pointed at in the file`() {
        let text = """
            templates:
              subject: "{{label}} {{hedline}}"
              body: >
                folded
                {{nothing}}
              kinds:
                node.offlne: {subject: x}
                node.offline:
                  body: |

                    {{text}}
                      {{?cause}} {{caus}}
                  subject: {{label}}
            """
        #expect(
            problems(text) == [
                "n.yaml:2:23: templates.subject: there is no field hedline; did you mean headline?",
                "n.yaml:3:9: templates.body: there is no field nothing (line 1, column 8 of it)",
                "n.yaml:7:18: templates.kinds.node.offlne is no kind of event; did you mean "
                    + "node.offline?",
                "n.yaml:12:11: templates.kinds.node.offline.body: {{?cause}} has no {{/?cause}}",
                "n.yaml:12:22: templates.kinds.node.offline.body: there is no field caus; did you "
                    + "mean cause?",
                "n.yaml:13:16: templates.kinds.node.offline.subject: is not a text",
            ]
        )
    }

    @Test func `without a mail server a receiver with mail is told where one is set up`() {
        #expect(
            problems("receivers: {ops: {mail: [a@example.com]}}", NotifyChannels()) == [
                "n.yaml:1:25: receivers.ops.mail: the controller's configuration says of no mail "
                    + "server: add notify.mail there"
            ]
        )
    }

    @Test func `what cannot be read is told once, and not a second time by what it means`() {
        #expect(
            problems("receivers: [ops]\nroutes: [{receivers: [ops]}]") == [
                "n.yaml:1:12: receivers is not a mapping of keys to values"
            ]
        )
        #expect(
            problems("receivers: {ops: {webhooks: team}}\nroutes: [{receivers: ops}]") == [
                "n.yaml:1:29: receivers.ops.webhooks is not a list",
                "n.yaml:2:22: routes[1].receivers is not a list",
            ]
        )
        #expect(
            problems("routes:\n- receivers: [a]\n  - b\n") == [
                "n.yaml:3:3: did not find expected key"
            ]
        )
    }

    @Test func `what is never reached, never enough or told by what fails is warned of`() throws {
        let text = """
            receivers:
              ops: {mail: [ops@example.com, b@example.com]}
              chat: {webhooks: [team]}
            routes:
              - receivers: [ops]
              - receivers: [chat]
            thresholds:
              all: {site: paris, minimum: 9}
              three: {site: paris, minimum: 3}
            """
        #expect(
            try warnings(text) == [
                "n.yaml:5:3: routes: when mail fails nobody learns of it: what cannot be delivered is "
                    + "told by mail only; name a receiver in undeliverable.receivers that is reached "
                    + "another way",
                "n.yaml:6:5: routes[2]: never reached: route 1 takes all of it before; put this one "
                    + "first, or say `continue: yes` there",
                "n.yaml:8:31: thresholds.all.minimum: site paris has 3 nodes: 9 can never be Online; it "
                    + "is told at the first loss, and lasts until none is left",
            ]
        )
        #expect(try warnings(Self.whole) == [])
        let told = text + "\nundeliverable: {receivers: [ops, chat]}"
        #expect(try warnings(told).count == 2)
        let same = text + "\nundeliverable: {receivers: [ops]}"
        #expect(
            try warnings(same).last?.hasPrefix("n.yaml:10:28: undeliverable.receivers: when ")
                == true
        )
    }

    @Test(
        arguments: [
            ("kinds: [node.offline]", "kinds: [node.*]", false),
            ("kinds: [node.*]", "kinds: [node.offline, node.held]", true),
            ("sites: [paris]", "sites: [paris, lyon]", false),
            ("sites: [paris, lyon]", "sites: [paris]", true), ("sites: [paris]", "", false),
            ("severity: critical", "", false), ("", "severity: critical", true),
            ("", "planned: yes", false), ("planned: yes", "", true), ("continue: yes", "", false),
        ]
    )
    func `a route is never reached when one before takes all that it would`(
        first: String,
        second: String,
        isHidden: Bool
    ) throws {
        func route(_ keys: String) -> String {
            "- receivers: [ops]\n" + (keys.isEmpty ? "" : "  \(keys)\n")
        }
        let text =
            "receivers: {ops: {mail: [a@example.com], webhooks: [team]}}\nroutes:\n"
            + route(first) + route(second) + "- {receivers: [ops], planned: yes, severity: info}\n"
        #expect(try warnings(text).contains { $0.contains("never reached") } == isHidden)
    }

    @Test(arguments: ["nonsense", "https://", "https://a b/{kind}", "wiki.example.com/{kind}"])
    func `links that lead nowhere are refused`(pages: String) {
        #expect(
            problems("pages: \"\(pages)\"\n") == [
                "n.yaml:1:8: pages: \(pages) is no address such as "
                    + "https://wiki.example.org/muster/{kind}"
            ]
        )
    }

    @Test(arguments: [
        "https://w.example/{kind}", "http://w.example/n?k={kind}", "https://w/all#{kind}",
    ])
    func `links to pages of one's own are taken`(pages: String) {
        #expect(problems("pages: \"\(pages)\"\n") == [])
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test
    func `the example that comes with the product is a good one, and so are the pages' rules`()
        throws
    {
        let path = Self.root.appendingPathComponent("deploy/notify/notify.example.yaml")
        let rules = try Self.read(try String(contentsOf: path, encoding: .utf8))
        #expect(rules.routes.count == 2 && rules.thresholds.count == 2)
        let page = try String(
            contentsOf: Self.root.appendingPathComponent("docs/notification-rules.md"),
            encoding: .utf8
        )
        // What a page shows of the rules is read as rules; what is of controller.yaml is not.
        let blocks = page.components(separatedBy: "```yaml\n").dropFirst()
            .map { String($0.prefix(upTo: $0.range(of: "```")!.lowerBound)) }
            .filter { !$0.hasPrefix("notify:") && !$0.hasPrefix(" ") }
        #expect(blocks.count >= 3)
        for block in blocks {
            let found = problems("receivers: {chat: {webhooks: [team]}}\n" + block)
            #expect(found == [], "\(block)")
        }
    }
}

/// One page for each kind of event.
@Suite struct NoticePagesTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("docs/notices")

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    @Test func `every kind has a page, and every page has a kind`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        let kinds = EventKind.allCases.map(\.rawValue)
        #expect(names.sorted() == (kinds.map { "\($0).md" } + ["README.md"]).sorted())
        let index = try Self.text("README.md")
        for kind in kinds {
            #expect(index.contains("| [`\(kind)`](\(kind).md) |"), "\(kind)")
        }
        #expect(index.components(separatedBy: "\n| [`").count - 1 == kinds.count)
    }

    @Test(arguments: EventKind.allCases)
    func `a page says what it means, and what is wrong says what to type`(_ kind: EventKind) throws
    {
        let lines = try Self.text("\(kind.rawValue).md")
            .split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "# \(kind.rawValue)")
        #expect(lines.count <= 32, "a page is read at three in the morning")
        let severities = Severity.allCases.map { "**\($0.rawValue).** " }
        #expect(severities.contains { lines.count > 2 && lines[2].hasPrefix($0) })
        #expect(lines.contains("```sh"))
        if kind.role.opens {
            #expect(lines.contains { $0.hasPrefix("**Ends.** ") }, "it does not say when it ends")
        }
    }
}
