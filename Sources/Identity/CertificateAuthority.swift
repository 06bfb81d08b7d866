public import Model
import SwiftASN1
import X509

/// The authority that a controller runs: it issues the certificates of nodes, controllers and
/// operators. Its own certificate is signed by a ``RootAuthority`` and valid for a year.
public struct CertificateAuthority: Sendable {
    /// 365 days.
    public static let lifetime = Duration.days(365)
    /// Certificates begin 5 minutes before they are made, for clocks that are late; one that lives
    /// for less than an hour a twelfth of its life before, or it would be old when it is new.
    public static let backdating = Duration.seconds(300)
    /// A leaf certificate lives 20 seconds at the least, which is for tests, and 397 days at the
    /// most.
    public static let leafLifetimeRange = Duration.seconds(20)...Duration.days(397)
    /// Further names in a controller's certificate.
    public static let controllerNamesMax = 32

    public let cluster: ClusterID
    /// DER of the issuing certificate and of the root above it.
    public let issuing: [UInt8]
    public let root: [UInt8]
    public let notBefore: WallTime
    public let notAfter: WallTime
    let key: KeyPair
    let parsed: ParsedCertificate

    /// Reads what ``pem`` writes: the private key, the issuing certificate, the root certificate.
    ///
    /// - Throws: ``IdentityError`` when a part is unreadable or they do not belong together.
    public init(pem: String) throws(IdentityError) {
        let certificates = try PEM.certificates(in: pem)
        guard certificates.count == 2 else {
            throw IdentityError(
                .pemUnreadable,
                "The authority's file must hold its key, the issuing and the root certificate."
            )
        }
        try self.init(issuing: certificates[0], root: certificates[1], key: PEM.key(in: pem))
    }

    /// - Throws: ``IdentityError`` when the parts do not belong together.
    public init(issuing: [UInt8], root: [UInt8], key: KeyPair) throws(IdentityError) {
        let parsed = try ParsedCertificate(der: issuing, place: "issuing")
        let above = try ParsedCertificate(der: root, place: "root")
        guard parsed.publicKey == key.publicKey else {
            throw IdentityError(
                .keyMismatch,
                "The issuing authority's private key does not belong to its certificate."
            )
        }
        let cluster = try above.checkAuthority(.root)
        try above.checkSigned(by: above)
        guard try parsed.checkAuthority(.issuing) == cluster else {
            throw IdentityError(
                .wrongCluster,
                "The issuing certificate is of another cluster than the root certificate."
            )
        }
        try parsed.checkSigned(by: above)
        self.cluster = cluster
        self.issuing = issuing
        self.root = root
        self.notBefore = parsed.notBefore
        self.notAfter = parsed.notAfter
        self.key = key
        self.parsed = parsed
    }

    /// The private key, the issuing and the root certificate. A secret.
    public var pem: String { key.pem + PEM.certificates([issuing, root]) }

    /// The pin of the root, for tokens.
    public var pin: TrustPin {
        get throws(IdentityError) { try TrustPin(ofCertificateDER: root) }
    }

    /// Issues a certificate. All names come from here; none from the request.
    ///
    /// - Parameters:
    ///   - subject: who the certificate speaks for.
    ///   - publicKey: the key, whose possession was proven (see ``SigningRequest``).
    ///   - lifetime: nil for the subject's default. Cut where the issuing certificate ends.
    /// - Throws: `expired` or `notYetValid` when this authority is not valid now; `lifetime` when
    ///   the lifetime is out of range; `addressUnreadable` for a broken DNS name or IP address.
    public func issue(
        for subject: Subject,
        publicKey: PublicKey,
        at now: WallTime,
        lifetime: Duration? = nil,
        serial: SerialNumber = .make()
    ) throws(IdentityError) -> IssuedCertificate {
        try parsed.checkValidity(at: now)
        let life = lifetime ?? subject.lifetime
        guard Self.leafLifetimeRange.contains(life) else {
            throw IdentityError(
                .lifetime,
                "A certificate may live from \(Self.leafLifetimeRange.lowerBound.forPeople) to"
                    + " \(Self.leafLifetimeRange.upperBound.forPeople), not \(life.forPeople)."
            )
        }
        let holder = subject.holder(cluster)
        let template = CertificateTemplate(
            commonName: holder.name,
            publicKey: publicKey,
            serial: serial,
            notBefore: (now + (.zero - min(Self.backdating, life / 12))).inWholeSeconds,
            notAfter: min((now + life).inWholeSeconds, notAfter),
            names: [.uniformResourceIdentifier(holder.uri)] + (try subject.furtherNames()),
            constraints: .notCertificateAuthority,
            keyUsage: KeyUsage(digitalSignature: true),
            purpose: holder.role.purpose
        )
        return try template.signed(by: key, issuer: parsed)
    }

    /// Whom a certificate is issued for.
    public enum Subject: Hashable, Sendable {
        /// 7 days by default.
        case node(NodeID)
        /// 90 days by default. `id` follows the grammar of an ``Identifier``; `names` are DNS names
        /// and IP addresses under which people and nodes reach the controller.
        case controller(id: String, names: [String])
        /// 30 days by default.
        case `operator`(OperatorName)

        /// How long a certificate lives unless told otherwise.
        public var lifetime: Duration {
            switch self {
            case .node: .days(7)
            case .controller: .days(90)
            case .operator: .days(30)
            }
        }

        func holder(_ cluster: ClusterID) -> Holder {
            switch self {
            case .node(let node): .node(cluster, node)
            case .controller(let id, _): .controller(cluster, id)
            case .operator(let name): .operator(cluster, name)
            }
        }

        func furtherNames() throws(IdentityError) -> [GeneralName] {
            guard case .controller(let id, let names) = self else { return [] }
            guard Identifier<ControllerKind>.isValid(id) else {
                throw IdentityError(
                    .nameUnreadable,
                    "A controller's name has 1 to 63 of a-z, 0-9, '.', '_' and '-'."
                )
            }
            guard names.count <= CertificateAuthority.controllerNamesMax else {
                throw IdentityError(
                    .addressUnreadable,
                    "A controller's certificate takes at most"
                        + " \(CertificateAuthority.controllerNamesMax) names and addresses."
                )
            }
            var found: [GeneralName] = []
            for name in names {
                switch try HostName(name) {
                case .ip(let bytes):
                    found.append(.ipAddress(ASN1OctetString(contentBytes: bytes[...])))
                case .dns(let text): found.append(.dnsName(text))
                }
            }
            return found
        }
    }
}
