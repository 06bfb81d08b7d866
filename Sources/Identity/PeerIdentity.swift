public import Model
import SwiftASN1
import X509

/// Who a peer is, by its leaf certificate.
///
/// Reading it proves nothing: a ``PeerIdentity`` is to be believed only when it comes out of
/// ``ChainVerifier`` or out of a certificate that was verified before.
public struct PeerIdentity: Hashable, Sendable {
    public let holder: Holder
    /// Lower-case hexadecimal, two digits a byte.
    public let serial: String
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal.
    public let fingerprint: String
    public let notBefore: WallTime
    public let notAfter: WallTime

    public var role: Role { holder.role }
    public var cluster: ClusterID { holder.cluster }

    /// Reads a leaf certificate and holds it to the rules of its role. Its signature and its
    /// validity are not looked at.
    ///
    /// - Throws: ``IdentityError`` that says which rule it breaks.
    public init(certificateDER: [UInt8]) throws(IdentityError) {
        try self.init(ParsedCertificate(der: certificateDER, place: "leaf"))
    }

    init(_ leaf: ParsedCertificate) throws(IdentityError) {
        try Self.checkIsEndEntity(leaf)
        let holder = try Self.holder(of: leaf)
        try Self.checkPurpose(leaf, holder.role)
        self.holder = holder
        self.serial = leaf.serial
        self.fingerprint = leaf.publicKey.fingerprint
        self.notBefore = leaf.notBefore
        self.notAfter = leaf.notAfter
    }

    private static func checkIsEndEntity(_ leaf: ParsedCertificate) throws(IdentityError) {
        guard case .notCertificateAuthority? = try leaf.basicConstraints(),
            leaf.isCritical(.X509ExtensionID.basicConstraints)
        else {
            throw IdentityError(
                .leafIsAuthority,
                "The leaf certificate does not say, as a critical rule, that it is no authority."
            )
        }
        guard let usage = try leaf.keyUsage(), usage == KeyUsage(digitalSignature: true) else {
            throw IdentityError(
                .keyUsage,
                "The leaf certificate's key usage is not digital signature alone."
            )
        }
    }

    private static func holder(of leaf: ParsedCertificate) throws(IdentityError) -> Holder {
        let names = try leaf.names()
        var uris: [String] = []
        for case .uniformResourceIdentifier(let uri) in names { uris.append(uri) }
        guard let uri = uris.first else {
            throw IdentityError(
                .nameMissing,
                "The leaf certificate carries no muster:// name: it was not issued by Muster."
            )
        }
        guard uris.count == 1 else {
            throw IdentityError(
                .nameAmbiguous,
                "The leaf certificate carries \(uris.count) URI names where one is allowed."
            )
        }
        guard let holder = Holder(uri: uri) else {
            throw IdentityError(
                .nameUnreadable,
                "The leaf certificate's URI is not muster://<cluster>/<role>/<name>."
            )
        }
        for name in names {
            switch (name, holder.role) {
            case (.uniformResourceIdentifier, _), (.dnsName, .controller),
                (.ipAddress, .controller):
                continue
            default:
                throw IdentityError(
                    .nameAmbiguous,
                    "The leaf certificate carries a further name that a \(holder.role.rawValue)"
                        + " may not have."
                )
            }
        }
        return holder
    }

    private static func checkPurpose(
        _ leaf: ParsedCertificate,
        _ role: Role
    ) throws(IdentityError) {
        let purpose = role.purpose
        guard let usages = try leaf.extendedKeyUsage(), Array(usages) == [purpose] else {
            throw IdentityError(
                .wrongPurpose,
                "The leaf certificate's extended key usage is not \(role.purposeName) alone, as a"
                    + " \(role.rawValue)'s must be."
            )
        }
    }
}

extension Role {
    var purpose: ExtendedKeyUsage.Usage {
        switch self {
        case .node, .operator: .clientAuth
        case .controller: .serverAuth
        }
    }

    var purposeName: String {
        switch self {
        case .node, .operator: "client authentication"
        case .controller: "server authentication"
        }
    }
}
