import Crypto
import FoundationEssentials

/// SHA-256 and HMAC over bytes, written in lower-case hexadecimal.
public enum Digest {
    /// SHA-256 of the bytes: 64 characters of lower-case hexadecimal.
    public static func sha256(_ bytes: some Sequence<UInt8>) -> String {
        Hexadecimal.encode(sha256Bytes(bytes))
    }

    /// SHA-256 of the bytes: 32 bytes.
    public static func sha256Bytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        Array(SHA256.hash(data: Array(bytes)))
    }

    /// HMAC-SHA-256 of the message: 64 characters of lower-case hexadecimal.
    public static func hmacSHA256(key: [UInt8], message: some Sequence<UInt8>) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(message),
            using: SymmetricKey(data: key)
        )
        return Hexadecimal.encode(Array(code))
    }

    /// Whether the texts are equal, in a time that depends on their lengths only. For secrets and
    /// hashes of secrets.
    public static func areEqual(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }
}

/// The one place of this module where unpredictable bytes come from: the system's generator.
public enum Randomness {
    public static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
