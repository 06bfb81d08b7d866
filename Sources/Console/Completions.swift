import API
import ArgumentParser

/// Names for the shell to complete. Whatever goes wrong, it offers nothing and says nothing.
enum Completions {
    static func contexts() -> [String] {
        guard let store = try? ContextStore.standard(), let file = try? store.load() else {
            return []
        }
        return file.contexts.map(\.name)
    }

    static var nodes: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listNodes) { (list: NodeList) in list.nodes.map(\.name) }
        }
    }

    static var sites: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listSites) { (list: SiteList) in list.sites.map(\.name) }
        }
    }

    static var dataSets: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listDataSets) { (list: DataSetList) in
                list.dataSets.map(\.name)
            }
        }
    }

    static var services: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listServices) { (list: ServiceList) in
                Set(list.services.map(\.name)).sorted()
            }
        }
    }

    static var types: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.showPolicy) { (policy: ClusterPolicy) in policy.types }
        }
    }

    static var attributes: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.showPolicy) { (policy: ClusterPolicy) in
                policy.attributes
            }
        }
    }

    /// What a node can prefer.
    static var preferences: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.showPolicy) { (policy: ClusterPolicy) in
                policy.types + policy.attributes.map { "\($0)=" }
            }
        }
    }

    /// The newest hundred.
    static var tasks: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listTasks) { (page: TaskPage) in
                page.tasks.map { "\($0.id)" }
            }
        }
    }

    static var schedules: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listSchedules) { (list: ScheduleList) in
                list.schedules.map(\.name)
            }
        }
    }

    static var plans: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listPlans) { (list: PlanList) in list.plans.map(\.name) }
        }
    }

    static var runs: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listRuns) { (list: RunList) in
                list.runs.map { "\($0.id)" }
            }
        }
    }

    static var calendars: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listCalendars) { (list: CalendarList) in
                list.calendars.map(\.name)
            }
        }
    }

    static var receivers: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.showNotify) { (status: NotifyStatus) in
                (status.rules?.receivers ?? []).map(\.name)
            }
        }
    }

    static var silences: CompletionKind {
        .custom { arguments, _, _ in
            await names(arguments, Route.listSilences) { (list: NotifySilenceList) in
                list.silences.map { "\($0.number)" }
            }
        }
    }

    /// Of events and notices: those that have a page.
    static var kinds: CompletionKind {
        .custom { _, _, _ in (try? NoticePages.find())?.kinds ?? [] }
    }

    private static func names<List: Decodable & Sendable>(
        _ arguments: [String],
        _ route: Route,
        _ names: @Sendable (List) -> [String]
    ) async -> [String] {
        var options = ConnectionOptions()
        options.colour = .standard
        options.server = []
        options.context = nil
        if let index = arguments.lastIndex(of: "--context"), index + 1 < arguments.count {
            options.context = arguments[index + 1]
        }
        let answer: Answer<List>? = try? await Session.run(options) { session in
            try await session.client.get(route.path)
        }
        return answer.map { names($0.value) } ?? []
    }
}
