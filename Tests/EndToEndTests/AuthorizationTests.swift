import API
import Foundation
import Host
import Model
import Testing

/// Every path of the interface, asked by who may not.
@Suite struct AuthorizationTests {
    /// Has every member that any request takes, so that none is refused for its form.
    private struct Body: Encodable {
        var name = "someone"
        var names = ["someone"]
        var nodes = ["someone"]
        var role = "admin"
        var scope = "cluster"
        var key = "key"
        var value = "value"
        var minimum = 1
        var forMilliseconds = 60_000
        var action = "stop"
        var service = "web"
        var owner = "me"
        var type = "PUSH"
        var ids = [1]
        var done = true
        var recurrence = "every 1h"
        var task = ["type": "PUSH"]
        var dates = "2026-12-25"
        var reason = "a test"
        var form = "cold"
        var standby = "someone"
        var production = "other"
        var text = """
            name: written
            for: [switchover]
            steps:
              - step: fence
                fence:
              - step: activate
                activate:
            """
        var kind = "switchover"
        var to = "paris"
        var node = "someone"
        var yes = true
    }

    private func values(_ route: Route) -> [String] {
        guard route.path.contains("{") else { return [] }
        return ["{id}", "{run}", "{number}"].contains { route.path.contains($0) }
            ? ["1"] : ["someone"]
    }

    private func body(_ route: Route) -> Body? {
        guard route.method != .get else { return nil }
        return route == .setNotifyRules ? Body(text: "routes: []") : Body()
    }

    @Test func `every path that is not for anyone wants a certificate, and its role`() async throws
    {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let person = try await cluster.addOperator("otto", role: "operator")
            for route in Route.allCases where route.access != .anyone {
                let body = body(route)
                let stranger = try await cluster.stranger.ask(route, values(route), body: body)
                #expect(stranger.status == 401, "\(route) answers a stranger: \(stranger.text)")
                if route.access == .operator || route.access == .admin {
                    let answer = try await viewer.ask(route, values(route), body: body)
                    #expect(answer.status == 403, "\(route) answers a viewer: \(answer.text)")
                }
                if route.access == .admin {
                    let answer = try await person.ask(route, values(route), body: body)
                    #expect(answer.status == 403, "\(route) answers an operator: \(answer.text)")
                }
            }
            let forbidden = try await cluster.audit().filter { $0.outcome == "forbidden" }
            for (name, closed) in [
                ("vera", [Route.Access.operator, .admin]), ("otto", [Route.Access.admin]),
            ] {
                // What is only read is judged by the interface, and written down by it, too.
                let tried = Route.allCases.filter { closed.contains($0.access) }
                let audited = forbidden.filter { $0.actor == name }
                #expect(audited.count == tried.count)
                #expect(audited.allSatisfy { !$0.key.isEmpty && !$0.source.isEmpty })
            }
            let strangers = try await cluster.audit().filter { $0.actor == "stranger" }
            let closed = Route.allCases.filter { $0.access != .anyone }
            #expect(Set(strangers.map(\.verb)) == Set(closed.map(\.rawValue)))
            #expect(strangers.allSatisfy { $0.outcome == "no-certificate" && !$0.source.isEmpty })
            // Nothing of all this has left a trace in what holds.
            let sites: SiteList = try await cluster.admin.get(.listSites)
            #expect(sites.sites.map(\.name) == ["north"])
            let settings: SettingList = try await cluster.admin.get(.listSettings)
            #expect(settings.settings.isEmpty)
        }
    }

    @Test func `who is refused again and again is written down at a rate`() async throws {
        try await TestCluster.with { cluster in
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let gone = try await cluster.addOperator("gone", role: "admin")
            try await cluster.admin.change(.removeOperator, "gone")
            let path = Route.addSite.path
            for (who, name) in [(viewer, "vera"), (gone, "gone")] {
                let flood = try await cluster.folder.run(
                    PythonAgent.python,
                    [
                        ConsoleDoorTests.client, "repeat", "127.0.0.1:\(cluster.consolePort)",
                        "400",
                        who.root, who.credential!, "POST", path, "{\"name\":\"x\"}",
                    ]
                )
                #expect(flood.output == "403 400\n", "\(flood.everything)")
                let audited = try await cluster.audit().filter {
                    $0.actor == name && $0.outcome == "forbidden"
                }
                #expect(audited.allSatisfy { $0.verb == "addSite" })
                #expect((100..<250).contains(audited.count), "\(audited.count)")
                // The next one that is written down tells of the others.
                #expect(
                    try await eventually {
                        _ = try await who.ask(.addSite, body: AddSiteRequest(name: "x"))
                        return try await cluster.audit().contains {
                            $0.actor == name && $0.reason.contains("more before it were refused")
                        }
                    }
                )
            }
        }
    }
}
