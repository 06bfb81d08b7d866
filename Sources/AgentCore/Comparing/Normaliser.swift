/// What the node itself is called, for expected differences.
public struct NodeValues: Hashable, Sendable {
    public var name: String
    public var site: String
    public var hostname: String
    /// Of its interfaces, as people write them.
    public var addresses: [String]

    public init(
        name: String = "",
        site: String = "",
        hostname: String = "",
        addresses: [String] = []
    ) {
        self.name = name
        self.site = site
        self.hostname = hostname
        self.addresses = addresses
    }
}

/// An expected difference: what stands for itself on the node and is taken for something else when it
/// is compared.
public struct Replacement: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        /// Exactly these bytes, wherever they are.
        case text(String)
        /// A value of the node, where it is a word of its own: not within a longer name or number.
        case value(Value)
    }

    public enum Value: String, Hashable, Sendable, CaseIterable {
        case name = "${name}"
        case site = "${site}"
        case hostname = "${hostname}"
        case address = "${address}"
    }

    public var source: Source
    public var target: String

    public init(_ source: Source, with target: String) {
        self.source = source
        self.target = target
    }
}

/// Brings a text into the form in which it is compared: declared lines are left out, declared
/// differences replaced. In one pass from left to right; what was put in is not looked at again.
public struct Normaliser: Hashable, Sendable {
    private struct Rule: Hashable, Sendable {
        var from: [UInt8]
        var to: [UInt8]
        var isWord: Bool
    }

    private var rules: [Rule] = []
    private let ignoredLines: [NamePattern]

    public init(
        _ replacements: [Replacement],
        ignoredLines: [NamePattern],
        values: NodeValues
    ) {
        self.ignoredLines = ignoredLines
        for replacement in replacements {
            let to = Array(replacement.target.utf8)
            switch replacement.source {
            case .text(let text):
                rules.append(Rule(from: Array(text.utf8), to: to, isWord: false))
            case .value(let value):
                for text in Self.texts(of: value, values) {
                    rules.append(Rule(from: Array(text.utf8), to: to, isWord: true))
                }
            }
        }
        rules.removeAll { $0.from.isEmpty }
    }

    /// The longest first: an address that is the beginning of another does not cut it.
    private static func texts(of value: Replacement.Value, _ values: NodeValues) -> [String] {
        switch value {
        case .name: [values.name]
        case .site: [values.site]
        case .hostname: [values.hostname]
        case .address:
            values.addresses.sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
        }
    }

    /// Leaves every text as it is.
    public var isIdentity: Bool { rules.isEmpty && ignoredLines.isEmpty }

    public func normalised(_ bytes: [UInt8]) -> [UInt8] {
        guard !isIdentity else { return bytes }
        return replaced(kept(bytes))
    }

    private func kept(_ bytes: [UInt8]) -> [UInt8] {
        guard !ignoredLines.isEmpty else { return bytes }
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let line = rest[..<(end ?? rest.endIndex)]
            let whole = rest[..<(end.map { $0 + 1 } ?? rest.endIndex)]
            let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if !ignoredLines.contains(where: { $0.matches(text) }) { kept += whole }
            rest = rest[whole.endIndex...]
        }
        return kept
    }

    private func replaced(_ bytes: [UInt8]) -> [UInt8] {
        guard !rules.isEmpty else { return bytes }
        // Most bytes begin nothing that is replaced: 256 flags save looking at every rule.
        var begins = [Bool](repeating: false, count: 256)
        for rule in rules { begins[Int(rule.from[0])] = true }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if begins[Int(bytes[index])],
                let rule = rules.first(where: { stands($0, bytes, index) })
            {
                result += rule.to
                index += rule.from.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    private func stands(_ rule: Rule, _ bytes: [UInt8], _ index: Int) -> Bool {
        let end = index + rule.from.count
        guard end <= bytes.count, bytes[index..<end].elementsEqual(rule.from) else { return false }
        guard rule.isWord else { return true }
        let isApart = index == 0 || !Self.isWordByte(bytes[index - 1])
        return isApart && (end == bytes.count || !Self.isWordByte(bytes[end]))
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte >= 0x80
    }
}
