import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// One controller a store, and never from a store that is not what it should be.
@Suite struct StoreTests {
    @Test func `a second controller on the same store is refused and told who holds it`()
        async throws
    {
        try await TestCluster.with { cluster in
            let holder = try #require(cluster.controller).processID
            let second = try await cluster.command(["run"])
            #expect(second.status == 3)
            #expect(second.errors.contains("the store is in use"))
            #expect(second.errors.contains("\(holder)"))
            let _: ClusterStatus = try await cluster.admin.get(.getStatus)
        }
    }

    @Test func `a port in use is named, with what to do`() async throws {
        try await TestCluster.with { cluster in
            for (agents, console) in [
                (cluster.agentsPort, Ports.free()), (Ports.free(), cluster.consolePort),
            ] {
                let taken = agents == cluster.agentsPort ? agents : console
                let file = "other-\(taken).yaml"
                try cluster.folder.write(
                    file,
                    """
                    state-directory: \(cluster.folder["other-\(taken)"])
                    agents: {listen: ["127.0.0.1:\(agents)"]}
                    console: {listen: ["127.0.0.1:\(console)"]}

                    """
                )
                let program = Program.product("muster-controller")
                let options = ["--config", cluster.folder[file]]
                let made = try await cluster.folder.run(program, ["init"] + options)
                #expect(made.status == 0, "\(made.everything)")
                let refused = try await cluster.folder.run(program, ["run"] + options)
                #expect(refused.status == 1)
                #expect(refused.errors.contains("127.0.0.1:\(taken)"), "\(refused.errors)")
                #expect(refused.errors.contains("in use"), "\(refused.errors)")
            }
            let _: ClusterStatus = try await cluster.admin.get(.getStatus)
        }
    }

    @Test func `init does not touch a cluster that is there`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.stop()
            let again = try await cluster.command(["init"])
            #expect(again.status == 3)
            #expect(again.errors.contains("there is a cluster in \(cluster.state) already"))
            try await cluster.start()
            let _: ClusterStatus = try await cluster.admin.get(.getStatus)
        }
    }

    @Test func `a backup that is restored acts under a higher generation, and old copies do not`()
        async throws
    {
        try await TestCluster.with { cluster in
            let (_, agent) = try await cluster.addPython("page-1")
            let answer = try await cluster.admin.ask(
                .makeBackup,
                body: PlainChange(reason: "nightly")
            )
            #expect(answer.status == 200)
            let backup = cluster.folder["backup"]
            try answer.body.write(to: URL(fileURLWithPath: backup))
            // The agent has been given another nonce since, as on the day after the backup.
            try await cluster.kill()
            try await cluster.start()
            try await welcome(2, of: agent)
            try await cluster.admin.change(.addSite, body: AddSiteRequest(name: "later"))
            let before: ClusterStatus = try await cluster.admin.get(.getStatus)
            try await cluster.stop()
            let old = cluster.folder["old-store"]
            try FileManager.default.copyItem(atPath: cluster.state + "/store", toPath: old)

            let careful = try await cluster.command(["restore", backup])
            #expect(careful.status == 3)
            #expect(careful.errors.contains("--replace"))
            let restored = try await cluster.command(["restore", backup, "--replace"])
            #expect(restored.status == 0, "\(restored.errors)")
            try await cluster.start()
            let after: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(after.cluster.generation > before.cluster.generation)
            #expect(after.sites.map(\.name) == ["north"])
            try await welcome(3, of: agent)
            try await cluster.online("page-1")

            // Now the store of before comes back to life, as from a snapshot of the disk.
            try await cluster.stop()
            let store = cluster.state + "/store"
            try FileManager.default.moveItem(atPath: store, toPath: cluster.folder["new-store"])
            try FileManager.default.moveItem(atPath: old, toPath: store)
            try await cluster.start()
            _ = try await awaited("the controller's doubt") {
                try await cluster.events().first { $0.kind == "controller.doubted" }
            }
            let refused = try await cluster.admin.refusal(
                .addSite,
                body: AddSiteRequest(name: "south")
            )
            #expect(refused.code == "not-active")
            #expect(refused.mend.contains("adopt"))
            let status: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(status.problems.contains { $0.subject == "controller" })
        }
    }

    private func welcome(_ number: Int, of agent: Program) async throws {
        _ = try await awaited("session \(number) of the agent") {
            agent.output.components(separatedBy: "< LEASE seq=1 ").count > number ? 1 : nil
        }
    }

    @Test func `a store that was copied from another machine is refused until it is adopted`()
        async throws
    {
        try await TestCluster.with { cluster in
            let before: ClusterStatus = try await cluster.admin.get(.getStatus)
            try await cluster.stop()
            try FileManager.default.removeItem(atPath: cluster.state + "/store/muster.instance")
            let refused = try await cluster.command(["run"])
            #expect(refused.status == 3)
            #expect(refused.errors.contains("belongs to another machine"))
            #expect(refused.errors.contains("muster-controller adopt"))
            let careless = try await cluster.command(["adopt"])
            #expect(careless.status == 3)
            #expect(careless.errors.contains("--confirm"))
            let adopted = try await cluster.command(["adopt", "--confirm"])
            #expect(adopted.status == 0, "\(adopted.errors)")
            try await cluster.start()
            let after: ClusterStatus = try await cluster.admin.get(.getStatus)
            #expect(after.cluster.generation > before.cluster.generation)
        }
    }

    @Test func `a damaged store and one of the future are refused with the mend, untouched`()
        async throws
    {
        try await TestCluster.with { cluster in
            for number in 1...40 {
                let body = SetSettingRequest(
                    scope: "cluster",
                    key: "x.key-\(number)",
                    value: "a value that is not to change \(number)"
                )
                try await cluster.admin.change(.setSetting, body: body)
            }
            try await cluster.stop()
            let database = URL(fileURLWithPath: cluster.state + "/store/muster.db")
            let whole = try Data(contentsOf: database)
            // One bit, wherever the value stands: a page may hold what was there before as well.
            var damaged = whole
            var from = damaged.startIndex
            while let place = damaged[from...].range(of: Data("not to change 17".utf8)) {
                damaged[place.lowerBound] ^= 1
                from = place.upperBound
            }
            #expect(damaged != whole)
            try damaged.write(to: database)
            let refused = try await cluster.command(["run"])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("the store is damaged"), "\(refused.errors)")
            #expect(refused.errors.contains("muster-controller restore"))

            var future = whole
            // The schema's version, 32 bits at offset 60 of a SQLite file.
            future[63] = 99
            try future.write(to: database)
            let early = try await cluster.command(["run"])
            #expect(early.status == 3)
            #expect(early.errors.contains("newer version"))
            #expect(early.errors.contains("99"))
            #expect(try Data(contentsOf: database) == future)

            try whole.write(to: database)
            try await cluster.start()
        }
    }
}
