public import Model

/// A certificate that an authority of ours has just made.
public struct IssuedCertificate: Hashable, Sendable {
    public let der: [UInt8]
    /// Lower-case hexadecimal, 32 digits.
    public let serial: String
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal.
    public let fingerprint: String
    public let notBefore: WallTime
    public let notAfter: WallTime

    public var pem: String { PEM.certificate(der) }
}
