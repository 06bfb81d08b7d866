/// The protocol's own numbers; docs/PROTOCOL.md "Limits" is generated from nothing else.
public enum WireLimits {
    /// Versions this build speaks. A peer of a neighbouring version is spoken to in the lower.
    public static let versions: ClosedRange<UInt16> = 1...3
    /// The first version with messages about tasks.
    public static let workVersion: UInt16 = 2
    /// The first version whose agents know drills, and tell of data sets.
    public static let siteVersion: UInt16 = 3
    /// ALPN of the line protocol.
    public static let applicationProtocol = "muster/1"
    public static let portDefault: UInt16 = 7400
    public static let handshakeTimeout: Duration = .seconds(5)
    /// From the end of the handshake to the first complete line.
    public static let firstLineTimeout: Duration = .seconds(5)
    /// From the first byte of a line to its line feed.
    public static let lineTimeout: Duration = .seconds(5)
    public static let strangerConnectionsMax = 64
    public static let strangerConnectionsPerAddressMax = 8
    /// A node's lines a second, and how many may come at once: results of thousands of short tasks
    /// a second pass, and a full report with every attempt it has. Whoever sends more than the
    /// controller takes is not read for a while; only who exceeds this is closed as broken.
    public static let memberLinesPerSecond = 20_000
    public static let memberLinesBurst = 40_000
    public static let strangerLinesPerSecond = 1
    public static let strangerLinesBurst = 3
    /// Bytes that may wait to be sent to one peer; over it the connection is closed. Room for the
    /// payloads that may be on their way to a node (2 MiB, and one more of 1 MiB, in base64), beside
    /// the orders for all the attempts it may have.
    public static let memberOutboxBytesMax = 8 * 1_024 * 1_024
    public static let strangerOutboxBytesMax = 8 * 1_024
    /// Services, checks and disks of one node.
    public static let servicesPerNodeMax = 256
    public static let checksPerNodeMax = 512
    public static let disksPerNodeMax = 64
    /// Bytes of a check's output, of a detail or of any text for people that are sent.
    public static let outputBytesMax = 1_000
    /// Bytes of one of the texts that describe a machine in FACTS.
    public static let factBytesMax = 250
    /// Place of a service in the order of starting.
    public static let serviceOrderMax: UInt16 = 9_999
    /// The longest duration, 10 000 days.
    public static let millisecondsMax: UInt64 = 864_000_000_000
    /// Bytes of a memory or of a disk, inodes, and bytes a second: 2^60.
    public static let sizeMax: UInt64 = 1 << 60
}
