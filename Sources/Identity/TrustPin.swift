import Digests
import Host

/// The pin of a root certificate: base32 (RFC 4648, lower case, no padding) of SHA-256 over its
/// SubjectPublicKeyInfo. 52 characters.
public struct TrustPin: Hashable, Sendable, CustomStringConvertible {
    static let digestLength = 32

    public let text: String

    /// - Throws: ``IdentityError`` when the bytes are not a certificate this module can use.
    public init(ofCertificateDER der: [UInt8]) throws(IdentityError) {
        self.init(of: try ParsedCertificate(der: der, place: "root").publicKey)
    }

    public init(of key: PublicKey) {
        self.text = Base32.encode(Digest(of: key.subjectPublicKeyInfo).bytes)
    }

    /// - Returns: nil unless the text is 52 characters of lower-case base32 for 32 bytes.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 52,
            Base32.decode(text)?.count == Self.digestLength
        else { return nil }
        self.text = String(text)
    }

    public var description: String { text }
}
