import API
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol
import YAMLFiles

// Plans: read, checked, set from a file's text.

extension ConsoleRoutes {
    func listPlans(_ request: ConsoleRequest) async throws -> Response {
        let list = await views { views in
            PlanList(
                asOf: views.asOf,
                plans: views.machine.runs.plans.values.map { PlanSummary($0) }
            )
        }
        return try ConsoleAnswer.json(list)
    }

    func showPlan(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: PlanKind.self)
        let (found, names, asOf) = await views { views in
            (
                views.machine.runs.plans[name], views.machine.runs.plans.keys.map(\.text),
                views.asOf
            )
        }
        guard let found else { throw Self.unknownPlan(name, among: names) }
        return try ConsoleAnswer.json(PlanDetail(found, asOf: asOf))
    }

    static func unknownPlan(_ name: PlanName, among names: [String]) -> API.Failure {
        API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no plan \(name)",
            mend: NearestName.to(name.text, among: names).map { "did you mean \($0)?" }
                ?? "muster plan list"
        )
    }

    /// What a run of a kind would carry out, written or derived.
    func showPlanFor(_ request: ConsoleRequest) async throws -> Response {
        let kind = try Self.kind(try request.parameter("kind"))
        let (found, steps, asOf) = await views { views in
            let plan = views.machine.plan(named: nil, for: kind)
            let steps = plan.map { views.machine.steps(of: $0.draft, for: kind) }
            return (plan, steps, views.asOf)
        }
        guard let found else {
            throw API.Failure(code: API.FailureCode.internal, detail: "there is no plan at all")
        }
        return try ConsoleAnswer.json(PlanDetail(found, steps: steps, asOf: asOf))
    }

    static func kind(_ text: String) throws(API.Failure) -> RunKind {
        guard let kind = RunKind(rawValue: text) else {
            let all = RunKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "kind is not one of \(all)"
            )
        }
        return kind
    }

    /// Says every mistake of a plan, and changes nothing.
    func checkPlan(_ request: ConsoleRequest) async throws -> Response {
        // Nothing reaches the machine, which would ask who it is.
        _ = try await account(of: caller(request))
        let body = try request.body(as: SetDocumentRequest.self)
        let now = DriverLoop.moment().wall
        var check = PlanCheck(asOf: now.iso8601, mistakes: [])
        do throws(ConfigurationError) {
            let record = PlanRecord(
                draft: try read(body),
                version: 0,
                by: caller(request).name.text,
                at: now
            )
            check.plan = PlanDetail(record, asOf: now.iso8601)
        } catch {
            let mistakes = error.problems.map {
                DocumentMistake($0)
            }
            check = PlanCheck(asOf: now.iso8601, mistakes: mistakes)
        }
        return try ConsoleAnswer.json(check)
    }

    func setPlan(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: SetDocumentRequest.self)
        let draft: PlanDraft
        do throws(ConfigurationError) {
            draft = try read(body)
        } catch {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: error.description,
                mend: "muster plan check FILE says the same and changes nothing"
            )
        }
        return try await change(.setPlan(draft), body, request)
    }

    private func read(_ body: SetDocumentRequest) throws(ConfigurationError) -> PlanDraft {
        try PlanFile.parse(
            body.text,
            path: body.file ?? "plan",
            hooks: server.configuration.hooks
        )
    }

    func removePlan(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        return try await change(
            .removePlan(try request.name("name", as: PlanKind.self)),
            body,
            request
        )
    }
}
