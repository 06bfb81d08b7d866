public import Model
@_spi(FixedExpiryValidationTime) import X509

extension ChainVerifier {
    /// The same question put to swift-certificates: path validation by its `Verifier` with
    /// `RFC5280Policy`, then our rules on the leaf. Slower, asynchronous, and independent of
    /// ``verify(chain:roots:at:expecting:cluster:)``, so each is the other's test.
    ///
    /// It does not insist on our three-level shape nor on the names of the authorities.
    ///
    /// - Throws: ``IdentityError``; path failures all come as `untrustedRoot`.
    public static func verifyWithX509(
        chain: [[UInt8]],
        roots: [[UInt8]],
        at now: WallTime,
        expecting role: Role?
    ) async throws(IdentityError) -> PeerIdentity {
        guard let first = chain.first else {
            throw IdentityError(.chainEmpty, "The peer sent no certificate.")
        }
        guard chain.count <= chainLengthMax else {
            throw IdentityError(
                .chainTooLong,
                "The peer sent \(chain.count) certificates; \(chainLengthMax) is the limit."
            )
        }
        let leaf = try ParsedCertificate(der: first, place: "leaf")
        var above: [Certificate] = []
        for der in chain.dropFirst() {
            above.append(try ParsedCertificate(der: der, place: "issuing").certificate)
        }
        var trusted: [Certificate] = []
        for der in roots {
            trusted.append(try ParsedCertificate(der: der, place: "root").certificate)
        }
        var verifier = Verifier(rootCertificates: CertificateStore(trusted)) {
            RFC5280Policy(fixedExpiryValidationTime: now.date)
        }
        let verdict = await verifier.validate(
            leaf: leaf.certificate,
            intermediates: CertificateStore(above)
        )
        guard case .validCertificate = verdict else {
            throw IdentityError(
                .untrustedRoot,
                "No valid path leads from the leaf certificate to a trusted root."
            )
        }
        let peer = try PeerIdentity(leaf)
        guard role == nil || role == peer.role else {
            throw IdentityError(
                .wrongRole,
                "The peer is a \(peer.role.rawValue) where a \(role?.rawValue ?? "") is expected."
            )
        }
        return peer
    }
}
