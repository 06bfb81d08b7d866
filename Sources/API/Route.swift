/// Every request the controller's console answers. The raw value is the `operationId` of
/// `docs/openapi.yaml`.
public enum Route: String, Hashable, Sendable, CaseIterable {
    case getStatus
    case listNodes
    case showNode
    case addNode
    case removeNodes
    case cordonNode
    case uncordonNode
    case drainNode
    case beginMaintenance
    case endMaintenance
    case releaseNode
    case listServices
    case actOnServices
    case showOrder
    case listEvents
    case streamEvents
    case createToken
    case listTokens
    case revokeToken
    case addOperator
    case listOperators
    case removeOperator
    case getAuthority
    case enrolOperator
    case renewOperator
    case addSite
    case listSites
    case removeSite
    case setSiteMinimum
    case setSiteForm
    case showReadiness
    case showDrift
    case showFileDiff
    case listDataSets
    case showDataSet
    case listPairs
    case pairNodes
    case unpairNode
    case listPlans
    case showPlan
    case showPlanFor
    case setPlan
    case checkPlan
    case removePlan
    case listRuns
    case previewRun
    case showRun
    case showRunLedger
    case showRunReport
    case startRun
    case retryRun
    case skipStep
    case abortRun
    case certifyNode
    case acceptLoss
    case answerRun
    case showAutomatic
    case pauseAutomatic
    case resumeAutomatic
    case liftBrake
    case listSettings
    case listSettingChanges
    case setSetting
    case unsetSetting
    case startPreflight
    case showPreflight
    case submitTask
    case submitTasks
    case listTasks
    case showTask
    case showTaskOutput
    case followTaskOutput
    case getTaskPayload
    case explainTask
    case cancelTasks
    case retryTasks
    case resolveTasks
    case showPolicy
    case listSchedules
    case forecastSchedule
    case showSchedule
    case addSchedule
    case removeSchedule
    case pauseSchedule
    case resumeSchedule
    case listCalendars
    case showCalendar
    case setCalendar
    case removeCalendar
    case showNotify
    case getNotifyRules
    case setNotifyRules
    case checkNotifyRules
    case previewNotice
    case testReceiver
    case listNotices
    case showNotice
    case retryDelivery
    case retryDeliveries
    case dropDelivery
    case dropUndelivered
    case listSilences
    case addSilence
    case endSilence
    case listAudit
    case verifyAudit
    case makeBackup
    case getVersion
    case getHealth
    case getReadiness
    case getLive
    case getReady
    case getActiveSite
    case getMetrics

    public enum Method: String, Hashable, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// Who may ask. The order of the cases is that of the roles: each includes those before.
    public enum Access: String, Hashable, Sendable, CaseIterable {
        /// No client certificate is needed.
        case anyone
        case viewer
        case `operator`
        case admin
    }

    /// A header of answers while the controller's journal cannot be written: what they show is decided
    /// and may not be durable, and another controller may never have heard of it.
    public static let notDurableHeader = "Muster-Not-Durable"

    /// What is before every path but those of the probes and the metrics.
    public static let prefix = "/api/v1"

    public var method: Method { description.method }

    /// The whole path with its parameters in braces: `/api/v1/nodes/{name}`.
    public var path: String {
        switch self {
        case .getHealth, .getReadiness, .getLive, .getReady, .getActiveSite, .getMetrics:
            description.path
        default: Self.prefix + description.path
        }
    }

    /// What the one who asks must be at least. Commands are judged again by the controller's
    /// machine, whose table is the law.
    public var access: Access { description.access }

    /// The path with values in place of its parameters, in their order, percent-encoded.
    public func path(_ values: String...) -> String {
        var remaining = values[...]
        let parts = path.split(separator: "/").map { part -> String in
            guard part.hasPrefix("{") else { return String(part) }
            guard let value = remaining.popFirst() else {
                preconditionFailure("\(rawValue) needs more values than were given")
            }
            return PercentEncoding.encode(value)
        }
        precondition(remaining.isEmpty, "\(rawValue) needs fewer values than were given")
        return "/" + parts.joined(separator: "/")
    }

    private var description: (method: Method, path: String, access: Access) {
        switch self {
        case .getStatus: (.get, "/status", .viewer)
        case .listNodes: (.get, "/nodes", .viewer)
        case .showNode: (.get, "/nodes/{name}", .viewer)
        case .addNode: (.post, "/nodes", .admin)
        case .removeNodes: (.delete, "/nodes", .admin)
        case .cordonNode: (.post, "/nodes/{name}/cordon", .operator)
        case .uncordonNode: (.post, "/nodes/{name}/uncordon", .operator)
        case .drainNode: (.post, "/nodes/{name}/drain", .operator)
        case .beginMaintenance: (.post, "/nodes/{name}/maintenance", .operator)
        case .endMaintenance: (.delete, "/nodes/{name}/maintenance", .operator)
        case .releaseNode: (.post, "/nodes/{name}/release", .operator)
        case .listServices: (.get, "/services", .viewer)
        case .actOnServices: (.post, "/services/action", .operator)
        case .showOrder: (.get, "/orders/{id}", .viewer)
        case .listEvents: (.get, "/events", .viewer)
        case .streamEvents: (.get, "/events/stream", .viewer)
        case .createToken: (.post, "/tokens", .admin)
        case .listTokens: (.get, "/tokens", .viewer)
        case .revokeToken: (.delete, "/tokens/{id}", .admin)
        case .addOperator: (.post, "/operators", .admin)
        case .listOperators: (.get, "/operators", .viewer)
        case .removeOperator: (.delete, "/operators/{name}", .admin)
        case .getAuthority: (.get, "/authority", .anyone)
        case .enrolOperator: (.post, "/enrol", .anyone)
        case .renewOperator: (.post, "/renew", .viewer)
        case .addSite: (.post, "/sites", .admin)
        case .listSites: (.get, "/sites", .viewer)
        case .removeSite: (.delete, "/sites/{name}", .admin)
        case .setSiteMinimum: (.put, "/sites/{name}/minimum", .admin)
        case .setSiteForm: (.put, "/sites/{name}/form", .admin)
        case .showReadiness: (.get, "/sites/{name}/readiness", .viewer)
        case .showDrift: (.get, "/sites/{name}/drift", .viewer)
        case .showFileDiff: (.get, "/sites/{name}/drift/diff", .operator)
        case .listDataSets: (.get, "/replication", .viewer)
        case .showDataSet: (.get, "/replication/{name}", .viewer)
        case .listPairs: (.get, "/pairs", .viewer)
        case .pairNodes: (.post, "/pairs", .admin)
        case .unpairNode: (.delete, "/pairs/{node}", .admin)
        case .listPlans: (.get, "/plans", .viewer)
        case .showPlan: (.get, "/plans/{name}", .viewer)
        case .showPlanFor: (.get, "/plans/for/{kind}", .viewer)
        case .setPlan: (.post, "/plans", .admin)
        case .checkPlan: (.post, "/plans/check", .viewer)
        case .removePlan: (.delete, "/plans/{name}", .admin)
        case .listRuns: (.get, "/runs", .viewer)
        case .previewRun: (.get, "/runs/preview", .viewer)
        case .showRun: (.get, "/runs/{run}", .viewer)
        case .showRunLedger: (.get, "/runs/{run}/ledger", .viewer)
        case .showRunReport: (.get, "/runs/{run}/report", .viewer)
        case .startRun: (.post, "/runs", .operator)
        case .retryRun: (.post, "/runs/{run}/retry", .operator)
        case .skipStep: (.post, "/runs/{run}/skip", .admin)
        case .abortRun: (.post, "/runs/{run}/abort", .operator)
        case .certifyNode: (.post, "/runs/{run}/certify", .admin)
        case .acceptLoss: (.post, "/runs/{run}/accept", .admin)
        case .answerRun: (.post, "/runs/{run}/answer", .operator)
        case .showAutomatic: (.get, "/automatic", .viewer)
        case .pauseAutomatic: (.post, "/automatic/pause", .operator)
        case .resumeAutomatic: (.post, "/automatic/resume", .admin)
        case .liftBrake: (.post, "/automatic/lift-brake", .admin)
        case .listSettings: (.get, "/settings", .viewer)
        case .listSettingChanges: (.get, "/settings/history", .viewer)
        case .setSetting: (.put, "/settings", .admin)
        case .unsetSetting: (.delete, "/settings", .admin)
        case .startPreflight: (.post, "/preflight", .operator)
        case .showPreflight: (.get, "/preflight/{run}", .viewer)
        case .submitTask: (.post, "/tasks", .operator)
        case .submitTasks: (.post, "/tasks/batch", .operator)
        case .listTasks: (.get, "/tasks", .viewer)
        case .showTask: (.get, "/tasks/{id}", .viewer)
        case .showTaskOutput: (.get, "/tasks/{id}/output", .viewer)
        case .followTaskOutput: (.get, "/tasks/{id}/output/stream", .viewer)
        case .getTaskPayload: (.get, "/tasks/{id}/payload", .operator)
        case .explainTask: (.get, "/tasks/{id}/why", .viewer)
        case .cancelTasks: (.post, "/tasks/cancel", .operator)
        case .retryTasks: (.post, "/tasks/retry", .operator)
        case .resolveTasks: (.post, "/tasks/resolve", .operator)
        case .showPolicy: (.get, "/policy", .viewer)
        case .listSchedules: (.get, "/schedules", .viewer)
        case .forecastSchedule: (.get, "/schedules/next", .viewer)
        case .showSchedule: (.get, "/schedules/{name}", .viewer)
        case .addSchedule: (.post, "/schedules", .operator)
        case .removeSchedule: (.delete, "/schedules/{name}", .operator)
        case .pauseSchedule: (.post, "/schedules/{name}/pause", .operator)
        case .resumeSchedule: (.post, "/schedules/{name}/resume", .operator)
        case .listCalendars: (.get, "/calendars", .viewer)
        case .showCalendar: (.get, "/calendars/{name}", .viewer)
        case .setCalendar: (.put, "/calendars/{name}", .operator)
        case .removeCalendar: (.delete, "/calendars/{name}", .operator)
        case .showNotify: (.get, "/notify", .viewer)
        case .getNotifyRules: (.get, "/notify/rules", .viewer)
        case .setNotifyRules: (.put, "/notify/rules", .admin)
        case .checkNotifyRules: (.post, "/notify/rules/check", .viewer)
        case .previewNotice: (.post, "/notify/preview", .viewer)
        case .testReceiver: (.post, "/notify/receivers/{name}/test", .operator)
        case .listNotices: (.get, "/notify/notices", .viewer)
        case .showNotice: (.get, "/notify/notices/{number}", .viewer)
        case .retryDelivery: (.post, "/notify/deliveries/{number}/retry", .operator)
        case .retryDeliveries: (.post, "/notify/deliveries/retry", .operator)
        case .dropDelivery: (.post, "/notify/deliveries/{number}/drop", .operator)
        case .dropUndelivered: (.post, "/notify/deliveries/drop", .operator)
        case .listSilences: (.get, "/notify/silences", .viewer)
        case .addSilence: (.post, "/notify/silences", .operator)
        case .endSilence: (.delete, "/notify/silences/{number}", .operator)
        case .listAudit: (.get, "/audit", .viewer)
        case .verifyAudit: (.get, "/audit/verify", .viewer)
        case .makeBackup: (.post, "/backup", .admin)
        case .getVersion: (.get, "/version", .anyone)
        case .getHealth: (.get, "/healthz", .anyone)
        case .getReadiness: (.get, "/readyz", .anyone)
        case .getLive: (.get, "/health/live", .anyone)
        case .getReady: (.get, "/health/ready", .anyone)
        case .getActiveSite: (.get, "/health/active-site", .viewer)
        case .getMetrics: (.get, "/metrics", .viewer)
        }
    }
}
