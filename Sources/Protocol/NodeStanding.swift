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

extension FieldReader {
    /// A word of a later version says nothing to this one: it can only be a further reason to keep
    /// new work away.
    func standing() throws(MessageError) -> NodeStanding? {
        guard let text = optionalText("standing") else { return nil }
        return NodeStanding(rawValue: text) ?? .cordoned
    }
}
