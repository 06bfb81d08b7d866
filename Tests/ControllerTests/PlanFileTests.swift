import ControllerCore
import Foundation
import Model
import Testing
import YAMLFiles

@testable import Controller

/// Plans as files, key by key.
@Suite struct PlanFileTests {
    private static let hooks: OrderedTable<HookName, HookDefinition> = {
        var hooks: OrderedTable<HookName, HookDefinition> = OrderedTable()
        hooks["redirect"] = HookDefinition(
            command: ["/bin/true"],
            timeout: .seconds(5),
            description: ""
        )
        return hooks
    }()

    private func problems(_ text: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try PlanFile.parse(text, path: "p.yaml", hooks: Self.hooks)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    private static let whole = """
        name: night
        for: [switchover, failback]
        steps:
          - step: gate
            gate:
            timeout: 30s
          - step: drain
            drain-tasks:
            timeout: 10m
          - step: stop-some
            stop: {site: from, groups: [web, tm], services: exclusive}
            retries: 3
            retry-delay: 2s
            on-failure: skip
          - step: question
            ask: "Shall we \\"go\\" on?"
            on-failure: roll-back
          - step: redirect
            hook: {name: redirect, on: controller}
            verify-hook: redirect
            undo-hook: redirect
          - step: one
            check: {name: replica, on: one to}
          - step: many
            hook: {name: prepare, on: every from}
          - step: that
            hook: {name: prepare, on: node n-1}
          - step: fence
            fence: {hook: redirect}
          - step: activate
            activate:
          - step: start
            start: {groups: [tm], services: drainable}
          - step: verify
            verify:
          - step: tell
            notify: It is done.
            in-drill: yes
          - step: try
            sandbox-tasks: {type: "PUSH", count: 20, account: "drill", payload: "a: b\\n"}

        """

    @Test func `every key is read`() throws {
        let draft = try PlanFile.parse(Self.whole, path: "p.yaml", hooks: Self.hooks)
        #expect(draft.name == "night" && draft.kinds == [.switchover, .failback])
        let acts: [PlanAct] = [
            .gate, .drainTasks, .stop(.from, groups: ["web", "tm"], .exclusive),
            .ask("Shall we \"go\" on?"), .hook("redirect", .controller),
            .check("replica", .one(.to)), .hook("prepare", .every(.from)),
            .hook("prepare", .node("n-1")), .fence(with: "redirect"), .activate,
            .start(groups: ["tm"], .drainable), .verify, .notify("It is done."),
            .sandbox(SandboxWork(type: .push, count: 20, account: "drill", payload: "a: b\n")),
        ]
        #expect(draft.steps.map(\.act) == acts)
        #expect(draft.steps[0].timeout == .seconds(30))
        #expect(draft.steps[2].retries == 3 && draft.steps[2].retryDelay == .seconds(2))
        #expect(draft.steps[2].onFailure == .skip && draft.steps[3].onFailure == .rollBack)
        #expect(draft.steps[4].verify == "redirect" && draft.steps[4].undo == "redirect")
        #expect(draft.steps.filter(\.isInDrill).map(\.name) == ["tell"])
        #expect(draft.steps[4].timeout == .seconds(300) && draft.steps[4].onFailure == .ask)
    }

    @Test func `what is written is read back as the same plan`() throws {
        var draft = try PlanFile.parse(Self.whole, path: "p.yaml", hooks: Self.hooks)
        draft.steps[0].timeout = .milliseconds(2_500)
        draft.steps[1].timeout = .seconds(86_400 + 3_600 + 60 + 1)
        draft.steps[3].act = .ask("a\nb\t\"c\" \\ d: e # f")
        draft.steps[4].name = "no"
        draft.steps[5].name = "7"
        let text = PlanFile.text(of: draft)
        #expect(try PlanFile.parse(text, path: "again", hooks: nil) == draft, "\(text)")
        for kind in [RunKind.switchover, .failover, .failback] {
            var derived = PlanDraft.derived(for: kind)
            derived.name = "mine"
            let written = PlanFile.text(of: derived)
            #expect(try PlanFile.parse(written, path: "d", hooks: nil) == derived, "\(written)")
        }
    }

    @Test(arguments: ["zero-downtime-switch", "failover"])
    func `the plans that come with the product are good ones`(name: String) throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("deploy/plans/\(name).yaml")
        let text = try String(contentsOf: path, encoding: .utf8)
        let draft = try PlanFile.parse(text, path: name, hooks: nil)
        #expect(draft.name.text == name)
        #expect(draft.problems.isEmpty)
    }

    @Test func `the zero-downtime switch keeps the order of the procedures`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("deploy/plans/zero-downtime-switch.yaml")
        let text = try String(contentsOf: path, encoding: .utf8)
        let names = try PlanFile.parse(text, path: "z", hooks: nil).steps.map(\.name.text)
        let order = [
            "stop-monitors", "stop-database-replication", "redirect-traffic", "stop-scheduler",
            "fence", "activate", "start-scheduler", "end-protocol-sessions",
            "stop-transaction-manager", "stop-the-rest",
        ]
        #expect(names.filter { order.contains($0) } == order)
    }

    /// A good plan with one step put in front.
    private static func with(_ step: String) -> String {
        """
        name: p
        for: [failover]
        steps:
        \(step)
          - {step: fence, fence: }
          - {step: activate, activate: }

        """
    }

    @Test func `the frame of the examples is a good plan`() {
        #expect(problems(Self.with("  - {step: g, gate: }")) == [])
    }

    @Test(arguments: [
        ("  - {step: g}", "4:5", "does nothing: it needs one of gate,"),
        ("  - {gate: }", "4:5", "has no name: step: NAME"),
        ("  - {step: G, gate: }", "4:12", "G is not a name"),
        ("  - {step: g, gate: yes}", "4:21", "has nothing behind it"),
        (
            "  - {step: g, gate: , ask: x}", "4:28",
            "a step does one thing, and this one has gate and ask"
        ),
        (
            "  - {step: g, gaet: }", "4:15",
            "steps[1].gaet is not a setting; did you mean steps[1].gate?"
        ),
        ("  - {step: g, gate: , timeout: 5}", "4:32", "5 is not a duration from 1s to 7d00h"),
        ("  - {step: g, gate: , timeout: 8d}", "4:32", "8d is not a duration"),
        ("  - {step: g, gate: , retries: 101}", "4:32", "101 is not a number from 0 to 100"),
        ("  - {step: g, gate: , retry-delay: 2d}", "4:36", "2d is not a duration from 0ms"),
        ("  - {step: g, gate: , on-failure: hope}", "4:35", "hope is not ask, skip or roll-back"),
        ("  - {step: g, gate: , in-drill: maybe}", "4:33", "maybe is not yes or no"),
        ("  - {step: g, ask: }", "4:", "needs a text: ask: TEXT"),
        ("  - {step: g, stop: {site: to}}", "4:28", "only the old site's services are stopped"),
        ("  - {step: g, stop: {site: there}}", "4:28", "there is not from or to"),
        ("  - {step: g, stop: {groups: web}}", "4:30", "is not a list"),
        (
            "  - {step: g, stop: {services: some}}", "4:32",
            "some is not all, exclusive or drainable"
        ),
        ("  - {step: g, stop: {group: [web]}}", "4:22", "did you mean steps[1].stop.groups?"),
        ("  - {step: g, stop: all}", "4:21", "is not a mapping"),
        ("  - {step: g, hook: }", "4:", "needs a name and a place"),
        ("  - {step: g, hook: {name: redirect}}", "4:21", "needs a place: on: controller"),
        ("  - {step: g, hook: {on: controller}}", "4:21", "needs the name of a hook"),
        (
            "  - {step: g, hook: {name: redirect, on: some to}}", "4:42",
            "some to is not controller,"
        ),
        ("  - {step: g, hook: {name: redirekt, on: controller}}", "4:28", "did you mean redirect?"),
        ("  - {step: g, check: {name: other, on: controller}}", "4:29", "add hooks.other"),
        ("  - {step: g, gate: , verify-hook: other}", "4:36", "hook other is not defined"),
        ("  - {step: g, gate: , undo-hook: other}", "4:34", "hook other is not defined"),
        ("  - {step: g, fence: {hook: other}}", "4:29", "hook other is not defined"),
        ("  - {step: g, fence: {}}", "5:5", "a plan fences once"),
        ("  - {step: fence, gate: }", "5:5", "another step is called fence"),
        ("  - {step: g, start: {}}", "4:5", "start after it is activated"),
        ("  - just words", "4:5", "steps[1] is not a mapping"),
    ])
    func `a mistake is told with its place`(step: String, place: String, said: String) {
        let found = problems(Self.with(step))
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.hasPrefix("p.yaml:\(place)") == true, "\(found)")
        #expect(found.first?.contains(said) == true, "\(found)")
    }

    @Test(arguments: [
        ("for: [failover]\nsteps: []\n", "the file has no name: name: NAME"),
        ("name: p\nsteps: []\n", "does not say for which runs it is"),
        ("name: p\nfor: [failover]\n", "has no steps"),
        ("name: p\nfor: [fallover]\nsteps: []\n", "2:7: for: fallover is not one of switchover"),
        ("name: p\nfor: [drill, drill]\nsteps: []\n", "names drill twice"),
        ("name: derived\nfor: [failover]\nsteps: []\n", "1:7: name is taken"),
        ("name: p\nfor: [failover]\nsteps: []\n", "a plan has 1 to 64 steps"),
        ("name: p\nname: q\n", "a key stands twice here: name"),
        ("name: [p\n", "p.yaml:"),
        ("nmae: p\nfor: [failover]\nsteps: []\n", "1:1: nmae is not a setting; did you mean name?"),
        ("- a\n", "the file is not a mapping of keys to values"),
    ])
    func `a mistake of the whole is told`(text: String, said: String) {
        let found = problems(text)
        #expect(found.contains { $0.contains(said) }, "\(found)")
    }

    @Test func `all mistakes are told at once, by line`() {
        let found = problems(
            """
            name: P
            for: [failover]
            steps:
              - {step: a, gate: , timeout: x}
              - {step: b, hook: {name: nothing, on: controller}}
              - {stp: c, fence: }

            """
        )
        #expect(found.count >= 5, "\(found)")
        let lines = found.compactMap { Int($0.split(separator: ":")[1]) }
        #expect(lines == lines.sorted() && Set(lines) == [1, 4, 5, 6])
    }
}
