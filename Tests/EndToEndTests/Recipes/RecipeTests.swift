import Foundation
import Host
import Model
import Testing

/// The recipes of `deploy/recipes`, as they are shipped, against the real thing from Debian's packages.
///
/// Each test is a script: it installs the recipes below its folder, starts PostgreSQL, HAProxy, BIND or
/// rsync and where it helps a whole cluster, and says each thing that it has seen to be so.
@Suite struct RecipeTests {
    private static let own = (#filePath as NSString).deletingLastPathComponent
    private static let project: String = {
        let url = URL(fileURLWithPath: own + "/../../..")
        return url.standardizedFileURL.path
    }()
    static let recipes = project + "/deploy/recipes"

    private func pass(_ script: String, within limit: Duration) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let told = try await folder.run(
            "/usr/bin/python3",
            ["\(Self.own)/scripts/\(script).py", folder.path, Program.folder, Self.project],
            within: limit
        )
        #expect(told.status == 0 && told.output.hasSuffix("PASSED\n"), "\(told.everything)")
    }

    @Test func `a PostgreSQL primary behind HAProxy moves, is lost, and comes home`() async throws {
        try await pass("postgresql", within: .seconds(400))
    }

    @Test func `HAProxy lets clients through to one site, whatever happens to it`() async throws {
        try await pass("haproxy", within: .seconds(120))
    }

    @Test func `a name in a zone of BIND follows the active site`() async throws {
        try await pass("dns", within: .seconds(120))
    }

    @Test func `an address follows the active site, and no zombie keeps it`() async throws {
        try await pass("address", within: .seconds(120))
    }

    @Test func `files are copied from the site that has them, and never the other way`()
        async throws
    {
        try await pass("files", within: .seconds(120))
    }

    @Test func `many race for one token file, and nothing lower follows something higher`()
        async throws
    {
        try await pass("token_check", within: .seconds(120))
    }

    @Test func `every plan of the recipes is taken by a controller with their hooks`() async throws
    {
        let hooks = try ["haproxy", "dns"].map { recipe in
            try String(contentsOfFile: "\(Self.recipes)/\(recipe)/controller.yaml", encoding: .utf8)
                .split(separator: "\n")
                .filter { $0.hasPrefix("  ") }
                .joined(separator: "\n")
                .replacing("/usr/share/muster/recipes", with: Self.recipes)
        }
        try await TestCluster.with(settings: "hooks:\n" + hooks.joined(separator: "\n")) {
            cluster in
            var count = 0
            for recipe in ["postgresql-haproxy", "dns", "address", "files"] {
                for plan in ["plan", "failover"] {
                    let path = "\(Self.recipes)/\(recipe)/\(plan).yaml"
                    guard FileManager.default.fileExists(atPath: path) else { continue }
                    count += 1
                    let checked = try await cluster.muster("plan", "check", path)
                    #expect(checked.status == 0, "\(checked.everything)")
                }
            }
            #expect(count == 6)
        }
    }

    @Test(arguments: ["postgresql", "haproxy", "address", "files"])
    func `every service and handler of the recipes is taken by an agent`(recipe: String)
        async throws
    {
        let folder = try TestFolder()
        defer { folder.remove() }
        try folder.write("agent.conf", "[agent]\nstate-directory = \(folder["state"])\n")
        var count = 0
        for kind in ["services.d", "handlers.d", "data.d"] {
            let shipped = "\(Self.recipes)/\(recipe)/agent/\(kind)"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: shipped)) ?? []
            for name in names {
                count += 1
                let text = try String(contentsOfFile: "\(shipped)/\(name)", encoding: .utf8)
                #expect(text.contains("/usr/share/muster/recipes/\(recipe)/"))
                try folder.write(
                    "\(kind)/\(name)",
                    text.replacing("/usr/share/muster/recipes", with: Self.recipes)
                )
            }
        }
        #expect(count > 0)
        let checked = try await folder.run(
            Program.product("muster-agent"),
            ["check-config", "--config", folder["agent.conf"]]
        )
        #expect(checked.status == 0, "\(checked.everything)")
    }
}
