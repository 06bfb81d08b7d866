import API
import ControllerCore
import Model
import Protocol

// The machine's state as the console's interface shows it. Functions of their arguments alone.

struct NodeViews {
    let machine: ControllerMachine
    let now: Moment

    var asOf: String { now.wall.iso8601 }

    func wall(_ instant: Instant) -> WallTime { now.wall + (instant - now.instant) }

    func age(_ instant: Instant) -> UInt64 {
        UInt64(max(0, (now.instant - instant).wholeMilliseconds))
    }

    /// Members by site, the active one first, then by name.
    func members(includingRemoved: Bool = false) -> [Member] {
        machine.nodes.values
            .filter { includingRemoved || $0.record.membership != .removed }
            .sorted { left, right in
                let active = machine.cluster.activeSite
                let leftKey = (left.record.site == active ? 0 : 1, left.record.site.text)
                let rightKey = (right.record.site == active ? 0 : 1, right.record.site.text)
                return leftKey == rightKey
                    ? left.record.name < right.record.name : leftKey < rightKey
            }
    }

    func summary(_ member: Member) -> NodeSummary {
        let record = member.record
        let assessment = machine.assess(member)
        var summary = NodeSummary(
            asOf: asOf,
            name: record.name.text,
            id: record.id.text,
            site: record.site.text,
            membership: record.membership.rawValue,
            status: assessment.status.rawValue,
            reason: assessment.reason,
            since: record.statusSince.iso8601,
            marks: marks(member, assessment),
            reachability: member.reachability.rawValue
        )
        summary.address = member.link?.address ?? record.address
        summary.health = member.health?.rawValue
        if member.wasHeard { summary.heartbeatAgeMilliseconds = age(member.detector.lastHeard) }
        if let clock = member.clock {
            summary.roundTripMicroseconds = UInt64(clock.roundTrip.nanoseconds / 1_000)
            summary.clockOffsetMilliseconds = clock.offset.wholeMilliseconds
        }
        summary.load = loadSummary(member)
        summary.servicesRunning = UInt32(
            member.services.values.filter { $0.report.state == .running }.count
        )
        summary.servicesWanted = UInt32(member.services.values.filter(\.report.isWanted).count)
        if let load = machine.work.load(of: record.id) {
            summary.tasksAssigned = UInt32(load.assigned)
            summary.tasksStarted = UInt32(load.started)
            summary.overload = load.overload
        }
        summary.agentVersion = member.facts?.agentVersion
        summary.configurationVersion = member.configurationVersion
        summary.certificateNotAfter = record.certificateNotAfter?.iso8601
        summary.holdDownUntil = member.heldUntil.map { wall($0).iso8601 }
        summary.drainDeadline = record.drain?.deadline.iso8601
        summary.maintenanceUntil = record.maintenance?.until.iso8601
        summary.mayActUntil = mayActUntil(member)?.iso8601
        return summary
    }

    /// An unreachable node's self-fenced services may run until X after its last grant.
    private func mayActUntil(_ member: Member) -> WallTime? {
        guard member.reachability == .unreachable, member.hasSelfFencedService else { return nil }
        let end = machine.leaseEnd(of: member)
        return end > now.instant ? wall(end) : nil
    }

    private func marks(_ member: Member, _ assessment: Assessment) -> [NodeMark] {
        var marks = assessment.marks.map { NodeMark(rawValue: $0.rawValue) }
        if mayActUntil(member) != nil { marks.append(.mayAct) }
        return NodeMark.all.filter(marks.contains)
    }

    private func loadSummary(_ member: Member) -> LoadSummary? {
        guard let load = member.load else { return nil }
        let used = load.memoryTotal - min(load.memoryAvailable, load.memoryTotal)
        return LoadSummary(
            ageMilliseconds: age(member.loadAt),
            processorBusyPerMille: load.processorBusyPerMille,
            memoryUsedPerMille: perMille(used, of: load.memoryTotal),
            loadAverage1Thousandths: load.loadAverage1,
            diskUsedPerMille: member.disks.map(\.usedPerMille).max()
        )
    }

    private func perMille(_ part: UInt64, of whole: UInt64) -> UInt32 {
        whole == 0 ? 0 : UInt32(min(1_000, part / max(1, whole / 1_000)))
    }

    func detail(_ member: Member, events: [API.Event]) -> NodeDetail {
        let record = member.record
        var detail = NodeDetail(
            asOf: asOf,
            node: summary(member),
            addedBy: record.addedBy,
            addedAt: record.addedAt.iso8601,
            session: UInt64(record.session),
            incarnation: record.incarnation,
            configuration: NodeConfiguration(
                held: member.configurationVersion,
                current: machine.cluster.configurationVersion
            ),
            disks: member.disks.map(disk),
            services: services(of: member),
            findings: findings(of: member),
            lastEvents: events
        )
        detail.declaredAddress = record.address
        detail.conflict = record.conflict
        if machine.assess(member).status == .offline, record.membership == .joined {
            detail.meaning = machine.meaning(of: member)
        }
        let next = machine.nextSteps(for: member)
        detail.next = next.isEmpty ? nil : next
        detail.facts = member.facts.map(facts)
        if let serial = record.serial, let key = record.key, let end = record.certificateNotAfter {
            detail.certificate = NodeCertificate(
                serial: serial,
                fingerprint: key.text,
                notAfter: end.iso8601
            )
        }
        detail.cordon = record.cordon.map {
            CordonDetail(by: $0.by, reason: $0.reason, at: $0.at.iso8601)
        }
        detail.drain = record.drain.map {
            DrainDetail(
                by: $0.by,
                reason: $0.reason,
                at: $0.at.iso8601,
                deadline: $0.deadline.iso8601,
                keepServices: $0.keepServices,
                finished: $0.isFinished,
                overdue: $0.isOverdue
            )
        }
        detail.maintenance = record.maintenance.map {
            MaintenanceDetail(
                owner: $0.owner,
                reason: $0.reason,
                at: $0.at.iso8601,
                until: $0.until.iso8601,
                keepServices: $0.keepServices
            )
        }
        detail.load = load(member)
        detail.handlers = handlers(of: member)
        detail.policy = policy(of: member)
        return detail
    }

    private func facts(_ facts: Facts) -> NodeFacts {
        NodeFacts(
            operatingSystem: facts.operatingSystem,
            operatingSystemVersion: facts.operatingSystemVersion,
            kernel: facts.kernel,
            architecture: facts.architecture,
            hostname: facts.hostname,
            installPath: facts.installPath,
            agentVersion: facts.agentVersion,
            cgroups: facts.cgroups
        )
    }

    private func load(_ member: Member) -> LoadDetail? {
        guard let load = member.load else { return nil }
        var detail = LoadDetail(
            ageMilliseconds: age(member.loadAt),
            processors: load.processors,
            processorBusyPerMille: load.processorBusyPerMille,
            loadAverage1Thousandths: load.loadAverage1,
            loadAverage5Thousandths: load.loadAverage5,
            loadAverage15Thousandths: load.loadAverage15,
            memoryTotalBytes: load.memoryTotal,
            memoryAvailableBytes: load.memoryAvailable,
            swapTotalBytes: load.swapTotal,
            swapUsedBytes: load.swapUsed,
            networkReceivedBytesPerSecond: load.networkReceived,
            networkSentBytesPerSecond: load.networkSent,
            uptimeMilliseconds: load.uptimeSeconds.multipliedReportingOverflow(by: 1_000).0
        )
        detail.processorPressurePerMille = load.processorPressurePerMille
        detail.memoryPressurePerMille = load.memoryPressurePerMille
        detail.inputOutputPressurePerMille = load.inputOutputPressurePerMille
        return detail
    }

    private func disk(_ disk: Disk) -> DiskDetail {
        DiskDetail(
            mount: disk.mount,
            totalBytes: disk.total,
            availableBytes: disk.available,
            inodesTotal: disk.inodesTotal,
            inodesAvailable: disk.inodesAvailable,
            usedPerMille: disk.usedPerMille
        )
    }

    /// In the order of starting. Of a node that cannot be reached the last report is shown, its
    /// state `unknown`.
    func services(of member: Member) -> [ServiceDetail] {
        member.services.values
            .sorted { ($0.report.order, $0.report.name) < ($1.report.order, $1.report.name) }
            .map { service($0, of: member) }
    }

    private func service(_ known: Member.KnownService, of member: Member) -> ServiceDetail {
        let report = known.report
        let isKnown = member.link != nil && member.reachability != .unreachable
        return ServiceDetail(
            node: member.record.name.text,
            site: member.record.site.text,
            name: report.name.text,
            group: report.group.text,
            order: UInt32(report.order),
            required: report.isRequired,
            selfFenced: report.isSelfFenced,
            state: isKnown ? report.state.rawValue : "unknown",
            wanted: report.isWanted,
            processID: isKnown ? report.processID : nil,
            restarts: report.restarts,
            detail: isKnown
                ? report.detail : "was \(report.state.rawValue) when the node was last heard",
            inStateMilliseconds: UInt64(max(0, known.age(at: now.instant).wholeMilliseconds)),
            ageMilliseconds: member.wasHeard ? age(member.detector.lastHeard) : nil,
            checks: member.checks.values
                .filter { $0.report.service == report.name }
                .map(check)
        )
    }

    private func check(_ known: Member.KnownCheck) -> CheckDetail {
        CheckDetail(
            name: known.report.name.text,
            kind: known.report.kind,
            state: known.report.state.rawValue,
            output: known.report.output,
            tookMilliseconds: known.report.tookMilliseconds,
            ageMilliseconds: known.report.ageMilliseconds + age(known.at)
        )
    }

    private func findings(of member: Member) -> [PreflightFinding] {
        for run in machine.preflights.values.reversed() {
            guard let part = run.nodes[member.record.id] else { continue }
            return part.findings.map { finding($0, of: part.name) }
        }
        return []
    }

    func finding(_ finding: Finding, of node: NodeName) -> PreflightFinding {
        PreflightFinding(
            node: node.text,
            check: finding.check,
            outcome: finding.outcome.rawValue,
            text: finding.text,
            mend: finding.mend
        )
    }
}
