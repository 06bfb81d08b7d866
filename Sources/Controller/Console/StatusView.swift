import API
import ControllerCore
import Model
import Protocol

// One screen for somebody who was woken: sites, what is wrong, since when, and what to type.

struct StatusView {
    let views: NodeViews
    /// Whose screen it is; nobody's for what followers share.
    let account: OperatorRecord?
    let lastEvents: [API.Event]
    let authorityNotAfter: WallTime

    var machine: ControllerMachine { views.machine }
    var now: Moment { views.now }

    private static let expirySoon: Duration = .seconds(2 * 86_400)
    private static let authorityExpirySoon: Duration = .seconds(60 * 86_400)

    var status: ClusterStatus {
        let cluster = machine.cluster
        var status = ClusterStatus(
            asOf: views.asOf,
            cluster: Self.identity(cluster),
            activeSite: cluster.activeSite.text,
            sites: views.sites,
            problems: problems,
            lastEvents: lastEvents,
            controller: ControllerStatus(
                version: Build.version,
                startedAt: machine.startedAt.wall.iso8601,
                uptimeMilliseconds: views.age(machine.startedAt.instant),
                tilted: machine.tiltUntil != nil,
                journalLate: machine.isJournalLate
            ),
            expiringCertificates: expiring,
            you: Myself(account)
        )
        status.work = views.work
        status.run = views.liveRun
        let dataSets = views.dataSets
        status.dataSets = dataSets.isEmpty ? nil : dataSets
        status.automatic = views.automatic
        status.notices = views.noticeSummary
        return status
    }

    static func identity(_ cluster: ClusterRecord) -> ClusterIdentity {
        ClusterIdentity(
            id: cluster.id.text,
            name: cluster.name,
            generation: UInt64(cluster.epoch.generation),
            epoch: UInt64(cluster.epoch.counter),
            createdAt: cluster.createdAt.iso8601
        )
    }

    /// Most severe first, then the longest standing; before all of them what a person has to do so
    /// that anything goes on.
    private var problems: [Problem] {
        var found: [(rank: Int, problem: Problem)] = []
        func note(
            _ rank: Int,
            _ severity: API.Severity,
            _ subject: String,
            _ text: String,
            _ since: WallTime,
            _ mend: String
        ) {
            let problem = Problem(
                severity: severity,
                subject: subject,
                text: text,
                since: since.iso8601,
                mend: mend
            )
            found.append((rank, problem))
        }
        func add(
            _ severity: API.Severity,
            _ subject: String,
            _ text: String,
            _ since: WallTime,
            _ mend: String
        ) {
            let rank = severity == .critical ? 2 : severity == .warning ? 3 : 4
            note(rank, severity, subject, text, since, mend)
        }
        addRunProblems { note(0, $0, $1, $2, $3, $4) }
        addFencing { note(1, $0, $1, $2, $3, $4) }
        addLostSites { note(1, $0, $1, $2, $3, $4) }
        addControllerProblems(add)
        addAutomaticProblems(add)
        addFailedRun(add)
        for member in views.members() { addProblems(of: member, add) }
        addDataProblems(add)
        addWorkProblems(add)
        addMinimums(add)
        addThresholds(add)
        addNoticeProblems(add)
        return found.sorted { ($0.rank, $0.problem.since) < ($1.rank, $1.problem.since) }
            .map(\.problem)
    }

    private func addControllerProblems(_ add: AddProblem) {
        addRestoreProblems(add)
        if let doubt = machine.doubt, !machine.isUnsaid {
            add(
                .critical,
                "controller",
                "node \(machine.doubtShownBy) has shown the higher epoch \(doubt): this controller does "
                    + "not act",
                machine.startedAt.wall,
                // Above the last generation there is nothing: that was no controller's.
                doubt.generation < .max
                    ? "muster-controller adopt --confirm --generation \(doubt.generation + 1)"
                    : "muster node remove \(machine.doubtShownBy) --force, then restart the controller"
            )
        }
        if authorityNotAfter - now.wall < Self.authorityExpirySoon {
            let left = authorityNotAfter - now.wall
            add(
                left < Self.expirySoon ? .critical : .warning,
                "controller",
                "the issuing certificate ends in \(left.forPeople): nothing can enrol or renew then",
                authorityNotAfter + (.zero - Self.authorityExpirySoon),
                "on the controller's host: muster-controller renew-authority"
            )
        }
        if let since = machine.journalLateSince {
            add(
                .critical,
                "controller",
                "its journal is late: no lease is granted",
                since,
                "look at the disk under the state directory: df -h; iostat -x 1"
            )
        }
    }

    private func addProblems(of member: Member, _ add: AddProblem) {
        let record = member.record
        let name = record.name.text
        let assessment = machine.assess(member)
        let isPlanned =
            record.maintenance != nil || record.drain != nil || record.membership == .removing
        guard record.membership != .invited else { return }
        if assessment.status == .offline {
            // A node that is held is back: the loss is over, and it waits for whether it stays.
            let isHeld = member.heldUntil != nil
            add(
                isPlanned ? .info : isHeld ? .warning : .critical,
                name,
                "node \(name) is Offline: \(assessment.reason)",
                record.statusSince,
                machine.mend(of: member)
            )
        }
        if record.drain?.isOverdue == true {
            add(
                .warning,
                name,
                "the drain of \(name) is over its deadline",
                record.drain?.deadline ?? now.wall,
                "muster service list --node \(name)"
            )
        }
        if assessment.marks.contains(.clockSuspect), let clock = member.clock {
            add(
                .warning,
                name,
                "the clock of \(name) is \(clock.offset.forPeople) off",
                member.clockOffSince ?? now.wall,
                "on the node: timedatectl set-ntp true"
            )
        }
        if assessment.status == .online, machine.role(of: record.site) == .active {
            addOptionalServices(of: member, add)
        }
    }

    private func addOptionalServices(of member: Member, _ add: AddProblem) {
        for known in member.services.values {
            let report = known.report
            guard !report.isRequired, report.isWanted, report.state != .running else { continue }
            let detail = report.detail.isEmpty ? "" : " (\(report.detail))"
            add(
                .warning,
                member.record.name.text,
                "service \(report.name) of \(member.record.name) is "
                    + "\(report.state.rawValue)\(detail)",
                now.wall + (.zero - known.age(at: now.instant)),
                ControllerMachine.mend(report, on: member.record.name)
            )
        }
    }

    private var expiring: [ExpiringCertificate] {
        var found: [ExpiringCertificate] = []
        func consider(_ subject: String, _ end: WallTime?) {
            guard let end, end - now.wall < Self.expirySoon else { return }
            found.append(
                ExpiringCertificate(
                    subject: subject,
                    notAfter: end.iso8601,
                    remainingMilliseconds: (end - now.wall).wholeMilliseconds
                )
            )
        }
        for member in views.members() where member.record.membership == .joined {
            consider("node \(member.record.name)", member.record.certificateNotAfter)
        }
        for account in machine.operators.values {
            consider("operator \(account.name)", account.notAfter)
        }
        return found.sorted { $0.notAfter < $1.notAfter }
    }
}

extension API.Event {
    init(_ event: ClusterEvent) {
        self.init(
            sequence: event.sequence,
            at: event.at.iso8601,
            kind: event.kind.rawValue,
            severity: API.Severity(rawValue: event.severity.rawValue),
            subject: event.subject,
            text: event.text,
            cause: event.cause,
            consequence: event.consequence,
            site: event.site.isEmpty ? nil : event.site,
            planned: event.isPlanned ? true : nil
        )
    }
}

extension Myself {
    init(_ account: OperatorRecord?) {
        self.init(
            name: account?.name.text ?? "",
            role: account?.role.rawValue ?? "",
            certificateNotAfter: account?.notAfter?.iso8601
        )
    }
}
