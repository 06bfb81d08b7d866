import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Two paired nodes with real agents: what differs on them is found, shown, mended and gone.
@Suite struct DriftTests {
    private func sections(_ folder: TestFolder, _ name: String) -> String {
        """
        [files app]
        root = \(folder["files/\(name)"])
        paths = bin/** etc/**
        ignore = *.log
        replace = ${name} NODE
        required = yes
        show = yes
        interval = 1s
        [private keys]
        root = \(folder["files/\(name)"])
        paths = keys/*
        interval = 1s
        [version system]
        command = /usr/bin/uname -sr
        interval = 1s
        """
    }

    private func script(_ text: String) -> String { "#!/usr/bin/env true\n\(text)\nend\n" }

    @Test func `a script that was changed on one node is found, shown, mended and gone`()
        async throws
    {
        try await TestCluster.with { cluster in
            let folder = cluster.folder
            let muster = cluster.muster
            for name in ["p-1", "l-1"] {
                try folder.write("files/\(name)/bin/start.sh", script("exec app"), mode: 0o755)
                try folder.write("files/\(name)/etc/app.conf", "name = \(name)\n")
                try folder.write("files/\(name)/etc/app.log", "\(name) was here\n")
                try folder.write("files/\(name)/keys/node.key", "the key of \(name)\n")
            }
            try await cluster.admin.change(.addSite, body: AddSiteRequest(name: "south"))
            for (name, site) in [("p-1", "north"), ("l-1", "south")] {
                _ = try await cluster.addAgent(
                    name,
                    site: site,
                    further: sections(folder, name)
                )
            }
            let alone = try await muster("site", "drift", "south")
            #expect(alone.status == 2 && alone.output.contains("no node of it has a pair"))
            try await cluster.admin.change(
                .pairNodes,
                body: PairNodesRequest(standby: "l-1", production: "p-1")
            )
            try await drift(cluster, becomes: "fine")
            let fine = try await muster("site", "drift")
            #expect(fine.status == 0, "\(fine.everything)")
            #expect(fine.output.contains("site south: no drift in 3 compared sets"))
            _ = try await cluster.readiness("south") { readiness in
                readiness.findings.contains { $0.topic == "drift" && $0.level == "fine" }
            }

            try folder.write("files/l-1/bin/start.sh", script("exec other"), mode: 0o700)
            try folder.write("files/p-1/keys/node.key", "the key of l-1\n")
            let found = try await drift(cluster, becomes: "drift") { drift in
                drift.pairs.flatMap(\.sets).count { $0.state == "drift" } == 2
            }
            let app = try #require(found.pairs.first?.sets.first { $0.name == "app" })
            #expect(app.differences.map(\.path) == ["bin/start.sh"])
            #expect(app.differences.first?.aspects == ["content", "mode"])
            #expect(app.differences.first?.production?.mode == "0755" && app.required)
            let shown = try await muster("site", "drift", "south", "--diff")
            #expect(shown.status == 2, "\(shown.everything)")
            for text in [
                "drift in 2 of 3 compared sets", "0700 at l-1, 0755 at p-1", "-exec app",
                "+exec other", "equal  keys/node.key",
            ] {
                #expect(shown.output.contains(text), "\(text): \(shown.output)")
            }
            #expect(!shown.output.contains("the key of"), "a secret was shown")
            let audit = try await cluster.audit().filter { $0.verb == "drift.read" }
            #expect(audit.map(\.object) == ["l-1/app/bin/start.sh"])
            #expect(audit.map(\.outcome) == ["done"])

            let readiness = try await muster("site", "readiness", "south")
            #expect(readiness.status == 2, "\(readiness.everything)")
            #expect(readiness.output.contains("bin/start.sh differs"), "\(readiness.output)")
            let eva = try await cluster.addOperator("eva", role: "viewer")
            #expect(try await eva.get(.showDrift, "south", as: SiteDrift.self).state == "drift")
            let isTold = try await eventually {
                try await cluster.events().contains {
                    $0.kind == "drift.found" && $0.cause == "bin/start.sh"
                }
            }
            #expect(isTold)

            try folder.write("files/l-1/bin/start.sh", script("exec app"), mode: 0o755)
            try folder.write("files/p-1/keys/node.key", "the key of p-1\n")
            try await drift(cluster, becomes: "fine")
            let kinds = try await cluster.events().map(\.kind)
            #expect(kinds.contains("drift.gone"))
            _ = try await cluster.readiness("south") { $0.ready }
        }
    }

    @discardableResult
    private func drift(
        _ cluster: TestCluster,
        becomes state: String,
        _ condition: (SiteDrift) -> Bool = { _ in true }
    ) async throws -> SiteDrift {
        var last: SiteDrift?
        do {
            return try await awaited("the drift of south is \(state)") {
                last = try await cluster.admin.get(.showDrift, "south", as: SiteDrift.self)
                return last.flatMap { $0.state == state && condition($0) ? $0 : nil }
            }
        } catch let error as Unmet {
            let sets = last?.pairs.flatMap(\.sets).map { "\($0.name) \($0.state): \($0.reason)" }
            throw Unmet(what: "\(error.what); it is \(sets ?? [])")
        }
    }
}
