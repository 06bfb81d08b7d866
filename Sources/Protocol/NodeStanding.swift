/// What an operator, or the controller itself, has said of a node that keeps new work from it. The
/// node tells its load balancers.
public enum NodeStanding: String, Hashable, Sendable, CaseIterable {
    /// Nothing new; what runs may stay.
    case cordoned
    /// It is being emptied, or removed.
    case draining
    case maintenance
    /// Held after repeated losses, or because its identity was seen twice.
    case held
}
