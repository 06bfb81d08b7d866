import Model
import Protocol

// Who may stop failovers that nobody orders, and let them go on.

extension ControllerMachine {
    // MARK: What a restored store does not know

    /// What the store does not know any more may have been a pause or an automatic failover: only a
    /// person knows whether another one may follow (I13).
    mutating func pauseAfterRestore() {
        guard cluster.automatic.pause == nil else { return }
        let reason = "the store was restored or adopted, and may not know of all that was done"
        cluster.automatic.pause = AutomaticRecord.Pause(by: "restore", reason: reason, at: now.wall)
        put(.cluster(cluster))
        tell(
            .automaticPaused,
            .warning,
            "controller",
            "Automatic failovers are paused: the controller observes and does not act.",
            cause: reason,
            consequence: "muster automatic resume"
        )
        auditOwn("automatic.pause", "controller", reason: reason)
    }

    // MARK: What operators say

    mutating func pauseAutomatic(by: String, reason: String) throws(Refused) -> Reply.Outcome {
        guard !reason.isEmpty else {
            throw Refused(.invalid, "why it is paused must be said", mend: "--reason TEXT")
        }
        if let pause = cluster.automatic.pause {
            return .done("automatic failovers are paused already, by \(pause.by)", orders: [])
        }
        cluster.automatic.pause = AutomaticRecord.Pause(by: by, reason: reason, at: now.wall)
        put(.cluster(cluster))
        tell(
            .automaticPaused,
            .warning,
            "controller",
            "Automatic failovers are paused by \(by): the controller observes and does not act.",
            cause: reason,
            consequence: "muster automatic resume"
        )
        return .done("automatic failovers are paused", orders: [])
    }

    mutating func resumeAutomatic(by: String) throws(Refused) -> Reply.Outcome {
        guard let pause = cluster.automatic.pause else {
            throw Refused(.notNow, "automatic failovers are not paused")
        }
        cluster.automatic.pause = nil
        put(.cluster(cluster))
        tell(
            .automaticResumed,
            .info,
            "controller",
            "The pause of automatic failovers is ended by \(by).",
            cause: "paused by \(pause.by): \(pause.reason)"
        )
        return .done(
            "the pause has ended; the mode is \(settings.failover.mode.rawValue)",
            orders: []
        )
    }

    mutating func liftBrake(by: String, reason: String) throws(Refused) -> Reply.Outcome {
        guard !reason.isEmpty else {
            throw Refused(
                .invalid,
                "why another automatic failover may be must be said",
                mend: "--reason TEXT"
            )
        }
        guard !cluster.automatic.taken.isEmpty || cluster.automatic.isLatched else {
            throw Refused(.notNow, "the brake is not on", mend: "muster automatic show")
        }
        cluster.automatic.taken = []
        cluster.automatic.isLatched = false
        watch.takenAt = nil
        put(.cluster(cluster))
        tell(
            .automaticBrakeLifted,
            .warning,
            "controller",
            "The brake of automatic failovers is lifted by \(by).",
            cause: reason
        )
        return .done("the brake is lifted", orders: [])
    }
}
