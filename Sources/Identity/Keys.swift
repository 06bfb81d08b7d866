import Crypto
import Digests
import FoundationEssentials
import SwiftASN1
import X509

/// A P-256 public key: all that is ever taken from a signing request.
public struct PublicKey: Hashable, Sendable {
    let key: P256.Signing.PublicKey

    init(_ key: P256.Signing.PublicKey) {
        self.key = key
    }

    /// The SubjectPublicKeyInfo of the key, in DER.
    public var subjectPublicKeyInfo: [UInt8] { Array(key.derRepresentation) }

    /// The SubjectPublicKeyInfo in PEM, ended by a newline.
    public var pem: String { key.pemRepresentation + "\n" }

    /// SHA-256 of the SubjectPublicKeyInfo, in lower-case hexadecimal.
    public var fingerprint: String { Digest(of: subjectPublicKeyInfo).hex }

    public static func == (left: PublicKey, right: PublicKey) -> Bool {
        left.subjectPublicKeyInfo == right.subjectPublicKeyInfo
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(subjectPublicKeyInfo)
    }
}

/// A P-256 key with its private half. It is made where it is used and never travels.
public struct KeyPair: Sendable, CustomStringConvertible {
    let key: P256.Signing.PrivateKey

    /// A new key from the system's generator.
    public static func make() -> KeyPair {
        KeyPair(key: P256.Signing.PrivateKey())
    }

    private init(key: P256.Signing.PrivateKey) {
        self.key = key
    }

    /// Reads a private key in PEM: PKCS#8 (`PRIVATE KEY`) or SEC 1 (`EC PRIVATE KEY`).
    ///
    /// - Throws: `pemUnreadable` when the text is not a P-256 private key.
    public init(pem: String) throws(IdentityError) {
        do {
            self.key = try P256.Signing.PrivateKey(pemRepresentation: pem)
        } catch {
            throw IdentityError(.pemUnreadable, "The text is not a P-256 private key in PEM.")
        }
    }

    public var publicKey: PublicKey { PublicKey(key.publicKey) }

    /// The private key as PKCS#8 in PEM, ended by a newline. A secret.
    public var pem: String { key.pemRepresentation + "\n" }

    /// The public half only, so that a key in a log line gives nothing away.
    public var description: String { "key \(publicKey.fingerprint)" }
}

extension KeyPair: CustomReflectable {
    public var customMirror: Mirror {
        Mirror(self, children: ["publicKey": publicKey.fingerprint])
    }
}
