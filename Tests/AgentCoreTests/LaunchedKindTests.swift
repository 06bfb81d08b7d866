import AgentCore
import Model
import Protocol
import Testing

/// How a service is fenced is told as it was launched, not as its definition has it by now.
struct LaunchedKindTests {
    @Test func `what was launched without a lease is not called self-fenced`() {
        var scene = Scene([.plain("db")])
        scene.join()
        scene.pass(.zero)
        scene.start("db", order: 1)
        let launch = scene.launch(of: "db")
        #expect(scene.service("db")?.isSelfFenced == false)
        // The definition is changed and the agent is started again; it finds the leash.
        scene.restart([.plain("db", isSelfFenced: true)])
        scene.join(adopting: [AdoptedLeash(launch: launch, token: Scene.base, processID: 7)])
        #expect(scene.service("db")?.isSelfFenced == false)
    }

    @Test func `what was launched under a lease is found as self-fenced by the next agent`() {
        var scene = Scene([.plain("db", isSelfFenced: true)])
        scene.join()
        let launch = LaunchID(service: "db", number: 1)
        scene.restart([.plain("db", isSelfFenced: true)])
        scene.join(
            adopting: [
                AdoptedLeash(
                    launch: launch,
                    token: Scene.base,
                    processID: 7,
                    hasDeadline: true
                )
            ]
        )
        #expect(scene.service("db")?.isSelfFenced == true)
    }

    @Test func `a service that is self-fenced no more waits until a controller knows`() {
        var scene = Scene([.plain("db", isSelfFenced: true)])
        scene.join()
        scene.pass(.zero)
        scene.receive(.start(scene.order(1, "db")))
        scene.grantLease()
        scene.report("db", .started(processID: 7))
        scene.run(.disconnected(link: scene.link, reason: "cut"))
        scene.pass(.seconds(20))
        scene.report("db", .emptied)
        #expect(scene.state("db") == .stopped)
        let effects = scene.run(.reconfigured([.plain("db")], sharedPaths: []))
        #expect(effects.launched.isEmpty)
    }

    /// A service whose definition was taken away while the agent was down: it is being stopped, and that
    /// takes its time. The controller must know of it: by what it is told it decides whether a node that is
    /// lost has stopped by itself.
    @Test func `what an earlier agent left without a definition is told to the controller`() {
        var scene = Scene()
        let leash = AdoptedLeash(
            launch: LaunchID(service: "db", number: 7),
            token: Scene.base,
            processID: 4_000,
            hasDeadline: false
        )
        let effects = scene.join(adopting: [leash])
        #expect(effects.sends.contains(.synced(services: 1, handlers: 0, attempts: 0)))
        let told = effects.sends.compactMap { message -> ServiceReport? in
            if case .service(let report) = message { report } else { nil }
        }
        #expect(told.map(\.name) == ["db"])
        #expect(told.allSatisfy { !$0.isSelfFenced && !$0.isDrainable && !$0.isWanted })
        #expect(told.allSatisfy { $0.state == .stopping && $0.processID == 4_000 })
        let stuck = scene.run(.leash(leash.launch, .unkillable(processes: 1)))
        #expect(stuck.told("db") == .stopping)
        // It is defined again before it is gone.
        scene.run(.reconfigured([.plain("db", isSelfFenced: true)], sharedPaths: []))
        #expect(scene.service("db")?.isSelfFenced == false)
        #expect(scene.state("db") == .stopping)
        #expect(scene.run(.reconfigured([], sharedPaths: [])).verbs == ["SERVICE"])
        #expect(scene.run(.leash(leash.launch, .emptied)).sends == [.gone("db")])
    }
}
