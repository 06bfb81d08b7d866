import AgentCore
import Model
import Protocol
import Testing

/// I3: a statement is a fact. Nobody lets the attempt drain, and it runs.
struct RevDrainTests {
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
        print("REV7 \(beats.map { ($0.floor as Any, $0.exclusiveFloor as Any) })")
        let stated = beats.last.map { $0.exclusiveFloor ?? $0.floor } ?? nil
        #expect(stated.map { $0 < Scene.base } ?? true)
    }
}
