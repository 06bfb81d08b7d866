/// `POST /backup` is answered by the backup itself: one file, `application/octet-stream`, with its
/// length and its SHA-256 in the headers.
public enum BackupAnswer {
    public static let contentType = "application/octet-stream"
    /// SHA-256 of the body, 64 lower-case hexadecimal digits.
    public static let digestHeader = "Muster-Backup-SHA256"
}

/// The answer to `GET /version`.
public struct VersionInformation: Codable, Hashable, Sendable {
    /// The controller's.
    public var version: String
    /// `v1`.
    public var api: String
    /// Versions of the agents' protocol it speaks.
    public var protocolMin: UInt32
    public var protocolMax: UInt32

    public init(version: String, api: String = "v1", protocolMin: UInt32, protocolMax: UInt32) {
        self.version = version
        self.api = api
        self.protocolMin = protocolMin
        self.protocolMax = protocolMax
    }
}

/// The answer to `GET /health/live` and `/healthz` (the process answers), and to `GET /health/ready`
/// and `/readyz` (it holds the store and serves; 503 when not).
public struct ProbeAnswer: Codable, Hashable, Sendable {
    /// `ok`, or what is missing.
    public var status: String

    public init(status: String) {
        self.status = status
    }
}

/// The answer to `GET /health/active-site`; with status 503 where the site that was asked about is not
/// the active one, where none is, or where the controller is not sure.
public struct ActiveSiteAnswer: Codable, Hashable, Sendable {
    /// The active one, whichever was asked about; left out while none is, and while the controller is
    /// not sure.
    public var site: String?
    /// The one that was asked about; left out where none was.
    public var asked: String?
    public var epoch: String
    /// `active`, or why not: `site south is not active: north is`.
    public var status: String

    public init(site: String?, asked: String? = nil, epoch: String, status: String) {
        self.site = site
        self.asked = asked
        self.epoch = epoch
        self.status = status
    }
}
