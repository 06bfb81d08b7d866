/// A private key with the certificates that speak for it.
///
/// Key and certificates are kept in one text and one file, so that there is no moment at which
/// they do not match.
public struct Credential: Sendable {
    public let key: KeyPair
    /// DER of the leaf and of the issuing certificate.
    public let chain: [[UInt8]]
    /// Who the certificate speaks for.
    public let identity: PeerIdentity

    /// - Throws: `keyMismatch` when the leaf is not for this key; ``IdentityError`` when the leaf
    ///   breaks a rule or the chain has not two or three certificates.
    public init(key: KeyPair, chain: [[UInt8]]) throws(IdentityError) {
        guard (2...ChainVerifier.chainLengthMax).contains(chain.count) else {
            throw IdentityError(
                .chainIncomplete,
                "A credential holds the leaf and the issuing certificate, this one has"
                    + " \(chain.count) certificates."
            )
        }
        let leaf = try ParsedCertificate(der: chain[0], place: "leaf")
        guard leaf.publicKey == key.publicKey else {
            throw IdentityError(.keyMismatch, "The private key does not belong to the certificate.")
        }
        self.identity = try PeerIdentity(leaf)
        self.key = key
        self.chain = chain
    }

    /// Reads what ``pem`` writes.
    public init(pem: String) throws(IdentityError) {
        try self.init(key: PEM.key(in: pem), chain: PEM.certificates(in: pem))
    }

    /// The private key, the leaf, the issuing certificate. A secret.
    public var pem: String { key.pem + certificatesPEM }

    /// The leaf and the issuing certificate.
    public var certificatesPEM: String { PEM.certificates(chain) }
}
