public import Model
import Protocol

/// Services of a site, by scope and group, that are not to run for now.
public struct GroupSet: Hashable, Sendable {
    /// Everything but what ``released`` says.
    public var isWhole: Bool
    /// Of a whole set: what is out of it again.
    public var released: [Part]
    /// Of one that is not whole: what is in it.
    public var parts: [Part]

    /// A group, or all of them, in a scope.
    public struct Part: Hashable, Sendable {
        public var group: GroupName?
        public var scope: ServiceScope

        func covers(_ report: ServiceReport) -> Bool {
            scope.covers(report) && (group == nil || group == report.group)
        }
    }

    public init() {
        isWhole = false
        released = []
        parts = []
    }

    public static let whole: GroupSet = {
        var set = GroupSet()
        set.isWhole = true
        return set
    }()

    public var isEmpty: Bool { self == GroupSet() }

    public func holds(_ report: ServiceReport) -> Bool {
        isWhole
            ? !released.contains { $0.covers(report) } : parts.contains { $0.covers(report) }
    }

    mutating func hold(_ groups: [GroupName], _ scope: ServiceScope) {
        for part in Self.parts(groups, scope) where !parts.contains(part) { parts.append(part) }
    }

    mutating func release(_ groups: [GroupName], _ scope: ServiceScope) {
        for part in Self.parts(groups, scope) where !released.contains(part) {
            released.append(part)
        }
    }

    static func parts(_ groups: [GroupName], _ scope: ServiceScope) -> [Part] {
        groups.isEmpty
            ? [Part(group: nil, scope: scope)] : groups.map { Part(group: $0, scope: scope) }
    }

    init(_ fields: FieldReader) throws(MessageError) {
        isWhole = try fields.flag("held-whole")
        released = try Self.read(fields, "held-released")
        parts = try Self.read(fields, "held")
    }

    func put(to writer: inout LineWriter) {
        writer.put("held-whole", isWhole)
        writer.put("held-released", Self.text(released))
        writer.put("held", Self.text(parts))
    }

    private static func text(_ parts: [Part]) -> String {
        parts.map { "\($0.scope.rawValue)/\($0.group?.text ?? "*")" }.joined(separator: ",")
    }

    private static func read(_ fields: FieldReader, _ key: String) throws(MessageError) -> [Part] {
        var parts: [Part] = []
        for text in (fields.optionalText(key) ?? "").split(separator: ",") {
            let words = text.split(separator: "/").map(String.init)
            guard words.count == 2, let scope = ServiceScope(rawValue: words[0]) else {
                throw .bad(key: key, expected: "SCOPE/GROUP, parted by commas")
            }
            if words[1] == "*" {
                parts.append(Part(group: nil, scope: scope))
            } else if let group = GroupName(words[1]) {
                parts.append(Part(group: group, scope: scope))
            } else {
                throw .bad(key: key, expected: "SCOPE/GROUP, parted by commas")
            }
        }
        return parts
    }
}
