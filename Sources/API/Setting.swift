/// A value of the configuration.
public struct Setting: Codable, Hashable, Sendable {
    /// `cluster`, `site/NAME` or `node/NAME`. A node's value is stronger than its site's, and that
    /// than the cluster's.
    public var scope: String
    public var key: String
    public var value: String
    /// The configuration's version that this change made.
    public var version: UInt64
    public var by: String
    public var reason: String
    public var at: String

    public init(
        scope: String,
        key: String,
        value: String,
        version: UInt64,
        by: String,
        reason: String,
        at: String
    ) {
        self.scope = scope
        self.key = key
        self.value = value
        self.version = version
        self.by = by
        self.reason = reason
        self.at = at
    }
}

/// The answer to `GET /settings`, by scope, then by key. Query: `scope`, may be left out.
public struct SettingList: Codable, Hashable, Sendable {
    public var asOf: String
    /// The configuration's.
    public var version: UInt64
    public var settings: [Setting]

    public init(asOf: String, version: UInt64, settings: [Setting]) {
        self.asOf = asOf
        self.version = version
        self.settings = settings
    }
}

/// `PUT /settings`. Answered by ``ChangeDone``.
public struct SetSettingRequest: ChangeRequest {
    public var scope: String
    public var key: String
    public var value: String
    public var reason: String?
    public var force: Bool?

    public init(
        scope: String,
        key: String,
        value: String,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.scope = scope
        self.key = key
        self.value = value
        self.reason = reason
        self.force = force
    }
}

/// `DELETE /settings`. Answered by ``ChangeDone``.
public struct UnsetSettingRequest: ChangeRequest {
    public var scope: String
    public var key: String
    public var reason: String?
    public var force: Bool?

    public init(scope: String, key: String, reason: String? = nil, force: Bool? = nil) {
        self.scope = scope
        self.key = key
        self.reason = reason
        self.force = force
    }
}
