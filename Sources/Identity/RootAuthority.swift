public import Model
import X509

/// The root of a cluster's trust: a P-256 key and its self-signed certificate, valid 10 years.
///
/// It signs issuing authorities only, so its key may be kept away from every machine that runs.
public struct RootAuthority: Sendable {
    /// 3 650 days.
    public static let lifetime = Duration.days(3_650)

    public let cluster: ClusterID
    public let certificate: [UInt8]
    public let notAfter: WallTime
    let key: KeyPair
    let parsed: ParsedCertificate

    /// Makes a new root.
    public static func create(
        cluster: ClusterID,
        at now: WallTime,
        key: KeyPair = .make(),
        serial: SerialNumber = .make()
    ) throws(IdentityError) -> RootAuthority {
        let template = CertificateTemplate(
            commonName: "Muster root \(key.publicKey.fingerprint.prefix(8))",
            publicKey: key.publicKey,
            serial: serial,
            notBefore: now.backdated,
            notAfter: (now + lifetime).inWholeSeconds,
            names: [.uniformResourceIdentifier(AuthorityLevel.root.uri(cluster))],
            constraints: .isCertificateAuthority(maxPathLength: AuthorityLevel.root.maxPathLength),
            keyUsage: KeyUsage(keyCertSign: true, cRLSign: true)
        )
        let certificate = try template.signed(by: key, issuer: nil)
        return try RootAuthority(certificate: certificate.der, key: key)
    }

    /// Reads what ``pem`` writes: the private key and the root certificate.
    ///
    /// - Throws: ``IdentityError`` when either is unreadable, or they do not belong together.
    public init(pem: String) throws(IdentityError) {
        try self.init(certificate: PEM.certificates(in: pem)[0], key: PEM.key(in: pem))
    }

    init(certificate: [UInt8], key: KeyPair) throws(IdentityError) {
        let parsed = try ParsedCertificate(der: certificate, place: "root")
        guard parsed.publicKey == key.publicKey else {
            throw IdentityError(
                .keyMismatch,
                "The root's private key does not belong to its certificate."
            )
        }
        self.cluster = try parsed.checkAuthority(.root)
        try parsed.checkSigned(by: parsed)
        self.certificate = certificate
        self.notAfter = parsed.notAfter
        self.key = key
        self.parsed = parsed
    }

    /// The private key and the certificate. A secret.
    public var pem: String { key.pem + PEM.certificate(certificate) }

    public var pin: TrustPin { TrustPin(of: key.publicKey) }

    /// Makes an issuing authority, valid for a year, or until the root ends if that is sooner.
    ///
    /// - Throws: `expired` or `notYetValid` when the root itself is not valid now.
    public func makeIssuing(
        at now: WallTime,
        key issuingKey: KeyPair = .make(),
        serial: SerialNumber = .make()
    ) throws(IdentityError) -> CertificateAuthority {
        try parsed.checkValidity(at: now)
        let template = CertificateTemplate(
            commonName: "Muster issuing \(issuingKey.publicKey.fingerprint.prefix(8))",
            publicKey: issuingKey.publicKey,
            serial: serial,
            notBefore: now.backdated,
            notAfter: min((now + CertificateAuthority.lifetime).inWholeSeconds, notAfter),
            names: [.uniformResourceIdentifier(AuthorityLevel.issuing.uri(cluster))],
            constraints: .isCertificateAuthority(
                maxPathLength: AuthorityLevel.issuing.maxPathLength
            ),
            keyUsage: KeyUsage(keyCertSign: true, cRLSign: true)
        )
        let issued = try template.signed(by: key, issuer: parsed)
        return try CertificateAuthority(issuing: issued.der, root: certificate, key: issuingKey)
    }
}

extension Duration {
    static func days(_ count: Int64) -> Duration { .seconds(count * 86_400) }
}
