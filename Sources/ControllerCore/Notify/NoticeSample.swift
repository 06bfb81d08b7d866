import Model

/// What a notice of a kind could say, for a look at the templates: invented, in the words of the real one.
struct NoticeSample {
    var severity: Severity
    /// Empty where it is about no site.
    var site: String
    var subject: String
    var cause = ""
    var consequence = ""
    private var text: String
    private var end: String

    /// - Parameters:
    ///   - site: the active one of the sample.
    ///   - other: the other one.
    init(_ kind: EventKind, site: String, other: String) {
        let words = Self.words(kind, site, other)
        severity = words?.severity ?? (kind.role.opens ? .warning : .info)
        text = words?.text ?? "What a notice of the kind \(kind.rawValue) says stands here."
        cause = words?.cause ?? ""
        consequence = words?.consequence ?? ""
        end = words?.end ?? ""
        switch kind.subjectIs {
        case .node:
            subject = "web-1"
            self.site = site
        case .site:
            let isOfOther = kind == .readinessLost || kind == .drillOverdue
            subject = isOfOther ? other : site
            self.site = subject
        case .other:
            subject = words?.subject ?? "controller"
            self.site = ""
        }
    }

    func text(ended: Bool) -> String { ended && !end.isEmpty ? end : text }

    private struct Words {
        var severity: Severity
        var text: String
        var cause = ""
        var consequence = ""
        /// What its end says.
        var end = ""
        /// Where it is neither a node nor a site.
        var subject = "controller"
    }

    private static func words(_ kind: EventKind, _ site: String, _ other: String) -> Words? {
        if let words = ofNodes(kind, site) { return words }
        if let words = ofSites(kind, site, other) { return words }
        return ofWork(kind, site, other)
    }

    private static func ofNodes(_ kind: EventKind, _ site: String) -> Words? {
        switch kind {
        case .nodeOffline:
            Words(
                severity: .critical,
                text: "Node web-1 is Offline.",
                cause: "unreachable: no heartbeat for 3.5s",
                consequence:
                    "its 3 services may still run; 3 of 4 nodes of site \(site) are Online",
                end: "Node web-1 is Online."
            )
        case .nodeHeld:
            Words(
                severity: .warning,
                text: "Node web-1 is back and held for 1m00s.",
                cause: "3 losses within 1h00m",
                consequence: "to end it now: muster node release web-1",
                end: "The hold of node web-1 has ended."
            )
        case .nodeConflicted:
            Words(
                severity: .critical,
                text: "The identity of web-1 was seen twice: nothing is given to it.",
                cause: "another machine has shown it from 10.0.0.99",
                consequence: "muster node show web-1; muster node release web-1",
                end: "The identity of web-1 was released by alice."
            )
        case .nodeOverloaded:
            Words(
                severity: .warning,
                text: "Node web-1 is overloaded: it is given no more tasks.",
                cause: "cpu 97 %, at most 90 %",
                end: "Node web-1 takes tasks again."
            )
        case .nodeDrainOverdue:
            Words(
                severity: .warning,
                text: "The drain of web-1 has not finished by its deadline.",
                cause: "services still running: gateway",
                end: "Node web-1 is drained."
            )
        case .nodeUnfenced:
            Words(
                severity: .critical,
                text: "Node web-1 is back, and counted as fenced (lease).",
                cause: "it was silent for longer than its lease",
                consequence: "run 7 waits for its own word"
            )
        case .orderFailed:
            Words(
                severity: .warning,
                text: "Node web-1 has failed to start service gateway.",
                cause: "exited with status 3"
            )
        case .certificateExpiring:
            Words(
                severity: .critical,
                text:
                    "The certificate of node web-1 ends at 2027-01-31T04:00:00Z and was not renewed.",
                cause: "1d 4h left",
                end: "Node web-1 has a new certificate, valid until 2027-03-02T04:00:00Z."
            )
        case .driftFound:
            Words(
                severity: .warning,
                text: "There is drift in application of web-1b and its pair web-1.",
                cause: "etc/gateway.conf, lib/gateway-2.4.jar",
                consequence: "the standby may not take over until it is mended",
                end: "There is no drift any more in application of web-1b and its pair web-1."
            )
        case .nodeRefused:
            Words(
                severity: .warning,
                text: "An enrolment from 10.0.0.99:50112 was refused.",
                cause: "the join token is used up"
            )
        default: nil
        }
    }

    private static func ofSites(_ kind: EventKind, _ site: String, _ other: String) -> Words? {
        switch kind {
        case .siteBelowMinimum, .siteFurtherLoss:
            Words(
                severity: .critical,
                text: "Site \(site): 2 of 4 nodes Online, minimum 3.",
                cause:
                    "lost: web-1 unreachable: no heartbeat for 3.5s; web-2 service gateway failed",
                consequence: "2 nodes of it are lost",
                end: "Site \(site): 4 of 4 nodes Online, minimum 3, after 12m34s below it."
            )
        case .readinessLost:
            Words(
                severity: .warning,
                text: "Site \(other) could not take over now.",
                cause: "1 of 4 nodes Online, at least 3 are needed and 1 more",
                consequence: "muster node list --site \(other)",
                end: "Site \(other) could take over again."
            )
        case .drillOverdue:
            Words(
                severity: .warning,
                text: "The last drill with site \(other) is more than 90 days ago.",
                cause: "it ended at 2026-08-20T02:10:00Z",
                end: "Drill 12 of site \(other) has passed."
            )
        case .failoverProposed:
            Words(
                severity: .critical,
                text:
                    "Site \(site) seems lost: 0 of 4 nodes of site \(site) are Online, at least 3 are "
                    + "needed, for 1m00s without a break.",
                cause: "the mode is manual: an operator decides",
                consequence:
                    "muster site readiness \(other); muster failover --to \(other) --dry-run; "
                    + "muster failover --to \(other) --reason TEXT",
                end: "Nobody is asked any more to fail over from site \(site)."
            )
        case .automaticRefused:
            Words(
                severity: .critical,
                text: "Site \(site) seems lost, and the controller does NOT fail over by itself.",
                cause: "no site is ready: \(other): data set orders is 4m10s behind",
                consequence: "muster site readiness \(other)",
                end: "Nobody is asked any more to fail over from site \(site)."
            )
        case .siteFencing:
            Words(
                severity: .warning,
                text: "Site \(site) has to stop: every node is to be proven unable to act.",
                cause: "run 7, failover to \(other) by alice"
            )
        case .siteActivated:
            Words(
                severity: .warning,
                text: "Site \(site) is the active one under epoch 1.8.",
                cause: "run 7, failover by alice",
                consequence: "site \(other) is a standby"
            )
        default: nil
        }
    }

    private static func ofWork(_ kind: EventKind, _ site: String, _ other: String) -> Words? {
        switch kind {
        case .runStarted:
            Words(
                severity: .warning,
                text: "Run 7 has begun: failover from \(site) to \(other).",
                consequence: "muster run follow 7",
                subject: "run 7"
            )
        case .runWaiting:
            Words(
                severity: .critical,
                text: "Run 7 waits for a person: node web-3 cannot be reached and does not stop by "
                    + "itself (make sure that it is off, then: muster run certify 7 web-3 --reason TEXT).",
                consequence: "muster run certify 7 web-3 --reason TEXT",
                end: "Run 7 has ended: site \(other) is active under epoch 1.8.",
                subject: "run 7"
            )
        case .runStepFailed:
            Words(
                severity: .critical,
                text: "Step redirect of run 7 (failover to \(other)) has failed.",
                cause: "exited with status 1: no answer from the balancer",
                consequence: "muster run show 7",
                subject: "run 7"
            )
        case .runRollingBack:
            Words(
                severity: .warning,
                text: "Run 7 is rolled back: site \(site) stays the active one.",
                cause: "aborted by alice: wrong site",
                subject: "run 7"
            )
        case .runEnded:
            Words(
                severity: .info,
                text: "Run 7 has ended: site \(other) is active under epoch 1.8.",
                cause: "failover from \(site) by alice",
                subject: "run 7"
            )
        case .automaticTaken:
            Words(
                severity: .critical,
                text: "The controller fails over from site \(site) to \(other) by itself: run 7.",
                cause: "0 of 4 nodes of site \(site) are Online for 1m00s without a break",
                consequence: "the brake is on until somebody lifts it",
                subject: "run 7"
            )
        case .dataLate, .dataUnknown:
            Words(
                severity: .warning,
                text: kind == .dataLate
                    ? "Data set orders of site \(other) is 4m10s behind, its objective is 1m00s."
                    : "How far data set orders of site \(other) is behind is not known.",
                cause: kind == .dataLate
                    ? "lag probe of db-2" : "its probe has not answered for 2m00s",
                end: kind == .dataLate
                    ? "Data set orders of site \(other) is within its objective again."
                    : "How far data set orders of site \(other) is behind is known again.",
                subject: "orders"
            )
        case .queueFilling, .queueFull:
            Words(
                severity: .warning,
                text: kind == .queueFull
                    ? "The queue is full: new tasks are refused."
                    : "The queue is filling: 80 % of its places are taken.",
                end: "The queue takes tasks as usual again.",
                subject: "tasks"
            )
        case .taskFailed:
            Words(
                severity: .warning,
                text: "Task 4711 has failed for good: it is not given again.",
                cause: "5 attempts, the last one exited with status 2",
                subject: "task 4711"
            )
        case .taskUnknown:
            Words(
                severity: .critical,
                text: "Whether task 4711, which may run once only, was done is not known.",
                cause: "node web-1 was lost while it ran",
                subject: "task 4711"
            )
        case .storeLow:
            Words(
                severity: .warning,
                text: "The file system of the store is nearly full: 312 MiB left.",
                consequence: "when it is full, nothing can be decided any more",
                end: "The file system of the store has room again."
            )
        case .controllerLost:
            Words(
                severity: .warning,
                text: "The controller before this one was not stopped: it was lost.",
                cause: "it was killed, it has crashed, or its host has",
                consequence: "this one has started on the same store"
            )
        case .noticeUndeliverable:
            Words(
                severity: .critical,
                text: "A notice could not be delivered to ops: mail to ops@example.com.",
                cause: "it was refused: 550 no such mailbox",
                consequence: "muster notify pending; muster notify pending retry 812",
                end: "Notices are delivered again: mail to ops@example.com.",
                subject: "mail to ops@example.com"
            )
        case .accessLockedOut:
            Words(
                severity: .warning,
                text: "alice was turned away 10 times within 5m00s.",
                cause: "her role is viewer",
                subject: "alice"
            )
        default: nil
        }
    }
}
