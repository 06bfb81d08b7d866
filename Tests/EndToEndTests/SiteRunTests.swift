import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// The active site is moved by the `muster` command, with real agents on both sites.
@Suite struct SiteRunTests {
    private static let hooks = """
        hooks:
          tell-context: {command: [/usr/bin/env], description: Prints what it is given}
        """

    /// A handler that serves a hook: its output is that of the step.
    private static let prepare = [
        "prepare": """
        [handler]
        types = hook.prepare
        program = /usr/bin/env
        time-limit = 1m

        """
    ]

    private static let plan = """
        name: night
        for: [switchover]
        steps:
          - {step: gate, gate: , timeout: 30s}
          - step: tell
            hook: {name: tell-context, on: controller}
          - step: prepare
            hook: {name: prepare, on: every to}
          - step: stop
            stop: {site: from, services: exclusive}
          - {step: fence, fence: }
          - {step: activate, activate: }
          - step: start
            start: {}
          - {step: verify, verify: }
          - step: told
            notify: The night's work is done.

        """

    /// A plan that asks before it fences.
    private static let asking = """
        name: asking
        for: [switchover]
        steps:
          - step: stop
            stop: {services: exclusive}
          - step: question
            ask: Shall the site be given up?
          - {step: fence, fence: }
          - {step: activate, activate: }
          - step: start
            start: {}
          - {step: verify, verify: }

        """

    @Test func `the work moves to the other site by a written plan, and back by a derived one`()
        async throws
    {
        try await TestCluster.with(settings: Self.hooks) { cluster in
            let folder = cluster.folder
            _ = try await TwoSites(
                in: cluster,
                services: { _ in ["web": Agent.service(folder)] },
                handlers: Self.prepare
            )
            let muster = cluster.muster
            try folder.write("night.yaml", Self.plan)
            try folder.write("bad.yaml", Self.plan.replacing("tell-context", with: "tell-contex"))
            let bad = try await muster("plan", "set", folder["bad.yaml"])
            #expect(bad.status == 3, "\(bad.everything)")
            #expect(bad.errors.contains("bad.yaml:6:18: "), "\(bad.errors)")
            #expect(bad.errors.contains("did you mean tell-context?"), "\(bad.errors)")
            let checked = try await muster("plan", "check", folder["bad.yaml"])
            #expect(checked.status == 2 && checked.output.contains("bad.yaml:6:18: "))
            let set = try await muster("plan", "set", folder["night.yaml"])
            #expect(set.status == 0, "\(set.everything)")
            let file = try await muster("plan", "show", "night", "--file")
            #expect(file.output.contains("hook: {name: prepare, on: every to}"))

            let unasked = try await muster("switchover", "--to", "south")
            #expect(unasked.status == 3 && unasked.errors.contains("--confirm south"))
            let dry = try await muster("switchover", "--to", "south", "--dry-run")
            #expect(dry.status == 0, "\(dry.everything)")
            #expect(dry.output.contains("web on n-1, n-2"), "\(dry.output)")
            #expect(dry.output.contains("on s-1, s-2"), "\(dry.output)")
            #expect(try await cluster.admin.get(.listRuns, as: RunList.self).runs.isEmpty)

            let over = try await muster(
                "switchover",
                "--to",
                "south",
                "--reason",
                "a new kernel",
                "--confirm",
                "south"
            )
            #expect(over.status == 0, "\(over.everything)")
            #expect(over.output.contains("9/9 told: done"), "\(over.output)")
            #expect(over.output.contains("site south is active under epoch 1.2"))
            let run = try await cluster.run(1)
            #expect(run.steps[1].text.contains("MUSTER_KIND=switchover"), "\(run.steps[1].text)")
            #expect(run.steps[1].text.contains("MUSTER_TO=south"))
            #expect(run.steps[1].text.contains("MUSTER_REASON=a new kernel"))
            #expect(Set(run.steps[2].hooks.map(\.node)) == ["s-1", "s-2"])
            #expect(run.steps[2].hooks.allSatisfy { $0.state == "done" })
            #expect(run.fences.map(\.proof) == ["statement", "statement"])
            for (node, state) in [
                ("n-1", "stopped"), ("n-2", "stopped"), ("s-1", "running"), ("s-2", "running"),
            ] {
                try await cluster.service("web", of: node, becomes: state)
            }
            let sites = try await cluster.sites()
            #expect(sites.map(\.name) == ["south", "north"])
            #expect(sites.map(\.epoch) == ["1.2", nil])

            let back = try await muster("failback", "--yes", "--reason", "the kernel is new")
            #expect(back.status == 0, "\(back.everything)")
            #expect(back.output.contains("site north is active under epoch 1.3"))
            try await cluster.service("web", of: "n-1", becomes: "running")
            try await cluster.service("web", of: "s-1", becomes: "stopped")

            let report: RunReport = try await cluster.admin.get(.showRunReport, "1")
            #expect(report.verdict == "passed" && report.run.reason == "a new kernel")
            #expect(report.times.rtoMilliseconds ?? 0 > 0)
            let outage = try #require(report.times.outageMilliseconds)
            #expect(outage <= report.times.rtoMilliseconds ?? 0)
            let text = try await muster("run", "report", "2")
            #expect(
                text.status == 0 && text.output.hasPrefix("# Run 2: failback from south to north")
            )
            #expect(text.output.contains("**PASSED**") && text.output.contains("## Fences"))
            let verified = try await muster("run", "report", "2", "--verify")
            #expect(verified.status == 0, "\(verified.everything)")
            #expect(verified.output.contains("the report of run 2 is the one that entry"))
            let sealed = try await muster("run", "report", "1", "--format", "sealed")
            #expect(sealed.output == report.sealed)
            #expect(
                report.steps[2].hooks.allSatisfy { $0.output?.contains("MUSTER_RUN=1") == true }
            )
            // The third time there is an estimate by the first two.
            let again: RunPreview = try await cluster.admin.get(
                .previewRun,
                query: "kind=switchover&to=south"
            )
            #expect(again.estimateMilliseconds ?? 0 > 0)
            let verbs = try await cluster.audit().map(\.verb)
            #expect(verbs.contains("run.switchover") && verbs.contains("run.end"))
        }
    }

    @Test func `a failover waits for a word on what cannot prove that it is off, and zombies stop`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            try folder.write(
                "work.sh",
                "#!/bin/sh\nwhile [ ! -e \(folder["go"]) ]; do sleep 0.1; done\n",
                mode: 0o700
            )
            // n-2 fences itself; n-1 does not.
            let sites = try await TwoSites(
                in: cluster,
                services: { node in
                    let isFenced = node == "n-2" || node == "s-2"
                    return ["web": Agent.service(folder, isFenced ? "self-fence = yes" : "")]
                },
                handlers: [
                    "work": "[handler]\ntypes = PUSH\nprogram = \(folder["work.sh"])\n"
                ]
            )
            let muster = cluster.muster
            let sticky = try #require(try await cluster.service("web", of: "n-1").processID)
            let task: SubmittedTask = try await cluster.admin.send(
                .submitTask,
                body: TaskRequest(type: "PUSH")
            )
            _ = try await awaited("the start of the task") { () -> TaskDetail? in
                let detail: TaskDetail = try await cluster.admin.get(.showTask, "\(task.id)")
                return detail.task.started == true ? detail : nil
            }
            for agent in sites.north { try await agent.cutOff() }
            for agent in sites.north { try await cluster.offline(agent.name) }

            let lost = try await muster("status")
            #expect(lost.output.contains("site north is lost"), "\(lost.output)")
            #expect(lost.output.contains("muster failover --to south --reason TEXT"))
            let unreasoned = try await muster("failover", "--to", "south", "--yes")
            #expect(unreasoned.status == 3 && unreasoned.errors.contains("--reason"))
            let dry = try await muster("failover", "--to", "south", "--dry-run")
            #expect(dry.output.contains("It would wait for your word on n-1"), "\(dry.output)")
            let waiting = try await muster(
                "failover",
                "--to",
                "south",
                "--yes",
                "--reason",
                "north does not answer"
            )
            #expect(waiting.status == 2, "\(waiting.everything)")
            #expect(waiting.output.contains("muster run certify 1 n-1"), "\(waiting.output)")
            #expect(!waiting.output.contains("certify 1 n-2"), "\(waiting.output)")
            let status = try await muster("status")
            #expect(status.output.contains("NO SITE IS ACTIVE  site north is being fenced"))
            #expect(status.output.contains("fences site north, and site south may not act before"))
            #expect(status.output.contains("run 1: failover north"), "\(status.output)")
            let next = status.output.split(separator: "TYPE NEXT").last ?? ""
            #expect(next.contains("  muster run certify 1 n-1 --reason TEXT"), "\(status.output)")
            // Nothing has started yet, and nothing else may be changed.
            #expect(try await cluster.service("web", of: "s-1").state == "stopped")
            let locked = try await muster("site", "add", "west")
            #expect(locked.status == 3 && locked.errors.contains("run 1"), "\(locked.errors)")
            let vague = try await muster("run", "certify", "1", "n-1", "--yes")
            #expect(vague.status == 3 && vague.errors.contains("--reason"), "\(vague.errors)")

            let certified = try await muster(
                "run",
                "certify",
                "1",
                "n-1",
                "--confirm",
                "n-1",
                "--reason",
                "its plug was pulled",
                "--follow"
            )
            #expect(certified.status == 0, "\(certified.everything)")
            #expect(certified.output.contains("site south is active under epoch 1.2"))
            let run = try await cluster.run(1)
            #expect(run.askedMilliseconds > 0)
            #expect(run.fences.first { $0.node == "n-1" }?.proof == "certified")
            #expect(run.fences.first { $0.node == "n-2" }?.proof == "waited")
            try await cluster.service("web", of: "s-1", becomes: "running")
            try await cluster.service("web", of: "s-2", becomes: "running")

            // The task that was in flight is given again, and the ledger says so.
            try folder.write("go", "")
            _ = try await awaited("the end of the task") { () -> TaskDetail? in
                let detail: TaskDetail = try await cluster.admin.get(.showTask, "\(task.id)")
                return detail.task.state == "done" ? detail : nil
            }
            let ledger: RunLedger = try await cluster.admin.get(.showRunLedger, "1")
            let entry = try #require(ledger.entries.first)
            #expect(ledger.entries.count == 1 && entry.task == task.id && entry.attempt == 1)
            #expect(entry.fate == "given-again" && entry.attemptNow == 2, "\(entry)")
            #expect(entry.nodeNow?.hasPrefix("s-") == true, "\(entry)")

            // The zombies return: they stop what ran and stay standby.
            for agent in sites.north { try agent.start() }
            for agent in sites.north {
                try await cluster.online(agent.name)
                try await cluster.service("web", of: agent.name, becomes: "stopped")
            }
            #expect(await eventually { !Processes.lives(Int32(sticky)) })
            let after = try await cluster.sites()
            #expect(after.map(\.role) == ["active", "standby"])
            #expect(try await cluster.service("web", of: "s-1").state == "running")
            let audit = try await cluster.audit()
            #expect(
                audit.contains { $0.verb == "run.certify" && $0.reason == "its plug was pulled" }
            )
        }
    }

    @Test func `a run is aborted before its point of no return, and another is answered`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await TwoSites(in: cluster) { _ in ["web": Agent.service(folder)] }
            let muster = cluster.muster
            try folder.write("asking.yaml", Self.asking)
            let set = try await muster("plan", "set", folder["asking.yaml"])
            #expect(set.status == 0, "\(set.everything)")
            let asks = try await muster("switchover", "--to", "south", "--yes")
            #expect(asks.status == 2, "\(asks.everything)")
            #expect(asks.output.contains("Shall the site be given up?"))
            #expect(asks.output.contains("muster run answer 1 yes"))
            try await cluster.service("web", of: "n-1", becomes: "stopped")
            let second = try await muster("switchover", "--to", "south", "--yes")
            #expect(second.status == 3, "\(second.everything)")

            let aborted = try await muster("run", "abort", "1", "--follow")
            #expect(aborted.status == 1, "\(aborted.everything)")
            #expect(aborted.output.contains("site north is active as before"))
            try await cluster.service("web", of: "n-1", becomes: "running")
            try await cluster.service("web", of: "n-2", becomes: "running")
            #expect(try await cluster.sites().first?.epoch == "1.1")
            #expect(try await cluster.service("web", of: "s-1").state == "stopped")
            let report: RunReport = try await cluster.admin.get(.showRunReport, "1")
            #expect(report.verdict == "failed")

            let number = try await muster("switchover", "--to", "south", "--yes", "--no-wait")
            #expect(number.status == 0 && number.output == "2\n", "\(number.everything)")
            try await cluster.run(2, becomes: "asks") { !$0.run.needs.isEmpty }
            let no = try await muster("run", "answer", "2", "no")
            #expect(no.status == 0, "\(no.everything)")
            let stuck = try await muster("run", "follow", "2")
            #expect(stuck.status == 2 && stuck.output.contains("muster run retry 2"))
            let unreasoned = try await muster("run", "skip", "2")
            #expect(unreasoned.status == 3 && unreasoned.errors.contains("--reason"))
            let retried = try await muster("run", "retry", "2")
            #expect(retried.status == 0, "\(retried.everything)")
            let yes = try await muster("run", "answer", "2", "yes", "--follow")
            #expect(yes.status == 0, "\(yes.everything)")
            #expect(try await cluster.sites().first?.name == "south")
        }
    }

    @Test func `a controller that is killed in the middle of a run goes on with it`() async throws {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await TwoSites(in: cluster) { _ in ["web": Agent.service(folder)] }
            let muster = cluster.muster
            try folder.write("asking.yaml", Self.asking)
            #expect(try await muster("plan", "set", folder["asking.yaml"]).status == 0)
            let begun = try await muster("switchover", "--to", "south", "--yes", "--no-wait")
            #expect(begun.status == 0, "\(begun.everything)")
            try await cluster.kill()
            try await cluster.start()
            let asks = try await cluster.run(1, becomes: "asks") { !$0.run.needs.isEmpty }
            #expect(asks.run.stepName == "question")
            try await cluster.kill()
            try await cluster.start()
            try await cluster.run(1, becomes: "asks still") { !$0.run.needs.isEmpty }

            let follower = try Program(
                Program.product("muster"),
                ["run", "follow", "1"],
                in: folder,
                log: "follow",
                environment: [
                    "MUSTER_CONFIG_DIR=\(folder["console"])",
                    "MUSTER_CONTEXT=\(cluster.state)/admin",
                ]
            )
            #expect(try await follower.wait() == .exited(2))
            #expect(try await muster("run", "answer", "1", "yes").status == 0)
            // At whatever step it is now.
            try await cluster.kill()
            let away = try Program(
                Program.product("muster"),
                ["run", "follow", "1"],
                in: folder,
                log: "follow-away",
                environment: [
                    "MUSTER_CONFIG_DIR=\(folder["console"])",
                    "MUSTER_CONTEXT=\(cluster.state)/admin",
                ]
            )
            try await away.says("no controller answers")
            try await cluster.start()
            #expect(try await away.wait() == .exited(0), "\(away.everything)")
            #expect(try await cluster.run(1).run.epochAfter == "1.2")
            try await cluster.service("web", of: "s-1", becomes: "running")
            try await cluster.service("web", of: "n-1", becomes: "stopped")
        }
    }
}

/// A drill: the plan against the standby site, while production goes on.
@Suite struct DrillTests {
    @Test func `a drill starts and stops the standby site and touches nothing of production`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await TwoSites(
                in: cluster,
                services: { _ in ["web": Agent.service(folder)] },
                handlers: [
                    "look": "[handler]\ntypes = hook.look\nprogram = /usr/bin/env\n",
                    "touch": "[handler]\ntypes = hook.touch\nprogram = /bin/false\n",
                ]
            )
            try folder.write(
                "plan.yaml",
                """
                name: both
                for: [switchover]
                steps:
                  - {step: gate, gate: }
                  - step: not-in-drills
                    hook: {name: touch, on: every from}
                  - {step: fence, fence: }
                  - {step: activate, activate: }
                  - step: start
                    start: {}
                  - step: look
                    hook: {name: look, on: one to}
                    in-drill: yes
                  - {step: verify, verify: }

                """
            )
            let muster = cluster.muster
            let set = try await muster("plan", "set", folder["plan.yaml"])
            #expect(set.status == 0, "\(set.everything)")
            let before = try await cluster.service("web", of: "n-1").processID
            let dry = try await muster("drill", "south", "--dry-run")
            // What a drill leaves out is named in one line, and is no step of it.
            let named = dry.output.split(separator: "\n").filter { $0.contains("not-in-drills") }
            #expect(dry.status == 0 && named.count == 1, "\(dry.everything)")
            #expect(named.first?.contains("A drill leaves out") ?? false, "\(dry.everything)")
            let drill = try await muster("drill", "south", "--confirm", "south")
            #expect(drill.status == 0, "\(drill.everything)")
            #expect(drill.output.contains("drill 1 has passed"), "\(drill.output)")
            let run = try await cluster.run(1)
            #expect(
                run.steps.map(\.plan.name)
                    == ["gate", "isolate", "start", "look", "verify", "end-drill"]
            )
            #expect(run.steps[3].hooks.map(\.state) == ["done"])
            #expect(try await cluster.service("web", of: "n-1").processID == before)
            try await cluster.service("web", of: "s-1", becomes: "stopped")
            let report: RunReport = try await cluster.admin.get(.showRunReport, "1")
            #expect(report.verdict == "passed" && report.times.rtoMilliseconds != nil)
            #expect(try await cluster.sites().first?.epoch == "1.1")
            let ready = try await cluster.readiness("south") { $0.ready }
            #expect(ready.findings.first { $0.topic == "drill" }?.level == "fine")
        }
    }
}
