/// What every answer that is not 2xx holds: problem details of RFC 9457
/// (`application/problem+json`), with two members of our own.
public struct Failure: Codable, Hashable, Error, Sendable {
    /// `about:blank`: the code says it all.
    public var type: String
    /// A short sentence for the code.
    public var title: String
    /// The HTTP status.
    public var status: Int
    /// What is the matter, with names.
    public var detail: String
    /// Why: a refusal code of `docs/PROTOCOL.md`, `not-found` for an unknown path, or `internal`.
    public var code: String
    /// What to do about it, a command to type where there is one; may be empty.
    public var mend: String

    public static let contentType = "application/problem+json"

    /// A failure whose status and title follow from its code.
    public init(code: String, detail: String, mend: String = "") {
        type = "about:blank"
        title = FailureCode.title(code)
        status = FailureCode.status(code)
        self.detail = detail
        self.code = code
        self.mend = mend
    }
}

/// The table from refusal codes to HTTP statuses and titles.
public enum FailureCode {
    /// No such path.
    public static let notFound = "not-found"
    /// The controller made a mistake; its log has more.
    public static let `internal` = "internal"

    private static let rows: [(code: String, status: Int, title: String)] = [
        ("bad-line", 400, "The request cannot be read"),
        ("bad-verb", 405, "The method is not allowed here"),
        ("version", 400, "No version in common"),
        ("too-fast", 429, "Too many requests"),
        ("too-slow", 408, "The request took too long"),
        ("no-certificate", 401, "A client certificate is needed"),
        ("bad-certificate", 401, "The client certificate is not acceptable"),
        ("removed", 403, "The credential was revoked"),
        ("conflicted", 409, "Two machines present this identity"),
        ("replaced", 409, "Another has taken its place"),
        ("bad-token", 403, "The token is not acceptable"),
        ("duplicate", 409, "It is already there"),
        ("node-limit", 409, "The limit of nodes is reached"),
        ("stale-token", 409, "A newer order was seen"),
        ("unknown-name", 404, "There is no such name"),
        ("forbidden", 403, "Not allowed"),
        ("not-now", 409, "Not in the present state"),
        ("storage", 507, "It could not be stored"),
        ("not-active", 503, "The controller is not active"),
        ("clock", 409, "The clocks are too far apart"),
        ("busy", 503, "There is no room now"),
        ("confirmation", 422, "A confirmation or a reason is missing"),
        ("invalid", 422, "The value is outside what is allowed"),
        (notFound, 404, "There is no such path"),
        (`internal`, 500, "The controller made a mistake"),
    ]

    /// Every code in the table.
    public static var all: [String] { rows.map(\.code) }

    /// - Returns: 500 for a code that is not in the table.
    public static func status(_ code: String) -> Int {
        rows.first { $0.code == code }?.status ?? 500
    }

    public static func title(_ code: String) -> String {
        rows.first { $0.code == code }?.title ?? code
    }
}
