/// The answer to `GET /automatic`, and part of the status: who decides that the active site is lost,
/// and what stands in the way of a failover that nobody orders.
public struct AutomaticStatus: Codable, Hashable, Sendable {
    public var asOf: String
    /// `manual` or `automatic`.
    public var mode: String
    /// Where the controller stands: `outside`, the name of a site, or `unsaid`.
    public var authority: String
    public var activeSite: String
    /// How long the active site must be below its minimum without a break.
    public var holdMilliseconds: UInt64
    /// For so long it is; nil when it is not.
    public var belowMilliseconds: UInt64?
    /// Until then nothing is done or proposed; nil when the site is not below its minimum.
    public var remainingMilliseconds: UInt64?
    /// Since when an operator is asked whether to fail over, also by the controller before this one;
    /// left out while nobody is.
    public var proposedAt: String?
    public var pause: AutomaticPause?
    public var brake: AutomaticBrake
    /// What would stand in the way now; empty when a failover would be automatic.
    public var obstacles: [AutomaticObstacle]
    /// Nodes of the active site whose exclusive services do not stop by themselves: while one of them
    /// is out of reach no failover is automatic.
    public var sticky: [String]

    public init(
        asOf: String,
        mode: String,
        authority: String,
        activeSite: String,
        holdMilliseconds: UInt64,
        belowMilliseconds: UInt64? = nil,
        remainingMilliseconds: UInt64? = nil,
        pause: AutomaticPause? = nil,
        brake: AutomaticBrake,
        obstacles: [AutomaticObstacle] = [],
        sticky: [String] = []
    ) {
        self.asOf = asOf
        self.mode = mode
        self.authority = authority
        self.activeSite = activeSite
        self.holdMilliseconds = holdMilliseconds
        self.belowMilliseconds = belowMilliseconds
        self.remainingMilliseconds = remainingMilliseconds
        self.pause = pause
        self.brake = brake
        self.obstacles = obstacles
        self.sticky = sticky
    }
}

/// The controller observes, and never acts by itself.
public struct AutomaticPause: Codable, Hashable, Sendable {
    public var by: String
    public var reason: String
    public var at: String

    public init(by: String, reason: String, at: String) {
        self.by = by
        self.reason = reason
        self.at = at
    }
}

/// What keeps automatic failovers rare.
public struct AutomaticBrake: Codable, Hashable, Sendable {
    /// No other automatic failover now.
    public var on: Bool
    /// It stays on until somebody lifts it.
    public var latched: Bool
    /// Time after an automatic failover in which there is no other.
    public var lengthMilliseconds: UInt64
    /// So many in a day, and it stays on.
    public var perDay: UInt32
    /// When automatic failovers began since it was lifted last, the oldest first.
    public var taken: [String]

    public init(
        on: Bool,
        latched: Bool,
        lengthMilliseconds: UInt64,
        perDay: UInt32,
        taken: [String]
    ) {
        self.on = on
        self.latched = latched
        self.lengthMilliseconds = lengthMilliseconds
        self.perDay = perDay
        self.taken = taken
    }
}

public struct AutomaticObstacle: Codable, Hashable, Sendable {
    /// `mode`, `pause`, `brake`, `run`, `observing`, `fencing` or `target`.
    public var code: String
    public var text: String
    /// What to do about it; may be empty.
    public var mend: String

    public init(code: String, text: String, mend: String = "") {
        self.code = code
        self.text = text
        self.mend = mend
    }
}
