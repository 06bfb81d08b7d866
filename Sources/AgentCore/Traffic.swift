public import Model
import Protocol

/// Whether a load balancer should send clients to this node: what the node says of itself, for as long
/// as it may be believed.
public struct Traffic: Hashable, Sendable {
    public enum Verdict: Hashable, Sendable {
        /// Share of a whole server's clients, 1 to 100 per cent.
        case up(weight: Int)
        /// Clients that are here may stay; no new ones.
        case drain
        /// Taken out by an operator.
        case maintenance
        case down
    }

    /// An agent that has not looked at its own deadlines for so long does not know what it may.
    public static let latenessMax: Duration = .seconds(5)

    /// Of the moment in which it was made.
    let verdict: Verdict
    let reason: String
    /// End of the lease on which the verdict rests; nil when it rests on none.
    let leaseEnd: Instant?
    /// When the agent must have looked again; nil when nothing is due.
    let lookBy: Instant?

    /// The verdict, and why it is not `up`, in plain words.
    ///
    /// Nothing is trusted beyond its time: who asks may be alive while the thread that decides is not.
    public func judged(at now: Instant) -> (verdict: Verdict, reason: String) {
        switch verdict {
        case .down, .maintenance: return (verdict, reason)
        case .up, .drain: break
        }
        if let leaseEnd, leaseEnd <= now { return (.down, "the lease has ended") }
        if let lookBy, lookBy + Self.latenessMax <= now {
            return (.down, "the agent is stuck: it has not looked at its leases for too long")
        }
        return (verdict, reason)
    }

    /// Before the machine has taken its first step.
    public static let unknown = Traffic(
        verdict: .down,
        reason: "the agent is starting",
        leaseEnd: nil,
        lookBy: nil
    )

    /// A line of HAProxy's agent check, without its end.
    ///
    /// `ready` takes back an earlier `drain` or `maint`, which HAProxy keeps otherwise.
    public func checkLine(at now: Instant) -> String {
        let (verdict, reason) = judged(at: now)
        switch verdict {
        case .up(let weight): return "up ready \(weight)%"
        case .drain: return "drain"
        case .maintenance: return "maint"
        case .down: return "down #\(Self.plain(reason))"
        }
    }

    /// What HAProxy shows of a reason: one line of printable characters.
    private static func plain(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(120).map { (32...126).contains($0) ? $0 : 63 },
            as: UTF8.self
        )
    }
}

/// The share of clients by measured load, which moves only when it is worth it.
struct TrafficWeight: Hashable, Sendable {
    static let least = 10
    static let step = 5
    /// What it differs by at least from one change to the next.
    static let band = 10
    /// Up to this share the node takes all that it is sent, per mille; from there to the whole the
    /// weight falls to ``least``.
    static let easyPerMille = 500

    /// 10 to 100 per cent.
    private(set) var shown = 100
    /// Millionths, of the samples so far, each half as important every two to three samples later.
    private var average: Int?

    mutating func sampled(_ load: Load) {
        var use = max(load.processorBusyPerMille, load.processorPressurePerMille ?? 0)
        let leastFree = load.memoryTotal / 1_000 * AgentMachine.memoryAvailablePerMilleMin
        if load.memoryAvailable < leastFree { use = 1_000 }
        let now = Int(min(use, 1_000)) * 1_000
        let smooth = average.map { ($0 * 3 + now) / 4 } ?? now
        average = smooth
        let excess = max(0, (smooth + 500) / 1_000 - Self.easyPerMille)
        let exact = 100 - excess * (100 - Self.least) / (1_000 - Self.easyPerMille)
        let target = max(Self.least, exact / Self.step * Self.step)
        // An end is reached by less: it takes a whole band to leave it again.
        let isEnd = target == Self.least || target == 100
        if (target - shown).magnitude >= Self.band || isEnd { shown = target }
    }
}

extension AgentMachine {
    /// Whether clients belong here. It rests on what this node knows, and on nothing that only a
    /// controller could know: services outlive the controller, and so does this.
    public var traffic: Traffic {
        let (verdict, reason, leaseEnd) = trafficNow
        return Traffic(
            verdict: verdict,
            reason: reason,
            leaseEnd: leaseEnd,
            lookBy: nextDeadline
        )
    }

    private var trafficNow: (Traffic.Verdict, String, Instant?) {
        guard let identity = configuration.identity else {
            return (.down, "this node is not a member of a cluster", nil)
        }
        guard isStarted else { return (.down, "the agent is starting", nil) }
        if isDismissed { return (.down, "this node was removed from the cluster", nil) }
        switch memory.role {
        case nil: return (.down, "no controller has said yet which part the site has", nil)
        case .standby:
            let drill = memory.drill.map { ", in drill \($0)" } ?? ""
            return (.down, "site \(identity.site) is a standby\(drill)", nil)
        case .active: break
        }
        if memory.standing == .maintenance { return (.maintenance, "in maintenance", nil) }
        if !isStateWritable || !bench.journal.isWritable {
            return (.down, "the agent cannot write its state", nil)
        }
        var leaseEnd: Instant?
        for service in servicesInOrder
        where service.definition.isRequired && undefined[service.definition.name] == nil {
            let name = service.definition.name
            guard service.state == .running else {
                let detail = service.detail.isEmpty ? "" : " (\(service.detail))"
                return (.down, "service \(name) is \(service.state.rawValue)\(detail)", nil)
            }
            guard service.definition.isSelfFenced else { continue }
            guard let end = lease.end else {
                // What an earlier agent has launched lives by its leash's deadline, which is not ours
                // to see: without a lease there is no right.
                return (.down, "service \(name) needs a lease, and there is none", nil)
            }
            leaseEnd = end
        }
        switch memory.standing {
        case .cordoned: return (.drain, "cordoned", leaseEnd)
        case .draining: return (.drain, "being drained", leaseEnd)
        case .held: return (.drain, "held by the controller", leaseEnd)
        case .maintenance, nil: return (.up(weight: weight.shown), "", leaseEnd)
        }
    }
}
