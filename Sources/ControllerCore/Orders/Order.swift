public import Model

/// One order to one node, until it is known what became of it.
public struct Order: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case start(ServiceName)
        case stop(ServiceName)
        case restart(ServiceName)
        case preflight
        case probe
    }

    public enum State: String, Hashable, Sendable, CaseIterable {
        /// The node has no session; it is given when the node is back.
        case waiting
        case sent
        case done
        case failed
        case refused
        /// Something ordered later took its place.
        case superseded
    }

    public var id: UInt64
    public var node: NodeID
    public var action: Action
    public var state: State
    public var text: String
    public var at: WallTime
    public var endedAt: WallTime?

    public var isEnded: Bool {
        switch state {
        case .waiting, .sent: false
        case .done, .failed, .refused, .superseded: true
        }
    }
}
