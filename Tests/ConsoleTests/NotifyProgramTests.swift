import API
import Foundation
import Testing

@testable import Console

@Suite struct `The commands of notifications` {
    private static let check = "POST /api/v1/notify/rules/check"
    private static let set = "PUT /api/v1/notify/rules"

    private func cluster(_ answers: [String: any Encodable]) throws -> FakeCluster {
        try FakeCluster(answers: answers.mapValues { ["body": try FakeCluster.json($0)] })
    }

    @Test func `rules are set after what differs was shown, and not in a dry run`() throws {
        let cluster = try cluster([
            Self.check: NotifyCheck(asOf: "", mistakes: [], rules: NotifySamples.rules),
            "GET /api/v1/notify": NotifyStatus(asOf: "", version: 0),
            Self.set: ChangeDone(asOf: "", text: "version 1 holds"),
        ])
        let dry = try cluster.muster("notify", "set", "-", "--dry-run", input: "routes: []\n")
        #expect(dry.status == 0, "\(dry.error)")
        #expect(dry.output.contains("+ receiver chat: webhook team\n"))
        #expect(dry.error == "a dry run: nothing was changed\n")
        #expect(try cluster.requests().allSatisfy { $0["method"] as? String != "PUT" })
        let run = try cluster.muster("notify", "set", "-", "--reason", "x", input: "routes: []\n")
        #expect(run.status == 0 && run.output.hasSuffix("version 1 holds\n"), "\(run)")
        #expect(run.error == "hint: try it: `muster notify test ops`\n")
        let sent = try #require(try cluster.requests().last { $0["method"] as? String == "PUT" })
        #expect(
            sent["body"] as? String
                == #"{"file":"standard input","reason":"x","text":"routes: []\n"}"#
        )
    }

    @Test func `rules with mistakes are not set, and each is told with its place`() throws {
        let mistakes = [DocumentMistake(line: 2, column: 7, text: "there is no receiver x")]
        let cluster = try cluster([Self.check: NotifyCheck(asOf: "", mistakes: mistakes)])
        let set = try cluster.muster("notify", "set", "-", input: "x")
        #expect(set.status == 3)
        #expect(set.error.contains("they have 1 mistake\n"), "\(set.error)")
        #expect(set.error.contains("standard input:2:7: there is no receiver x"))
        let check = try cluster.muster("notify", "check", "-", input: "x")
        #expect(check.status == 2 && check.output == "standard input:2:7: there is no receiver x\n")
    }

    @Test func `a warning is told with its place, and keeps nothing from being set`() throws {
        let warning = DocumentMistake(line: 4, column: 3, text: "never reached")
        let cluster = try cluster([
            Self.check: NotifyCheck(
                asOf: "",
                mistakes: [],
                warnings: [warning],
                rules: NotifySamples.rules
            ), "GET /api/v1/notify": NotifyStatus(asOf: "", version: 0),
            Self.set: ChangeDone(asOf: "", text: "version 1 holds"),
        ])
        let line = "warning: standard input:4:3: never reached\n"
        let set = try cluster.muster("notify", "set", "-", input: "x")
        #expect(set.status == 0 && set.error.hasPrefix(line), "\(set)")
        let check = try cluster.muster("notify", "check", "-", input: "x")
        #expect(check.status == 0 && check.output.hasSuffix(line), "\(check)")
    }

    @Test func `a test says what each place has answered, and the worst decides the status`()
        throws
    {
        var under = NotifySamples.failing
        under.error = nil
        under.nextAt = nil
        var notice = NotifySamples.notice
        notice.deliveries = [NotifySamples.arrived, under]
        var failed = notice
        failed.deliveries[1] = NotifySamples.failing
        func answers(_ notices: [Notice]) throws -> [String: Any] {
            [
                "POST /api/v1/notify/receivers/ops/test": [
                    "body": try FakeCluster.json(
                        NoticePosted(asOf: "", text: "test 9 goes to 2 places", notice: 9)
                    )
                ],
                "GET /api/v1/notify/notices/9": try notices.map {
                    ["body": try FakeCluster.json($0)]
                },
            ]
        }
        let bad = try FakeCluster(answers: try answers([notice, failed])).muster(
            "notify",
            "test",
            "ops"
        )
        #expect(bad.status == 1, "\(bad)")
        #expect(
            bad.output == """
                ● webhook team: delivered
                ✖ mail to ops@example.com: not delivered yet: smtp.example.com:587: connection refused

                """
        )
        #expect(bad.error.contains("muster notify pending drop 12"), "\(bad.error)")
        var turned = notice
        turned.deliveries = [NotifySamples.refused]
        let refused = try FakeCluster(answers: try answers([turned])).muster(
            "notify",
            "test",
            "ops"
        )
        #expect(refused.status == 1 && refused.output.contains(": refused: mail server"))
        #expect(refused.error.contains("muster notify pending retry 8"), "\(refused.error)")
        let good = try FakeCluster(answers: try answers([NotifySamples.notice])).muster(
            "notify",
            "test",
            "ops"
        )
        #expect(good.status == 0 && good.output == "● webhook team: delivered\n", "\(good)")
        let slow = try FakeCluster(answers: try answers([notice])).muster(
            "notify",
            "test",
            "ops",
            "--timeout",
            "200ms"
        )
        #expect(slow.status == 4 && slow.error.contains("waiting for mail to"), "\(slow)")
    }

    @Test func `what waits is listed with why, and can be tried now or given up`() throws {
        let cluster = try cluster([
            "GET /api/v1/notify/notices": NotifyDeliveryList(
                asOf: Samples.ago(0),
                deliveries: [NotifySamples.failing]
            ), "POST /api/v1/notify/deliveries/12/retry": ChangeDone(asOf: "", text: "retried"),
            "POST /api/v1/notify/deliveries/12/drop": ChangeDone(asOf: "", text: "dropped"),
        ])
        let list = try cluster.muster("notify", "pending")
        #expect(list.status == 2, "\(list.error)")
        #expect(list.output.contains("▲ pending      3  ops       mail to ops@"), "\(list.output)")
        #expect(list.output.contains("smtp.example.com:587: connection refused"))
        let path = try cluster.requests().last?["path"] as? String
        #expect(path == "/api/v1/notify/notices?pending=true&limit=1000", "\(path ?? "")")
        #expect(list.error == "")
        #expect(try cluster.muster("notify", "pending", "retry", "12").output == "retried\n")
        #expect(try cluster.muster("notify", "pending", "drop", "12").output == "dropped\n")
    }

    @Test func `all that waits or did not arrive is tried again with one command`() throws {
        let cluster = try cluster([
            "POST /api/v1/notify/deliveries/retry": ChangeDone(asOf: "", text: "3 deliveries"),
            "POST /api/v1/notify/deliveries/drop": ChangeDone(asOf: "", text: "2 dropped"),
        ])
        let retry = try cluster.muster("notify", "pending", "retry", "--all", "--reason", "mended")
        #expect(retry.output == "3 deliveries\n", "\(retry)")
        #expect(try cluster.requests().last?["body"] as? String == #"{"reason":"mended"}"#)
        #expect(try cluster.muster("notify", "pending", "drop", "--all").output == "2 dropped\n")
        for words in [["retry"], ["retry", "12", "--all"], ["drop"]] {
            #expect(try cluster.muster(["notify", "pending"] + words).status == 64, "\(words)")
        }
    }

    @Test func `what was refused or given up is listed below what waits, with how to retry it`()
        throws
    {
        func pending(_ deliveries: [NotifyDelivery], _ words: String...) throws -> Program.Run {
            let list = NotifyDeliveryList(
                asOf: Samples.ago(0),
                deliveries: deliveries,
                undelivered: [NotifySamples.refused]
            )
            return try cluster(["GET /api/v1/notify/notices": list])
                .muster(["notify", "pending"] + words)
        }
        let both = try pending([NotifySamples.failing])
        #expect(both.status == 2)
        let rows = both.output.split(separator: "\n")
        #expect(rows.count == 3 && rows[1].contains("pending") && rows[2].contains("✖ refused"))
        #expect(
            both.error == """
                1 message did not arrive, and is not tried again
                hint: when that is mended: `muster notify pending retry 8`

                """
        )
        let one = try pending([])
        #expect(one.status == 2 && one.error.hasPrefix("nothing waits to be delivered\n1 message"))
        let json = try pending([], "-o", "json")
        #expect(json.status == 2 && json.error == "" && json.output.contains("\"undelivered\""))
    }

    @Test(arguments: [80, 120])
    func `address, error and next attempt are whole on a terminal`(width: Int) throws {
        let listing = NotifyWords.listing(style: .plain, at: Samples.now)
        let table = try listing.table(
            [NotifySamples.failing, NotifySamples.refused],
            isWide: false,
            hasHeader: true,
            sortBy: nil
        )
        let lines = table.lines(style: .plain, width: width)
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= width }, "\(lines)")
        let words = lines.joined(separator: " ").split(separator: " ").joined(separator: " ")
        for part in [
            "ops@example.com", "CRITICAL Node a-3 is Offline",
            "next attempt in 40s; smtp.example.com:587: connection refused",
            "a.rather.long.name@operations.example.com", try #require(NotifySamples.refused.error),
        ] { #expect(words.contains(part), "\(part)\n\(lines.joined(separator: "\n"))") }
    }

    @Test func `a silence has matchers, a length and a reason`() throws {
        let cluster = try cluster([
            "POST /api/v1/notify/silences": ChangeDone(asOf: "", text: "silence 8 until then"),
            "GET /api/v1/notify/silences": NotifySilenceList(
                asOf: Samples.ago(0),
                silences: [NotifySamples.silence]
            ), "DELETE /api/v1/notify/silences/7": ChangeDone(asOf: "", text: "ended"),
        ])
        let run = try cluster.muster(
            "notify",
            "silence",
            "--kind",
            "node.*",
            "--site",
            "b",
            "--for",
            "2h",
            "--reason",
            "switch"
        )
        #expect(run.status == 0 && run.output == "silence 8 until then\n", "\(run)")
        let sent = try cluster.requests().last?["body"] as? String
        #expect(
            sent
                == #"{"forMilliseconds":7200000,"kinds":["node.*"],"reason":"switch","sites":["b"]}"#
        )
        let list = try cluster.muster("notify", "silences")
        #expect(list.output.contains("node.*, site b, subject b-1"), "\(list.output)")
        #expect(try cluster.muster("notify", "unsilence", "7").output == "ended\n")
    }

    @Test func `a preview is the message as it would be sent`() throws {
        let cluster = try cluster([
            "POST /api/v1/notify/preview": NotifyPreview(
                asOf: "",
                kind: "node.offline",
                state: "firing",
                subject: "[prod] CRITICAL it is",
                lines: ["Line one.", "Line two."]
            )
        ])
        let run = try cluster.muster("notify", "preview", "node.offline")
        #expect(run.output == "Subject: [prod] CRITICAL it is\n\nLine one.\nLine two.\n")
        let sent = try cluster.requests().last?["body"] as? String
        #expect(sent == #"{"kind":"node.offline","state":"firing"}"#)
    }

    @Test func `each mistake of the file of a preview stands in a line of its own`() throws {
        let mistakes = [
            DocumentMistake(line: 2, column: 7, text: "there is no receiver x"),
            DocumentMistake(line: 5, column: 3, text: "is no kind of event"),
        ]
        let cluster = try cluster([Self.check: NotifyCheck(asOf: "", mistakes: mistakes)])
        let file = cluster.folder + "/r.yaml"
        try "x".write(toFile: file, atomically: true, encoding: .utf8)
        let run = try cluster.muster("notify", "preview", "node.offline", "--file", file)
        #expect(run.status == 3)
        #expect(
            run.error == """
                error: nothing by these rules, they have 2 mistakes
                  \(file):2:7: there is no receiver x
                  \(file):5:3: is no kind of event

                """
        )
    }

    @Test func `a silence over what is not there is taken with a warning`() throws {
        let done = ChangeDone(asOf: "", text: "silence 8", remark: "no node or site is called w-1")
        let cluster = try cluster(["POST /api/v1/notify/silences": done])
        let run = try cluster.muster([
            "notify", "silence", "--subject", "w-1", "--for", "2h", "--reason", "x",
        ])
        #expect(run.status == 0 && run.output == "silence 8\n")
        #expect(run.error == "warning: no node or site is called w-1\n")
    }

    @Test func `events are followed and filtered by site`() throws {
        let cluster = try cluster([
            "GET /api/v1/events": EventPage(asOf: Samples.ago(0), events: Samples.events, next: 9)
        ])
        let run = try cluster.muster("event", "list", "--site", "a", "--kind", "node.")
        #expect(run.status == 0, "\(run.error)")
        let path = try cluster.requests().last?["path"] as? String
        #expect(path == "/api/v1/events?kind=node.&site=a&limit=20", "\(path ?? "")")
    }

    @Test func `short pages of events are asked for until there are enough`() throws {
        let pages = [
            EventPage(asOf: Samples.ago(0), events: [Samples.events[0]], next: 30, isCut: true),
            EventPage(asOf: Samples.ago(0), events: [], next: 60, isCut: true),
            EventPage(asOf: Samples.ago(0), events: [Samples.events[1]], next: 70),
        ]
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/events": try pages.map { ["body": try FakeCluster.json($0)] }
        ])
        let run = try cluster.muster("event", "list", "--after", "1", "--site", "a", "-o", "json")
        #expect(run.status == 0, "\(run.error)")
        let shown = try JSONDecoder().decode(EventPage.self, from: Data(run.output.utf8))
        #expect(shown.events == Array(Samples.events[0...1]) && shown.next == 70)
        #expect(
            try cluster.requests().map { $0["path"] as? String } == [
                "/api/v1/events?site=a&limit=20&after=1", "/api/v1/events?site=a&limit=19&after=30",
                "/api/v1/events?site=a&limit=19&after=60",
            ]
        )
    }

    // MARK: Pages

    @Test func `a kind is explained from the source tree, without a controller`() throws {
        for words in [
            ["notify", "explain", "node.offline"], ["event", "explain", "node.offline"],
        ] {
            let run = try Program.run(Program.muster, words)
            #expect(run.status == 0, "\(run.error)")
            #expect(run.output.hasPrefix("node.offline\n\ncritical. A node is Offline"))
            #expect(run.output.contains("\n  muster node show NODE\n"), "\(run.output)")
            #expect(run.output.contains("Reasons for Offline (docs/operations.md#reasons-for"))
        }
        let near = try Program.run(Program.muster, ["notify", "explain", "node.ofline"])
        #expect(near.status == 1 && near.error.contains("did you mean node.offline?"))
        let list = try Program.run(Program.muster, ["notify", "explain"])
        #expect(list.output.hasPrefix("Sites and thresholds\n  site.below-minimum "))
        let row = list.output.split(separator: "\n").first { $0.contains(" site.further-loss ") }
        #expect(row?.contains(" critical  A site that is below a threshold") == true)
        #expect(list.output.contains("\n\nNodes\n"))
    }

    @Test func `pages are looked for where it is said, and a lack of them is told`() throws {
        let folder = NSTemporaryDirectory() + "muster-pages-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let variables = ["MUSTER_DOC_DIR": folder]
        func explain() throws -> Program.Run {
            try Program.run(
                Program.muster,
                ["notify", "explain", "mine"],
                environment: variables
            )
        }
        let none = try explain()
        #expect(none.status == 1 && none.error.contains("looked in\n  \(folder)/notices"))
        try FileManager.default.createDirectory(
            atPath: folder + "/notices",
            withIntermediateDirectories: true
        )
        for (name, text) in [("README.md", "#"), ("mine.md", "# mine\n\nA **page**.\n")] {
            try text.write(
                toFile: "\(folder)/notices/\(name)",
                atomically: true,
                encoding: .utf8
            )
        }
        #expect(try explain().output == "mine\n\nA page.\n")
    }

    @Test func `every kind stands in the list of kinds, with a severity and what it means`() throws
    {
        let pages = try NoticePages.find()
        let lines = pages.overview(style: .plain, width: 80)
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= 80 })
        let listed = lines.compactMap { line in
            line.wholeMatch(of: #/  ([a-z.-]+\.[a-z.-]+) +(info|warning|critical).*/#)
                .map { String($0.1) }
        }
        #expect(Set(listed) == Set(pages.kinds))
    }

    @Test func `paragraphs are laid out for the terminal`() {
        let text = "# k\n\nOne two three\nfour five.\n\n```sh\nmuster x\n```\n\nMore: [a](b.md)\n"
        let lines = NoticePages.lines(text, style: .plain, width: 14)
        #expect(lines == ["k", "", "One two three", "four five.", "", "  muster x", "", "More: a"])
    }
}
