public import Model

// When what a node was granted has surely ended. A lease lasts as its terms said when it was granted, and
// the configuration may have been changed since, or be another host's.

extension ControllerMachine {
    /// X of the leases that an earlier controller on this store may have granted, or ours where it is
    /// longer.
    var waitBefore: Duration { max(settings.lease.wait, waitFound) }

    /// When everything that depends on a lease has ended which was granted at an instant of this
    /// controller's life, or before: every lease counts as granted at its start at the earliest, by the
    /// longer terms.
    func leaseEnd(after grant: Instant) -> Instant {
        max(grant + settings.lease.wait, startedAt.instant + waitBefore)
    }

    /// When nothing that depends on a lease runs on the node any more, if it gets no further one.
    public func leaseEnd(of member: Member) -> Instant { leaseEnd(after: member.lastGrant) }

    /// Longer terms are durable before the first lease is granted by them; shorter ones once the longer
    /// leases have ended.
    mutating func settleLeaseTerms() {
        let wait = settings.lease.wait
        guard cluster.leaseWait != wait else { return }
        guard cluster.leaseWait < wait || now.instant >= startedAt.instant + waitBefore else {
            return expect(by: startedAt.instant + waitBefore)
        }
        cluster.leaseWait = wait
        put(.cluster(cluster))
    }
}
