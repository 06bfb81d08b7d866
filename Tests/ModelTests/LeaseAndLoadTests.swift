import Model
import Testing

struct LeaseTermsTests {
    struct Case: Sendable {
        var name: String
        var terms: LeaseTerms
        var shortest: Duration
        /// As the table of the design gives it, in hundredths of a second.
        var hundredths: Int64
    }

    static let cases = [
        Case(
            name: "node and task lease",
            terms: LeaseTerms(heartbeatInterval: .seconds(2)),
            shortest: .nanoseconds(15_135_603_016),
            hundredths: 1_514
        ),
        Case(
            name: "site lease",
            terms: LeaseTerms(
                length: .seconds(60),
                heartbeatInterval: .seconds(5),
                stopTime: .seconds(10),
                pauseTime: .seconds(5),
                wait: .seconds(80)
            ),
            shortest: .nanoseconds(75_678_015_076),
            hundredths: 7_568
        ),
        Case(
            name: "quick lease",
            terms: LeaseTerms(
                length: .seconds(6),
                heartbeatInterval: .seconds(1),
                stopTime: .milliseconds(800),
                pauseTime: .milliseconds(700),
                driftPartsPerMillion: 10_000,
                wait: .milliseconds(7_700)
            ),
            shortest: .nanoseconds(7_636_212_122),
            hundredths: 764
        ),
    ]

    @Test(arguments: cases)
    func `the shortest safe wait is that of the design's table`(item: Case) {
        #expect(item.terms.waitMin == item.shortest)
        #expect((item.terms.waitMin.nanoseconds + 5_000_000) / 10_000_000 == item.hundredths)
        #expect(item.terms.problems.isEmpty)
    }

    @Test(arguments: cases)
    func `a wait that is one nanosecond too short is refused`(item: Case) throws {
        var terms = item.terms
        terms.wait = item.shortest
        #expect(terms.problems.isEmpty)
        terms.wait = item.shortest - .nanoseconds(1)
        #expect(terms.problems.count == 1)
        #expect(try #require(terms.problems.first).hasPrefix("lease.wait is "))
    }

    @Test func `the defaults are safe`() {
        #expect(LeaseTerms().problems.isEmpty)
    }

    @Test func `a lease that no heartbeat may be lost of is refused`() {
        #expect(LeaseTerms(heartbeatInterval: .seconds(3)).problems.isEmpty)
        let terms = LeaseTerms(heartbeatInterval: .seconds(3) + .nanoseconds(1))
        #expect(terms.problems.count == 1)
    }

    @Test func `terms without meaning are refused, each for its own reason`() {
        #expect(LeaseTerms(length: .zero).problems.count == 2)
        #expect(LeaseTerms(heartbeatInterval: .zero).problems.count == 1)
        #expect(LeaseTerms(stopTime: .seconds(-1)).problems.count == 1)
        #expect(LeaseTerms(pauseTime: .seconds(-1)).problems.count == 1)
        #expect(LeaseTerms(driftPartsPerMillion: -1).problems.count == 1)
        #expect(LeaseTerms(driftPartsPerMillion: 100_001).problems.count == 1)
    }

    @Test func `a wait for slower and faster clocks is never shorter than one for better ones`() {
        var previous = Duration.zero
        for drift in stride(from: 0 as Int64, through: 100_000, by: 500) {
            let wait = LeaseTerms(driftPartsPerMillion: drift).waitMin
            #expect(wait > previous)
            previous = wait
        }
        #expect(LeaseTerms(driftPartsPerMillion: 0).waitMin == .seconds(15))
    }

    @Test func `the longest lease that can be configured is reckoned without overflow`() throws {
        let longest = try #require(Duration(parsing: "10000d"))
        let terms = LeaseTerms(
            length: longest,
            heartbeatInterval: longest,
            stopTime: longest,
            pauseTime: longest,
            driftPartsPerMillion: 100_000,
            wait: longest
        )
        #expect(terms.problems.count == 2)
    }
}

struct DiskTests {
    @Test(
        arguments: [
            (0, 0, 0), (0, 5, 0), (1_000, 0, 1_000), (1_999, 0, 1_000), (1_999, 1_999, 0),
            (1_999, 5_000, 0), (10_999, 0, 1_000), (3, 2, 333), (1 << 60, 0, 1_000),
            (.max, 0, 1_000), (.max, .max, 0), (1 << 40, 1 << 39, 500),
        ] as [(UInt64, UInt64, UInt32)]
    )
    func `the used share is never above the whole`(total: UInt64, free: UInt64, used: UInt32) {
        let disk = Disk(
            mount: "/",
            total: total,
            available: free,
            inodesTotal: 0,
            inodesAvailable: 0
        )
        #expect(disk.usedPerMille == used)
    }
}

struct ConditionTests {
    @Test func `each operator may do what the one before may`() {
        #expect(OperatorRole.allCases.shuffled().sorted() == [.viewer, .operator, .admin])
    }
}
