public import Model

/// Who decides that a site is lost.
public enum FailoverMode: String, Hashable, Sendable, CaseIterable {
    /// An operator. Services go on without the controller.
    case manual
    /// The controller, too: see ``ControllerMachine/obstacles()`` for all that must be so.
    case automatic
}

/// Where the controller stands, which is the authority over the active site.
public enum FailoverAuthority: Hashable, Sendable {
    case unsaid
    /// At a place that the loss of no site takes along.
    case outside
    case site(SiteName)

    public var text: String {
        switch self {
        case .unsaid: "unsaid"
        case .outside: "outside"
        case .site(let name): name.text
        }
    }
}

/// What decides over a failover that nobody orders (`safety.md` 5); checked with the lease's terms.
public struct FailoverSettings: Hashable, Sendable {
    static let holdMin: Duration = .seconds(60)
    static let brakeMin: Duration = .seconds(3_600)
    static let perDayMax: UInt16 = 2
    static let day: Duration = .seconds(86_400)
    /// Lost heartbeats that a lost controller must not be taken for, in automatic mode.
    static let heartbeatsPerLeaseMin: Int64 = 10

    public var mode: FailoverMode
    public var authority: FailoverAuthority
    /// How long the active site must be below its minimum without a break; nil for the longest of
    /// the lease's wait and a minute, which is the least.
    public var hold: Duration?
    /// Time after an automatic failover in which there is no other; at least an hour.
    public var brake: Duration
    /// So many automatic failovers in a day, and a person has to lift the brake; 1 or 2.
    public var perDay: UInt16
    /// Of several sites that could take over; nil when there is to be only one.
    public var preferred: SiteName?

    public init(
        mode: FailoverMode = .manual,
        authority: FailoverAuthority = .unsaid,
        hold: Duration? = nil,
        brake: Duration = .seconds(3_600),
        perDay: UInt16 = 2,
        preferred: SiteName? = nil
    ) {
        self.mode = mode
        self.authority = authority
        self.hold = hold
        self.brake = brake
        self.perDay = perDay
        self.preferred = preferred
    }

    public func holdTime(_ lease: LeaseTerms) -> Duration {
        hold ?? max(lease.wait, Self.holdMin)
    }

    /// One rule that is broken, with the key that it is about.
    public struct Problem: Hashable, Sendable {
        /// `mode`, `authority`, `hold`, `brake`, `per-day`; of the section `failover`.
        public var key: String
        public var text: String
    }

    /// Every broken rule, as a sentence with the values.
    public func problems(_ lease: LeaseTerms) -> [Problem] {
        var found: [Problem] = []
        let least = max(lease.wait, Self.holdMin)
        if let hold, hold < least {
            found.append(
                Problem(
                    key: "hold",
                    text: "\(hold.forPeople) is too short: a site is lost after "
                        + "\(least.forPeople) without a break at the earliest, the longer of a minute "
                        + "and lease.wait (\(lease.wait.forPeople))"
                )
            )
        }
        if brake < Self.brakeMin {
            found.append(
                Problem(
                    key: "brake",
                    text: "\(brake.forPeople) is too short: at most one automatic failover in "
                        + "\(Self.brakeMin.forPeople)"
                )
            )
        }
        if !(1...Self.perDayMax).contains(perDay) {
            found.append(
                Problem(key: "per-day", text: "\(perDay) is not 1 or \(Self.perDayMax)")
            )
        }
        guard mode == .automatic else { return found }
        switch authority {
        case .outside: break
        case .unsaid:
            found.append(
                Problem(
                    key: "mode",
                    text: "automatic mode needs to know where the controller stands: "
                        + "failover.authority: outside, at a place that the loss of no site takes along"
                )
            )
        case .site(let name):
            found.append(
                Problem(
                    key: "authority",
                    text: "the controller stands at site \(name), which could be lost with it: "
                        + "automatic mode needs a controller outside of every site "
                        + "(failover.authority: outside); with this one: failover.mode: manual"
                )
            )
        }
        if lease.length.nanoseconds < Self.heartbeatsPerLeaseMin
            * lease.heartbeatInterval.nanoseconds
        {
            found.append(
                Problem(
                    key: "mode",
                    text: "in automatic mode services stop when the controller is not heard for a "
                        + "lease: lease.length is \(lease.length.forPeople), and needs at least "
                        + "\(Self.heartbeatsPerLeaseMin) heartbeats of "
                        + lease.heartbeatInterval.forPeople
                )
            )
        }
        return found
    }
}
