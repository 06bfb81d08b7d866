import Model
import Protocol

// What an alarm says is of the moment it began. Until it is told, and each time it is told again, things
// have moved on: a message tells of them as they are when it is written.

extension ControllerMachine {
    /// An alarm with its cause and its consequence as they are now; as it was where nothing more is known.
    public func asItIs(_ alarm: AlarmRecord) -> AlarmRecord {
        guard alarm.state == .firing else { return asItHasEnded(alarm) }
        var alarm = alarm
        switch alarm.kind {
        case .siteBelowMinimum:
            let threshold = thresholdsInForce.first { thresholdKey($0) == alarm.key }
            guard let threshold else { return alarm }
            let standing = standing(of: threshold.site)
            guard notify.thresholds[alarm.key]?.fineSince == nil else {
                alarm.consequence =
                    "\(standing.online) of \(counted(standing.total, "node")) are Online again: it is "
                    + "over when that lasts for \(threshold.recover.forPeople)"
                return alarm
            }
            let words = words(of: threshold, standing)
            alarm.text = kept(words.text, bytesMax: AlarmRecord.textBytesMax)
            alarm.cause = kept(words.cause, bytesMax: AlarmRecord.textBytesMax)
            alarm.consequence = kept(words.consequence, bytesMax: AlarmRecord.textBytesMax)
        case .runWaiting:
            guard let run = runs.liveRun, alarm.subject == "run \(run.id)",
                alarm.text.hasPrefix(Self.waitingText(run.id, ""))
            else { return alarm }
            let needs = personNeeds(of: run)
            guard !needs.isEmpty else { return alarm }
            alarm.text = kept(waitingText(run.id, needs), bytesMax: AlarmRecord.textBytesMax)
            alarm.advice = kept(commands(needs), bytesMax: AlarmRecord.textBytesMax)
        case .nodeOffline:
            guard let name = NodeName(alarm.subject), let member = member(named: name),
                member.record.status == .offline
            else { return alarm }
            alarm.cause = kept(member.record.statusReason, bytesMax: AlarmRecord.textBytesMax)
            alarm.consequence = kept(meaning(of: member), bytesMax: AlarmRecord.textBytesMax)
            alarm.advice = mend(of: member)
        default: break
        }
        return alarm
    }

    /// How many are Online by now, where that is more than ended it.
    private func asItHasEnded(_ alarm: AlarmRecord) -> AlarmRecord {
        guard alarm.kind == .siteBelowMinimum, alarm.state == .resolved, let end = alarm.endedAt,
            let threshold = thresholdsInForce.first(where: { thresholdKey($0) == alarm.key })
        else { return alarm }
        let standing = standing(of: threshold.site)
        guard standing.online >= Int(threshold.minimum) else { return alarm }
        var alarm = alarm
        let time = (end - alarm.since).forPeople
        let text = standingText(threshold, standing, "after \(time) below it")
        alarm.text = kept(text, bytesMax: AlarmRecord.textBytesMax)
        return alarm
    }

    /// Enough nodes are Online again, and that has to last before it is over: nothing is told of it
    /// meanwhile, once. A site that falls again and again is told.
    func isRecovering(_ alarm: AlarmRecord) -> Bool {
        guard alarm.kind.isOfSite, alarm.state == .firing,
            let watch = notify.thresholds[alarm.key]
        else { return false }
        return watch.fineSince != nil && !watch.wasHeldBack
    }

    /// What it means that a node is Offline: for what ran on it, and for its site.
    public func meaning(of member: Member) -> String {
        let site = onlineText(of: member.record.site)
        let services = servicesOfLoss(of: member)
        return services.isEmpty ? site : "\(services); \(site)"
    }

    /// `2 of 4 nodes of site paris are Online`
    func onlineText(of site: SiteName) -> String {
        let (online, total) = count(of: site)
        return "\(online) of \(counted(total, "node")) of site \(site) "
            + "\(total == 1 ? "is" : "are") Online"
    }

    /// As far as it is known: of a node that cannot be reached, what it told last and what it has promised.
    private func servicesOfLoss(of member: Member) -> String {
        guard role(of: member.record.site) == .active, member.record.membership == .joined else {
            return ""
        }
        let running = member.services.values.map(\.report).filter {
            $0.state != .stopped && $0.state != .failed
        }
        guard member.reachability == .unreachable else {
            guard member.isSynced, let wrong = wrongService(of: member) else { return "" }
            let others = running.count { $0.name != wrong.name && $0.state == .running }
            let verb = others == 1 ? "runs" : "run"
            return others == 0 ? "" : "\(counted(others, "other service")) of it \(verb)"
        }
        guard member.wasHeard else { return "what runs on it is not known" }
        guard !running.isEmpty else { return "no service ran on it" }
        let count = counted(running.count, "service")
        guard running.allSatisfy(\.isSelfFenced), stopsByItself(member) else {
            return "its \(count) may still run"
        }
        let end = leaseEnd(of: member)
        guard now.instant < end else {
            return "its \(count) \(running.count == 1 ? "has" : "have") stopped by "
                + (running.count == 1 ? "itself" : "themselves")
        }
        return "its \(count) stop\(running.count == 1 ? "s by itself" : " by themselves") until "
            + (now.wall + (end - now.instant)).forPeople
    }
}
