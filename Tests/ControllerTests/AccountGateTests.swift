import Model
import Testing

@testable import Controller

@Suite struct AccountGateTests {
    @Test func `an account has its places and no more, and takes none of another's`() throws {
        let gate = AccountGate(max: 2)
        let first = try #require(gate.enter("alice"))
        var second = gate.enter("alice")
        #expect(second != nil)
        #expect(gate.enter("alice") == nil)
        #expect(gate.enter("bob") != nil)
        // Given back by whoever lets go of it, written or not.
        second = nil
        let third = gate.enter("alice")
        #expect(third != nil)
        #expect(gate.enter("alice") == nil)
        withExtendedLifetime((first, third)) {}
    }

    @Test func `who has gone leaves nothing behind`() {
        let gate = AccountGate(max: 1)
        for _ in 0..<1_000 { #expect(gate.enter("alice") != nil) }
    }
}
