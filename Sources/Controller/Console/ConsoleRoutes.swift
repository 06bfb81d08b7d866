import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import Model
import Protocol

/// Routes of the console's interface: every case of ``API/Route`` has its answer here or in one of
/// the extensions, and the switch makes sure of it.
struct ConsoleRoutes: Sendable {
    let server: ConsoleServer
    /// For followers; nil for the routes by which it looks itself.
    let shared: SharedViews?

    init(server: ConsoleServer) {
        let own = ConsoleRoutes(alone: server)
        self.server = server
        shared = SharedViews {
            SharedViews.Views(
                status: try await own.clusterStatus(of: nil),
                nodes: await own.views { views in views.members().map(views.summary) }
            )
        }
    }

    private init(alone server: ConsoleServer) {
        self.server = server
        shared = nil
    }

    var driver: Driver { server.driver }

    func router() -> Router<ConsoleContext> {
        let router = Router(context: ConsoleContext.self)
        for route in Route.allCases {
            router.on(RouterPath(route.path), method: Self.method(route)) { request, context in
                await answer(route, request, context)
            }
        }
        return router
    }

    private static func method(_ route: Route) -> HTTPRequest.Method {
        switch route.method {
        case .get: .get
        case .post: .post
        case .put: .put
        case .delete: .delete
        }
    }

    private func answer(
        _ route: Route,
        _ request: Request,
        _ context: ConsoleContext
    ) async -> Response {
        do {
            let peer = await context.peer()
            var asked = ConsoleRequest(
                request: request,
                context: context,
                caller: Self.caller(peer, source: context.source),
                peer: peer
            )
            do {
                try await admit(asked, to: route)
            } catch let failure as API.Failure {
                server.refusals.record(failure, asked, to: route)
                throw failure
            }
            let places = try batchPlaces(asked, to: route)
            defer { withExtendedLifetime(places) {} }
            if route.method != .get {
                asked.bytes = try await RequestBodyReader.read(
                    request,
                    bytesMax: route.bodyBytesMax
                )
            }
            guard route.access != .anyone || route == .enrolOperator else {
                return marked(try await respond(route, asked))
            }
            // Who is slow to say what he wants keeps nobody else waiting: a place is taken after.
            guard server.requests.enter() else {
                throw Self.tooMany(
                    "the controller is answering \(server.requests.max) requests"
                )
            }
            defer { server.requests.leave() }
            return marked(try await respond(route, asked))
        } catch let failure as API.Failure {
            return ConsoleAnswer.failure(failure)
        } catch {
            server.log.error(
                "A request failed",
                metadata: ["route": "\(route.rawValue)", "error": "\(error)"]
            )
            return ConsoleAnswer.failure(
                API.Failure(code: API.FailureCode.internal, detail: "see the controller's log")
            )
        }
    }

    /// Says of an answer that it may show what is decided and not durable.
    private func marked(_ response: Response) -> Response {
        guard driver.shortage.isStalled else { return response }
        var response = response
        response.headers[HTTPField.Name(Route.notDurableHeader)!] = "true"
        return response
    }

    private static func caller(_ peer: PeerIdentity?, source: String) -> Caller? {
        guard let peer, case .operator(_, let name) = peer.holder else { return nil }
        return Caller(name: name, key: KeyFingerprint(peer.fingerprint), source: source)
    }

    private static func tooMany(_ detail: String) -> API.Failure {
        API.Failure(
            code: RefusalCode.tooFast.rawValue,
            detail: detail,
            mend: "try again in a second"
        )
    }

    /// A batch of tasks takes memory from its first byte on, so its places are taken before it is read:
    /// few in all, and few of them by one account, whose sender may be slow.
    private func batchPlaces(
        _ request: ConsoleRequest,
        to route: Route
    ) throws(API.Failure) -> (AccountPlace, GatePlace)? {
        guard route == .submitTasks else { return nil }
        let name = caller(request).name
        guard let own = server.ownLargeBodies.enter(name) else {
            throw Self.tooMany(
                "the controller is reading \(server.ownLargeBodies.max) batches of \(name), as many "
                    + "as one account may have under way"
            )
        }
        guard let place = GatePlace(in: server.largeBodies) else {
            throw Self.tooMany("the controller is reading \(server.largeBodies.max) batches")
        }
        return (own, place)
    }

    /// Who may not is turned away before a byte of the body is read, by the route's least role. What a
    /// command is about is judged, and audited, by the machine, and so is the reading of what tasks
    /// carry.
    private func admit(_ request: ConsoleRequest, to route: Route) async throws {
        guard route.access != .anyone else { return }
        guard let caller = request.caller else {
            throw API.Failure(
                code: RefusalCode.noCertificate.rawValue,
                detail: "no operator's certificate was shown",
                mend: "muster login, or muster context import"
            )
        }
        guard let peer = request.peer, peer.cluster == server.office.cluster else {
            throw API.Failure(
                code: RefusalCode.badCertificate.rawValue,
                detail: "the certificate is of another cluster",
                mend: "muster context list"
            )
        }
        let account = try await account(of: caller)
        guard let least = OperatorRole(rawValue: route.access.rawValue), account.role >= least
        else {
            throw API.Failure(
                code: RefusalCode.forbidden.rawValue,
                detail: "this needs the role \(route.access.rawValue); \(caller.name) is "
                    + "\(account.role.rawValue)",
                mend: "ask an admin"
            )
        }
    }

    func account(of caller: Caller) async throws -> OperatorRecord {
        guard let account = await driver.read({ machine, _ in machine.account(of: caller) }) else {
            throw API.Failure(
                code: RefusalCode.forbidden.rawValue,
                detail: "no operator \(caller.name) with this certificate",
                mend: "ask an admin: muster operator add \(caller.name)"
            )
        }
        return account
    }

    func caller(_ request: ConsoleRequest) -> Caller {
        guard let caller = request.caller else { preconditionFailure("admitted without a caller") }
        return caller
    }

    private func respond(_ route: Route, _ request: ConsoleRequest) async throws -> Response {
        switch route {
        case .getStatus: try await status(request)
        case .listNodes: try await listNodes(request)
        case .showNode: try await showNode(request)
        case .listServices: try await listServices(request)
        case .showOrder: try await showOrder(request)
        case .listEvents: try await listEvents(request)
        case .streamEvents: try await streamEvents(request)
        case .listTokens: try await listTokens(request)
        case .listOperators: try await listOperators(request)
        case .listSites: try await listSites(request)
        case .listSettings: try await listSettings(request)
        case .listSettingChanges: try await listSettingChanges(request)
        case .showPreflight: try await showPreflight(request)
        case .showNotify: try await showNotify(request)
        case .getNotifyRules: try await getNotifyRules(request)
        case .setNotifyRules: try await setNotifyRules(request)
        case .checkNotifyRules: try await checkNotifyRules(request)
        case .previewNotice: try await previewNotice(request)
        case .testReceiver: try await testReceiver(request)
        case .listNotices: try await listNotices(request)
        case .showNotice: try await showNotice(request)
        case .retryDelivery: try await changeDelivery(request) { .retryDelivery($0) }
        case .retryDeliveries: try await changePlainly(request, .retryDeliveries)
        case .dropDelivery: try await changeDelivery(request) { .dropDelivery($0) }
        case .dropUndelivered: try await changePlainly(request, .dropUndelivered)
        case .listSilences: try await listSilences(request)
        case .addSilence: try await addSilence(request)
        case .endSilence: try await endSilence(request)
        case .listAudit: try await listAudit(request)
        case .verifyAudit: try await verifyAudit(request)
        case .getVersion: try version()
        case .getHealth, .getLive: try HealthAnswers(driver: driver).live()
        case .getReadiness, .getReady: try await HealthAnswers(driver: driver).ready()
        case .getActiveSite:
            try await HealthAnswers(driver: driver).activeSite(request.query("site"))
        case .getMetrics:
            await server.metrics.answer(accepting: request.request.headers[.accept])
        case .getAuthority: try authority()
        case .addNode: try await addNode(request)
        case .removeNodes: try await removeNodes(request)
        case .cordonNode: try await changeNode(request) { .cordon($0) }
        case .uncordonNode: try await changeNode(request) { .uncordon($0) }
        case .drainNode: try await drainNode(request)
        case .beginMaintenance: try await beginMaintenance(request)
        case .endMaintenance: try await changeNode(request) { .endMaintenance($0) }
        case .releaseNode: try await changeNode(request) { .release($0) }
        case .actOnServices: try await actOnServices(request)
        case .createToken: try await createToken(request)
        case .revokeToken: try await revokeToken(request)
        case .addOperator: try await addOperator(request)
        case .removeOperator: try await removeOperator(request)
        case .enrolOperator: try await enrolOperator(request)
        case .renewOperator: try await renewOperator(request)
        case .addSite: try await addSite(request)
        case .removeSite: try await removeSite(request)
        case .setSiteMinimum: try await setSiteMinimum(request)
        case .setSiteForm: try await setSiteForm(request)
        case .showReadiness: try await showReadiness(request)
        case .showDrift: try await showDrift(request)
        case .showFileDiff: try await showFileDiff(request)
        case .listDataSets: try await listDataSets(request)
        case .showDataSet: try await showDataSet(request)
        case .listPairs: try await listPairs(request)
        case .pairNodes: try await pairNodes(request)
        case .unpairNode: try await unpairNode(request)
        case .listPlans: try await listPlans(request)
        case .showPlan: try await showPlan(request)
        case .showPlanFor: try await showPlanFor(request)
        case .setPlan: try await setPlan(request)
        case .checkPlan: try await checkPlan(request)
        case .removePlan: try await removePlan(request)
        case .listRuns: try await listRuns(request)
        case .previewRun: try await previewRun(request)
        case .showRun: try await showRun(request)
        case .showRunLedger: try await showRunLedger(request)
        case .showRunReport: try await showRunReport(request)
        case .startRun: try await startRun(request)
        case .retryRun: try await decideStep(request) { .retryStep($0, step: $1) }
        case .skipStep: try await decideStep(request) { .skipStep($0, step: $1) }
        case .abortRun: try await changeRun(request) { .abortRun($0) }
        case .certifyNode: try await certifyNode(request)
        case .acceptLoss: try await acceptLoss(request)
        case .answerRun: try await answerRun(request)
        case .showAutomatic: try await showAutomatic(request)
        case .pauseAutomatic: try await changePlainly(request, .pauseAutomatic)
        case .resumeAutomatic: try await changePlainly(request, .resumeAutomatic)
        case .liftBrake: try await changePlainly(request, .liftBrake)
        case .setSetting: try await setSetting(request)
        case .unsetSetting: try await unsetSetting(request)
        case .startPreflight: try await startPreflight(request)
        case .makeBackup: try await makeBackup(request)
        case .submitTask: try await submitTask(request)
        case .submitTasks: try await submitTasks(request)
        case .listTasks: try await listTasks(request)
        case .showTask: try await showTask(request)
        case .showTaskOutput: try await showTaskOutput(request)
        case .followTaskOutput: try await followTaskOutput(request)
        case .getTaskPayload: try await getTaskPayload(request)
        case .explainTask: try await explainTask(request)
        case .cancelTasks: try await cancelTasks(request)
        case .retryTasks: try await retryTasks(request)
        case .resolveTasks: try await resolveTasks(request)
        case .showPolicy: try await showPolicy(request)
        case .listSchedules: try await listSchedules(request)
        case .forecastSchedule: try await forecast(request)
        case .showSchedule: try await showSchedule(request)
        case .addSchedule: try await addSchedule(request)
        case .removeSchedule: try await changeSchedule(request) { .removeSchedule($0) }
        case .pauseSchedule: try await changeSchedule(request) { .pauseSchedule($0) }
        case .resumeSchedule: try await changeSchedule(request) { .resumeSchedule($0) }
        case .listCalendars: try await listCalendars(request)
        case .showCalendar: try await showCalendar(request)
        case .setCalendar: try await setCalendar(request)
        case .removeCalendar: try await removeCalendar(request)
        }
    }
}

extension Route {
    /// Bytes of the body that are read.
    var bodyBytesMax: Int {
        if self == .submitTask { return TaskRequest.bodyBytesMax }
        // A payload of 64 KiB or 256 KiB of dates, twice that by escapes.
        if self == .addSchedule || self == .setCalendar { return 1 << 19 }
        // A plan or rules of 64 KiB likewise.
        switch self {
        case .setPlan, .checkPlan, .setNotifyRules, .checkNotifyRules, .previewNotice:
            return 1 << 18
        default: break
        }
        return self == .submitTasks ? TaskRequest.batchBytesMax : RequestBodyReader.bytesMax
    }
}
