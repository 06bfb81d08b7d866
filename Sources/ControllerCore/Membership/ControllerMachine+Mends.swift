public import Model
import Protocol

// What to type about a node that is Offline, the same in the status, in notices and on the node's page.

extension ControllerMachine {
    /// What helps a node that is Offline, with the command to type. A node of a lost site, or of one that
    /// a run fences, is not what to look at next.
    public func mend(of member: Member) -> String {
        let record = member.record
        let name = record.name
        if record.conflict != nil || member.heldUntil != nil {
            return "muster node release \(name)"
        }
        if member.reachability == .unreachable {
            let isFenced = runs.liveRun.map { $0.isFenced && $0.from == record.site }
            let isLost = record.site == cluster.activeSite && lostSince(record.site) != nil
            if isFenced == true || isLost { return "" }
        } else if let report = wrongService(of: member) {
            // What a run has stopped, nobody else starts.
            guard mayRun(report, on: member) else {
                return runs.liveRun.map { "muster run show \($0.id)" } ?? ""
            }
            return Self.mend(report, on: name)
        }
        return "muster node show \(name)"
    }

    /// What helps a service that should run: one that was stopped, or has failed, is started; what
    /// is on its way is looked at.
    public static func mend(_ report: ServiceReport, on node: NodeName) -> String {
        switch report.state {
        case .stopped, .failed: "muster service start \(report.name) --node \(node)"
        case .starting, .stopping, .backoff, .running: "muster node show \(node)"
        }
    }

    /// What to type next for a node that is Offline, looked at by itself; empty where it is only to be
    /// waited for. What begins with `on NODE:` is typed on that machine.
    public func nextSteps(for member: Member) -> [String] {
        let record = member.record
        let name = record.name
        let log = "on \(name): journalctl -u muster-agent -n 50"
        switch record.membership {
        case .removed, .removing: return []
        case .invited: return ["muster token create --node \(name)"]
        case .joined: break
        }
        guard assess(member).status == .offline else { return [] }
        if record.conflict != nil || member.heldUntil != nil {
            return [log, "muster node release \(name)"]
        }
        if member.reachability == .unreachable {
            return ["on \(name): systemctl status muster-agent", log]
        }
        guard member.isSynced else { return [log] }
        if record.maintenance != nil { return ["muster node maintenance \(name) --end"] }
        if record.drain != nil { return ["muster node uncordon \(name)"] }
        let shown = "muster node show \(name)"
        let mend = mend(of: member)
        return (mend.isEmpty || mend == shown ? [] : [mend]) + [log]
    }
}
