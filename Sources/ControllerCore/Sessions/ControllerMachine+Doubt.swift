import Model
import Protocol

// Invariant I2: whoever meets what is later than its own store stops issuing anything.

/// What a node has shown.
enum DoubtCause: Hashable, Sendable {
    /// An epoch above ours, or a later change of the active site than ours.
    case epoch
    /// Another store was raised to our generation.
    case ofTwin
    /// It was told of steps that our store does not hold.
    case laterSteps
}

extension ControllerMachine {
    /// A store that is an old copy is behind in its nodes' nonces as well, and would take each of
    /// them for two. So while no node has confirmed what we know since we started, a higher epoch, or a
    /// later revision, is believed without the nonce; later, a stolen credential cannot stop a controller
    /// by it.
    mutating func isBehind(
        _ hello: Hello,
        _ member: Member,
        _ connection: ConnectionID
    ) -> Bool {
        guard !nodes.values.contains(where: \.wasHeard) else { return false }
        guard hello.highest.epoch > cluster.epoch else {
            return isSetBack(hello, member, connection)
        }
        doubtAuthority(shown: hello.highest.epoch, by: member.record.name)
        dismiss(connection, .notActive, Self.olderStore)
        return true
    }

    private static let olderStore = "this controller's store is older than what you have seen"

    /// The store was set back or copied with its whole machine: generation, machine number and instance
    /// are what they were, and the life of it that the node comes from has gone on. It would number tasks
    /// and attempts a second time.
    ///
    /// A node can know of no step beyond those that the store had when we started, and those that we have
    /// told it of. That is durable evidence: our own steps are counted on, and after another start would
    /// hide it.
    ///
    /// - Returns: true when the session was turned away.
    mutating func isSetBack(
        _ hello: Hello,
        _ member: Member,
        _ connection: ConnectionID
    ) -> Bool {
        let shown = hello.highest.epoch
        // What a twin has told is judged as such.
        guard let revision = hello.revision, shown.generation == cluster.epoch.generation,
            revision > member.toldRevision, !member.record.isUnwelcomed
        else { return false }
        cluster.restoring.evidence = shown
        put(.cluster(cluster))
        doubtAuthority(shown: shown, by: member.record.name, .laterSteps)
        dismiss(connection, .notActive, Self.olderStore)
        return true
    }

    mutating func doubtAuthority(
        shown: Epoch,
        by name: NodeName,
        _ cause: DoubtCause = .epoch
    ) {
        guard doubt == nil || shown > doubt! else { return }
        doubt = shown
        doubtShownBy = name.text
        let fact: String
        let reason: String
        var mend = "if this controller is to go on: muster-controller adopt"
        switch cause {
        case .epoch where shown < cluster.epoch:
            fact = "acted under epoch \(shown), later than ours (\(cluster.epoch))"
            reason = "the store is older than the last change of the active site"
            mend = Self.sayWhichSite
        case .epoch:
            fact = "acted under epoch \(shown), higher than ours (\(cluster.epoch))"
            reason = "the store is an old copy, or another controller has taken over"
        case .ofTwin:
            fact = "acted under epoch \(shown), of the same generation as ours (\(cluster.epoch))"
            reason = "the store is an old copy, or another controller has taken over"
        case .laterSteps:
            fact = "been told of later steps than this store holds"
            reason =
                "this machine was set back to an older state, or another controller works on a copy"
            mend = Self.sayWhichSite
        }
        tell(
            .controllerDoubted,
            .critical,
            "controller",
            "Node \(name) has \(fact): this controller grants and orders nothing any more.",
            cause: reason,
            consequence: mend
        )
        auditOwn(
            "controller.doubt",
            name.text,
            reason: cause == .laterSteps
                ? "a later revision of the store was shown" : "epoch \(shown) was shown"
        )
    }
}
