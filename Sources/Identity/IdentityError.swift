/// Why a certificate, a request, a token or a credential file was refused.
///
/// The text is a sentence for the log and the audit; it never repeats bytes a peer sent, unless
/// they passed the grammar of an ``Identifier`` first, and never a secret.
public struct IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of refusal it is. The raw value is stable: audit records and tests use it.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        case certificateTooLarge = "certificate-too-large"
        case certificateUnreadable = "certificate-unreadable"
        case chainEmpty = "chain-empty"
        case chainTooLong = "chain-too-long"
        case chainIncomplete = "chain-incomplete"
        case untrustedRoot = "untrusted-root"
        case pinMismatch = "pin-mismatch"
        case unsupportedKey = "unsupported-key"
        case unsupportedSignature = "unsupported-signature"
        case signatureInvalid = "signature-invalid"
        case issuerMismatch = "issuer-mismatch"
        case notYetValid = "not-yet-valid"
        case expired = "expired"
        case validityReversed = "validity-reversed"
        case notAnAuthority = "not-an-authority"
        case leafIsAuthority = "leaf-is-authority"
        case pathTooLong = "path-too-long"
        case keyUsage = "key-usage"
        case wrongPurpose = "wrong-purpose"
        case unknownCriticalExtension = "unknown-critical-extension"
        case extensionUnreadable = "extension-unreadable"
        case serialNumber = "serial-number"
        case nameMissing = "name-missing"
        case nameAmbiguous = "name-ambiguous"
        case nameUnreadable = "name-unreadable"
        case wrongRole = "wrong-role"
        case wrongCluster = "wrong-cluster"
        case requestTooLarge = "request-too-large"
        case requestUnreadable = "request-unreadable"
        case requestSignature = "request-signature"
        case tokenUnreadable = "token-unreadable"
        case addressUnreadable = "address-unreadable"
        case pemUnreadable = "pem-unreadable"
        case keyMismatch = "key-mismatch"
        case lifetime = "lifetime"
        case fileUnreadable = "file-unreadable"
        case filePermissions = "file-permissions"
        case fileUnwritable = "file-unwritable"
        case signingFailed = "signing-failed"
    }

    public let code: Code
    /// One sentence: what is wrong, and where it helps, how to mend it.
    public let sentence: String

    public init(_ code: Code, _ sentence: String) {
        self.code = code
        self.sentence = sentence
    }

    public var description: String { sentence }
}
