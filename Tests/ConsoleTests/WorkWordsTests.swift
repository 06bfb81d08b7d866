import API
import Model
import Testing

@testable import Console

@Suite struct `Tasks as they are shown` {
    private func rows(_ tasks: [TaskSummary], isWide: Bool = false) throws -> [String] {
        try TaskWords.listing(style: .plain, at: Samples.now)
            .table(tasks, isWide: isWide, hasHeader: true, sortBy: nil)
            .lines(style: .plain, width: nil)
    }

    @Test func `a list says where each is, for how long, and why`() throws {
        let lines = try rows([Samples.running, Samples.failed, Samples.delayed, Samples.done])
        #expect(lines[0].hasPrefix("ID  TYPE  ACCOUNT  STATE"))
        #expect(lines[1].contains("17  PUSH  acme     ● running"))
        #expect(lines[2].contains("✖ failed") && lines[2].hasSuffix("exited with status 3"))
        #expect(lines[2].contains("5h 2m"))
        #expect(lines[3].hasSuffix("attempt 1 failed; again in 1m 30s"))
        #expect(lines[4].contains("○ done") && lines[4].hasSuffix("-"))
        #expect(try rows([Samples.running], isWide: true)[1].contains("region=eu"))
    }

    @Test func `a task's page says what to type when it has failed`() {
        let lines = TaskPageView(
            detail: Samples.detail(of: Samples.failed),
            style: .plain,
            now: Samples.now,
            width: 100,
            isWide: false
        ).lines()
        #expect(lines[0] == "task 18  PUSH  account acme  ✖ failed for 5h 2m")
        #expect(lines.contains("  last attempt: exited with status 3"))
        #expect(lines.contains { $0.contains("muster task retry 18") })
        #expect(lines.contains { $0.contains("timed-out") && $0.contains("a-2") })
        #expect(lines.contains { $0.contains("home, view 7") })
    }

    @Test func `why names the rule, every node, and what removed it`() {
        let lines = WhyView(why: Samples.why, style: .plain, now: Samples.now, width: nil).lines()
        #expect(lines[0] == "task 17  PUSH  assigned: node a-1 runs it, by the rule home")
        #expect(lines[1].contains("rule home: the account's own node"))
        #expect(lines[1].contains("as seen 1m ago"))
        #expect(lines.contains { $0.contains("a-1") && $0.contains("0.42") && $0.contains("3/4") })
        #expect(lines.contains { $0.contains("a-2") && $0.contains("cordoned") })
    }

    @Test func `why not answers in one sentence, whatever the reason`() {
        func whyNot(_ node: String, _ change: (inout TaskExplanation) -> Void = { _ in }) -> String
        {
            var why = Samples.why
            change(&why)
            return WhyView.whyNot(node, why, site: "b")
        }
        #expect(whyNot("a-1").hasPrefix("a-1 has it"))
        #expect(whyNot("a-2") == "a-2 cannot take it: cordoned")
        #expect(whyNot("a-3").hasSuffix("it went to a-1"))
        #expect(whyNot("b-1").contains("it is of site b"))
        #expect(whyNot("a-3") { $0.candidates[2].preferred = false }.contains("not in the set"))
        #expect(
            whyNot("a-3") { why in
                why.candidates[2].preferred = true
                why.candidates[2].room = "no room: 4 of 4 slots, 1 may wait"
            } == "a-3 is in the set: no room: 4 of 4 slots, 1 may wait"
        )
        #expect(whyNot("a-3") { $0.candidates = [] }.contains("not kept any more"))
    }

    @Test func `a result is told in words`() {
        func sentence(_ result: TaskResult) -> String { TaskWords.sentence(result) }
        #expect(sentence(Samples.failedResult) == "exited with status 3")
        #expect(
            sentence(TaskResult(outcome: "failed", signal: 9)) == "ended by signal 9 (KILL)"
        )
        #expect(
            sentence(TaskResult(outcome: "timed-out", signal: 15))
                == "timed out, ended by signal 15 (TERM)"
        )
        #expect(
            sentence(TaskResult(outcome: "not-executed", detail: "no such file", permanent: true))
                == "not-executed: no such file; no retry mends it"
        )
    }

    @Test func `the policy's page has its meaning, and each node's thresholds`() {
        let lines = PolicyView(policy: Samples.policy, style: .plain, width: nil).lines()
        #expect(lines[0].hasPrefix("policy attribute-match  tasks go to nodes that prefer"))
        #expect(lines.contains { $0.contains("suspends attribute-match for all") })
        #expect(
            lines.contains {
                $0.contains("load 2.00, memory 95%; relieved below 80%")
                    && $0.hasSuffix("PGP, region=eu")
            }
        )
    }

    @Test func `schedules say when they fire next, or why they do not`() throws {
        var broken = Samples.schedule
        broken.name = "broken"
        broken.next = nil
        broken.problem = "the time zone X/Y is not known here"
        var paused = Samples.schedule
        paused.paused = "by bob: moving"
        var over = Samples.schedule
        over.next = nil
        let lines = try ScheduleWords.listing(style: .plain, at: Samples.now)
            .table(
                [Samples.schedule, broken, paused, over],
                isWide: false,
                hasHeader: false,
                sortBy: nil
            )
            .lines(style: .plain, width: nil)
        #expect(lines[0].contains("● active") && lines[0].contains("in 1h"))
        #expect(lines[1].contains("✖ problem") && lines[1].hasSuffix("is not known here"))
        #expect(lines[2].contains("○ paused") && lines[2].hasSuffix("paused by bob: moving"))
        #expect(lines[3].contains("○ over"))
    }
}

@Suite struct `Tasks on the status screen and a node's page` {
    @Test func `the status says how many there are in each state, and how old`() {
        let lines = WorkLines(work: Samples.work, style: .plain, width: nil).lines()
        #expect(
            lines == [
                "  tasks  12 waiting (oldest 3m 20s) · 40 assigned (oldest 2h 1m) · 3 failed"
                    + " (oldest 5h 2m) · policy account-affinity"
            ]
        )
        let narrow = WorkLines(work: Samples.work, style: .plain, width: 60).lines()
        #expect(narrow.count == 3 && narrow.allSatisfy { DisplayWidth.of($0) <= 60 })
    }

    @Test func `a queue that fills is told, and a cluster without work has no line`() {
        var work = Samples.work
        work.payloadBytes = 1_000 << 20
        let lines = WorkLines(work: work, style: .plain, width: nil).lines()
        #expect(lines.last == "         the queue is 97% full: 1000 MiB of 1.0 GiB")
        work.payloadBytes = 0
        work.queueCountMax = 13
        #expect(
            WorkLines(work: work, style: .plain, width: nil).lines().last
                == "         the queue is 92% full: 12 of 13 tasks"
        )
        work.keptBytes = 2_000
        work.queueCountMax = 28
        #expect(
            WorkLines(work: work, style: .plain, width: nil).lines().last
                == "         the queue is 98% full: 55 of 56 live tasks"
        )
        work.states = []
        work.accepted = 0
        #expect(WorkLines(work: work, style: .plain, width: nil).lines() == [])
    }

    @Test func `it is on the screen, below the sites`() throws {
        var status = Samples.healthy
        status.work = Samples.work
        let lines = StatusScreen(
            status: status,
            style: .plain,
            now: Samples.now,
            width: 120,
            height: nil
        ).lines()
        let place = try #require(lines.firstIndex { $0.hasPrefix("  tasks  12 waiting") })
        #expect(lines[place - 1].contains("site b"))
    }

    @Test func `the monitor's line has the tasks of each state`() {
        var status = Samples.healthy
        status.work = Samples.work
        let line = StatusCheck.line(status)
        #expect(line.contains(" tasks_waiting=12 tasks_delayed=0 tasks_assigned=40 tasks_failed=3"))
        #expect(line.hasSuffix(" problems=0"))
    }

    @Test func `a node's page has its handlers, and why it is passed over`() {
        var detail = Samples.detail
        detail.handlers = [
            HandlerDetail(
                name: "push",
                types: ["PUSH", "PULL"],
                slots: 4,
                prefetch: 1,
                delivery: "exclusive"
            )
        ]
        detail.policy = Samples.policy.nodes[0]
        detail.node.tasksAssigned = 3
        detail.node.tasksStarted = 2
        detail.node.overload = "load 2.40 per CPU, overloaded from 2.00"
        let lines = NodePage(
            detail: detail,
            style: .plain,
            now: Samples.now,
            width: 100,
            isWide: false
        ).lines()
        #expect(lines.contains("TASKS"))
        #expect(lines.contains("  3 assigned, 2 running"))
        #expect(lines.contains("  overloaded load 2.40 per CPU, overloaded from 2.00"))
        #expect(lines.contains { $0.contains("load 2.00, memory 95%; relieved below 80%") })
        #expect(lines.contains { $0.contains("push") && $0.hasSuffix("PUSH, PULL") })
    }
}
