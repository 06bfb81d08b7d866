/// A name that has been checked: `[a-z0-9][a-z0-9._-]{0,62}`.
///
/// `Kind` is a phantom: a `NodeID` cannot be given where a `SiteName` is meant.
public struct Identifier<Kind>: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Returns: nil when the text breaks the grammar (length 1 to 63, lower case).
    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        self.text = text
    }

    public static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 63 else { return false }
        return isAlphanumeric(first)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == 45 || $0 == 46 || $0 == 95 }
    }

    public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

    public var description: String { text }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57)
    }
}

extension Identifier: ExpressibleByStringLiteral, ExpressibleByUnicodeScalarLiteral,
    ExpressibleByExtendedGraphemeClusterLiteral
{
    /// For literals in our own code; a literal that breaks the grammar is our mistake.
    public init(stringLiteral text: String) {
        precondition(Self.isValid(text), "not an identifier: \(text)")
        self.text = text
    }
}

public enum ClusterKind {}
public enum NodeKind {}
public enum NodeNameKind {}
public enum SiteKind {}
public enum ServiceKind {}
public enum GroupKind {}
public enum CheckKind {}
public enum OperatorKind {}
public enum JoinTokenKind {}
public enum ComparedSetKind {}

/// The cluster's identity (a UUID in lower case), in every certificate of the cluster.
public typealias ClusterID = Identifier<ClusterKind>
/// A node's identity: for all time, never reused, not its address and not its name.
public typealias NodeID = Identifier<NodeKind>
/// What people call a node. Unique among the members of a cluster.
public typealias NodeName = Identifier<NodeNameKind>
public typealias SiteName = Identifier<SiteKind>
public typealias ServiceName = Identifier<ServiceKind>
public typealias GroupName = Identifier<GroupKind>
public typealias CheckName = Identifier<CheckKind>
public typealias OperatorName = Identifier<OperatorKind>
/// The public half of a join token.
public typealias JoinTokenID = Identifier<JoinTokenKind>
/// A set of files, or the output of a program, that is compared between a node and its pair.
public typealias ComparedSetName = Identifier<ComparedSetKind>
