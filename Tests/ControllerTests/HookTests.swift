@testable import ControllerCore
import Dispatch
import Foundation
import Glibc
import Logging
import Model
import Protocol
import Synchronization
import Testing

@testable import Controller

/// Hooks of the controller's host, by real programs.
@Suite struct HookTests {
    /// What a runner has told.
    private final class Told: Sendable {
        struct End: Hashable, Sendable {
            var id: UInt64
            var isDone: Bool
            var text: String
        }

        private let state = Mutex<[End]>([])

        var ends: [End] { state.withLock { $0 } }
        func take(_ end: End) { state.withLock { $0.append(end) } }
    }

    private static func shell(_ script: String, timeout: Duration = .seconds(60)) -> HookDefinition
    {
        HookDefinition(command: ["/bin/sh", "-c", script], timeout: timeout, description: "")
    }

    private static func runner(
        _ hooks: [(HookName, HookDefinition)],
        _ told: Told
    ) throws -> HookRunner {
        var table: OrderedTable<HookName, HookDefinition> = OrderedTable()
        for (name, definition) in hooks { table[name] = definition }
        var log = Logger(label: "test")
        log.logLevel = .critical
        return try HookRunner(table, log: log) { id, isDone, text in
            told.take(.init(id: id, isDone: isDone, text: text))
        }
    }

    private static func call(
        _ name: HookName,
        id: UInt64 = 1,
        _ variables: [(String, String)] = [],
        timeout: Duration = .seconds(60)
    ) -> HookCall {
        HookCall(
            id: id,
            name: name,
            variables: variables.compactMap { HookCall.Variable(name: $0.0, value: $0.1) },
            timeout: timeout
        )
    }

    private func end(_ definition: HookDefinition, _ call: HookCall) async throws -> Told.End {
        let told = Told()
        let runner = try Self.runner([(call.name, definition)], told)
        runner.execute(call)
        #expect(await eventually(within: .seconds(60)) { !told.ends.isEmpty })
        return try #require(told.ends.first)
    }

    @Test func `a hook has its context, a search path, and nothing else of ours`() async throws {
        let definition = HookDefinition(
            command: ["/usr/bin/env"],
            timeout: .seconds(60),
            description: ""
        )
        let end = try await end(
            definition,
            Self.call("tell", id: 7, [("RUN", "3"), ("REASON", "a 'b' $(c)")])
        )
        #expect(end.isDone && end.id == 7)
        #expect(
            end.text
                == "PATH=\(HookProcess.searchPath); LANG=C.UTF-8; MUSTER_RUN=3; "
                + "MUSTER_REASON=a 'b' $(c)"
        )
    }

    @Test func `a hook that fails says how, and what it wrote on both outputs`() async throws {
        let end = try await end(
            Self.shell("echo first; echo why >&2; exit 3"),
            Self.call("fails")
        )
        #expect(!end.isDone)
        #expect(end.text == "exited with status 3: first; why")
        let signaled = try await self.end(Self.shell("kill -9 $$"), Self.call("dies"))
        #expect(!signaled.isDone && signaled.text == "ended by signal 9")
    }

    @Test func `of a long output the end is kept`() async throws {
        let end = try await end(Self.shell("seq 1 5000; exit 1"), Self.call("talks"))
        #expect(end.text.hasPrefix("exited with status 1: …"))
        #expect(end.text.hasSuffix("; 4999; 5000"))
        #expect(end.text.utf8.count <= RunStepRecord.textBytesMax)
        #expect(end.text.utf8.count > RunStepRecord.textBytesMax - 20)
    }

    @Test func `control characters of an output do not reach anybody`() async throws {
        let end = try await end(
            Self.shell(#"printf 'a\033[2Jb\r\n\n  c  d \n'"#),
            Self.call("paints")
        )
        #expect(end.text == "a [2Jb; c d")
    }

    @Test func `over its time it is told to end, and has failed even if it then ends well`()
        async throws
    {
        let script = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
        let end = try await end(Self.shell(script, timeout: .seconds(1)), Self.call("hangs"))
        #expect(!end.isDone)
        #expect(end.text.hasPrefix("not done within 1s: begun;"))
        #expect(end.text.hasSuffix("; tidied"))
        // The step's own time holds as well.
        let short = try await self.end(
            Self.shell(script),
            Self.call("hangs", timeout: .milliseconds(300))
        )
        #expect(short.text.hasPrefix("not done within 300ms: begun;"))
    }

    @Test func `what does not listen is killed, with all it has started`() async throws {
        let script =
            "trap '' TERM; sh -c 'trap \"\" TERM; exec tail -f /dev/null' & echo $! $$; wait"
        let end = try await end(Self.shell(script, timeout: .seconds(1)), Self.call("stubborn"))
        #expect(!end.isDone && end.text.hasPrefix("not done within 1s: "))
        let pids = end.text.split(separator: " ").suffix(2).compactMap { Int32($0) }
        #expect(pids.count == 2)
        let areGone = await eventually { pids.allSatisfy { kill($0, 0) != 0 } }
        #expect(areGone)
    }

    @Test func `what a hook leaves behind is killed when it ends`() async throws {
        let end = try await end(
            Self.shell("tail -f /dev/null >/dev/null 2>&1 & echo $!"),
            Self.call("forks")
        )
        #expect(end.isDone)
        let left = try #require(Int32(end.text))
        #expect(await eventually { kill(left, 0) != 0 })
    }

    @Test func `a hook that is not defined has failed at once, and the key is named`() throws {
        let told = Told()
        let runner = try Self.runner([], told)
        runner.execute(Self.call("nowhere", id: 9))
        let end = try #require(told.ends.first)
        #expect(end.id == 9 && !end.isDone)
        #expect(end.text.contains("hooks.nowhere"))
    }

    @Test func `a program that is gone by now is told, and is no crash`() async throws {
        let end = try await end(
            HookDefinition(command: ["/nowhere/x"], timeout: .seconds(5), description: ""),
            Self.call("gone")
        )
        #expect(!end.isDone && end.text.contains("it could not be started"))
    }

    @Test func `more hooks than may run at once wait their turn, and all end`() async throws {
        let told = Told()
        let runner = try Self.runner([("one", Self.shell("echo $MUSTER_TARGET"))], told)
        let count = HookRunner.runningMax * 2 + 5
        for id in 1...UInt64(count) {
            runner.execute(Self.call("one", id: id, [("TARGET", "n-\(id)")]))
        }
        #expect(await eventually(within: .seconds(60)) { told.ends.count == count })
        #expect(Set(told.ends.map(\.id)).count == count)
        #expect(told.ends.allSatisfy { $0.isDone && $0.text == "n-\($0.id)" })
    }

    @Test func `what is cancelled while it is just starting does not run on`() async throws {
        let told = Told()
        let runner = try Self.runner(
            [("long", Self.shell("exec tail -f /dev/null")), ("next", Self.shell("echo next"))],
            told
        )
        for id in 1...UInt64(50) {
            runner.execute(Self.call("long", id: id))
            runner.cancel([id])
        }
        // Nothing begins beside what is being ended; and when it is gone, what waited does.
        runner.execute(Self.call("next", id: 100))
        #expect(await eventually(within: .seconds(30)) { told.ends.contains { $0.id == 100 } })
        #expect(told.ends.last == .init(id: 100, isDone: true, text: "next"))
        runner.stop()
    }

    @Test func `a runner that is stopped ends what runs and tells nothing`() async throws {
        let told = Told()
        let folder = NSTemporaryDirectory() + "muster-hook-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let mark = folder + "/pid"
        let runner = try Self.runner(
            [
                (
                    "long",
                    Self.shell(
                        "echo $$ > \(mark).new; mv \(mark).new \(mark); exec tail -f /dev/null"
                    )
                )
            ],
            told
        )
        runner.execute(Self.call("long"))
        #expect(await eventually { FileManager.default.fileExists(atPath: mark) })
        let text = try String(contentsOfFile: mark, encoding: .utf8)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(pid, 0) == 0)
        runner.stop()
        #expect(kill(pid, 0) != 0)
        #expect(told.ends.isEmpty)
        runner.execute(Self.call("long"))
        #expect(told.ends.isEmpty)
    }
}

/// What the driver does with them.
@Suite struct HookDriverTests {
    private static let plan = PlanDraft(
        name: "p",
        kinds: [.switchover],
        steps: [
            PlanStep(name: "tell", act: .hook("tell", .controller)),
            PlanStep(name: "fence", act: .fence(with: nil)),
            PlanStep(name: "activate", act: .activate),
        ]
    )

    /// With a node at the site that is to be active: without any a run is refused.
    private static func world() throws -> World {
        var node = NodeRecord(
            id: World.node,
            name: "node-1",
            site: "south",
            membership: .joined,
            address: nil,
            addedBy: "admin",
            addedAt: WallTime(milliseconds: 0)
        )
        node.isAdmitted = true
        return try World(and: [.site(SiteRecord(name: "south")), .node(node)])
    }

    private func start(_ world: World) async throws -> RunID {
        guard
            case .done = await world.driver.perform(
                Command(.setPlan(Self.plan)),
                by: World.admin
            ),
            case .runStarted(let run) = await world.driver.perform(
                Command(.startRun(RunRequest(kind: .switchover, to: "south"))),
                by: World.admin
            )
        else { throw NotStarted() }
        return run
    }

    private struct NotStarted: Error {}

    @Test func `a hook goes out when its step is durable, and its end moves the run`() async throws
    {
        let world = try Self.world()
        #expect(await eventually { world.store.attempts == 1 })
        let run = try await start(world)
        #expect(await eventually { world.wire.hooks.count == 1 })
        let call = try #require(world.wire.hooks.first)
        #expect(call.name == "tell" && call.timeout <= .seconds(300))
        let variables = call.variables.map { "\($0.name)=\($0.value)" }
        #expect(variables.contains("RUN=\(run)") && variables.contains("TO=south"))
        // Its intent stands in the store by now.
        let steps = world.store.rows(of: "run-step").values
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(steps.contains { $0.contains("step=tell") && $0.contains("state=running") })
        world.driver.put(.hookEnded(call.id, isDone: true, text: "told"))
        #expect(
            await eventually {
                world.store.rows(of: "run").values.contains {
                    String(decoding: $0, as: UTF8.self).contains("state=done")
                }
            }
        )
        let site = await world.driver.read { machine, _ in machine.cluster.activeSite }
        #expect(site == "south")
        await world.driver.stop()
    }

    @Test func `nothing is executed that is not durable`() async throws {
        let world = try Self.world()
        #expect(await eventually { world.store.attempts == 1 })
        guard case .done = await world.driver.perform(Command(.setPlan(Self.plan)), by: World.admin)
        else {
            Issue.record("the plan was not set")
            return
        }
        world.store.hold()
        let attempts = world.store.attempts
        async let outcome = world.driver.perform(
            Command(.startRun(RunRequest(kind: .switchover, to: "south"))),
            by: World.admin
        )
        #expect(await eventually { world.store.attempts == attempts + 1 })
        let isEarly = await eventually(within: .milliseconds(150)) { !world.wire.hooks.isEmpty }
        #expect(!isEarly)
        world.store.letGo()
        #expect(await eventually { world.wire.hooks.count == 1 })
        guard case .runStarted = await outcome else {
            Issue.record("the run did not start")
            return
        }
        await world.driver.stop()
    }
}
