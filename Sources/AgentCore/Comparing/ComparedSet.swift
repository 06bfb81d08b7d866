public import Model
public import Protocol

/// One section `[files NAME]`, `[private NAME]` or `[version NAME]` of the agent's configuration: what
/// is compared between this node and its pair.
public struct ComparedSet: Hashable, Sendable {
    /// Sections of one node.
    public static let countMax = ComparingLimits.setsMax

    /// What of a file is compared, beside whether it is there and what it is.
    public struct Aspects: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        public static let content = Aspects(rawValue: 1)
        public static let mode = Aspects(rawValue: 2)
        public static let owner = Aspects(rawValue: 4)
        public static let all: Aspects = [.content, .mode, .owner]
    }

    public var name: ComparedSetName
    public var kind: ComparedKind
    /// The folder that paths are relative to.
    public var root: String
    public var paths: [PathPattern]
    public var ignored: [IgnorePattern]
    public var aspects: Aspects
    public var replacements: [Replacement]
    public var ignoredLines: [NamePattern]
    /// Of a version: the program whose output is compared.
    public var command: [String]
    /// How long the program may take.
    public var timeout: Duration
    /// From the end of one look to the beginning of the next.
    public var interval: Duration
    /// What is in the files may be shown to operators.
    public var isShown: Bool
    /// A difference keeps the standby site from being ready.
    public var isRequired: Bool
    /// Stands for what both nodes must say alike for a comparison to mean anything (paths, what is
    /// ignored, what is compared): 16 hexadecimal digits.
    public var definition: String

    public init(
        name: ComparedSetName,
        kind: ComparedKind,
        root: String = "/",
        paths: [PathPattern] = [],
        ignored: [IgnorePattern] = [],
        aspects: Aspects = .all,
        replacements: [Replacement] = [],
        ignoredLines: [NamePattern] = [],
        command: [String] = [],
        timeout: Duration = .seconds(30),
        interval: Duration = .seconds(300),
        isShown: Bool = false,
        isRequired: Bool = false,
        definition: String = ""
    ) {
        self.name = name
        self.kind = kind
        self.root = root
        self.paths = paths
        self.ignored = ignored
        self.aspects = aspects
        self.replacements = replacements
        self.ignoredLines = ignoredLines
        self.command = command
        self.timeout = timeout
        self.interval = interval
        self.isShown = isShown
        self.isRequired = isRequired
        self.definition = definition
    }
}

/// What one look at a set has found, its entries left out.
public struct LookResult: Hashable, Sendable {
    /// SHA-256 over every entry, 64 hexadecimal digits; empty when there is nothing to compare.
    public var digest: String
    public var entries: UInt32
    /// Bytes of all files.
    public var bytes: UInt64
    /// Why it is not the whole truth; empty when it is.
    public var problem: String

    public init(digest: String, entries: UInt32 = 0, bytes: UInt64 = 0, problem: String = "") {
        self.digest = digest
        self.entries = entries
        self.bytes = bytes
        self.problem = problem
    }
}

/// Who has asked: answers to a session that is gone are passed over.
public struct ComparingTicket: Hashable, Sendable {
    public var link: UInt64
    public var request: UInt64

    public init(link: UInt64, request: UInt64) {
        self.link = link
        self.request = request
    }
}

/// What the shell is asked of compared sets.
public enum ComparingCommand: Hashable, Sendable {
    /// Look at the set, in no hurry; answer `.looked` with the number.
    case look(ComparedSet, number: UInt64)
    /// What was found of the set is not asked for any more.
    case forget(ComparedSetName)
    /// Answer `.listed` with entries of the look that had this digest.
    case list(ComparingTicket, ComparedSetName, digest: String, from: UInt32)
    /// Answer `.shown` with the text of one file of the set.
    case show(ComparingTicket, ComparedSet, path: String)
}

public enum ListAnswer: Hashable, Sendable {
    /// At most ``ComparingLimits/entriesPerPartMax``; `next` is the place behind them, nil at the end.
    case entries([FileEntry], next: UInt32?)
    /// The last look had another digest.
    case stale
}

public enum ShowAnswer: Hashable, Sendable {
    /// In the form in which it is compared; at most ``ComparingLimits/textBytesMax`` bytes.
    case text([UInt8])
    case refused(RefusalCode, String)
}
