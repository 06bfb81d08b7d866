/// `POST /tokens`: a token that lets one node in, once.
public struct CreateTokenRequest: ChangeRequest {
    /// The site of the node that uses it; nil for the active site.
    public var site: String?
    /// The name of an invited node, the only one that may use it; nil for any new node.
    public var node: String?
    /// 15 minutes when left out, at most 24 hours.
    public var lifetimeMilliseconds: UInt64?
    public var reason: String?
    public var force: Bool?

    public init(
        site: String? = nil,
        node: String? = nil,
        lifetimeMilliseconds: UInt64? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.site = site
        self.node = node
        self.lifetimeMilliseconds = lifetimeMilliseconds
        self.reason = reason
        self.force = force
    }
}

/// A token with its secret: shown once and kept nowhere.
public struct CreatedToken: Codable, Hashable, Sendable {
    public var asOf: String
    public var id: String
    /// The whole token (`mjt1…` for a node, `mot1…` for an operator). A secret.
    public var token: String
    public var expiresAt: String
    /// The controllers' addresses in the token, `host:port`.
    public var addresses: [String]

    public init(asOf: String, id: String, token: String, expiresAt: String, addresses: [String]) {
        self.asOf = asOf
        self.id = id
        self.token = token
        self.expiresAt = expiresAt
        self.addresses = addresses
    }
}

/// A token without its secret.
public struct TokenSummary: Codable, Hashable, Sendable {
    public var id: String
    /// `node` or `operator`.
    public var purpose: String
    /// `open`, `used`, `revoked`, `burnt` or `expired`.
    public var state: String
    public var site: String?
    /// Name of the node it was made for.
    public var node: String?
    public var operatorName: String?
    public var createdBy: String
    public var createdAt: String
    public var expiresAt: String
    public var usedAt: String?
    /// Name of the node or operator who used it.
    public var usedBy: String?
    public var wrongSecrets: UInt32

    public init(
        id: String,
        purpose: String,
        state: String,
        site: String? = nil,
        node: String? = nil,
        operatorName: String? = nil,
        createdBy: String,
        createdAt: String,
        expiresAt: String,
        usedAt: String? = nil,
        usedBy: String? = nil,
        wrongSecrets: UInt32 = 0
    ) {
        self.id = id
        self.purpose = purpose
        self.state = state
        self.site = site
        self.node = node
        self.operatorName = operatorName
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.usedAt = usedAt
        self.usedBy = usedBy
        self.wrongSecrets = wrongSecrets
    }
}

/// Newest first.
public struct TokenList: Codable, Hashable, Sendable {
    public var asOf: String
    public var tokens: [TokenSummary]

    public init(asOf: String, tokens: [TokenSummary]) {
        self.asOf = asOf
        self.tokens = tokens
    }
}

/// `POST /operators`.
public struct AddOperatorRequest: ChangeRequest {
    public var name: String
    /// `viewer`, `operator` or `admin`.
    public var role: String
    /// Of the token; 15 minutes when left out, at most 24 hours.
    public var lifetimeMilliseconds: UInt64?
    public var reason: String?
    public var force: Bool?

    public init(
        name: String,
        role: String,
        lifetimeMilliseconds: UInt64? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.name = name
        self.role = role
        self.lifetimeMilliseconds = lifetimeMilliseconds
        self.reason = reason
        self.force = force
    }
}

public struct AddedOperator: Codable, Hashable, Sendable {
    public var asOf: String
    public var account: OperatorSummary
    /// For `muster login`.
    public var token: CreatedToken

    public init(asOf: String, account: OperatorSummary, token: CreatedToken) {
        self.asOf = asOf
        self.account = account
        self.token = token
    }
}

public struct OperatorSummary: Codable, Hashable, Sendable {
    public var name: String
    public var role: String
    public var addedBy: String
    public var addedAt: String
    /// Has a certificate, or had one.
    public var enrolled: Bool
    public var certificateNotAfter: String?

    public init(
        name: String,
        role: String,
        addedBy: String,
        addedAt: String,
        enrolled: Bool,
        certificateNotAfter: String? = nil
    ) {
        self.name = name
        self.role = role
        self.addedBy = addedBy
        self.addedAt = addedAt
        self.enrolled = enrolled
        self.certificateNotAfter = certificateNotAfter
    }
}

/// By name.
public struct OperatorList: Codable, Hashable, Sendable {
    public var asOf: String
    public var operators: [OperatorSummary]

    public init(asOf: String, operators: [OperatorSummary]) {
        self.asOf = asOf
        self.operators = operators
    }
}

/// `GET /authority`: who signs here. Believed only by one who has the pin of a token.
public struct Authority: Codable, Hashable, Sendable {
    public var cluster: String
    /// The trusted root: DER in base64.
    public var root: String

    public init(cluster: String, root: String) {
        self.cluster = cluster
        self.root = root
    }
}

/// `POST /enrol`: an operator shows a token and asks for a first certificate.
public struct EnrolRequest: Codable, Hashable, Sendable {
    /// The public half of the token.
    public var tokenID: String
    /// The secret half, 43 characters of base64url.
    public var secret: String
    /// A signing request (PKCS #10), DER in base64. Only its key is used.
    public var signingRequest: String

    public init(tokenID: String, secret: String, signingRequest: String) {
        self.tokenID = tokenID
        self.secret = secret
        self.signingRequest = signingRequest
    }
}

/// `POST /renew`: an operator asks, by a certificate that is still good, for the next.
public struct RenewRequest: Codable, Hashable, Sendable {
    /// A signing request (PKCS #10), DER in base64. Only its key is used.
    public var signingRequest: String

    public init(signingRequest: String) {
        self.signingRequest = signingRequest
    }
}

/// The answer to both.
public struct OperatorCertificate: Codable, Hashable, Sendable {
    public var asOf: String
    public var cluster: ClusterIdentity
    public var operatorName: String
    public var role: String
    /// DER in base64.
    public var certificate: String
    public var issuer: String
    public var notAfter: String
    /// Where the console is reached, `https://host:port`, all controllers.
    public var servers: [String]

    public init(
        asOf: String,
        cluster: ClusterIdentity,
        operatorName: String,
        role: String,
        certificate: String,
        issuer: String,
        notAfter: String,
        servers: [String]
    ) {
        self.asOf = asOf
        self.cluster = cluster
        self.operatorName = operatorName
        self.role = role
        self.certificate = certificate
        self.issuer = issuer
        self.notAfter = notAfter
        self.servers = servers
    }
}
