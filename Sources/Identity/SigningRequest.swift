import Crypto
import SwiftASN1
import X509

/// A certificate signing request (PKCS #10, DER).
///
/// It carries a public key and proves that the sender holds the private half. Nothing else in it
/// is ever used: names come from the token's or the node's row.
public enum SigningRequest {
    /// A request of a P-256 key with a short name has about 250 bytes.
    public static let sizeMax = 4_096

    /// Makes a request for a key.
    public static func make(for key: KeyPair) throws(IdentityError) -> [UInt8] {
        var serializer = DER.Serializer()
        do {
            let request = try CertificateSigningRequest(
                version: .v1,
                subject: CertificateTemplate.subject("request"),
                privateKey: Certificate.PrivateKey(key.key),
                attributes: CertificateSigningRequest.Attributes(),
                signatureAlgorithm: .ecdsaWithSHA256
            )
            try serializer.serialize(request)
        } catch {
            throw IdentityError(
                .signingFailed,
                "The signing request could not be made: \(error)."
            )
        }
        return serializer.serializedBytes
    }

    /// Checks a request and gives the key it is for.
    ///
    /// A request whose signature is false parses without complaint, so the signature is checked
    /// here and not left to the caller.
    ///
    /// - Throws: `requestTooLarge`, `requestUnreadable`, `unsupportedKey`, `unsupportedSignature`
    ///   or `requestSignature`.
    public static func verify(_ der: [UInt8]) throws(IdentityError) -> PublicKey {
        guard der.count <= sizeMax else {
            throw IdentityError(
                .requestTooLarge,
                "The signing request has \(der.count) bytes; \(sizeMax) is the limit."
            )
        }
        guard SignedForm.isStrict(der) else { throw unreadable }
        let request: CertificateSigningRequest
        do {
            request = try CertificateSigningRequest(derEncoded: der)
        } catch {
            throw unreadable
        }
        guard let key = P256.Signing.PublicKey(request.publicKey) else {
            throw IdentityError(
                .unsupportedKey,
                "The signing request's key is not P-256, the only kind this cluster uses."
            )
        }
        guard request.signatureAlgorithm == .ecdsaWithSHA256 else {
            throw IdentityError(
                .unsupportedSignature,
                "The signing request is not signed with ECDSA and SHA-256."
            )
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw IdentityError(
                .requestSignature,
                "The signing request's signature is false: the sender does not hold the key, or"
                    + " the request was altered."
            )
        }
        return PublicKey(key)
    }

    private static let unreadable = IdentityError(
        .requestUnreadable,
        "The signing request is not PKCS #10 in DER, or its key or signature is of a kind that is not"
            + " known here."
    )
}
