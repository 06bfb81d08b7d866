import API
import ControllerCore
import Foundation
import Hummingbird
import Identity
import Model
import Protocol

// What is changed: each request becomes one command (services: one a node), which the machine
// admits, carries out and audits.

extension ConsoleRoutes {
    /// The outcome of a command, or the refusal as the interface says it.
    func perform(
        _ verb: Command.Verb,
        _ change: some ChangeRequest,
        _ request: ConsoleRequest
    ) async throws -> Reply.Outcome {
        let command = Command(verb, reason: change.reasonText, force: change.isForced)
        let outcome = await driver.perform(command, by: caller(request))
        if case .refused(let refused) = outcome { throw API.Failure(refused) }
        return outcome
    }

    func change(
        _ verb: Command.Verb,
        _ change: some ChangeRequest,
        _ request: ConsoleRequest,
        remark: String? = nil
    ) async throws -> Response {
        guard case .done(let text, let orders) = try await perform(verb, change, request) else {
            throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply")
        }
        return try ConsoleAnswer.json(
            ChangeDone(
                asOf: DriverLoop.moment().wall.iso8601,
                text: text,
                orders: orders,
                remark: remark
            )
        )
    }

    /// A change that needs nothing but to be said.
    func changePlainly(_ request: ConsoleRequest, _ verb: Command.Verb) async throws -> Response {
        try await change(verb, try request.body(as: PlainChange.self), request)
    }

    // MARK: Nodes

    func addNode(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AddNodeRequest.self)
        let name = try ConsoleRequest.name(body.name, as: NodeNameKind.self)
        let site = try body.site.map { text throws(API.Failure) in
            try ConsoleRequest.name(text, as: SiteKind.self)
        }
        let made = try makeToken(.node, lifetime: body.lifetimeMilliseconds)
        _ = try await perform(
            .addNode(name, site: site, address: body.address, token: made.seed),
            body,
            request
        )
        let summary = await views { views in
            views.machine.member(named: name).map(views.summary)
        }
        guard let summary else { throw await unknownNode(name) }
        return try ConsoleAnswer.json(
            AddedNode(asOf: summary.asOf, node: summary, token: made.created),
            status: .created
        )
    }

    func removeNodes(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: RemoveNodesRequest.self)
        var names: [NodeName] = []
        for text in body.names {
            names.append(try ConsoleRequest.name(text, as: NodeNameKind.self))
        }
        return try await change(.removeNodes(names), body, request)
    }

    func changeNode(
        _ request: ConsoleRequest,
        _ verb: (NodeName) -> Command.Verb
    ) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let name = try request.name("name", as: NodeNameKind.self)
        return try await change(verb(name), body, request)
    }

    func drainNode(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: DrainRequest.self)
        let name = try request.name("name", as: NodeNameKind.self)
        let within = try duration(
            body.withinMilliseconds ?? DrainRequest.withinMillisecondsDefault,
            "withinMilliseconds"
        )
        return try await change(
            .drain(name, within: within, keepServices: body.keepServices ?? false),
            body,
            request
        )
    }

    func beginMaintenance(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: MaintenanceRequest.self)
        let name = try request.name("name", as: NodeNameKind.self)
        let length = try duration(body.forMilliseconds, "forMilliseconds")
        return try await change(
            .beginMaintenance(
                name,
                owner: body.owner ?? caller(request).name.text,
                until: DriverLoop.moment().wall + length,
                keepServices: body.keepServices ?? false
            ),
            body,
            request
        )
    }

    /// At most 10 years: beyond that it is a slip of the hand.
    func duration(_ milliseconds: UInt64, _ member: String) throws(API.Failure) -> Duration {
        guard milliseconds > 0, milliseconds <= 315_360_000_000 else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "\(member) is not from 1 to 315360000000"
            )
        }
        return .milliseconds(Int64(milliseconds))
    }

    // MARK: Services

    func actOnServices(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: ServiceActionRequest.self)
        guard let action = ServiceAction(rawValue: body.action) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "action is not start, stop or restart"
            )
        }
        guard (body.service == nil) == (body.all == true) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "either service or all: true is needed"
            )
        }
        guard !body.nodes.isEmpty else {
            throw API.Failure(code: RefusalCode.invalid.rawValue, detail: "no node is named")
        }
        let service = try body.service.map { text throws(API.Failure) in
            try ConsoleRequest.name(text, as: ServiceKind.self)
        }
        var texts: [String] = []
        var orders: [UInt64] = []
        for text in body.nodes {
            let node = try ConsoleRequest.name(text, as: NodeNameKind.self)
            guard
                case .done(let text, let given) = try await perform(
                    .service(action, service, node),
                    body,
                    request
                )
            else { continue }
            texts.append(text)
            orders += given
        }
        return try ConsoleAnswer.json(
            ChangeDone(
                asOf: DriverLoop.moment().wall.iso8601,
                text: texts.joined(separator: "; "),
                orders: orders
            )
        )
    }

    // MARK: Sites, settings, preflight

    func addSite(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AddSiteRequest.self)
        let name = try ConsoleRequest.name(body.name, as: SiteKind.self)
        return try await change(.addSite(name), body, request)
    }

    func removeSite(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(
            .removeSite(try request.name("name", as: SiteKind.self)),
            body,
            request
        )
    }

    func setSiteMinimum(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetMinimumRequest.self)
        let name = try request.name("name", as: SiteKind.self)
        return try await change(.setSiteMinimum(name, body.minimum), body, request)
    }

    func setSetting(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetSettingRequest.self)
        return try await change(
            .set(try scope(body.scope), key: body.key, value: body.value),
            body,
            request
        )
    }

    func unsetSetting(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: UnsetSettingRequest.self)
        return try await change(.unset(try scope(body.scope), key: body.key), body, request)
    }

    private func scope(_ text: String) throws(API.Failure) -> SettingScope {
        guard let scope = SettingScope(text: text) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "scope is not cluster, site/NAME or node/NAME"
            )
        }
        return scope
    }

    func startPreflight(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PreflightRequest.self)
        var names: [NodeName] = []
        for text in body.nodes ?? [] {
            names.append(try ConsoleRequest.name(text, as: NodeNameKind.self))
        }
        guard case .preflightStarted(let run) = try await perform(.preflight(names), body, request)
        else { throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply") }
        return try ConsoleAnswer.json(
            PreflightStarted(asOf: DriverLoop.moment().wall.iso8601, run: run),
            status: .accepted
        )
    }
}
