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
}
