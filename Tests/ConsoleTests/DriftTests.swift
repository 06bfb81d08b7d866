import API
import Foundation
import Model
import Testing

@testable import Console

enum DriftSamples {
    static let script = DriftDifference(
        path: "bin/start.sh",
        aspects: ["content", "mode"],
        standby: DriftEntry(kind: "file", mode: "0644", owner: "root:root", size: 1_200),
        production: DriftEntry(kind: "file", mode: "0755", owner: "root:root", size: 1_300)
    )
    static let missing = DriftDifference(
        path: "etc/\\x1b[31m.conf",
        aspects: ["only-production"],
        standby: nil,
        production: DriftEntry(kind: "file", mode: "0644", size: 310)
    )

    static let app = DriftSet(
        name: "app",
        kind: "files",
        state: "drift",
        required: true,
        show: true,
        count: 12,
        differences: [script, missing],
        entries: 214,
        comparedAt: Samples.ago(30),
        since: Samples.ago(724),
        ageMilliseconds: 41_000
    )
    static let packages = DriftSet(
        name: "packages",
        kind: "version",
        state: "unknown",
        reason: "the last look of node l-1 is 2h05m old"
    )
    static let keys = DriftSet(name: "keys", kind: "private", state: "fine")

    static func drift(_ sets: [DriftSet]) -> SiteDrift {
        SiteDrift(
            asOf: Samples.ago(0),
            site: "b",
            role: "standby",
            pairs: [
                DriftPair(
                    standby: "l-1",
                    standbySite: "b",
                    production: "p-1",
                    productionSite: "a",
                    sets: sets
                )
            ]
        )
    }

    static let diff = FileDiff(
        asOf: Samples.ago(0),
        standby: "l-1",
        production: "p-1",
        set: "app",
        path: "bin/start.sh",
        onStandby: true,
        onProduction: true,
        lines: ["--- p-1/bin/start.sh", "+++ l-1/bin/start.sh", "@@ -1 +1 @@", "-old", "+new"]
    )
}

@Suite struct `The drift of sites` {
    private static let path = "GET /api/v1/sites/b/drift"

    private func cluster(_ sets: [DriftSet]) throws -> FakeCluster {
        let sites = SiteList(
            asOf: Samples.ago(0),
            sites: [
                SiteStatus(
                    name: "a",
                    role: "active",
                    online: 1,
                    total: 1,
                    invited: 0,
                    inMaintenance: 0,
                    minimum: 0
                ),
                SiteStatus(
                    name: "b",
                    role: "standby",
                    online: 1,
                    total: 1,
                    invited: 0,
                    inMaintenance: 0,
                    minimum: 0
                ),
            ]
        )
        return try FakeCluster(answers: [
            "GET /api/v1/sites": ["body": try FakeCluster.json(sites)],
            Self.path: ["body": try FakeCluster.json(DriftSamples.drift(sets))],
            Self.path + "/diff": ["body": try FakeCluster.json(DriftSamples.diff)],
        ])
    }

    @Test func `what differs is named file by file, and the status says that something does`()
        throws
    {
        let cluster = try cluster([DriftSamples.app, DriftSamples.packages, DriftSamples.keys])
        let run = try cluster.muster("site", "drift")
        #expect(run.status == 2, "\(run.error)")
        for text in [
            "site b: drift in 1 of 3 compared sets, 1 unknown",
            "app  l-1 and its pair p-1  214 files  12 differences  required  for 12m 4s",
            "looked at 41s ago", "content, mode", "0644 at l-1, 0755 at p-1",
            "only at p-1    etc/\\x1b[31m.conf", "310 B", "and 10 more",
            "unknown  packages", "the last look of node l-1 is 2h05m old",
        ] {
            #expect(run.output.contains(text), "\(text): \(run.output)")
        }
        #expect(!run.output.contains("keys") && !run.output.contains("\u{1B}"))
        let wide = try cluster.muster("site", "drift", "b", "-o", "wide")
        #expect(wide.output.contains("fine  keys") && wide.output.contains("must not be alike"))
    }

    @Test func `nothing differs, or nothing is known`() throws {
        let fine = try cluster([DriftSamples.keys]).muster("site", "drift", "b")
        #expect(fine.status == 0 && fine.output.contains("site b: no drift in 1 compared sets"))
        let unknown = try cluster([DriftSamples.packages]).muster("site", "drift", "b")
        #expect(unknown.status == 2 && unknown.output.contains("no drift is known, 1 unknown"))
        let nothing = try cluster([]).muster("site", "drift", "b")
        #expect(nothing.status == 2 && nothing.output.contains("nothing is compared"))
    }

    @Test func `texts are asked for one by one, and only where they may be shown`() throws {
        var hidden = DriftSamples.app
        hidden.name = "hidden"
        hidden.show = false
        let cluster = try cluster([DriftSamples.app, hidden])
        let run = try cluster.muster("site", "drift", "b", "--diff")
        #expect(run.status == 2)
        #expect(run.output.contains("-old\n+new\n"), "\(run.output)")
        #expect(run.output.contains("hidden of l-1 may not be shown (show = yes"))
        let asked = try cluster.requests().compactMap { $0["path"] as? String }
            .filter { $0.contains("/drift/diff") }
        #expect(asked.count == 2, "\(asked)")
        #expect(asked.first?.contains("node=l-1&set=app&path=bin") == true, "\(asked)")
        let wrong = try cluster.muster("site", "drift", "b", "--diff", "-o", "json")
        #expect(wrong.status == 64)
    }

    @Test func `programs get the interface's own answer`() throws {
        let cluster = try cluster([DriftSamples.app])
        let one = try cluster.muster("site", "drift", "b", "-o", "json")
        let drift = try JSONDecoder().decode(SiteDrift.self, from: Data(one.output.utf8))
        #expect(drift == DriftSamples.drift([DriftSamples.app]) && one.status == 2)
        let all = try cluster.muster("site", "drift", "-o", "json")
        #expect(all.output.contains("\"sites\" : ["))
    }
}
