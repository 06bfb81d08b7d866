import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Two sites whose data is a file that a small script copies from the one to the other.
@Suite struct ReplicationTests {
    /// The programs of a data set; the replicator claims to be up to date, whatever it does.
    private func define(_ site: String, _ agent: Agent, in folder: TestFolder) throws {
        let file = folder["data-\(site)"]
        try folder.write(
            "write-\(site)",
            "cat > \(file).new && sync \(file).new && mv \(file).new \(file)\n"
        )
        try folder.write("read-\(site)", "test ! -e \(file) || cat \(file)\n")
        try folder.write("lag-\(site)", "echo lag-seconds=0\necho lag-bytes=0\n")
        try folder.write(
            "nodes/\(agent.name)/data.d/orders.conf",
            """
            [data]
            write = /bin/sh \(folder["write-\(site)"])
            read = /bin/sh \(folder["read-\(site)"])
            lag = /bin/sh \(folder["lag-\(site)"])
            interval = 500ms
            lag-interval = 1s

            """
        )
    }

    private func replicate(from: String, to: String, in folder: TestFolder) throws -> Program {
        let (source, target) = (folder["data-\(from)"], folder["data-\(to)"])
        let script = """
            while :; do
                test ! -e \(source) || { cp \(source) \(target).copy && mv \(target).copy \(target); }
                sleep 0.1
            done

            """
        try folder.write("replicate-\(from)", script)
        return try Program(
            "/bin/sh",
            [folder["replicate-\(from)"]],
            in: folder,
            log: "replicate-\(from)"
        )
    }

    private func orders(
        _ cluster: TestCluster,
        at site: String,
        becomes what: String,
        _ condition: (DataSetAtSite) -> Bool
    ) async throws -> DataSetAtSite {
        var last: DataSetStatus?
        do {
            return try await awaited("orders at \(site) is \(what)") {
                last =
                    (try? await cluster.admin.get(.showDataSet, "orders", as: DataSetDetail.self))?
                    .dataSet
                return last?.sites.first { $0.site == site }.flatMap { condition($0) ? $0 : nil }
            }
        } catch let error as Unmet {
            throw Unmet(what: "\(error.what); it is \(String(describing: last))")
        }
    }

    @Test func `a failover loses what the canary says and no more, and nobody returns unseen`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            let muster = cluster.muster
            try await cluster.admin.change(.addSite, body: AddSiteRequest(name: "south"))
            var agents: [String: Agent] = [:]
            for (name, site) in [("n-1", "north"), ("s-1", "south")] {
                let agent = try Agent(
                    name,
                    in: cluster,
                    services: ["web": Agent.service(folder, "self-fence = yes")]
                )
                try define(site, agent, in: folder)
                let joined = try await agent.join(token: try await cluster.token(site: site).token)
                try #require(joined.status == 0, "\(joined.everything)")
                try agent.start()
                agents[site] = agent
            }
            try await cluster.online("n-1")
            try await cluster.online("s-1")
            try await cluster.service("web", of: "n-1", becomes: "running")
            let north = try #require(agents["north"])
            let set = try await muster("config", "set", "data.orders.rpo", "4s")
            #expect(set.status == 0, "\(set.everything)")

            // Replicated: fine, and shown.
            let replicator = try replicate(from: "north", to: "south", in: folder)
            _ = try await orders(cluster, at: "south", becomes: "fine") { $0.state == "fine" }
            let list = try await muster("replication", "list")
            #expect(
                list.output.contains("orders") && list.output.contains("fine"),
                "\(list.output)"
            )

            // The replicator is stopped, and says that it is up to date.
            try await replicator.destroy()
            let late = try await orders(cluster, at: "south", becomes: "late") {
                $0.state == "late" && ($0.lagMilliseconds ?? 0) > 4_000
                    && $0.replicatorLagMilliseconds == 0
            }
            #expect(late.canariesBehind ?? 0 >= 4)
            let page = try await muster("replication", "show", "orders")
            #expect(page.status == 2, "\(page.everything)")
            #expect(
                page.output.contains("late") && page.output.contains("RPO 4.0s"),
                "\(page.output)"
            )
            let status = try await muster("status")
            #expect(status.output.contains("orders at south"), "\(status.output)")
            let readiness = try await muster("site", "readiness", "south")
            #expect(readiness.status == 2 && readiness.output.contains("data set orders"))

            // The site is lost: the failover is refused with numbers, until the loss is accepted.
            try await north.cutOff()
            try await cluster.offline("n-1")
            let refused = try await muster(
                "failover",
                "--to",
                "south",
                "--reason",
                "north burns",
                "--yes"
            )
            #expect(refused.status == 3, "\(refused.everything)")
            #expect(
                refused.errors.contains("site south has last seen canary 1.1."),
                "\(refused.errors)"
            )
            #expect(refused.errors.contains("RPO 4s"), "\(refused.errors)")
            #expect(refused.errors.contains("--accept-data-loss"), "\(refused.errors)")
            let forced = try await muster(
                "failover",
                "--to",
                "south",
                "--reason",
                "north burns",
                "--yes",
                "--force"
            )
            #expect(forced.status == 3, "\(forced.everything)")
            let over = try await muster(
                "failover",
                "--to",
                "south",
                "--reason",
                "north burns",
                "--yes",
                "--accept-data-loss"
            )
            #expect(over.status == 0, "\(over.everything)")
            let report: RunReport = try await cluster.admin.get(.showRunReport, "1")
            let loss = try #require(report.data.first)
            #expect(loss.lost ?? 0 >= 4)
            #expect(loss.rpoMilliseconds ?? 0 > 4_000)
            let text = try await muster("run", "report", "1")
            #expect(text.output.contains("## Data"), "\(text.output)")
            #expect(text.output.contains("| orders |"), "\(text.output)")
            let accepted = "That data may be lost was accepted of: orders"
            #expect(text.output.contains(accepted), "\(text.output)")
            #expect(report.run.acceptedLosses?.map(\.dataSet) == ["orders"])

            // The old site is back, with what the new one has not.
            try north.start()
            try await cluster.online("n-1")
            let diverged = try await orders(cluster, at: "north", becomes: "diverged") {
                $0.state == "diverged"
            }
            let count = try #require(diverged.divergedBy)
            #expect(count >= 4)
            // Also when the return direction has overwritten it.
            let back = try replicate(from: "south", to: "north", in: folder)
            _ = try await orders(cluster, at: "north", becomes: "replicated") {
                $0.lagMilliseconds.map { $0 < 2_000 } ?? false
            }
            for number in [nil, "\(count - 1)"] {
                let words = number.map { ["--accept-divergence", $0] } ?? []
                let refused = try await muster.run(
                    ["failback", "--yes", "--reason", "home"] + words
                )
                #expect(refused.status == 3, "\(refused.everything)")
                #expect(refused.errors.contains("has diverged by \(count)"), "\(refused.errors)")
                #expect(refused.errors.contains("--accept-divergence \(count)"))
            }
            let home = try await muster.run([
                "failback", "--yes", "--reason", "home", "--accept-divergence", "\(count)",
            ])
            #expect(home.status == 0, "\(home.everything)")
            try await back.destroy()
            let planned: RunReport = try await cluster.admin.get(.showRunReport, "2")
            #expect(planned.data.first?.lost == 0)
            #expect(planned.data.first?.rpoMilliseconds == 0)
            let audit = try await cluster.audit()
            #expect(audit.contains { $0.verb == "data.accept-divergence" })
        }
    }
}
