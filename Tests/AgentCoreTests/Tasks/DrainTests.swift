import AgentCore
import Model
import Protocol
import Testing

/// What drains ends under its old token where the controller lets it, and nothing else does.
struct DrainTests {
    private static func working(
        _ kind: HandlerDefinition.Kind = .drainable,
        ordered: Bool = true,
        delivery: DeliveryPolicy = .exclusive
    ) -> Scene {
        var definition = HandlerDefinition.plain(delivery: delivery)
        definition.kind = kind
        var scene = Scene.working([definition])
        var order = scene.runOrder(.first(1))
        order.isDrainable = ordered
        scene.receive(.work(.run(order)))
        scene.report(.first(1), .started(processID: 7))
        return scene
    }

    /// The site gives its part up: the session is raised, then the epoch.
    @discardableResult
    private func demote(_ scene: inout Scene, drains: FencingToken? = Scene.base) -> AgentEffects {
        scene.token.session += 1
        return scene.receive(.role(.standby, token: scene.token, drains: drains))
    }

    private func stops(_ effects: AgentEffects) -> Int {
        effects.tasks.count { if case .stop = $0 { true } else { false } }
    }

    private func floors(_ scene: inout Scene) -> (whole: FencingToken?, exclusive: FencingToken?) {
        let effects = scene.pass(.seconds(2))
        let beats = effects.sends.compactMap {
            if case .beat(let beat) = $0 { beat } else { nil }
        }
        guard let last = beats.last else { return (nil, nil) }
        return (last.floor, last.exclusiveFloor ?? last.floor)
    }

    @Test
    func `an attempt drains over a change of session and epoch, under leases of the new ones`() {
        var scene = Self.working()
        #expect(stops(demote(&scene)) == 0)
        #expect(stops(scene.live(.seconds(20))) == 0)
        scene.token.epoch.counter += 1
        let raised = scene.receive(.role(.standby, token: scene.token, drains: Scene.base))
        #expect(stops(raised) == 0)
        #expect(stops(scene.live(.seconds(20))) == 0)
        #expect(scene.phase(.first(1)) == .running)
        #expect(scene.finish(.first(1)).outcome == .done)
    }

    @Test func `it is left out of the exclusive floor and counts in the whole one`() {
        var scene = Self.working()
        demote(&scene)
        let told = floors(&scene)
        #expect(told.exclusive == Scene.base)
        #expect(told.whole.map { $0 < Scene.base } ?? true)
        scene.finish(.first(1))
        #expect(floors(&scene).whole == Scene.base)
    }

    @Test(arguments: [HandlerDefinition.Kind.exclusive, .drainable])
    func `what its order or its definition calls exclusive ends and counts`(
        kind: HandlerDefinition.Kind
    ) {
        var scene = Self.working(kind, ordered: kind == .exclusive)
        #expect(stops(demote(&scene)) == 1)
        #expect(floors(&scene).exclusive.map { $0 < Scene.base } ?? true)
    }

    @Test func `the kind it was launched with counts, whatever its definition says later`() {
        for (launched, later) in [
            (HandlerDefinition.Kind.exclusive, HandlerDefinition.Kind.drainable),
            (.drainable, .exclusive),
        ] {
            var scene = Self.working(launched)
            var definition = HandlerDefinition.plain()
            definition.kind = later
            scene.run(.reconfigured([], sharedPaths: [], handlers: [definition]))
            #expect(stops(demote(&scene)) == (launched == .exclusive ? 1 : 0))
        }
    }

    @Test func `without the word it ends as everything does`() {
        var scene = Self.working()
        #expect(stops(demote(&scene, drains: nil)) == 1)
        scene.report(.first(1), .exited(.signalled(15)))
        #expect(scene.finish(.first(1), .signalled(15)).outcome == .interrupted)
    }

    @Test func `a word that came with an older token is void`() {
        var scene = Self.working()
        demote(&scene)
        scene.token.session += 1
        let order = RunOrder(
            attempt: .first(2),
            token: scene.token,
            handler: "push",
            type: .push,
            submittedAt: WallTime(milliseconds: 0)
        )
        #expect(stops(scene.receive(.work(.run(order)))) == 1)
    }

    @Test func `an attempt older than the word says ends`() {
        var scene = Self.working()
        var later = Scene.base
        later.session += 1
        #expect(stops(demote(&scene, drains: later)) == 1)
    }

    @Test func `a standby takes nothing new while something drains`() {
        var scene = Self.working()
        demote(&scene)
        scene.live(.seconds(1))
        #expect(scene.order(.first(2)).returns == [.notNow])
    }

    @Test func `what drains is cut by order`() {
        var scene = Self.working()
        demote(&scene)
        #expect(stops(scene.cancel(.first(1), .drained)) == 1)
        #expect(scene.finish(.first(1), .signalled(15)).outcome == .cancelled)
    }

    @Test func `what drains ends with the lease`() {
        var scene = Self.working()
        demote(&scene)
        #expect(stops(scene.pass(.seconds(13))) == 1)
    }

    @Test func `a journal keeps as what an attempt was launched`() throws {
        let owner = TaskJournalEntry.owner(cluster: "c-1", node: "n-1")
        let start = TaskJournalEntry.start(
            .first(1),
            token: Scene.base,
            handler: "push",
            isDrainable: true
        )
        #expect(start.line.hasSuffix(" drainable=yes"))
        let journal = try TaskJournal(lines: [owner.line, start.line])
        #expect(journal.started[.first(1)]?.isDrainable == true)
    }

    @Test func `what another cluster launched is never drainable here`() {
        let owner = TaskJournalEntry.owner(cluster: "c-2", node: "n-1")
        let start = TaskJournalEntry.start(
            .first(1),
            token: Scene.base,
            handler: "push",
            isDrainable: true
        )
        var scene = Scene(handlers: [.plain()], journal: [owner.line, start.line])
        scene.join(tasks: [.first(1)])
        // Whatever a controller lets drain.
        demote(&scene, drains: .zero)
        #expect(floors(&scene).exclusive.map { $0 < Scene.base } ?? true)
    }

    @Test(arguments: [HandlerDefinition.Mode.process, .worker])
    func `a worker, and a handler of hooks, is never drainable`(mode: HandlerDefinition.Mode) {
        var definition = HandlerDefinition.plain(types: [TaskType("hook.warm")!])
        if mode == .worker { definition.types = [.push] }
        definition.mode = mode
        #expect(definition.problems.isEmpty)
        definition.kind = .drainable
        #expect(definition.problems.count == 1)
    }

    /// I3: a statement is a fact.
    @Test func `what may not drain counts in the exclusive floor until it has ended`() {
        var definition = HandlerDefinition.plain()
        definition.kind = .drainable
        var scene = Scene.working([definition])
        var order = scene.runOrder(.first(1))
        order.isDrainable = true
        scene.receive(.work(.run(order)))
        scene.report(.first(1), .started(processID: 7))
        scene.token.session += 1
        // As every controller says it that knows nothing of drains.
        scene.receive(.role(.standby, token: scene.token))
        let effects = scene.pass(.milliseconds(500))
        let beats = effects.sends.compactMap {
            if case .beat(let beat) = $0 { beat } else { nil }
        }
        let stated = beats.last.map { $0.exclusiveFloor ?? $0.floor } ?? nil
        #expect(stated.map { $0 < Scene.base } ?? true)
    }
}
