import API
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol

// Sites beyond their names: forms, readiness and pairs.

extension ConsoleRoutes {
    func listSites(_ request: ConsoleRequest) async throws -> Response {
        let list = await views { views in
            var list = SiteList(asOf: views.asOf, sites: views.sites)
            for index in list.sites.indices where list.sites[index].role != "active" {
                guard let name = SiteName(list.sites[index].name) else { continue }
                list.sites[index].ready = views.readiness(of: name).ready
            }
            return list
        }
        return try ConsoleAnswer.json(list)
    }

    func showReadiness(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: SiteKind.self)
        let found = await views { views in
            views.machine.sites[name] == nil ? nil : views.readiness(of: name)
        }
        guard let found else { throw await unknownSite(name.text) }
        return try ConsoleAnswer.json(found)
    }

    func unknownSite(_ name: String) async -> API.Failure {
        let names = await views { $0.machine.sites.keys.map(\.text) }
        return API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no site \(kept(name, bytesMax: 100))",
            mend: NearestName.to(name, among: names).map { "did you mean \($0)?" }
                ?? "muster site list"
        )
    }

    func setSiteForm(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetFormRequest.self)
        let name = try request.name("name", as: SiteKind.self)
        guard body.form == "cold" || body.form == "warm" else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "form is not cold or warm"
            )
        }
        return try await change(.setSiteForm(name, isWarm: body.form == "warm"), body, request)
    }

    // MARK: Pairs

    func listPairs(_ request: ConsoleRequest) async throws -> Response {
        let site = request.query("site")
        let list = await views { views in
            let machine = views.machine
            var pairs: [NodePair] = []
            var unpaired: [UnpairedNode] = []
            for member in views.members() where member.record.membership != .invited {
                let record = member.record
                let status = machine.assess(member).status.rawValue
                guard let other = machine.pair(of: record.id).flatMap({ machine.nodes[$0] }) else {
                    unpaired.append(
                        UnpairedNode(node: record.name.text, site: record.site.text, status: status)
                    )
                    continue
                }
                // Each pair once, by the node that says so.
                guard record.pair != nil else { continue }
                pairs.append(
                    NodePair(
                        standby: record.name.text,
                        standbySite: record.site.text,
                        standbyStatus: status,
                        production: other.record.name.text,
                        productionSite: other.record.site.text,
                        productionStatus: machine.assess(other).status.rawValue
                    )
                )
            }
            return PairList(
                asOf: views.asOf,
                pairs: pairs.filter {
                    site == nil || $0.standbySite == site || $0.productionSite == site
                },
                unpaired: machine.sites.count < 2
                    ? [] : unpaired.filter { site == nil || $0.site == site }
            )
        }
        if list.pairs.isEmpty, list.unpaired.isEmpty { try await checkSite(site) }
        return try ConsoleAnswer.json(list)
    }

    func pairNodes(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PairNodesRequest.self)
        return try await change(
            .pairNodes(
                standby: try ConsoleRequest.name(body.standby, as: NodeNameKind.self),
                production: try ConsoleRequest.name(body.production, as: NodeNameKind.self)
            ),
            body,
            request
        )
    }

    func unpairNode(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(
            .unpairNode(try request.name("node", as: NodeNameKind.self)),
            body,
            request
        )
    }
}
