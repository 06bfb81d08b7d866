import API
import Foundation
import Testing

@testable import Console

@Suite struct `The commands of sites and runs` {
    private static let preview = "GET /api/v1/runs/preview"

    private func cluster(_ answers: [String: any Encodable]) throws -> FakeCluster {
        try FakeCluster(answers: answers.mapValues { ["body": try FakeCluster.json($0)] })
    }

    private static let started = RunStarted(asOf: "", run: 3)

    @Test func `a switchover is followed to its end, and the end decides the status`() throws {
        let ends: [(RunDetail, Int32, String)] = [
            (RunSamples.done, 0, "site b is active under epoch 1.4"),
            (RunSamples.aborted, 1, "site a is active as before (aborted by alice)"),
            (RunSamples.fencing, 2, "muster run certify 3 a-1 --reason TEXT"),
        ]
        for (end, status, text) in ends {
            let cluster = try FakeCluster(answers: [
                Self.preview: ["body": try FakeCluster.json(RunSamples.preview())],
                "POST /api/v1/runs": ["body": try FakeCluster.json(Self.started)],
                "GET /api/v1/runs/3": [
                    ["body": try FakeCluster.json(RunSamples.detail)],
                    ["body": try FakeCluster.json(RunSamples.detail)],
                    ["body": try FakeCluster.json(end)],
                ],
            ])
            let run = try cluster.muster(
                "switchover",
                "--to",
                "b",
                "--yes",
                "--reason",
                "a new kernel"
            )
            #expect(run.status == status, "\(run.output)\(run.error)")
            #expect(run.output.contains(text), "\(run.output)")
            // What did not change is said once.
            let waits = run.output.components(separatedBy: "still running: tm on a-1").count - 1
            #expect(waits == 1, "\(run.output)")
            let sent = try #require(
                try cluster.requests().first { $0["method"] as? String == "POST" }
            )
            #expect(
                sent["body"] as? String
                    == #"{"kind":"switchover","reason":"a new kernel","to":"b"}"#
            )
        }
    }

    @Test func `a run that has ended is followed with the times of its steps`() throws {
        var detail = RunSamples.done
        detail.steps[1].startedAt = Samples.ago(29)
        detail.steps[1].endedAt = Samples.ago(12)
        detail.steps[2].startedAt = Samples.ago(12)
        let cluster = try cluster(["GET /api/v1/runs/3": detail])
        let run = try cluster.muster("run", "follow", "3")
        #expect(run.status == 0, "\(run.error)")
        // The cluster says that it is 03:14:15; the last step says nothing of its time.
        for line in [
            "03:13:46  1/4 gate: done: so it is", "03:14:03  2/4 stop-services: done: so it is",
            "03:14:03  3/4 fence: done: so it is", "03:14:15  4/4 activate: done: so it is",
        ] {
            #expect(run.output.contains(line), "\(line) in \(run.output)")
        }
    }

    @Test func `a drill's preview names the steps that it leaves out`() throws {
        var preview = RunSamples.preview()
        preview.kind = "drill"
        preview.leftOut = ["drain-tasks", "stop-services"]
        let cluster = try cluster([Self.preview: preview])
        let run = try cluster.muster("drill", "b", "--dry-run")
        #expect(
            run.output.contains(
                "A drill leaves out, because it would touch site a: drain-tasks, stop-services"
            ),
            "\(run)"
        )
    }

    @Test func `nothing is moved unasked`() throws {
        let cluster = try cluster([
            Self.preview: RunSamples.preview(RunSamples.notReady),
            "POST /api/v1/runs": Self.started,
        ])
        for words in [
            ["switchover", "--to", "b"], ["failover", "--to", "b", "--reason", "x"], ["failback"],
            ["switchover", "--to", "b", "--confirm", "a"],
        ] {
            let run = try Program.run(
                Program.muster,
                words,
                environment: ["MUSTER_CONTEXT": cluster.credential]
            )
            #expect(run.status == 3, "\(words) \(run.output)")
            #expect(run.error.contains("--confirm b"), "\(run.error)")
            #expect(run.error.contains("not ready: tm is running there"), "\(run.error)")
        }
        let unreasoned = try cluster.muster("failover", "--to", "b", "--yes")
        #expect(unreasoned.status == 3 && unreasoned.error.contains("--reason"))
        let word = try cluster.muster("run", "certify", "3", "a-1", "--reason", "x")
        #expect(word.status == 3 && word.error.contains("--confirm a-1"))
        #expect(try cluster.requests().allSatisfy { $0["method"] as? String == "GET" })
        let detached = try cluster.muster("failback", "--confirm", "b", "--no-wait", "--force")
        #expect(detached.status == 0 && detached.output == "3\n")
        let sent = try cluster.requests().last?["body"] as? String
        #expect(sent == #"{"force":true,"kind":"failback","to":"b"}"#)
    }

    @Test func `a dry run shows the steps, and exits 2 when the site is not ready`() throws {
        let cluster = try cluster([Self.preview: RunSamples.preview()])
        let ready = try cluster.muster("switchover", "--to", "b", "--dry-run", "--plan", "night")
        #expect(ready.status == 0, "\(ready.error)")
        #expect(ready.output.contains("site b may take over now"))
        #expect(ready.output.contains("fence: what fence does  (about 1.5s)"), "\(ready.output)")
        let path = try cluster.requests().last?["path"] as? String
        #expect(path == "/api/v1/runs/preview?kind=switchover&to=b&plan=night")
        try cluster.answer([
            Self.preview: ["body": try FakeCluster.json(RunSamples.preview(RunSamples.notReady))]
        ])
        let not = try cluster.muster("switchover", "--to", "b", "--dry-run")
        #expect(not.status == 2 && not.output.contains("may NOT take over now"))
        let json = try cluster.muster("switchover", "--to", "b", "--dry-run", "-o", "json")
        let read = try JSONDecoder().decode(RunPreview.self, from: Data(json.output.utf8))
        #expect(read.to == "b" && !read.readiness.ready)
    }

    @Test func `a run is shown with hooks, fences, and the tasks that were in flight`() throws {
        var detail = RunSamples.fencing
        detail.steps[0].hooks = [RunHook(node: "b-1", task: 42, state: "failed", text: "no disk")]
        let cluster = try cluster([
            "GET /api/v1/runs/3": detail, "GET /api/v1/runs/3/ledger": RunSamples.ledger,
            "GET /api/v1/runs": RunList(asOf: Samples.ago(0), runs: [RunSamples.done.run]),
            "GET /api/v1/runs/3/report": RunSamples.report,
        ])
        let shown = try cluster.muster("run", "show", "3")
        #expect(shown.status == 0, "\(shown.error)")
        for text in [
            "run 3  switchover a → b", "by alice: a new kernel", "not proven", "statement",
            "task 42", "no disk", "4: 1 ended there, 1 given again, 1 unknown, 1 open",
            "muster run certify 3 a-1",
        ] {
            #expect(shown.output.contains(text), "\(text) in \(shown.output)")
        }
        let list = try cluster.muster("run", "list")
        #expect(list.output.contains("switchover") && list.output.contains("done"))
        let report = try cluster.muster("run", "report", "3", "--format", "json")
        let read = try JSONDecoder().decode(RunReport.self, from: Data(report.output.utf8))
        #expect(read == RunSamples.report)
    }

    @Test func `a report in Markdown is printed as it is, but never steers the terminal`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/runs/3/report": ["raw": "# Run 3\n\u{1B}[2Jgone\n"]
        ])
        let run = try cluster.muster("run", "report", "3")
        #expect(run.status == 0 && run.output == "# Run 3\n?[2Jgone\n")
        let path = try cluster.requests().last?["path"] as? String
        #expect(path == "/api/v1/runs/3/report?format=markdown")
    }

    @Test func `what is said to a run is sent, and the run followed when it is wished`() throws {
        let done = ChangeDone(asOf: "", text: "noted")
        let cluster = try cluster([
            "POST /api/v1/runs/3/retry": done, "POST /api/v1/runs/3/skip": done,
            "POST /api/v1/runs/3/abort": done, "POST /api/v1/runs/3/certify": done,
            "POST /api/v1/runs/3/answer": done, "GET /api/v1/runs/3": RunSamples.done,
        ])
        let cases: [([String], String)] = [
            (["retry", "3"], "{}"), (["skip", "3", "--reason", "x"], #"{"reason":"x"}"#),
            (["abort", "3"], "{}"),
            (
                ["certify", "3", "a-1", "--yes", "--reason", "off"],
                #"{"node":"a-1","reason":"off"}"#
            ), (["answer", "3", "no"], #"{"yes":false}"#),
        ]
        for (words, body) in cases {
            let run = try Program.run(
                Program.muster,
                ["run"] + words,
                environment: ["MUSTER_CONTEXT": cluster.credential]
            )
            #expect(run.status == 0 && run.output == "noted\n", "\(words) \(run.error)")
            #expect(try cluster.requests().last?["body"] as? String == body)
        }
        let followed = try cluster.muster("run", "answer", "3", "yes", "--follow")
        #expect(followed.status == 0 && followed.output.contains("run 3 is done"))
    }

    @Test func `sites, readiness, pairs and forms`() throws {
        var north = SiteStatus(name: "a", role: "active", online: 2, total: 2)
        north.epoch = "1.3"
        north.form = "cold"
        var south = SiteStatus(name: "b", role: "standby", online: 2, total: 2)
        south.form = "warm"
        south.ready = false
        let pairs = PairList(
            asOf: Samples.ago(0),
            pairs: [
                NodePair(
                    standby: "b-1",
                    standbySite: "b",
                    standbyStatus: "online",
                    production: "a-1",
                    productionSite: "a",
                    productionStatus: "offline"
                )
            ],
            unpaired: [UnpairedNode(node: "a-2", site: "a", status: "online")]
        )
        let cluster = try cluster([
            "GET /api/v1/sites": SiteList(asOf: Samples.ago(0), sites: [north, south]),
            "GET /api/v1/sites/b/readiness": RunSamples.notReady, "GET /api/v1/pairs": pairs,
            "POST /api/v1/pairs": ChangeDone(asOf: "", text: "a pair"),
            "DELETE /api/v1/pairs/b-1": ChangeDone(asOf: "", text: "no pair"),
            "PUT /api/v1/sites/b/form": ChangeDone(asOf: "", text: "warm"),
        ])
        let list = try cluster.muster("site", "list", "-o", "wide")
        #expect(list.output.contains("standby, warm") && list.output.contains("1.3"))
        let show = try cluster.muster("site", "show", "b")
        #expect(show.status == 0, "\(show.error)")
        #expect(show.output.contains("tm is running there"))
        #expect(show.output.contains("b-1 (b) of a-1 (a)"))
        #expect(show.output.contains("without a pair: a-2"))
        #expect(
            try cluster.muster("site", "show", "b", "-o", "yaml").output.contains("ready: false")
        )
        let readiness = try cluster.muster("site", "readiness", "b")
        #expect(readiness.status == 2)
        // What blocks comes first.
        let lines = readiness.output.split(separator: "\n")
        #expect(lines[1].contains("blocking") && lines[3].contains("fine"))
        let rows = try cluster.muster("node", "pairs")
        #expect(rows.output.contains("b-1") && rows.output.contains("none"))
        #expect(try cluster.muster("node", "pair", "b-1", "a-1").output == "a pair\n")
        #expect(try cluster.muster("node", "unpair", "b-1").output == "no pair\n")
        #expect(try cluster.muster("site", "set-form", "b", "warm").output == "warm\n")
        #expect(try cluster.muster("site", "set-form", "b", "hot").status == 64)
    }

    @Test func `plans are checked, set, shown as files and removed`() throws {
        let mistake = DocumentMistake(line: 4, column: 7, text: "steps[1].gaet is not a setting")
        let answers: [String: any Encodable] = [
            "POST /api/v1/plans/check": PlanCheck(asOf: "", mistakes: [mistake]),
            "POST /api/v1/plans": ChangeDone(asOf: "", text: "plan night has version 2"),
            "GET /api/v1/plans": PlanList(asOf: Samples.ago(0), plans: [RunSamples.plan]),
            "GET /api/v1/plans/night": RunSamples.planDetail,
            "GET /api/v1/plans/for/failover": RunSamples.planDetail,
            "DELETE /api/v1/plans/night": ChangeDone(asOf: "", text: "removed"),
        ]
        let cluster = try cluster(answers)
        let file = cluster.folder + "/night.yaml"
        try "name: night\n".write(toFile: file, atomically: true, encoding: .utf8)
        let checked = try cluster.muster("plan", "check", file)
        #expect(checked.status == 2)
        #expect(checked.output == "\(file):4:7: steps[1].gaet is not a setting\n")
        let wrong = try cluster.muster("plan", "set", file)
        #expect(wrong.status == 3, "\(wrong.error)")
        #expect(
            wrong.error.contains("it has 1 mistake\n  \(file):4:7: steps[1].gaet"),
            "\(wrong.error)"
        )
        #expect(
            try cluster.requests().allSatisfy { $0["path"] as? String == "/api/v1/plans/check" }
        )
        try cluster.answer(
            answers.merging(["POST /api/v1/plans/check": PlanCheck(asOf: "", mistakes: [])]) { $1 }
                .mapValues { ["body": try FakeCluster.json($0)] }
        )
        let set = try cluster.muster("plan", "set", "-", "--reason", "x", input: "name: night\n")
        #expect(set.status == 0 && set.output == "plan night has version 2\n")
        let sent = try cluster.requests().last?["body"] as? String
        #expect(sent == #"{"file":"standard input","reason":"x","text":"name: night\n"}"#)
        #expect(try cluster.muster("plan", "list").output.contains("night"))
        let page = try cluster.muster("plan", "show", "night")
        #expect(
            page.output.contains("version 2, by alice") && page.output.contains("stop-services")
        )
        #expect(
            try cluster.muster("plan", "show", "night", "--file").output == "name: night\nsteps:\n"
        )
        #expect(try cluster.muster("plan", "show", "--for", "failover").status == 0)
        #expect(try cluster.muster("plan", "show").status == 64)
        #expect(try cluster.muster("plan", "remove", "night").status == 3)
        #expect(try cluster.muster("plan", "remove", "night", "--yes").output == "removed\n")
    }

    @Test func `the status shows the live run before all else, and what unblocks it`() throws {
        var status = Samples.healthy
        status.run = RunSamples.running
        let cluster = try cluster(["GET /api/v1/status": status])
        let run = try cluster.muster("status")
        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(lines[2].contains("run 3: switchover a → b, step 2 of 4: stop-services, for 12s"))
        #expect(lines[3].contains("it waits: still running: tm on a-1"))
        #expect(lines[4].contains("muster run follow 3"))
        status.run = RunSamples.fencing.run
        status.sites[0].fencing = true
        try cluster.answer(["GET /api/v1/status": ["body": try FakeCluster.json(status)]])
        let fencing = try cluster.muster("status").output
        #expect(fencing.contains("prod  NO SITE IS ACTIVE  site a is being fenced"))
        #expect(fencing.contains("muster run certify 3 a-1 --reason TEXT"))
        #expect(fencing.contains("being fenced"))
    }

    @Test func `on a small terminal the steps around the present one are shown`() {
        var detail = RunSamples.detail
        detail.steps = (1...20).map {
            RunSamples.step($0, "step-\($0)", "stop", $0 < 10 ? "done" : "pending")
        }
        detail.run.step = 10
        detail.run.stepCount = 20
        detail.run.reason = String(repeating: "a long reason ", count: 20)
        let coloured = Style(isColoured: true, isUnicode: true)
        let page = RunPage(detail: detail, style: coloured, now: Samples.now, width: 60)
        let lines = page.lines(rows: 7)
        #expect(lines.count == 8)
        #expect(lines.contains { $0.contains("step-10") })
        // A line too long would be drawn as two, and the next drawing miss its place.
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= 60 })
        #expect(page.lines(rows: nil).count == 21)
    }

    @Test func `a run's page names what a loss was accepted of`() {
        func text(_ detail: RunDetail) -> String? {
            let plain = Style(isColoured: false, isUnicode: false)
            return RunPage(detail: detail, style: plain, now: Samples.now).lossLines.last
        }
        var detail = RunSamples.detail
        #expect(
            text(detail) == "  That data may be lost was accepted of: mail (1 canary lost), orders."
        )
        detail.run.acceptedLosses = nil
        #expect(text(detail) == "  That data may be lost was accepted.")
        detail.run.acceptsDataLoss = false
        #expect(text(detail) == nil)
    }
}
