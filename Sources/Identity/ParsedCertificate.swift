import Crypto
import Host
import Model
import SwiftASN1
import X509

/// A certificate that was read, with the rules that hold at every level of our chain: version 3,
/// P-256, ECDSA with SHA-256, an ordered validity, a sane serial number, and no critical
/// extension that we do not understand.
struct ParsedCertificate {
    static let sizeMax = 8_192
    static let serialLengthMax = 20

    /// The extensions that our authorities mark critical. A certificate with another one, such as
    /// name constraints, is not ours.
    static let criticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage,
    ]

    let der: [UInt8]
    let certificate: Certificate
    let publicKey: PublicKey
    let notBefore: WallTime
    let notAfter: WallTime
    /// "leaf", "issuing" or "root": how sentences call it.
    let place: String

    init(der: [UInt8], place: String) throws(IdentityError) {
        guard der.count <= Self.sizeMax else {
            throw IdentityError(
                .certificateTooLarge,
                "The \(place) certificate has \(der.count) bytes; \(Self.sizeMax) is the limit."
            )
        }
        let certificate: Certificate
        do {
            certificate = try Certificate(derEncoded: der)
        } catch {
            throw IdentityError(
                .certificateUnreadable,
                "The \(place) certificate is not X.509 in DER, or its key or signature is of a kind"
                    + " that is not known here."
            )
        }
        guard let key = P256.Signing.PublicKey(certificate.publicKey) else {
            throw IdentityError(
                .unsupportedKey,
                "The \(place) certificate's key is not P-256, the only kind this cluster uses."
            )
        }
        guard certificate.signatureAlgorithm == .ecdsaWithSHA256 else {
            throw IdentityError(
                .unsupportedSignature,
                "The \(place) certificate is not signed with ECDSA and SHA-256."
            )
        }
        self.der = der
        self.certificate = certificate
        self.publicKey = PublicKey(key)
        self.notBefore = WallTime(date: certificate.notValidBefore)
        self.notAfter = WallTime(date: certificate.notValidAfter)
        self.place = place
        try checkForm()
    }

    private func checkForm() throws(IdentityError) {
        guard SignedForm.isStrict(der) else {
            throw IdentityError(
                .certificateUnreadable,
                "The \(place) certificate's signature is not written as DER wants it."
            )
        }
        guard certificate.version == .v3 else {
            throw IdentityError(
                .certificateUnreadable,
                "The \(place) certificate is not of X.509 version 3."
            )
        }
        guard notBefore <= notAfter else {
            throw IdentityError(
                .validityReversed,
                "The \(place) certificate ends (\(notAfter.iso8601)) before it begins."
            )
        }
        let serial = certificate.serialNumber.bytes
        guard (1...Self.serialLengthMax).contains(serial.count), serial.contains(where: { $0 != 0 })
        else {
            throw IdentityError(
                .serialNumber,
                "The \(place) certificate's serial number is zero or longer than 20 bytes."
            )
        }
        for found in certificate.extensions
        where found.critical && !Self.criticalExtensions.contains(found.oid) {
            throw IdentityError(
                .unknownCriticalExtension,
                "The \(place) certificate has a critical extension (\(found.oid)) not known here."
            )
        }
    }

    /// Lower-case hexadecimal, two digits a byte.
    var serial: String { Hex.encode(certificate.serialNumber.bytes) }

    func checkValidity(at now: WallTime) throws(IdentityError) {
        guard now.wholeSeconds >= notBefore.wholeSeconds else {
            throw IdentityError(
                .notYetValid,
                "The \(place) certificate is valid from \(notBefore.iso8601) and it is"
                    + " \(now.iso8601): check this machine's and the peer's clock."
            )
        }
        guard now.wholeSeconds <= notAfter.wholeSeconds else {
            throw IdentityError(
                .expired,
                "The \(place) certificate expired at \(notAfter.iso8601) and it is"
                    + " \(now.iso8601): renew it."
            )
        }
    }

    func checkSigned(by issuer: ParsedCertificate) throws(IdentityError) {
        guard certificate.issuer == issuer.certificate.subject else {
            throw IdentityError(
                .issuerMismatch,
                "The \(place) certificate names another issuer than the \(issuer.place)"
                    + " certificate above it."
            )
        }
        let key = issuer.certificate.publicKey
        guard key.isValidSignature(certificate.signature, for: certificate) else {
            throw IdentityError(
                .signatureInvalid,
                "The \(place) certificate was not signed by the \(issuer.place) key above it."
            )
        }
    }

    /// The names it carries; empty when it has no such extension.
    func names() throws(IdentityError) -> [GeneralName] {
        Array(try reading { try $0.subjectAlternativeNames } ?? .init())
    }

    func basicConstraints() throws(IdentityError) -> BasicConstraints? {
        try reading { try $0.basicConstraints }
    }

    func keyUsage() throws(IdentityError) -> KeyUsage? {
        try reading { try $0.keyUsage }
    }

    func extendedKeyUsage() throws(IdentityError) -> ExtendedKeyUsage? {
        try reading { try $0.extendedKeyUsage }
    }

    private func reading<Value>(
        _ read: (Certificate.Extensions) throws -> Value
    ) throws(IdentityError) -> Value {
        do {
            return try read(certificate.extensions)
        } catch {
            throw IdentityError(
                .extensionUnreadable,
                "An extension of the \(place) certificate cannot be read."
            )
        }
    }

    /// Whether an extension is there and marked critical.
    func isCritical(_ oid: ASN1ObjectIdentifier) -> Bool {
        certificate.extensions[oid: oid]?.critical ?? false
    }
}

extension ParsedCertificate {
    /// That this is one of our authorities of the given level, and of which cluster.
    func checkAuthority(_ level: AuthorityLevel) throws(IdentityError) -> ClusterID {
        guard case .isCertificateAuthority(let length)? = try basicConstraints(),
            isCritical(.X509ExtensionID.basicConstraints)
        else {
            throw IdentityError(
                .notAnAuthority,
                "The \(place) certificate is not marked as an authority, yet it signs others."
            )
        }
        guard let length, length == level.maxPathLength else {
            throw IdentityError(
                .pathTooLong,
                "The \(place) certificate's path length is not \(level.maxPathLength)."
            )
        }
        guard let usage = try keyUsage(), usage.keyCertSign else {
            throw IdentityError(
                .keyUsage,
                "The \(place) certificate's key usage does not allow signing certificates."
            )
        }
        guard try extendedKeyUsage() == nil else {
            throw IdentityError(
                .wrongPurpose,
                "The \(place) certificate has an extended key usage; our authorities have none."
            )
        }
        let uris = try names()
        guard uris.count == 1, case .uniformResourceIdentifier(let uri) = uris[0],
            let (cluster, _, _) = Holder.split(uri), level.uri(cluster) == uri
        else {
            throw IdentityError(
                .nameUnreadable,
                "The \(place) certificate does not carry the name of a cluster's \(level.rawValue)"
                    + " authority."
            )
        }
        return cluster
    }
}
