import FoundationEssentials
import Model
import SwiftASN1
import X509

/// What is written into a certificate, before it is signed.
struct CertificateTemplate {
    var commonName: String
    var publicKey: PublicKey
    var serial: SerialNumber
    var notBefore: WallTime
    var notAfter: WallTime
    var names: [GeneralName]
    var constraints: BasicConstraints
    var keyUsage: KeyUsage
    /// Nil for an authority.
    var purpose: ExtendedKeyUsage.Usage?

    static func subject(_ commonName: String) throws -> DistinguishedName {
        try DistinguishedName {
            OrganizationName("Muster")
            CommonName(commonName)
        }
    }

    /// Signs the certificate; without an issuer it is signed by its own key.
    func signed(
        by key: KeyPair,
        issuer: ParsedCertificate?
    ) throws(IdentityError) -> IssuedCertificate {
        let subjectKey = Certificate.PublicKey(publicKey.key)
        let certificate: Certificate
        var serializer = DER.Serializer()
        do {
            let subject = try Self.subject(commonName)
            var extensions = try Certificate.Extensions {
                Critical(constraints)
                Critical(keyUsage)
                SubjectKeyIdentifier(hash: subjectKey)
                SubjectAlternativeNames(names)
            }
            if let purpose {
                try extensions.append(
                    Certificate.Extension(ExtendedKeyUsage([purpose]), critical: false)
                )
            }
            if let issuer, let above = try issuer.certificate.extensions.subjectKeyIdentifier {
                let authority = AuthorityKeyIdentifier(keyIdentifier: above.keyIdentifier)
                try extensions.append(Certificate.Extension(authority, critical: false))
            }
            certificate = try Certificate(
                version: .v3,
                serialNumber: Certificate.SerialNumber(bytes: serial.bytes),
                publicKey: subjectKey,
                notValidBefore: notBefore.date,
                notValidAfter: notAfter.date,
                issuer: issuer?.certificate.subject ?? subject,
                subject: subject,
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: extensions,
                issuerPrivateKey: Certificate.PrivateKey(key.key)
            )
            try serializer.serialize(certificate)
        } catch {
            throw IdentityError(
                .signingFailed,
                "The certificate for \(commonName) could not be made: \(error)."
            )
        }
        return IssuedCertificate(
            der: serializer.serializedBytes,
            serial: serial.description,
            fingerprint: publicKey.fingerprint,
            notBefore: notBefore,
            notAfter: notAfter
        )
    }
}
