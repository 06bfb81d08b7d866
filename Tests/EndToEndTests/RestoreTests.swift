import API
import Foundation
import Model
import Testing

/// A backup that is older than the last change of the active site.
@Suite struct RestoreTests {
    @Test func `a backup older than a switchover needs the word, and the active site acts alone`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            _ = try await TwoSites(in: cluster, services: { _ in ["web": Agent.service(folder)] })
            try await cluster.service("web", of: "n-1", becomes: "running")
            let answer = try await cluster.admin.ask(
                .makeBackup,
                body: PlainChange(reason: "nightly")
            )
            #expect(answer.status == 200)
            let backup = folder["backup"]
            try answer.body.write(to: URL(fileURLWithPath: backup))
            let over = try await cluster.muster(
                "switchover",
                "--to",
                "south",
                "--reason",
                "a new kernel",
                "--confirm",
                "south"
            )
            #expect(over.status == 0, "\(over.everything)")
            try await cluster.service("web", of: "s-1", becomes: "running")
            let process = try await cluster.service("web", of: "s-1").processID
            try await cluster.stop()

            // Whatever is refused changes nothing.
            let store = URL(fileURLWithPath: cluster.state + "/store/muster.db")
            let before = try Data(contentsOf: store)
            let restore = ["restore", backup, "--replace"]
            let because = ["--reason", "south runs, north was looked at"]
            for (words, told) in [
                ([], "--active SITE"), (["--active", "west"] + because, "north, south"),
                (["--active", "south"], "--reason"), (because, "--active"),
            ] {
                let refused = try await cluster.command(restore + words)
                #expect(refused.status == 3, "\(words): \(refused.everything)")
                #expect(refused.errors.contains(told), "\(words): \(refused.errors)")
                #expect(
                    refused.output.contains("says: site north is active under epoch 1.1"),
                    "\(words): \(refused.output)"
                )
            }
            #expect(try Data(contentsOf: store) == before)

            let restored = try await cluster.command(restore + ["--active", "south"] + because)
            #expect(restored.status == 0, "\(restored.everything)")
            #expect(restored.output.contains("the generation is 2 now"), "\(restored.output)")
            try await cluster.start()
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(status.activeSite == "south")
            #expect(status.cluster.epoch == 2)
            #expect(
                status.problems.contains { $0.text.contains("nothing is started") },
                "\(status.problems)"
            )
            let ready: SiteReadiness = try await cluster.admin.get(.showReadiness, "north")
            #expect(ready.findings.contains { $0.topic == "restore" && $0.level == "blocking" })
            let early = try await cluster.muster(
                "switchover",
                "--to",
                "north",
                "--reason",
                "back",
                "--confirm",
                "north"
            )
            #expect(early.status == 3, "\(early.everything)")
            _ = try await awaited("the end of what a restore waits for") {
                try await cluster.events().first { $0.kind == "restore.ended" }
            }
            // It ran through all of it; at the site of the backup nothing was ever started.
            try await cluster.service("web", of: "s-1", becomes: "running")
            #expect(try await cluster.service("web", of: "s-1").processID == process)
            try await cluster.service("web", of: "n-1", becomes: "stopped")
            let events = try await cluster.events()
            let begun = try #require(events.last { $0.kind == "restore.begun" })
            #expect(begun.cause.contains("south runs, north was looked at"))
            let changes = events.filter {
                $0.kind == "service.changed" && $0.sequence > begun.sequence
                    && $0.subject.hasPrefix("n-")
            }
            #expect(changes.isEmpty, "\(changes.map(\.text))")
            let audit = try await cluster.muster("audit", "list")
            #expect(audit.output.contains("site.say-active"), "\(audit.everything)")
            // And the sites change places again as ever.
            let back = try await cluster.muster(
                "switchover",
                "--to",
                "north",
                "--reason",
                "back",
                "--confirm",
                "north"
            )
            #expect(back.status == 0, "\(back.everything)")
            try await cluster.service("web", of: "n-1", becomes: "running")
        }
    }
}
