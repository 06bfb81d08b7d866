/// Why a connection could not be made, or a listener not be opened.
///
/// The sentence names the address and the mend; it never repeats bytes a peer sent.
public struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The raw values are stable: logs and tests use them.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The text is not an address.
        case addressUnreadable = "address-unreadable"
        /// Another program, or another listener of ours, has the port.
        case addressInUse = "address-in-use"
        /// The address is not one of this machine, or the port needs a privilege.
        case addressNotOurs = "address-not-ours"
        case nameUnresolvable = "name-unresolvable"
        /// Certificates or key are unreadable or do not belong together.
        case credentialsUnusable = "credentials-unusable"
        /// Nobody listens at the address.
        case refused
        /// No way to the address.
        case unreachable
        /// The TLS handshake failed: the sentence says what was wrong with it.
        case tls
        /// Connecting and the handshake together took longer than allowed.
        case timeout
        /// Whoever answered speaks TLS, but not this protocol.
        case notMuster = "not-muster"
        /// The peer's certificate is of our cluster's authority, but not a controller's.
        case notController = "not-controller"
        /// Our own side gave up before the connection was made.
        case cancelled
    }

    public let code: Code
    /// One sentence: what is wrong and, where it helps, how to mend it.
    public let sentence: String

    public init(_ code: Code, _ sentence: String) {
        self.code = code
        self.sentence = sentence
    }

    public var description: String { sentence }
}
