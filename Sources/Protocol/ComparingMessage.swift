public import Model

/// The numbers of comparing nodes with their pairs; docs/PROTOCOL.md "Limits".
public enum ComparingLimits {
    /// Sets of one node.
    public static let setsMax = 64
    /// Entries of one set.
    public static let entriesMax: UInt32 = 10_000
    /// Entries in one answer to LIST.
    public static let entriesPerPartMax: UInt32 = 200
    /// Bytes of a path, and of what a symbolic link leads to, as they are told.
    public static let pathBytesMax = 1_000
    /// Bytes of a file whose content may be shown, and of the output of a program that is compared.
    public static let textBytesMax: UInt32 = 65_536
    /// Bytes in one TEXT.
    public static let pieceBytesMax = 3_000
    /// Requests of one session that are not answered yet.
    public static let requestsMax = 16
    public static let intervalMilliseconds: ClosedRange<UInt64> = 1_000...86_400_000
}

/// What kind of set it is, and so which difference is one.
public enum ComparedKind: String, Hashable, Sendable, CaseIterable {
    /// Files that must be alike on both nodes.
    case files
    /// Files that must not be alike: what belongs to one node and must not be replicated.
    case `private`
    /// The output of a program, such as the versions of packages, that must be alike.
    case version
}

/// A set as its node sees it.
public struct SetReport: Hashable, Sendable {
    public var name: ComparedSetName
    public var kind: ComparedKind
    /// SHA-256 over its entries, 64 hexadecimal digits in lower case; empty when nothing could be
    /// compared.
    public var digest: String
    /// Of how the set is defined, 16 hexadecimal digits: only sets that are defined alike are compared.
    public var definition: String
    public var entries: UInt32
    public var bytes: UInt64
    /// Since the last look ended, when this was sent; nil before the first.
    public var age: Duration?
    /// Between two looks.
    public var interval: Duration
    public var isRequired: Bool
    public var isShown: Bool
    /// Why it is not the whole truth; empty when it is.
    public var problem: String

    public init(
        name: ComparedSetName,
        kind: ComparedKind,
        digest: String = "",
        definition: String,
        entries: UInt32 = 0,
        bytes: UInt64 = 0,
        age: Duration? = nil,
        interval: Duration,
        isRequired: Bool = false,
        isShown: Bool = false,
        problem: String = ""
    ) {
        self.name = name
        self.kind = kind
        self.digest = digest
        self.definition = definition
        self.entries = entries
        self.bytes = bytes
        self.age = age
        self.interval = interval
        self.isRequired = isRequired
        self.isShown = isShown
        self.problem = problem
    }
}

/// One file of a set, or the output of a program.
public struct FileEntry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case file
        case link
        case fifo
        case socket
        case device
        /// The output of a program.
        case output
    }

    /// Below the set's root, without a slash at its beginning, as ``PathText`` writes it.
    public var path: String
    public var kind: Kind
    /// Permission bits; nil where they are not compared.
    public var mode: UInt16?
    /// `user:group`, by name where there is one; nil where it is not compared.
    public var owner: String?
    /// Bytes as they are on the disk.
    public var size: UInt64
    /// SHA-256 of the content in the form in which it is compared; nil where it is not.
    public var digest: String?
    /// Where a symbolic link leads, as ``PathText`` writes it.
    public var target: String?

    public init(
        path: String,
        kind: Kind,
        mode: UInt16? = nil,
        owner: String? = nil,
        size: UInt64 = 0,
        digest: String? = nil,
        target: String? = nil
    ) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.owner = owner
        self.size = size
        self.digest = digest
        self.target = target
    }

    /// One line of the text whose SHA-256 is a set's digest: everything but the size, which differs
    /// where declared differences were replaced.
    public var digestLine: String {
        var entry = self
        entry.size = 0
        return entry.line(request: nil).description
    }
}

/// What an agent says about what is compared; since version 3 of the protocol.
public enum AgentComparingMessage: Hashable, Sendable {
    /// A set, after each look at it, and all of them before SYNCED.
    case compared(SetReport)
    /// A set is no longer defined on the node.
    case uncompared(ComparedSetName)
    /// One entry of the answer to LIST.
    case entry(request: UInt64, FileEntry)
    /// The end of the answer to LIST: the place of the next entry, nil behind the last one.
    case listed(request: UInt64, next: UInt32?)
    /// A piece of the answer to SHOW; `total` bytes in all.
    case text(request: UInt64, at: UInt32, total: UInt32, data: [UInt8])
    /// LIST or SHOW cannot be answered.
    case unlisted(request: UInt64, code: RefusalCode, text: String)
}

/// What a controller asks about what is compared; since version 3 of the protocol.
public enum ControllerComparingMessage: Hashable, Sendable {
    case list(ListRequest)
    case show(ShowRequest)
}

/// Asks for entries of a set, as it was found with this digest.
public struct ListRequest: Hashable, Sendable {
    /// Counts within one session; the answers give it back.
    public var request: UInt64
    public var token: FencingToken
    public var set: ComparedSetName
    public var digest: String
    /// The place of the first entry wanted, from 0.
    public var from: UInt32

    public init(
        request: UInt64,
        token: FencingToken,
        set: ComparedSetName,
        digest: String,
        from: UInt32
    ) {
        self.request = request
        self.token = token
        self.set = set
        self.digest = digest
        self.from = from
    }
}

/// Asks for the text of one file of a set whose definition lets it be shown.
public struct ShowRequest: Hashable, Sendable {
    public var request: UInt64
    public var token: FencingToken
    public var set: ComparedSetName
    public var path: String

    public init(request: UInt64, token: FencingToken, set: ComparedSetName, path: String) {
        self.request = request
        self.token = token
        self.set = set
        self.path = path
    }
}
