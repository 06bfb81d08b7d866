import Digests
import API
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol
import Store

// What is read. Nothing here changes anything.

extension ConsoleRoutes {
    /// Looks at a copy of the machine, so that the thread that decides does not wait for a view.
    func views<Result>(_ body: (NodeViews) -> Result) async -> Result {
        body(await driver.views())
    }

    func status(_ request: ConsoleRequest) async throws -> Response {
        try ConsoleAnswer.json(try await clusterStatus(for: caller(request)))
    }

    func clusterStatus(for caller: Caller) async throws -> ClusterStatus {
        try await clusterStatus(of: try await account(of: caller))
    }

    func clusterStatus(of account: OperatorRecord?) async throws -> ClusterStatus {
        let events = try latestEvents(limit: 5, .any)
        let authorityNotAfter = server.office.authorityNotAfter
        var status = await views {
            StatusView(
                views: $0,
                account: account,
                lastEvents: events,
                authorityNotAfter: authorityNotAfter
            ).status
        }
        if driver.shortage.isStalled {
            status.controller.journalStalled = true
            status.problems.insert(
                Problem(
                    severity: .critical,
                    subject: "controller",
                    text:
                        "the controller's disk is full: nothing is decided and no lease is granted, "
                        + "so what fences itself ends",
                    since: status.asOf,
                    mend: "df -h \(server.configuration.stateDirectory)"
                ),
                at: 0
            )
            status.verdict = .down
        }
        return status
    }

    func latestEvents(limit: Int, _ filter: EventFilter) throws -> [API.Event] {
        try server.store.latestEvents(limit: limit, matching: filter)
            .compactMap(JournalWriter.event).map { API.Event($0) }
    }

    func listNodes(_ request: ConsoleRequest) async throws -> Response {
        let site = request.query("site")
        let status = request.query("status")
        let mark = request.query("mark").map { NodeMark(rawValue: $0) }
        let includingRemoved = request.query("removed") == "true"
        let list = await views { views in
            NodeList(
                asOf: views.asOf,
                nodes: views.members(includingRemoved: includingRemoved).map(views.summary)
                    .filter { node in
                        (site == nil || node.site == site)
                            && (status == nil || node.status == status)
                            && (mark == nil || node.marks.contains(mark!))
                    }
            )
        }
        // A node that was removed may be of a site that was.
        if list.nodes.isEmpty { try await checkSite(site) }
        return try ConsoleAnswer.json(list)
    }

    func showNode(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: NodeNameKind.self)
        let events = try latestEvents(limit: 5, EventFilter(subject: name.text))
        let detail = await views { views in
            views.machine.member(named: name).map { views.detail($0, events: events) }
        }
        guard let detail else { throw await unknownNode(name) }
        return try ConsoleAnswer.json(detail)
    }

    func unknownNode(_ name: NodeName) async -> API.Failure {
        let names = await views { $0.members().map(\.record.name.text) }
        return API.Failure(
            code: RefusalCode.unknownName.rawValue,
            detail: "there is no node \(name)",
            mend: NearestName.to(name.text, among: names).map { "did you mean \($0)?" }
                ?? "muster node list"
        )
    }

    func listServices(_ request: ConsoleRequest) async throws -> Response {
        let node = request.query("node")
        let site = request.query("site")
        let state = request.query("state")
        let name = request.query("name")
        let list = await views { views in
            ServiceList(
                asOf: views.asOf,
                services: views.members().flatMap(views.services).filter { service in
                    (node == nil || service.node == node) && (site == nil || service.site == site)
                        && (state == nil || service.state == state)
                        && (name == nil || service.name == name)
                }
            )
        }
        if list.services.isEmpty {
            try await checkSite(site)
            if let node { try await checkNode(node) }
        }
        return try ConsoleAnswer.json(list)
    }

    func showOrder(_ request: ConsoleRequest) async throws -> Response {
        let number = try request.number("id")
        let order = await views { views -> API.Order? in
            guard let order = views.machine.orders[number] else { return nil }
            return API.Order(
                asOf: views.asOf,
                id: order.id,
                node: views.machine.nodes[order.node]?.record.name.text ?? order.node.text,
                service: order.action.service?.text,
                action: order.action.verb,
                state: OrderState(rawValue: order.state.rawValue),
                text: order.text,
                givenAt: order.at.iso8601,
                endedAt: order.endedAt?.iso8601
            )
        }
        guard let order else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no order \(number), or it ended long ago",
                mend: "muster event list"
            )
        }
        return try ConsoleAnswer.json(order)
    }

    // MARK: Events

    func listEvents(_ request: ConsoleRequest) async throws -> Response {
        let filter = try EventQuery(request)
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(EventPage.limitMax),
                default: UInt64(EventPage.limitDefault)
            )
        )
        let place = try look(request)
        defer { withExtendedLifetime(place) {} }
        // A site that was removed may have events; one that has none and is not there was mistyped.
        let isKnown = await isSite(filter.site)
        let asOf = DriverLoop.moment().wall.iso8601
        let page: EventPage
        if request.query("after") != nil {
            let after = try request.query("after", in: 0...UInt64(Int64.max), default: 0)
            let found = try await listing(limit: limit, filter).page(after: after)
            page = EventPage(
                asOf: asOf,
                events: found.events,
                next: found.next,
                isCut: found.isCut ? true : nil
            )
        } else {
            page = try await newestEvents(limit: limit, filter, asOf: asOf)
        }
        guard isKnown || !page.events.isEmpty else { throw await unknownSite(filter.site ?? "") }
        return try ConsoleAnswer.json(page)
    }

    private func checkNode(_ text: String) async throws {
        let name = try ConsoleRequest.name(text, as: NodeNameKind.self)
        guard await views({ $0.machine.member(named: name) == nil }) else { return }
        throw await unknownNode(name)
    }

    /// Of a list that is empty: a site that is not there was mistyped.
    func checkSite(_ site: String?) async throws {
        guard let site else { return }
        guard await isSite(site) else { throw await unknownSite(site) }
    }

    /// One of the places that an account has for looking through a log.
    private func look(_ request: ConsoleRequest) throws(API.Failure) -> AccountPlace {
        let name = caller(request).name
        if let place = server.ownLooks.enter(name) { return place }
        throw API.Failure(
            code: RefusalCode.tooFast.rawValue,
            detail:
                "\(name) looks through the logs \(server.ownLooks.max) times at once already, as many "
                + "as one account may",
            mend: "try again in a second"
        )
    }

    private func isSite(_ site: String?) async -> Bool {
        guard let site else { return true }
        return await driver.read { machine, _ in machine.sites.keys.contains { $0.text == site } }
    }

    func listing(limit: Int, _ query: EventQuery) -> EventListing {
        EventListing(query: query, limit: limit) { [store = server.store, filter = query.stored] in
            let (after, limit) = ($0, $1)
            return try await DiskWork.run {
                try store.events(after: after, limit: limit, matching: filter)
                    .map { EventListing.Row(sequence: $0.sequence, event: JournalWriter.event($0)) }
            }
        }
    }

    private func newestEvents(
        limit: Int,
        _ filter: EventQuery,
        asOf: String
    ) async throws -> EventPage {
        let store = server.store
        return try await DiskWork.run {
            let records = try store.latestEvents(
                limit: filter.isExact ? limit : EventPage.limitMax * 10,
                matching: filter.stored
            )
            let events = records.compactMap(JournalWriter.event).filter(filter.matches)
            return EventPage(
                asOf: asOf,
                events: events.suffix(limit).map { API.Event($0) },
                next: records.last?.sequence ?? 0
            )
        }
    }

    // MARK: Accounts, sites, settings

    func listTokens(_ request: ConsoleRequest) async throws -> Response {
        let list = await views { views in
            TokenList(
                asOf: views.asOf,
                tokens: views.machine.tokens.values.map { token in
                    TokenSummary(
                        id: token.id.text,
                        purpose: token.purpose.rawValue,
                        state: token.state == .open && token.expiresAt <= views.now.wall
                            ? "expired" : token.state.rawValue,
                        site: token.site?.text,
                        node: token.node.flatMap { views.machine.nodes[$0]?.record.name.text },
                        operatorName: token.operatorName?.text,
                        createdBy: token.createdBy,
                        createdAt: token.createdAt.iso8601,
                        expiresAt: token.expiresAt.iso8601,
                        usedAt: token.usedAt?.iso8601,
                        usedBy: token.usedBy?.text,
                        wrongSecrets: UInt32(token.wrongSecrets)
                    )
                }
            )
        }
        return try ConsoleAnswer.json(list)
    }

    func listOperators(_ request: ConsoleRequest) async throws -> Response {
        let list = await views { views in
            OperatorList(
                asOf: views.asOf,
                operators: views.machine.operators.values.map { OperatorSummary($0) }
            )
        }
        return try ConsoleAnswer.json(list)
    }

    func listSettings(_ request: ConsoleRequest) async throws -> Response {
        let scope = request.query("scope")
        let list = await views { views in
            SettingList(
                asOf: views.asOf,
                version: views.machine.cluster.configurationVersion,
                settings: views.machine.settingRecords.values
                    .filter { scope == nil || $0.scope.text == scope }
                    .map { record in
                        API.Setting(
                            scope: record.scope.text,
                            key: record.key,
                            value: record.value,
                            version: record.version,
                            by: record.by,
                            reason: record.reason,
                            at: record.at.iso8601
                        )
                    }
            )
        }
        return try ConsoleAnswer.json(list)
    }

    /// Changes of settings, from the audit log; the newest `limit` of them.
    func listSettingChanges(_ request: ConsoleRequest) async throws -> Response {
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(AuditPage.limitMax),
                default: UInt64(AuditPage.limitDefault)
            )
        )
        let place = try look(request)
        defer { withExtendedLifetime(place) {} }
        let store = server.store
        let page = try await DiskWork.run {
            var found: [API.AuditEntry] = []
            var upper = try store.checkpoint().sequence
            let next = upper + 1
            while found.count < limit, upper > 0 {
                let lower =
                    upper > UInt64(AuditPage.limitMax) ? upper - UInt64(AuditPage.limitMax) : 0
                let portion = try store.audit(from: lower + 1, limit: Int(upper - lower))
                found =
                    portion.filter { $0.entry.verb.hasPrefix("config.") }.map {
                        API.AuditEntry(stored: $0)
                    }
                    + found
                upper = lower
            }
            return AuditPage(
                asOf: DriverLoop.moment().wall.iso8601,
                entries: found.suffix(limit),
                next: next
            )
        }
        return try ConsoleAnswer.json(page)
    }

    func showPreflight(_ request: ConsoleRequest) async throws -> Response {
        let number = try request.number("run")
        let found = await views { views -> API.PreflightRun? in
            guard let run = views.machine.preflights[number] else { return nil }
            return API.PreflightRun(
                asOf: views.asOf,
                run: number,
                startedAt: run.startedAt.iso8601,
                finishedAt: run.endedAt?.iso8601,
                waiting: run.nodes.values.filter { !$0.isAnswered }.map(\.name.text),
                findings: run.nodes.values.flatMap { part in
                    part.findings.map { views.finding($0, of: part.name) }
                }
            )
        }
        guard let found else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no preflight run \(number)",
                mend: "muster preflight"
            )
        }
        return try ConsoleAnswer.json(found)
    }

    // MARK: Audit

    func listAudit(_ request: ConsoleRequest) async throws -> Response {
        let limit = Int(
            try request.query(
                "limit",
                in: 1...UInt64(AuditPage.limitMax),
                default: UInt64(AuditPage.limitDefault)
            )
        )
        let head = try server.store.checkpoint().sequence
        let newest = head >= UInt64(limit) ? head - UInt64(limit) + 1 : 1
        let from = try request.query("from", in: 1...UInt64(Int64.max), default: newest)
        let records = try server.store.audit(from: from, limit: limit)
        return try ConsoleAnswer.json(
            AuditPage(
                asOf: DriverLoop.moment().wall.iso8601,
                entries: records.map { API.AuditEntry(stored: $0) },
                next: (records.last?.sequence ?? (from - 1)) + 1
            )
        )
    }

    func verifyAudit(_ request: ConsoleRequest) async throws -> Response {
        guard let place = GatePlace(in: server.verifications) else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail: "the audit log is being verified for somebody already",
                mend: "try again when that has ended"
            )
        }
        defer { withExtendedLifetime(place) {} }
        let store = server.store
        let verdict = try await DiskWork.run { try store.verifyAudit() }
        let head = try store.checkpoint()
        let asOf = DriverLoop.moment().wall.iso8601
        return try ConsoleAnswer.json(AuditVerification(verdict, head: head, asOf: asOf))
    }

    // MARK: The controller itself

    func version() throws -> Response {
        try ConsoleAnswer.json(
            VersionInformation(
                version: Build.version,
                protocolMin: UInt32(WireLimits.versions.lowerBound),
                protocolMax: UInt32(WireLimits.versions.upperBound)
            )
        )
    }
}

extension OperatorSummary {
    init(_ account: OperatorRecord) {
        self.init(
            name: account.name.text,
            role: account.role.rawValue,
            addedBy: account.addedBy,
            addedAt: account.addedAt.iso8601,
            enrolled: account.key != nil,
            certificateNotAfter: account.notAfter?.iso8601
        )
    }
}

extension AuditVerification {
    init(_ verdict: AuditVerdict, head: AuditCheckpoint, asOf: String) {
        switch verdict {
        case .intact(let end):
            self.init(
                asOf: asOf,
                intact: true,
                entries: end.sequence,
                headHash: end.hash.hex,
                text: "the chain of \(end.sequence) records is whole; a cut at its end can only be "
                    + "seen by comparing the head with one that was kept elsewhere"
            )
        case .broken(let sequence, let problem):
            self.init(
                asOf: asOf,
                intact: false,
                entries: head.sequence,
                headHash: head.hash.hex,
                brokenAt: sequence,
                text: problem
            )
        }
    }
}

extension API.AuditEntry {
    init(stored record: StoredAudit) {
        let entry = record.entry
        let actor = entry.actor.split(separator: "#", maxSplits: 1)
        self.init(
            sequence: record.sequence,
            at: entry.wall.iso8601,
            actor: actor.first.map(String.init) ?? "",
            key: actor.count > 1 ? String(actor[1]) : "",
            source: entry.source,
            verb: entry.verb,
            object: entry.object,
            reason: entry.reason,
            parametersDigest: entry.parameters,
            outcome: entry.outcome,
            hash: record.hash.hex
        )
    }
}
