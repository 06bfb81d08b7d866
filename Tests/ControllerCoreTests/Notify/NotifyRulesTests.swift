import ControllerCore
import Model
import Protocol
import Testing

/// What may stand in the rules, and where a mistake is.
struct NotifyRulesTests {
    private func problems(_ change: (inout NotifyRules) -> Void) -> [String] {
        var rules = NotifyRules.ops()
        change(&rules)
        return rules.problems(channels: Stage.channels, sites: ["paris", "lyon"])
            .map { "\($0.path.joined(separator: "/")): \($0.text)" }
    }

    @Test func `good rules have no problem`() {
        #expect(problems { _ in } == [])
        #expect(NotifyRules().problems(channels: NotifyChannels(), sites: []) == [])
    }

    @Test(arguments: [
        "root@localhost", "ops@mail.localhost", "ops@localhost.localdomain", "ops", "ops@",
        "@example.com", "a@b@example.com", "ops@example", "ops@-a.com", "ops@a..com", "o ps@a.com",
        "ops@a.com\nBcc: x@y.z", ".ops@a.com", "o..ps@a.com", "ops@192.0.2.1", "ops@[127.0.0.1]",
        "ops@[IPv6:::1]", "ops@[300.1.1.1]", "Ops <ops@a.com>", "ops@ä.com", "\"o\"@a.com", "",
    ])
    func `an address that mail cannot be sent to is refused`(address: String) {
        #expect(MailAddress.problem(of: address) != nil)
        let found = problems { $0.receivers[0].mail = ["a@example.com", address] }
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("receivers/ops/mail/1: ") == true)
    }

    @Test(arguments: [
        "ops@example.com", "first.last+tag@sub.example.co.uk", "o'neil@a-b.org", "x@xn--4ca.com",
        "ops@[192.0.2.1]", "ops@[IPv6:2001:db8::1]",
    ])
    func `an address is an address`(address: String) {
        #expect(MailAddress.problem(of: address) == nil)
    }

    @Test func `a mistake is named with its place and the nearest name`() {
        #expect(
            problems { $0.routes[0].receivers = ["opz"] } == [
                "routes/0/receivers/0: there is no receiver opz; did you mean ops?"
            ]
        )
        #expect(
            problems { $0.routes[0].kinds = [KindPattern("node.*"), KindPattern("node.offlin")] }
                == ["routes/0/kinds/1: node.offlin is no kind of event; did you mean node.offline?"]
        )
        #expect(
            problems { $0.routes[0].sites = ["lion"] } == [
                "routes/0/sites/0: there is no site lion; did you mean lyon?"
            ]
        )
        #expect(
            problems { $0.receivers[1].webhooks = ["chad"] } == [
                "receivers/chat/webhooks/0: the controller's configuration has no webhook chad; did "
                    + "you mean chat?"
            ]
        )
        #expect(problems { $0.receivers[0].mail = [] }.count == 1)
        #expect(problems { $0.routes[0].receivers = [] }.count == 1)
        #expect(problems { $0.undeliverable = ["x"] }.count == 1)
        #expect(problems { $0.giveUpAfter = .seconds(1) }.count == 1)
        #expect(problems { $0.routes[0].repeatInterval = .seconds(5) }.count == 1)
        #expect(problems { $0.routes[0].groupWait = .seconds(-1) }.count == 1)
        #expect(problems { $0.receivers.append($0.receivers[0]) }.count == 1)
        #expect(problems { $0.source = "a\u{202e}b" }.count == 1)
        #expect(
            problems {
                $0.routes[0].kinds = []
                $0.routes[0].severity = .info
                $0.routes[0].planned = true
                $0.routes.append($0.routes[0])
            }.count == 1
        )
        #expect(
            problems {
                $0.thresholds = [NotifyThreshold(name: "minimum", site: "paris", minimum: 0)]
            }.count == 2
        )
        var rules = NotifyRules.ops()
        rules.routes[0].kinds = Array(repeating: KindPattern("x"), count: 500)
        #expect(rules.problems(channels: NotifyChannels(), sites: []).count == 100)
    }

    @Test func `a mistake in a template is named with line and column`() throws {
        var rules = NotifyRules.ops()
        rules.templates.kinds = [
            .init(kind: .nodeOffline, body: "first\n  {{?cause}}x{{/?cause}}\n  {{sevrity}}\n")
        ]
        let found = rules.problems(channels: Stage.channels, sites: [])
        #expect(found.count == 1)
        let problem = try #require(found.first)
        #expect(problem.path == ["templates", "kinds", "node.offline", "body"])
        #expect(problem.text == "there is no field sevrity; did you mean severity?")
        #expect(problem.place == .init(line: 3, column: 3))
        var stage = Stage()
        stage.ask(.setNotifyRules(rules))
        #expect(stage.lastRefusal == .invalid)
        #expect(stage.machine.notify.record == nil)
    }

    @Test(arguments: [
        ("{{text", 1, 1), ("a\n b {{?text}}", 2, 4), ("{{/?text}}", 1, 1), ("x }} y", 1, 3),
        ("{{#items}}{{?text}}{{/items}}{{/?text}}", 1, 20), ("{{#list}}", 1, 1),
        ("{{#items}}{{#items}}{{/items}}", 1, 11), ("{{nothing}}", 1, 1), ("{{}}", 1, 1),
        ("{{ {{text}} }}", 1, 1),
    ])
    func `what cannot be rendered is found`(text: String, line: Int, column: Int) {
        let found = NoticeTemplate.problems(of: text)
        #expect(found.first?.line == line, "\(found)")
        #expect(found.first?.column == column, "\(found)")
        #expect(NoticeTemplate(text) == nil)
    }

    @Test func `the built-in templates are good, and any text is rendered within bounds`() {
        #expect(NoticeTemplate.problems(of: NoticeTemplate.defaultSubject).isEmpty)
        #expect(NoticeTemplate.problems(of: NoticeTemplate.defaultBody).isEmpty)
        var generator = SeededGenerator(seed: 5)
        let pieces = ["{{", "}}", "?", "/", "#items", "text", "\n", " ", "ü", "!", "cause", "x"]
        var good = 0
        for _ in 0..<5_000 {
            let text = (0..<generator.below(12)).map { _ in
                pieces[Int(generator.below(UInt64(pieces.count)))]
            }.joined()
            if NoticeTemplate(text) != nil { good += 1 }
            #expect((NoticeTemplate(text) == nil) == !NoticeTemplate.problems(of: text).isEmpty)
        }
        #expect(good > 0)
    }

    @Test func `a template of one's own says what it says, on one line where it must`() {
        var rules = NotifyRules.ops()
        rules.templates.subject = "{{label}}\n{{kind}} {{?site}}at {{site}}{{/?site}}"
        rules.templates.body = "{{#items}}{{kind}}: {{todo}}\n{{/items}}{{!cause}}none{{/!cause}}"
        rules.pages = "https://wiki.example.com/{kind}"
        var (stage, nodes) = Stage.told(nodes: 2, rules: rules)
        stage.lose(nodes[0], others: [nodes[1]])
        stage.live([nodes[1]], for: 3)
        #expect(stage.messages.first?.subject == "CRITICAL node.offline at a")
        #expect(stage.messages.first?.text == "node.offline: muster node show n1\n")
        let preview = stage.machine.preview(of: .siteBelowMinimum, .resolved)
        #expect(preview.subject == "RESOLVED site.below-minimum at a")
        for kind in EventKind.allCases {
            for state in NoticeState.allCases {
                let message = stage.machine.preview(of: kind, state, rules: NotifyRules())
                #expect(!message.subject.contains("\n") && !message.text.isEmpty)
            }
        }
    }

    @Test func `a preview is a sample of its kind, and of its end`() {
        let (stage, _) = Stage.told(nodes: 1)
        var seen: [String] = []
        for kind in [EventKind.nodeOffline, .siteBelowMinimum, .dataLate, .runWaiting, .storeLow] {
            let begin = stage.machine.preview(of: kind, .firing)
            let end = stage.machine.preview(of: kind, .resolved)
            #expect(begin.items[0].text != end.items[0].text)
            #expect(!seen.contains(begin.items[0].text))
            #expect(begin.text.contains("What to do: muster "))
            #expect(!end.text.contains("Cause: "))
            seen.append(begin.items[0].text)
        }
        // A command is what to do, and no consequence.
        let proposal = stage.machine.preview(of: .failoverProposed, .firing)
        #expect(!proposal.text.contains("Consequence: "))
        #expect(proposal.text.contains("What to do: muster site readiness "))
    }

    @Test func `rules are read back as they were written`() throws {
        var rules = NotifyRules.ops {
            $0.kinds = [KindPattern("node.*"), KindPattern("run.ended")]
            $0.sites = ["a"]
            $0.continues = true
            $0.planned = true
            $0.resolved = false
            $0.groupBy = .none
        }
        rules.thresholds = [
            NotifyThreshold(
                name: "t",
                site: "a",
                minimum: 2,
                hold: .seconds(3),
                recover: .milliseconds(1_500),
                severity: .warning,
                further: false,
                action: .propose,
                advice: "\"quoted\" \\ ü"
            )
        ]
        rules.templates = NotifyTemplates(
            subject: "s {{text}}",
            body: "a\n\"b\"\\n\n",
            kinds: [.init(kind: .runEnded, subject: "x\\", body: "y\n\n")]
        )
        rules.source = "receivers:\n  ops: \"x\"\n\t# ü \\n\n"
        let record = Record.notifyRules(
            NotifyRulesRecord(
                rules: rules,
                version: 3,
                by: "root",
                at: WallTime(milliseconds: 1_700_000_000_000)
            )
        )
        let line = try Line.parse(record.line.bytes.dropLast(), limits: .record)
        let read = try Record(table: .notifyRules, line: line)
        #expect(read == record)
        var stage = Stage()
        stage.ask(.setNotifyRules(rules))
        #expect(stage.machine.notify.record?.version == 1)
        stage.ask(.setNotifyRules(rules))
        #expect(stage.told(.notifyChanged) == 1)
        stage.restart()
        #expect(stage.machine.notify.rules == rules)
        try stage.expectStored()
    }
}
