import API
import Glibc
import Model

@testable import Console

/// Things to show, all as of one moment.
enum Samples {
    /// 03:14:15 on the night in question; local time is UTC in these tests.
    static let now: WallTime = {
        setenv("TZ", "UTC", 1)
        tzset()
        return WallTime(iso8601: "2026-11-23T03:14:15.000Z")!
    }()

    static func ago(_ seconds: Int64) -> String {
        WallTime(milliseconds: now.milliseconds - seconds * 1_000).iso8601
    }

    static let cluster = ClusterIdentity(
        id: "6b3c1f6a-9d0e-4c57-8f0e-2f4f6a1d9c11",
        name: "prod",
        generation: 1,
        epoch: 3,
        createdAt: ago(8_000_000)
    )

    static let controller = ControllerStatus(
        version: "0.1.0",
        startedAt: ago(273_600),
        uptimeMilliseconds: 273_600_000
    )

    static let you = Myself(name: "alice", role: "admin", certificateNotAfter: ago(-1_500_000))

    static func event(
        _ sequence: UInt64,
        _ seconds: Int64,
        _ kind: String,
        _ severity: Severity,
        _ subject: String,
        _ text: String,
        cause: String = "",
        consequence: String = ""
    ) -> Event {
        Event(
            sequence: sequence,
            at: ago(seconds),
            kind: kind,
            severity: severity,
            subject: subject,
            text: text,
            cause: cause,
            consequence: consequence
        )
    }

    static let events = [
        event(101, 86_500, "node.admitted", .info, "b-3", "checks passed"),
        event(
            102,
            4_000,
            "service.changed",
            .info,
            "a-1",
            "tm is running",
            cause: "ordered by bob"
        ),
        event(
            103,
            1_900,
            "setting.changed",
            .info,
            "cluster",
            "log.level is now info",
            cause: "ordered by alice: quiet"
        ),
        event(
            104,
            41,
            "node.offline",
            .critical,
            "a-2",
            "Offline",
            cause: "no heartbeat for 3.5s",
            consequence: "2 of 3 nodes of site a are Online"
        ),
        event(
            105,
            41,
            "site.below-minimum",
            .critical,
            "a",
            "2 of 3 Online, minimum 3",
            cause: "node a-2 is Offline"
        ),
    ]

    static func site(_ name: String, _ role: String, _ online: UInt32, min: UInt32 = 2)
        -> SiteStatus
    {
        SiteStatus(
            name: name,
            role: role,
            online: online,
            total: 3,
            minimum: min,
            heartbeatAgeMilliseconds: online == 0 ? nil : 800
        )
    }

    static func status(
        _ sites: [SiteStatus],
        _ problems: [Problem] = [],
        events: [Event] = Array(events.prefix(3)),
        expiring: [ExpiringCertificate] = []
    ) -> ClusterStatus {
        ClusterStatus(
            asOf: now.iso8601,
            cluster: cluster,
            activeSite: "a",
            sites: sites,
            problems: problems,
            lastEvents: events,
            controller: controller,
            expiringCertificates: expiring,
            you: you
        )
    }

    static let healthy = status([site("a", "active", 3), site("b", "standby", 3)])

    static let degraded = status(
        [site("a", "active", 2, min: 3), site("b", "standby", 3)],
        [
            Problem(
                severity: .critical,
                subject: "site a",
                text: "2 of 3 nodes Online, minimum 3",
                since: ago(41),
                mend: "muster node list --site a --problems"
            ),
            Problem(
                severity: .critical,
                subject: "node a-2",
                text: "Offline: unreachable, last heartbeat 44s ago",
                since: ago(41),
                mend: "muster node show a-2"
            ),
            Problem(
                severity: .warning,
                subject: "node b-1",
                text: "degraded: service sftp is in backoff: exited with status 3",
                since: ago(5_000),
                mend: "muster node show b-1"
            ),
        ],
        events: events,
        expiring: [
            ExpiringCertificate(
                subject: "controller",
                notAfter: ago(-500_000),
                remainingMilliseconds: 500_000_000
            )
        ]
    )

    static let down = status(
        [site("a", "active", 0), site("b", "standby", 3)],
        [
            Problem(
                severity: .critical,
                subject: "site a",
                text: "0 of 3 nodes Online, minimum 2",
                since: ago(41),
                mend: "muster node list --site a"
            )
        ]
            + (1...9).map { number in
                Problem(
                    severity: .critical,
                    subject: "node a-\(number)",
                    text: "Offline: unreachable, last heartbeat 44s ago",
                    since: ago(41),
                    mend: "muster node show a-\(number)"
                )
            },
        events: events
    )

    static func node(
        _ name: String,
        site: String = "a",
        status: String = "online",
        reason: String = "",
        marks: [NodeMark] = [],
        since seconds: Int64 = 7_300
    ) -> NodeSummary {
        var node = NodeSummary(
            asOf: now.iso8601,
            name: name,
            id: "0c9d8e7f-0000-4000-8000-00000000000\(name.count)",
            site: site,
            membership: "joined",
            status: status,
            reason: reason,
            since: ago(seconds),
            marks: marks,
            reachability: status == "online" ? "reachable" : "unreachable",
            servicesRunning: status == "online" ? 3 : 0,
            servicesWanted: 3
        )
        node.address = "10.0.0.\(name.count):40112"
        node.health = "healthy"
        node.heartbeatAgeMilliseconds = status == "online" ? 420 : 44_100
        node.roundTripMicroseconds = 240
        node.clockOffsetMilliseconds = -3
        node.load = LoadSummary(
            ageMilliseconds: 2_300,
            processorBusyPerMille: 137,
            memoryUsedPerMille: 512,
            loadAverage1Thousandths: 420,
            diskUsedPerMille: 871
        )
        node.agentVersion = "0.1.0"
        node.configurationVersion = 7
        node.certificateNotAfter = ago(-400_000)
        return node
    }

    static let nodes = [
        node("a-1"),
        node(
            "a-2",
            status: "offline",
            reason: "unreachable 44s",
            marks: [.mayAct],
            since: 41
        ),
        node("a-3", marks: [.cordoned, .draining]),
        node("b-1", site: "b", reason: "service sftp in backoff", marks: [.degraded]),
    ]

    static let services = [
        ServiceDetail(
            node: "a-1",
            site: "a",
            name: "tm",
            group: "core",
            order: 10,
            required: true,
            selfFenced: true,
            state: "running",
            wanted: true,
            processID: 4_711,
            restarts: 1,
            inStateMilliseconds: 7_200_000,
            ageMilliseconds: 420,
            checks: [
                CheckDetail(
                    name: "port",
                    kind: "tcp",
                    state: "passing",
                    output: "connected to 127.0.0.1:8443",
                    tookMilliseconds: 1,
                    ageMilliseconds: 1_200
                ),
                CheckDetail(
                    name: "http",
                    kind: "http",
                    state: "failing",
                    output: "status 503 from http://127.0.0.1:8080/health",
                    tookMilliseconds: 12,
                    ageMilliseconds: 3_100
                ),
            ]
        ),
        ServiceDetail(
            node: "a-1",
            site: "a",
            name: "sftp",
            group: "protocols",
            order: 20,
            required: false,
            selfFenced: false,
            state: "backoff",
            wanted: true,
            restarts: 4,
            detail: "exited with status 3",
            inStateMilliseconds: 3_200,
            ageMilliseconds: 420
        ),
    ]

    static let detail: NodeDetail = {
        var detail = NodeDetail(
            asOf: now.iso8601,
            node: nodes[0],
            addedBy: "alice",
            addedAt: ago(4_000_000),
            session: 4,
            incarnation: 12,
            configuration: NodeConfiguration(held: 6, current: 7),
            disks: [
                DiskDetail(
                    mount: "/srv/data",
                    totalBytes: 1 << 40,
                    availableBytes: 40 << 30,
                    inodesTotal: 1_000_000,
                    inodesAvailable: 900_000,
                    usedPerMille: 961
                )
            ],
            services: services,
            findings: [
                PreflightFinding(
                    node: "a-1",
                    check: "free-space:/srv/data",
                    outcome: "warning",
                    text: "40.0 GiB free, 50 GiB wanted",
                    mend: "free space on /srv/data or lower preflight.free-space"
                )
            ],
            lastEvents: [events[1]]
        )
        detail.facts = NodeFacts(
            operatingSystem: "Debian GNU/Linux",
            operatingSystemVersion: "12",
            kernel: "6.1.0-18-amd64",
            architecture: "x86_64",
            hostname: "a-1.example.org",
            installPath: "/usr/sbin",
            agentVersion: "0.1.0",
            cgroups: true
        )
        detail.certificate = NodeCertificate(
            serial: "2f:01",
            fingerprint: "ab12",
            notAfter: ago(-400_000)
        )
        detail.cordon = CordonDetail(by: "bob", reason: "kernel update", at: ago(600))
        detail.load = LoadDetail(
            ageMilliseconds: 2_300,
            processors: 8,
            processorBusyPerMille: 137,
            loadAverage1Thousandths: 1_420,
            loadAverage5Thousandths: 980,
            loadAverage15Thousandths: 400,
            memoryTotalBytes: 16 << 30,
            memoryAvailableBytes: 9 << 30,
            swapTotalBytes: 2 << 30,
            swapUsedBytes: 0,
            networkReceivedBytesPerSecond: 1_250_000,
            networkSentBytesPerSecond: 80_000,
            uptimeMilliseconds: 900_000_000
        )
        return detail
    }()
}
