/// Why something was turned down: the closed list of docs/PROTOCOL.md, "Refusal codes".
///
/// On the wire it stands in `ERR code=… text=…`, after which the connection is closed, and in
/// `REFUSED order=… code=… text=…`, after which it goes on.
public enum RefusalCode: String, Hashable, Sendable, CaseIterable {
    /// The line breaks the grammar or a limit, or a field is wrong.
    case badLine = "bad-line"
    /// The verb is not known, or not allowed in this phase.
    case badVerb = "bad-verb"
    /// No protocol version in common.
    case version
    /// More lines a second than allowed, or too many connections.
    case tooFast = "too-fast"
    /// A line or a phase took longer than allowed.
    case tooSlow = "too-slow"
    /// The verb needs a client certificate of this cluster.
    case noCertificate = "no-certificate"
    /// The certificate is not acceptable: expired, of another cluster, of another role.
    case badCertificate = "bad-certificate"
    /// The node's credential was revoked: it was removed.
    case removed
    /// Two machines present this identity; both are held until an operator decides.
    case conflicted
    /// Another session of the same node has taken this one's place.
    case replaced
    /// The join token is wrong, used, expired or meant for another node.
    case badToken = "bad-token"
    /// The name, address or identity is already there.
    case duplicate
    /// The cluster's limit of nodes is reached.
    case nodeLimit = "node-limit"
    /// The order's token is older than one that was seen.
    case staleToken = "stale-token"
    /// The named service, check, node or key does not exist.
    case unknownName = "unknown-name"
    /// The one who asks may not.
    case forbidden
    /// It cannot be done in the present state.
    case notNow = "not-now"
    /// A durable write failed or there is no room for it.
    case storage
    /// The controller is stopping or not (any more) the active one.
    case notActive = "not-active"
    /// The clocks are too far apart.
    case clock
    /// Confirmation, or a reason, is missing.
    case confirmation
    /// There is no room now: a queue is full or every slot is taken. Try again later.
    case busy
    /// The value is outside what is allowed.
    case invalid
}
