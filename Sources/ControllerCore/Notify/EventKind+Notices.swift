import Model

/// What an event means to those who are told.
struct NoticeRole: Hashable, Sendable {
    /// Something is wrong from now on, until an event closes it.
    var opens = false
    /// It got worse: the kind that has opened it.
    var furthers: EventKind?
    /// What is not wrong any more, of the same subject.
    var closes: [EventKind] = []
    /// It has happened, and is told as such.
    var once = false
}

/// What an event's subject is the name of.
enum NoticeSubject: Hashable, Sendable {
    case node
    case site
    case other
}

extension EventKind {
    /// Every kind that is not in this table has happened and has no end.
    var role: NoticeRole {
        switch self {
        case .nodeOffline, .nodeHeld, .nodeConflicted, .nodeDrainOverdue, .nodeOverloaded,
            .siteBelowMinimum, .queueFilling, .queueFull, .runWaiting, .driftFound, .dataLate,
            .dataUnknown, .readinessLost, .certificateExpiring, .drillOverdue, .storeLow,
            .noticeUndeliverable, .clockAhead, .restoreBegun, .failoverProposed, .automaticRefused:
            NoticeRole(opens: true)
        case .siteFurtherLoss: NoticeRole(furthers: .siteBelowMinimum)
        case .siteAtMinimum: NoticeRole(closes: [.siteBelowMinimum])
        case .nodeOnline: NoticeRole(closes: [.nodeOffline])
        case .nodeReleased: NoticeRole(closes: [.nodeHeld, .nodeConflicted])
        case .nodeRelieved: NoticeRole(closes: [.nodeOverloaded])
        case .nodeRenewed, .certificateRenewed: NoticeRole(closes: [.certificateExpiring])
        case .nodeDrained, .nodeUncordoned: NoticeRole(closes: [.nodeDrainOverdue])
        case .nodeRemoved:
            NoticeRole(closes: [
                .nodeOffline, .nodeHeld, .nodeConflicted, .nodeDrainOverdue, .nodeOverloaded,
                .certificateExpiring,
            ])
        case .queueEased: NoticeRole(closes: [.queueFilling])
        case .queueRelieved: NoticeRole(closes: [.queueFull])
        case .driftGone: NoticeRole(closes: [.driftFound])
        case .dataRecovered: NoticeRole(closes: [.dataLate])
        case .dataKnown: NoticeRole(closes: [.dataUnknown])
        case .readinessRegained: NoticeRole(closes: [.readinessLost])
        case .drillMade: NoticeRole(closes: [.drillOverdue])
        case .clockTrusted: NoticeRole(closes: [.clockAhead])
        case .storeRelieved: NoticeRole(closes: [.storeLow])
        case .restoreEnded: NoticeRole(closes: [.restoreBegun])
        case .noticeDeliverable: NoticeRole(closes: [.noticeUndeliverable])
        case .failoverWithdrawn: NoticeRole(closes: [.failoverProposed, .automaticRefused])
        case .runEnded: NoticeRole(closes: [.runWaiting], once: true)
        case .runRollingBack: NoticeRole(closes: [.runWaiting], once: true)
        // Told of what could not be told: they never make a message themselves.
        case .noticesDropped, .noticeTest: NoticeRole()
        case .controllerStarted, .controllerTilted, .controllerDoubted, .controllerLost,
            .nodeInvited, .nodeEnrolled, .nodeAdmitted, .nodeCordoned, .nodeDraining,
            .maintenanceBegun, .maintenanceEnded, .nodeRemoving, .nodeFenced, .nodeRefused,
            .nodeNote,
            .serviceChanged, .orderFailed, .tokenCreated, .tokenRevoked, .tokenBurnt,
            .operatorAdded, .operatorRemoved, .siteAdded, .siteRemoved, .settingChanged,
            .preflightFinished, .backupMade, .tasksMoved, .taskFailed, .taskUnknown, .taskLate,
            .scheduleAdded, .scheduleRemoved, .schedulePaused, .scheduleResumed, .scheduleRefused,
            .nodePaired, .nodeUnfenced, .nodeUnpaired, .planChanged, .runStarted, .runNotice,
            .runStepFailed, .siteFencing, .siteActivated, .dataDiverged, .dataIgnored,
            .divergenceAccepted, .automaticTaken, .automaticPaused, .automaticResumed,
            .automaticBrakeLifted, .accessLockedOut,
            .notifyChanged, .silenceBegun, .silenceEnded, .restoreContradicted, .scheduleLeftOut:
            NoticeRole(once: true)
        }
    }

    /// Whether its events make a message of their own, or are a part of one.
    public var isNotified: Bool { role.once || role.opens || role.furthers != nil }

    /// Told by their site's alarm while that is open.
    var isOfNode: Bool { self == .nodeOffline || self == .nodeHeld }

    /// It stands for what has happened to the nodes of a site.
    var isOfSite: Bool { self == .siteBelowMinimum }

    /// Somebody has to decide something, or has not to any more.
    var isDecision: Bool {
        self == .failoverProposed || self == .automaticRefused || self == .runWaiting
    }

    /// Its events are told in one thread for each subject.
    var isThreadedBySubject: Bool { rawValue.hasPrefix("run.") }

    /// A controller that doubts whether it is the one says this, and nothing else.
    var isSaidInDoubt: Bool { self == .controllerDoubted }

    var subjectIs: NoticeSubject {
        if rawValue.hasPrefix("node.") || rawValue.hasPrefix("drift.")
            || rawValue.hasPrefix("maintenance.") || self == .orderFailed || self == .serviceChanged
            || self == .certificateExpiring || self == .certificateRenewed
        {
            return .node
        }
        if rawValue.hasPrefix("site.") || rawValue.hasPrefix("readiness.")
            || rawValue.hasPrefix("drill.") || rawValue.hasPrefix("failover.")
            || self == .automaticRefused
        {
            return .site
        }
        return .other
    }

    /// The command to begin with.
    func todo(_ subject: String, site: String) -> String {
        switch self {
        case .certificateExpiring where subject == ControllerMachine.issuingCertificate:
            "muster status"
        case .nodeOffline, .nodeHeld, .nodeConflicted, .nodeOverloaded, .nodeDrainOverdue,
            .nodeUnfenced, .nodeNote, .nodeRefused, .orderFailed, .certificateExpiring,
            .restoreContradicted:
            "muster node show \(subject)"
        case .siteBelowMinimum, .siteFurtherLoss: "muster node list --site \(subject)"
        case .readinessLost: "muster site readiness \(subject)"
        case .drillOverdue: "muster drill \(subject)"
        case .driftFound: site.isEmpty ? "muster site drift" : "muster site drift \(site)"
        case .dataLate, .dataUnknown, .dataDiverged, .dataIgnored:
            "muster replication show \(subject)"
        case .queueFilling, .queueFull: "muster task list"
        case .taskFailed, .taskUnknown: "muster task why \(subject.replacing("task ", with: ""))"
        case .runWaiting, .runStepFailed, .runRollingBack, .runEnded, .runStarted, .automaticTaken:
            "muster run show \(subject.replacing("run ", with: ""))"
        case .scheduleRefused: "muster schedule show \(subject)"
        case .clockAhead: "timedatectl"
        case .failoverProposed, .automaticRefused: "muster automatic show"
        case .noticeUndeliverable: "muster notify pending"
        case .accessLockedOut: "muster audit list"
        default: "muster status"
        }
    }
}
