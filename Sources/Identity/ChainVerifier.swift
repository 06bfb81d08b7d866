public import Model

/// Decides whether a peer's certificate chain may be believed.
///
/// The shape is fixed: leaf, issuing, root. The check is synchronous and pure, so it may run
/// inside the TLS library's verification callback, on the event loop; it costs two P-256
/// verifications. Its verdicts are compared with swift-certificates' asynchronous verifier in the
/// tests (see ``verifyWithX509(chain:roots:at:expecting:)``).
public enum ChainVerifier {
    /// Certificates in a chain: leaf, issuing and, if the peer sends it, the root.
    public static let chainLengthMax = 3
    /// Bytes of one certificate.
    public static let certificateSizeMax = ParsedCertificate.sizeMax
    /// Roots that may be trusted at once: two, while the root is being replaced.
    public static let rootsMax = 4

    /// Verifies a chain against trusted roots.
    ///
    /// - Parameters:
    ///   - chain: DER of the leaf, the issuing authority and, if sent, the root, in this order.
    ///   - roots: DER of the trusted roots.
    ///   - now: the time at which every certificate must be valid.
    ///   - role: what the peer must be; nil accepts every role.
    ///   - cluster: which cluster the peer must belong to; nil accepts the roots' own.
    /// - Returns: who the peer is.
    /// - Throws: ``IdentityError`` with the first rule that is broken.
    public static func verify(
        chain: [[UInt8]],
        roots: [[UInt8]],
        at now: WallTime,
        expecting role: Role?,
        cluster: ClusterID? = nil
    ) throws(IdentityError) -> PeerIdentity {
        let (leaf, issuing) = try parse(chain)
        let root = try trustedRoot(for: issuing, sent: chain.count > 2 ? chain[2] : nil, roots)
        return try verify(leaf, issuing, root, at: now, expecting: role, cluster: cluster)
    }

    /// Verifies a chain at first contact, when nothing but the pin of a token is known. The peer
    /// must send its root as the third certificate.
    ///
    /// - Returns: who the peer is, and the root's DER, which may be trusted and stored from now on.
    /// - Throws: ``IdentityError`` with the first rule that is broken.
    public static func verify(
        chain: [[UInt8]],
        pinnedTo pin: TrustPin,
        at now: WallTime,
        expecting role: Role
    ) throws(IdentityError) -> (peer: PeerIdentity, root: [UInt8]) {
        let (leaf, issuing) = try parse(chain)
        guard chain.count == chainLengthMax else {
            throw IdentityError(
                .chainIncomplete,
                "The peer did not send its root certificate, so the token's pin cannot be checked."
            )
        }
        let root = try ParsedCertificate(der: chain[2], place: "root")
        guard TrustPin(of: root.publicKey) == pin else {
            throw IdentityError(
                .pinMismatch,
                "The peer's root certificate is not the one the token pins: this is not the"
                    + " controller that issued the token, or someone is between."
            )
        }
        let peer = try verify(leaf, issuing, root, at: now, expecting: role, cluster: nil)
        return (peer, chain[2])
    }

    static func parse(
        _ chain: [[UInt8]]
    ) throws(IdentityError) -> (leaf: ParsedCertificate, issuing: ParsedCertificate) {
        guard !chain.isEmpty else {
            throw IdentityError(.chainEmpty, "The peer sent no certificate.")
        }
        guard chain.count <= chainLengthMax else {
            throw IdentityError(
                .chainTooLong,
                "The peer sent \(chain.count) certificates; \(chainLengthMax) is the limit."
            )
        }
        let leaf = try ParsedCertificate(der: chain[0], place: "leaf")
        guard chain.count > 1 else {
            throw IdentityError(
                .chainIncomplete,
                "The peer sent its leaf certificate without the issuing certificate above it."
            )
        }
        return (leaf, try ParsedCertificate(der: chain[1], place: "issuing"))
    }

    /// The trusted root that signed the issuing certificate. While a root is being replaced two
    /// roots may bear the same name, so the signature decides.
    static func trustedRoot(
        for issuing: ParsedCertificate,
        sent: [UInt8]?,
        _ roots: [[UInt8]]
    ) throws(IdentityError) -> ParsedCertificate {
        for der in roots.prefix(rootsMax) where sent == nil || der == sent {
            let root = try ParsedCertificate(der: der, place: "root")
            if (try? issuing.checkSigned(by: root)) != nil { return root }
        }
        throw IdentityError(
            .untrustedRoot,
            "The issuing certificate was not signed by a root this side trusts"
                + (sent == nil ? "." : ", or the root that the peer sent is not that root.")
        )
    }

    static func verify(
        _ leaf: ParsedCertificate,
        _ issuing: ParsedCertificate,
        _ root: ParsedCertificate,
        at now: WallTime,
        expecting role: Role?,
        cluster: ClusterID?
    ) throws(IdentityError) -> PeerIdentity {
        let home = try root.checkAuthority(.root)
        try root.checkSigned(by: root)
        try issuing.checkSigned(by: root)
        let issuingHome = try issuing.checkAuthority(.issuing)
        try leaf.checkSigned(by: issuing)
        for certificate in [root, issuing, leaf] { try certificate.checkValidity(at: now) }
        let peer = try PeerIdentity(leaf)
        guard issuingHome == home, peer.cluster == home, cluster == nil || cluster == home else {
            throw IdentityError(
                .wrongCluster,
                "The peer belongs to cluster \(peer.cluster), not to \(cluster ?? home)."
            )
        }
        guard role == nil || role == peer.role else {
            throw IdentityError(
                .wrongRole,
                "The peer is a \(peer.role.rawValue) where a \(role?.rawValue ?? "") is expected."
            )
        }
        return peer
    }
}
