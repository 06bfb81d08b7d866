/// A pattern for paths below a root: names parted by slashes, each a ``NamePattern``; `**` stands for
/// any number of folders, none included.
public struct PathPattern: Hashable, Sendable {
    static let namesMax = 64

    enum Part: Hashable, Sendable {
        case anyFolders
        case name(NamePattern)
    }

    let parts: [Part]

    /// - Parameter text: with or without a slash at its beginning.
    /// - Returns: nil when a name of it is no pattern, is `.` or `..`, or there is none.
    public init?(_ text: String) {
        var parts: [Part] = []
        for name in text.utf8.split(separator: UInt8(ascii: "/")) {
            if name.elementsEqual("**".utf8) {
                if parts.last != .anyFolders { parts.append(.anyFolders) }
                continue
            }
            guard !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8),
                let pattern = NamePattern(name)
            else { return nil }
            parts.append(.name(pattern))
        }
        // `a/**` means what is below a: the last name may be any.
        if parts.last == .anyFolders, let any = NamePattern("*") { parts.append(.name(any)) }
        guard !parts.isEmpty, parts.count <= Self.namesMax else { return nil }
        self.parts = parts
    }

    /// The whole pattern, not begun.
    public var start: PathMatch { PathMatch(self, at: [0]) }

    public func matches(_ path: [[UInt8]]) -> Bool {
        var match = start
        for name in path { match = match.entering(name) }
        return match.isComplete
    }
}

/// How far a path has come in a pattern. A walk enters one folder after the other and knows at each
/// whether anything below can match at all.
public struct PathMatch: Hashable, Sendable {
    private let pattern: PathPattern
    /// Parts that may come next, ascending; the number of parts when all are done.
    private let positions: [Int]

    /// - Parameter positions: ascending, each once.
    init(_ pattern: PathPattern, at positions: [Int]) {
        self.pattern = pattern
        var closed: [Int] = []
        for position in positions {
            var next = position
            while true {
                if !closed.contains(next) { closed.append(next) }
                guard next < pattern.parts.count, pattern.parts[next] == .anyFolders else { break }
                next += 1
            }
        }
        self.positions = closed.sorted()
    }

    /// The path so far is matched by the pattern.
    public var isComplete: Bool { positions.last == pattern.parts.count }

    /// Nothing at or below the path so far can match.
    public var isDead: Bool { positions.isEmpty }

    /// Something below the path so far can match.
    public var maySucceedBelow: Bool { positions.contains { $0 < pattern.parts.count } }

    /// The names that may come next, where only some may: there is no need to read the folder.
    public var onlyNames: [[UInt8]]? {
        var names: [[UInt8]] = []
        for position in positions where position < pattern.parts.count {
            guard case .name(let name) = pattern.parts[position], let literal = name.literal else {
                return nil
            }
            names.append(literal)
        }
        return names
    }

    public func entering(_ name: [UInt8]) -> PathMatch {
        var next: [Int] = []
        for position in positions where position < pattern.parts.count {
            switch pattern.parts[position] {
            case .anyFolders: next.append(position)
            case .name(let wanted): if wanted.matches(name) { next.append(position + 1) }
            }
        }
        return PathMatch(pattern, at: next)
    }
}

/// What is left out: a pattern with a slash is one for the path, one without for the name of a file or
/// folder wherever it is. What is below an ignored folder is left out with it.
public struct IgnorePattern: Hashable, Sendable {
    private let path: PathPattern?
    private let name: NamePattern?

    /// - Returns: nil when it is no pattern.
    public init?(_ text: String) {
        if text.utf8.contains(UInt8(ascii: "/")) {
            guard let path = PathPattern(text) else { return nil }
            self.path = path
            name = nil
        } else {
            guard !text.isEmpty, let name = NamePattern(text) else { return nil }
            path = nil
            self.name = name
        }
    }

    /// - Parameter path: the names from the root on; not empty.
    public func ignores(_ path: [[UInt8]]) -> Bool {
        if let pattern = self.path { return pattern.matches(path) }
        guard let name, let last = path.last else { return false }
        return name.matches(last)
    }
}
