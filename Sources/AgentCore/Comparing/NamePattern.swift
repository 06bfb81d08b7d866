/// A pattern for one name, or for one line: `*` for any characters, `?` for one, `[a-z]` and `[!a-z]`
/// for one of a class; `\` takes the next character for itself. Nothing else is special, and a leading
/// dot is a character like any other.
///
/// Works on bytes, because names of files are bytes; `?` and classes take a whole UTF-8 character
/// where there is one, and classes know ASCII only.
public struct NamePattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case byte(UInt8)
        case anyCharacter
        case anyCharacters
        case characterOf([ClosedRange<UInt8>], isInverted: Bool)
    }

    private var parts: [Part] = []

    /// - Returns: nil when a class is not closed or empty, or a backslash escapes nothing.
    public init?(_ text: some Sequence<UInt8>) {
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"):
                if parts.last != .anyCharacters { parts.append(.anyCharacters) }
            case UInt8(ascii: "?"): parts.append(.anyCharacter)
            case UInt8(ascii: "["):
                guard let part = Self.characterClass(&rest) else { return nil }
                parts.append(part)
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst() else { return nil }
                parts.append(.byte(next))
            default: parts.append(.byte(byte))
            }
        }
    }

    public init?(_ text: String) {
        self.init(text.utf8)
    }

    private static func characterClass(_ rest: inout ArraySlice<UInt8>) -> Part? {
        let isInverted = rest.first == UInt8(ascii: "!")
        if isInverted { rest.removeFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let low = rest.popFirst() {
            if low == UInt8(ascii: "]"), !ranges.isEmpty {
                return .characterOf(ranges, isInverted: isInverted)
            }
            guard low < 0x80 else { return nil }
            if rest.first == UInt8(ascii: "-"), let high = rest.dropFirst().first,
                high != UInt8(ascii: "]")
            {
                guard high < 0x80, high >= low else { return nil }
                rest.removeFirst(2)
                ranges.append(low...high)
            } else {
                ranges.append(low...low)
            }
        }
        return nil
    }

    /// The only name that it matches, where there is only one.
    public var literal: [UInt8]? {
        var bytes: [UInt8] = []
        for part in parts {
            guard case .byte(let byte) = part else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// In time proportional to both lengths at worst: the last `*` alone is ever tried again.
    public func matches(_ name: some Collection<UInt8>) -> Bool {
        let name = Array(name)
        var at = 0
        var part = 0
        var lastStar: (part: Int, at: Int)?
        while at < name.count {
            if part < parts.count, parts[part] == .anyCharacters {
                lastStar = (part, at)
                part += 1
            } else if part < parts.count, let length = Self.taken(by: parts[part], name[at...]) {
                part += 1
                at += length
            } else if let star = lastStar {
                part = star.part + 1
                at = star.at + 1
                lastStar = (star.part, at)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .anyCharacters }
    }

    /// How many bytes the part takes; nil when it does not match.
    private static func taken(by part: Part, _ rest: ArraySlice<UInt8>) -> Int? {
        guard let first = rest.first else { return nil }
        switch part {
        case .byte(let byte): return byte == first ? 1 : nil
        case .anyCharacters: return nil
        case .anyCharacter: return characterLength(rest)
        case .characterOf(let ranges, let isInverted):
            let isIn = ranges.contains { $0.contains(first) }
            return isIn != isInverted ? characterLength(rest) : nil
        }
    }

    private static func characterLength(_ rest: ArraySlice<UInt8>) -> Int {
        guard let first = rest.first, first >= 0xC2 else { return 1 }
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1
        let tail = rest.dropFirst().prefix(length - 1)
        let isWhole = tail.count == length - 1 && tail.allSatisfy { (0x80..<0xC0).contains($0) }
        return isWhole ? length : 1
    }
}
