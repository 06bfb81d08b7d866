public import Model

/// The agent's machine: a value without clock, chance or input and output of its own.
///
/// The shell steps it with what happened and does what the effects say. It sleeps until
/// ``nextDeadline`` and steps `.deadlineReached`.
public struct AgentMachine: Hashable, Sendable {
    /// - Parameters:
    ///   - memory: what an earlier process of this node stored last.
    ///   - seed: of all chance in the machine (jitter); from the system's generator in production.
    public init(
        configuration: AgentConfiguration,
        memory: AgentMemory,
        seed: UInt64,
        at now: Instant
    ) {
    }

    /// When to step `.deadlineReached` at the latest; nil when nothing is due ever.
    public var nextDeadline: Instant? { nil }

    public mutating func step(_ event: AgentEvent, at now: Instant) -> AgentEffects {
        AgentEffects()
    }
}
