import Model
import Testing

@testable import Controller

@Suite struct RateGatesTests {
    private let start = Instant.origin + .seconds(100)

    @Test func `each has a burst, and then one with every interval`() {
        let gates = RateGates<String>(every: .seconds(2), burst: 3)
        for _ in 0..<3 { #expect(gates.take("vera", at: start) == 0) }
        for _ in 0..<5 { #expect(gates.take("vera", at: start) == nil) }
        #expect(gates.take("otto", at: start) == 0)
        #expect(gates.take("vera", at: start + .milliseconds(1_999)) == nil)
        // The next one tells how many were over the rate; the one after it does not tell them again.
        #expect(gates.take("vera", at: start + .seconds(2)) == 6)
        #expect(gates.take("vera", at: start + .seconds(4)) == 0)
        for _ in 0..<3 { #expect(gates.take("vera", at: start + .seconds(100)) == 0) }
        #expect(gates.take("vera", at: start + .seconds(100)) == nil)
    }

    @Test func `those who have come to rest are forgotten for others, and nobody else is`() {
        let gates = RateGates<Int>(every: .seconds(1), burst: 1, keysMax: 4)
        for key in 1...4 { #expect(gates.take(key, at: start) == 0) }
        #expect(gates.take(5, at: start) == nil)
        #expect(gates.take(1, at: start + .seconds(1)) == 0)
        // 2, 3 and 4 are as good as new; 1 has just taken what it had.
        for key in 5...7 { #expect(gates.take(key, at: start + .seconds(1)) == 0) }
        #expect(gates.take(8, at: start + .seconds(1)) == nil)
        #expect(gates.take(1, at: start + .seconds(1)) == nil)
    }
}
