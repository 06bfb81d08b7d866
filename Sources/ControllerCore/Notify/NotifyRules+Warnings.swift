public import Model

// What is taken as it is written, and may not be what was meant.

extension NotifyRules {
    /// - Parameter nodes: how many each site has, those that are invited included.
    /// - Returns: in no order of the document; at most 100.
    public func warnings(nodes: OrderedTable<SiteName, Int>) -> [NotifyProblem] {
        let found = routeWarnings + thresholdWarnings(nodes) + undeliverableWarnings
        return Array(found.prefix(Self.problemsMax))
    }

    private var routeWarnings: [NotifyProblem] {
        routes.enumerated().compactMap { place, route in
            let first = routes[..<place].firstIndex { !$0.continues && $0.takesAll(of: route) }
            return first.map {
                NotifyProblem(
                    path: ["routes", "\(place)"],
                    text: "never reached: route \($0 + 1) takes all of it before; put this one "
                        + "first, or say `continue: yes` there"
                )
            }
        }
    }

    private func thresholdWarnings(_ nodes: OrderedTable<SiteName, Int>) -> [NotifyProblem] {
        thresholds.compactMap { threshold in
            guard let count = nodes[threshold.site], count < Int(threshold.minimum) else {
                return nil
            }
            return NotifyProblem(
                path: ["thresholds", threshold.name.text, "minimum"],
                text: "site \(threshold.site) has \(counted(count, "node")): \(threshold.minimum) "
                    + "can never be Online; it is told at the first loss, and lasts until none is left"
            )
        }
    }

    /// What fails is told by what has failed: then nobody learns of it.
    private var undeliverableWarnings: [NotifyProblem] {
        guard !routes.isEmpty else { return [] }
        let path = undeliverable.isEmpty ? ["routes"] : ["undeliverable", "receivers"]
        let told = servers(of: undeliverable.isEmpty ? routedUndeliverable : undeliverable)
        guard !told.isEmpty else {
            return [
                NotifyProblem(
                    path: path,
                    text: "what cannot be delivered is told to nobody: say undeliverable.receivers"
                )
            ]
        }
        guard told.count == 1, let only = told.first else { return [] }
        guard servers(of: routes.flatMap(\.receivers)).contains(only) else { return [] }
        return [
            NotifyProblem(
                path: path,
                text: "when \(only) fails nobody learns of it: what cannot be delivered is told by "
                    + "\(only) only; name a receiver in undeliverable.receivers that is reached "
                    + "another way"
            )
        ]
    }

    /// Who is told by the routes of what could not be delivered: it is of no site.
    private var routedUndeliverable: [ReceiverName] {
        var found: [ReceiverName] = []
        for route in routes where route.sites.isEmpty && route.matches(.noticeUndeliverable) {
            found += route.receivers
            if !route.continues { break }
        }
        return found
    }

    /// Each once; all mail goes through one server.
    private func servers(of names: [ReceiverName]) -> [String] {
        var found: [String] = []
        for destination in names.compactMap({ receiver($0) }).flatMap(\.destinations)
        where !found.contains(destination.server) {
            found.append(destination.server)
        }
        return found
    }
}

extension NotifyRoute {
    /// Whatever the other one would take, this one takes.
    fileprivate func takesAll(of other: NotifyRoute) -> Bool {
        let others = EventKind.allCases.filter { other.matches($0) }
        return severity.rank <= other.severity.rank && (planned || !other.planned)
            && (sites.isEmpty || !other.sites.isEmpty && other.sites.allSatisfy(sites.contains))
            && !others.isEmpty && others.allSatisfy { matches($0) }
    }
}

extension ControllerMachine {
    /// How many nodes each site has, or will have when those that are invited have joined.
    public var nodesOfSites: OrderedTable<SiteName, Int> {
        var found: OrderedTable<SiteName, Int> = OrderedTable()
        for site in sites.keys { found[site] = 0 }
        for member in nodes.values
        where member.record.membership == .joined || member.record.membership == .invited {
            found.update(member.record.site) { $0 += 1 }
        }
        return found
    }
}
