import Crypto
public import Model

/// Signs where the audit chain stands, with a key that signs nothing else: what was copied out of
/// the controller's log can be told from what somebody wrote there.
public struct AuditSeal: Sendable {
    private let key: KeyPair
    private let cluster: ClusterID

    public init(key: KeyPair, cluster: ClusterID) {
        self.key = key
        self.cluster = cluster
    }

    /// The signature over ``text(_:sequence:hash:)``: ECDSA with SHA-256, in DER.
    ///
    /// - Parameter hash: of the record with this number, in hexadecimal.
    public func sign(sequence: UInt64, hash: String) throws(IdentityError) -> [UInt8] {
        let text = Self.text(cluster, sequence: sequence, hash: hash)
        do {
            return Array(try key.key.signature(for: Array(text.utf8)).derRepresentation)
        } catch {
            throw IdentityError(.pemUnreadable, "The audit key does not sign: \(error)")
        }
    }

    /// What is signed; docs/operations.md shows how to check it with openssl.
    public static func text(_ cluster: ClusterID, sequence: UInt64, hash: String) -> String {
        "muster audit checkpoint 1 \(cluster) \(sequence) \(hash)"
    }
}
