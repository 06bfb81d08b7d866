import SwiftASN1

/// Certificates and keys as PEM text.
public enum PEM {
    /// A text longer than this (64 KiB) is refused before it is parsed.
    public static let textLengthMax = 65_536
    /// Documents in one text.
    public static let documentsMax = 16

    public static func certificate(_ der: [UInt8]) -> String {
        PEMDocument(type: "CERTIFICATE", derBytes: der).pemString + "\n"
    }

    public static func certificates(_ chain: [[UInt8]]) -> String {
        chain.map(certificate).joined()
    }

    /// The DER of every certificate in the text, in order. Documents of other kinds are passed
    /// over.
    ///
    /// - Throws: `pemUnreadable` when the text is too long, broken, or holds no certificate.
    public static func certificates(in text: String) throws(IdentityError) -> [[UInt8]] {
        let found = try documents(in: text).filter { $0.discriminator == "CERTIFICATE" }
        guard !found.isEmpty else {
            throw IdentityError(.pemUnreadable, "The text holds no certificate in PEM.")
        }
        return found.map(\.derBytes)
    }

    /// The one private key in the text, whose other documents are passed over.
    ///
    /// - Throws: `pemUnreadable` when there is none, more than one, or it is not P-256.
    public static func key(in text: String) throws(IdentityError) -> KeyPair {
        let found = try documents(in: text).filter { $0.discriminator.hasSuffix("PRIVATE KEY") }
        guard found.count == 1 else {
            throw IdentityError(
                .pemUnreadable,
                "The text holds \(found.count) private keys in PEM where one is wanted."
            )
        }
        return try KeyPair(pem: found[0].pemString)
    }

    private static func documents(in text: String) throws(IdentityError) -> [PEMDocument] {
        guard text.utf8.count <= textLengthMax else {
            throw IdentityError(
                .pemUnreadable,
                "The PEM text is longer than \(textLengthMax) bytes."
            )
        }
        let found: [PEMDocument]
        do {
            found = try PEMDocument.parseMultiple(pemString: text)
        } catch {
            throw IdentityError(.pemUnreadable, "The text is not PEM, or its base64 is broken.")
        }
        guard found.count <= documentsMax else {
            throw IdentityError(
                .pemUnreadable,
                "The PEM text holds more than \(documentsMax) documents."
            )
        }
        return found
    }
}
