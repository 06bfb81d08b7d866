import AgentCore

/// `[observe]`: who may look at this node from outside. Nothing listens where nothing is given.
struct ObserveSettings: Hashable, Sendable {
    static let addressesMax = 8

    /// Where `GET /metrics` and `GET /health` are answered, over plain HTTP.
    var listen: [NetworkAddress] = []
    /// Where HAProxy's agent check is answered.
    var agentCheck: [NetworkAddress] = []

    var isOff: Bool { listen.isEmpty && agentCheck.isEmpty }
}
