import API
import ControllerCore
import Model
import Protocol

// Who is told of what, what is open and what is on its way, as the console's interface shows it.

extension NodeViews {
    private var notify: NotifyBook { machine.notify }

    var notifyStatus: NotifyStatus {
        let pending = notify.deliveries.values.filter { $0.state == .pending }
        // Those that are under way have no next attempt: they are first.
        func turn(_ record: DeliveryRecord) -> (Int, WallTime, UInt64) {
            (record.nextAt == nil ? 0 : 1, record.nextAt ?? record.queuedAt, record.number)
        }
        let due = pending.sorted { turn($0) < turn($1) }
        let ended = notify.deliveries.values.filter { $0.state != .pending }
            .sorted {
                ($0.endedAt ?? $0.queuedAt, $0.number) > ($1.endedAt ?? $1.queuedAt, $1.number)
            }
        let record = notify.record
        return NotifyStatus(
            asOf: asOf,
            version: record?.version ?? 0,
            by: record?.by,
            at: record?.at.iso8601,
            rules: record.map { NotifyRulesView($0.rules) },
            channels: NotifyChannelNames(machine.settings.channels),
            thresholds: machine.thresholdsInForce.map(threshold),
            open: openAlarms,
            silences: silences,
            pendingCount: UInt32(clamping: pending.count),
            pending: due.prefix(NotifyStatus.pendingMax).map(delivery),
            recent: ended.prefix(NotifyStatus.recentMax).map(delivery)
        )
    }

    var noticeSummary: NoticeSummary {
        let missed = notify.missed(at: now.wall).count
        return NoticeSummary(
            configured: notify.rules.map { !$0.routes.isEmpty } ?? false,
            pending: UInt32(
                clamping: notify.deliveries.values.filter { $0.state == .pending }.count
            ),
            undelivered: missed == 0 ? nil : UInt32(clamping: missed),
            silences: silences
        )
    }

    // MARK: Thresholds

    /// Of one site; nil when it has none.
    func thresholds(of site: SiteName) -> [NotifyThresholdStatus]? {
        let found = machine.thresholdsInForce.filter { $0.site == site }
        return found.isEmpty ? nil : found.map(threshold)
    }

    private func threshold(_ threshold: NotifyThreshold) -> NotifyThresholdStatus {
        let standing = machine.standing(of: threshold.site)
        return NotifyThresholdStatus(
            rule: NotifyThresholdRule(threshold),
            online: UInt32(clamping: standing.online),
            total: UInt32(clamping: standing.total),
            firesAtLoss: UInt32(clamping: machine.lossesUntil(threshold)),
            since: machine.belowSince(threshold)?.iso8601
        )
    }

    // MARK: What is open

    /// The worst first, then the longest standing.
    private var openAlarms: [NotifyAlarm] {
        func rank(_ severity: ControllerCore.Severity) -> Int {
            switch severity {
            case .critical: 0
            case .warning: 1
            case .info: 2
            }
        }
        return notify.alarms.values.filter { $0.state == .firing }
            .sorted {
                (rank($0.severity), $0.since, $0.number) < (rank($1.severity), $1.since, $1.number)
            }
            .enumerated().map { place, record in
                // How things are now is worth its price for as many as somebody reads.
                alarm(place < Self.lookedAtMax ? machine.asItIs(record) : record)
            }
    }

    private static let lookedAtMax = 200

    private func alarm(_ record: AlarmRecord) -> NotifyAlarm {
        func receivers(_ states: [AlarmRecord.Target.State]) -> [String] {
            var names: [String] = []
            for target in record.targets
            where states.contains(target.state) && target.thread != AlarmRecord.Target.noMessage {
                if !names.contains(target.receiver.text) { names.append(target.receiver.text) }
            }
            return names
        }
        var alarm = NotifyAlarm(
            number: record.number,
            kind: record.kind.rawValue,
            severity: API.Severity(rawValue: record.severity.rawValue),
            site: record.site,
            subject: record.subject,
            text: record.text,
            cause: record.cause,
            since: record.since.iso8601,
            further: record.further,
            planned: record.isPlanned,
            told: receivers([.told, .ending]),
            waiting: receivers([.waiting, .uncovered])
        )
        let isCovered =
            !record.targets.isEmpty && record.targets.allSatisfy { $0.state == .covered }
        alarm.covered = isCovered ? true : nil
        alarm.silence = notify.silence(of: record, at: now.wall)?.number
        return alarm
    }

    var silences: [NotifySilence] {
        notify.silences.values.filter { $0.draft.until > now.wall }.map { NotifySilence($0) }
    }

    /// Why a silence of one subject matches nothing today; nil where it may.
    func remark(on draft: SilenceDraft) -> String? {
        let name = draft.subject
        let nodes = members().map(\.record)
        let isOpen = notify.alarms.values.contains { $0.subject == name }
        guard !isOpen else { return nil }
        if let node = nodes.first(where: { $0.name.text == name }) {
            guard !draft.sites.isEmpty, !draft.sites.contains(node.site) else { return nil }
            return "node \(name) is of site \(node.site): the silence matches nothing of it"
        }
        let sites = machine.sites.keys.map(\.text)
        guard !sites.contains(name) else { return nil }
        let near = NearestName.to(name, among: nodes.map(\.name.text) + sites)
        return "no node or site is called \(name) today, and nothing has happened to one"
            + (near.map { "; did you mean \($0)?" } ?? "")
    }

    // MARK: Messages

    func delivery(_ record: DeliveryRecord) -> NotifyDelivery {
        NotifyDelivery(
            number: record.number,
            notice: record.notice,
            receiver: record.receiver.text,
            destination: record.destination.text,
            state: record.state.rawValue,
            severity: API.Severity(rawValue: record.severity.rawValue),
            subject: notify.notices[record.notice]?.message.subject ?? "",
            attempts: record.attempts,
            queuedAt: record.queuedAt.iso8601,
            nextAt: record.nextAt?.iso8601,
            endedAt: record.endedAt?.iso8601,
            error: record.lastError.isEmpty ? nil : record.lastError
        )
    }

    /// Of a text whose last line has its end.
    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    func deliveries(
        limit: Int,
        isPending: Bool,
        receiver: String?
    ) -> NotifyDeliveryList {
        let found = notify.deliveries.values.reversed().filter { record in
            (!isPending || record.state == .pending)
                && (receiver == nil || record.receiver.text == receiver)
        }
        return NotifyDeliveryList(
            asOf: asOf,
            deliveries: found.prefix(limit).map(delivery),
            undelivered: isPending ? undelivered(receiver: receiver) : nil
        )
    }

    /// What was refused or given up lately, and whoever looks for what waits must not miss.
    private func undelivered(receiver: String?) -> [NotifyDelivery] {
        notify.undelivered(at: now.wall)
            .filter { receiver == nil || $0.receiver.text == receiver }
            .prefix(NotifyDeliveryList.undeliveredMax).map(delivery)
    }

    /// - Returns: nil when there is none of that number, or it was long ago.
    func notice(_ number: UInt64) -> API.Notice? {
        guard let record = notify.notices[number] else { return nil }
        let message = record.message
        return API.Notice(
            asOf: asOf,
            number: record.number,
            receiver: record.receiver.text,
            messageID: message.id,
            state: message.state.rawValue,
            severity: API.Severity(rawValue: message.severity.rawValue),
            at: message.at.iso8601,
            subject: message.subject,
            lines: Self.lines(message.text),
            deliveries: notify.deliveries.values.filter { $0.notice == number }.map(delivery)
        )
    }
}

extension NotifyRulesView {
    init(_ rules: NotifyRules) {
        var templates = rules.templates.kinds.map {
            NotifyTemplate(kind: $0.kind.rawValue, subject: $0.subject, body: $0.body)
        }
        if rules.templates.subject != nil || rules.templates.body != nil {
            templates.insert(
                NotifyTemplate(subject: rules.templates.subject, body: rules.templates.body),
                at: 0
            )
        }
        self.init(
            receivers: rules.receivers.map {
                NotifyReceiverView(
                    name: $0.name.text,
                    mail: $0.mail,
                    webhooks: $0.webhooks,
                    alertmanagers: $0.alertmanagers,
                    commands: $0.commands
                )
            },
            routes: rules.routes.map { NotifyRouteView($0) },
            thresholds: rules.thresholds.map { NotifyThresholdRule($0) },
            templates: templates,
            giveUpAfterMilliseconds: UInt64(clamping: rules.giveUpAfter.wholeMilliseconds),
            undeliverable: rules.undeliverable.map(\.text),
            pages: rules.pages
        )
    }
}

extension NotifyRouteView {
    init(_ route: NotifyRoute) {
        self.init(
            kinds: route.kinds.map(\.text),
            sites: route.sites.map(\.text),
            severity: API.Severity(rawValue: route.severity.rawValue),
            receivers: route.receivers.map(\.text),
            continues: route.continues,
            groupBy: route.groupBy.rawValue,
            groupWaitMilliseconds: UInt64(clamping: route.groupWait.wholeMilliseconds),
            groupIntervalMilliseconds: UInt64(clamping: route.groupInterval.wholeMilliseconds),
            repeatIntervalMilliseconds: UInt64(clamping: route.repeatInterval.wholeMilliseconds),
            planned: route.planned,
            resolved: route.resolved
        )
    }
}

extension NotifyThresholdRule {
    init(_ threshold: NotifyThreshold) {
        self.init(
            name: threshold.name.text,
            site: threshold.site.text,
            minimum: threshold.minimum,
            forMilliseconds: UInt64(clamping: threshold.hold.wholeMilliseconds),
            recoverMilliseconds: UInt64(clamping: threshold.recover.wholeMilliseconds),
            severity: API.Severity(rawValue: threshold.severity.rawValue),
            further: threshold.further,
            action: threshold.action.rawValue,
            advice: threshold.advice
        )
    }
}

extension NotifyChannelNames {
    init(_ channels: NotifyChannels) {
        self.init(
            mail: channels.hasMail,
            webhooks: channels.webhooks,
            alertmanagers: channels.alertmanagers,
            commands: channels.commands
        )
    }
}

extension NotifySilence {
    init(_ record: SilenceRecord) {
        self.init(
            number: record.number,
            kinds: record.draft.kinds.map(\.text),
            sites: record.draft.sites.map(\.text),
            subject: record.draft.subject,
            owner: record.draft.owner,
            reason: record.reason,
            by: record.by,
            at: record.at.iso8601,
            until: record.draft.until.iso8601
        )
    }
}
