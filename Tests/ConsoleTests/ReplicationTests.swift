import API
import Testing

@testable import Console

/// Data sets as they are shown: what is not known never looks fine.
@Suite struct ReplicationTests {
    static var late: DataSetStatus {
        var source = DataSetAtSite(site: "a", state: "source", nodes: ["a-1"])
        source.canary = "1.3.4711"
        var site = DataSetAtSite(site: "b", state: "late", nodes: ["b-1"])
        site.lagMilliseconds = 90_000
        site.canariesBehind = 88
        site.canary = "1.3.4623"
        site.sampleAgeMilliseconds = 400
        site.replicatorLagMilliseconds = 0
        site.replicatorLagBytes = 0
        return DataSetStatus(
            name: "orders",
            required: true,
            objectiveMilliseconds: 60_000,
            writer: "a-1",
            canary: "1.3.4711",
            sites: [source, site]
        )
    }

    static func state(_ state: String, _ text: String = "") -> DataSetStatus {
        var dataSet = late
        dataSet.sites[1] = DataSetAtSite(site: "b", state: state, text: text, nodes: ["b-1"])
        return dataSet
    }

    static let loss = RunDataLoss(
        dataSet: "orders",
        run: 7,
        epoch: "1.2",
        from: "b",
        to: "a",
        canary: "1.2.100",
        acknowledged: "1.2.112",
        lost: 12,
        rpoMilliseconds: 13_000,
        objectiveMilliseconds: 60_000,
        at: Samples.ago(3_600)
    )

    static let detail = DataSetDetail(
        asOf: Samples.ago(0),
        dataSet: late,
        series: [
            LagSeries(
                site: "b",
                minutes: [
                    LagMinute(at: Samples.ago(180), worstMilliseconds: 0),
                    LagMinute(at: Samples.ago(120), unknownSeconds: 60),
                    LagMinute(at: Samples.ago(60), worstMilliseconds: 90_000),
                ]
            )
        ],
        forks: [loss]
    )

    private let plain = Style.plain

    @Test func `a page shows the lag, what the replicator claims, the series and what was lost`() {
        let page = ReplicationPage(detail: Self.detail, style: plain, width: nil).lines()
            .joined(separator: "\n")
        #expect(page.contains("RPO 1m, required"), "\(page)")
        #expect(page.contains("late") && page.contains("1.3.4623"), "\(page)")
        #expect(page.contains("0.0s, 0 bytes"), "\(page)")
        #expect(page.contains("LAG AT B  ▁?█"), "\(page)")
        #expect(page.contains("not known for 1m"), "\(page)")
        #expect(page.contains("1.2.100") && page.contains("12"), "\(page)")
    }

    @Test func `the status line says what is late, unknown or has diverged`() throws {
        func line(_ dataSet: DataSetStatus) throws -> String {
            try #require(
                ReplicationWords.statusLines([dataSet], style: plain, width: nil).first
            )
        }
        #expect(try line(Self.late).contains("▲ orders at b 1m 30s behind of 1m"))
        #expect(
            try line(Self.state("unknown", "nobody reads it")).contains("▲ orders at b UNKNOWN")
        )
        var diverged = Self.state("diverged")
        diverged.sites[1].divergedBy = 5
        #expect(try line(diverged).contains("✖ orders at b diverged by 5"))
        #expect(ReplicationWords.statusLines([], style: plain, width: nil) == [])
        let three = Array(repeating: Self.late, count: 5)
        let coloured = Style(isColoured: true, isUnicode: true)
        let narrow = ReplicationWords.statusLines(three, style: coloured, width: 80)
        #expect(narrow.count == 2 && narrow.allSatisfy { DisplayWidth.of($0) <= 80 })
        // Each colour ends, and nothing is cut.
        #expect(narrow.joined().matches(of: #/behind of 1m\u{1B}\[0m/#).count == 3)
        #expect(narrow[1].contains("+2 more"))
    }

    @Test func `a list has a row for each site, and a lag that is not known is no number`() throws {
        let rows = ReplicationWords.rows([Self.state("unknown", "nobody reads it")])
        let table = try ReplicationWords.listing(style: plain).table(
            rows,
            isWide: true,
            hasHeader: true,
            sortBy: "lag"
        )
        let text = table.lines(style: plain, width: nil).joined(separator: "\n")
        #expect(text.contains("unknown") && text.contains("nobody reads it"), "\(text)")
    }
}
