public import Model

/// What a certificate allows its holder to be.
public enum Role: String, Hashable, Sendable, CaseIterable {
    case node
    case controller
    case `operator`
}

/// Who a certificate speaks for: the name in its SAN URI.
public enum Holder: Hashable, Sendable, CustomStringConvertible {
    case node(ClusterID, NodeID)
    /// The controller's own name; it follows the grammar of an ``Identifier``.
    case controller(ClusterID, String)
    case `operator`(ClusterID, OperatorName)

    public var cluster: ClusterID {
        switch self {
        case .node(let cluster, _), .controller(let cluster, _), .operator(let cluster, _): cluster
        }
    }

    public var role: Role {
        switch self {
        case .node: .node
        case .controller: .controller
        case .operator: .operator
        }
    }

    /// The name within its role: node id, controller id or operator name.
    public var name: String {
        switch self {
        case .node(_, let node): node.text
        case .controller(_, let controller): controller
        case .operator(_, let name): name.text
        }
    }

    /// `muster://<cluster>/<role>/<name>`.
    public var uri: String { "\(Self.scheme)\(cluster)/\(role.rawValue)/\(name)" }

    public var description: String { "\(role.rawValue) \(name) of cluster \(cluster)" }

    static let scheme = "muster://"

    /// - Returns: nil unless the text is exactly what ``uri`` writes for some holder.
    public init?(uri: String) {
        guard let (cluster, kind, name) = Self.split(uri), let role = Role(rawValue: kind) else {
            return nil
        }
        switch role {
        case .node:
            guard let node = NodeID(name) else { return nil }
            self = .node(cluster, node)
        case .controller:
            guard Identifier<ControllerKind>.isValid(name) else { return nil }
            self = .controller(cluster, name)
        case .operator:
            guard let name = OperatorName(name) else { return nil }
            self = .operator(cluster, name)
        }
    }

    static func split(_ uri: String) -> (cluster: ClusterID, kind: String, name: String)? {
        guard uri.utf8.count <= 256, uri.hasPrefix(scheme) else { return nil }
        let parts = uri.dropFirst(scheme.count).split(
            separator: "/",
            omittingEmptySubsequences: false
        )
        guard parts.count == 3, let cluster = ClusterID(String(parts[0])) else { return nil }
        return (cluster, String(parts[1]), String(parts[2]))
    }
}

enum ControllerKind {}

/// The place of a certificate authority in our chain, and its name in the SAN URI
/// (`muster://<cluster>/authority/root`).
enum AuthorityLevel: String {
    case root
    case issuing

    func uri(_ cluster: ClusterID) -> String {
        "\(Holder.scheme)\(cluster)/authority/\(rawValue)"
    }

    var maxPathLength: Int {
        switch self {
        case .root: 1
        case .issuing: 0
        }
    }
}
