import ControllerCore
import Model
import Protocol
import Testing

@testable import Controller

/// Strangers that show tokens.
@Suite struct EnrolmentGateTests {
    private static let good = JoinTokenID("6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f91")
    private static let other = JoinTokenID("6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f92")

    private func world() async throws -> World {
        let world = try World()
        let seed = TokenSeed(id: Self.good, secretHash: "hash", lifetime: .seconds(900))
        let made = await world.driver.perform(
            Command(.createToken(seed, site: nil, node: nil)),
            by: World.admin
        )
        guard case .done = made else { throw CancellationError() }
        return world
    }

    private func ask(_ gate: EnrolmentGate, _ id: JoinTokenID, _ hash: String) async -> Refused? {
        await gate.refusal(of: id, secretHash: hash, purpose: .node, source: "192.0.2.1:1")
    }

    @Test func `who guesses is written down at a rate, and keeps nobody out`() async throws {
        let world = try await world()
        let gate = EnrolmentGate(driver: world.driver, every: .seconds(3_600), burst: 3)
        // These come before the machine, which refuses them, writes them down and tells them.
        for _ in 0..<3 { #expect(await ask(gate, Self.other, "guess") == nil) }
        for number in 0..<200 {
            let refused = await ask(gate, number < 100 ? Self.other : Self.good, "guess")
            #expect(refused?.text == "this join token is not valid")
            #expect(refused?.code == .badToken)
        }
        #expect(await ask(gate, Self.good, "hash") == nil)
        // Those who guess an operator's token are others.
        let person = await gate.refusal(
            of: Self.other,
            secretHash: "guess",
            purpose: .operatorAccount,
            source: ""
        )
        #expect(person == nil)
    }

    @Test func `who has a good token and asks for what is refused does not do so for ever`()
        async throws
    {
        let world = try await world()
        let gate = EnrolmentGate(driver: world.driver)
        var refusals: [Refused] = []
        for _ in 0..<60 {
            if let refused = await ask(gate, Self.good, "hash") { refusals.append(refused) }
        }
        #expect(refusals.count > 30 && refusals.allSatisfy { $0.code == .tooFast })
    }
}
