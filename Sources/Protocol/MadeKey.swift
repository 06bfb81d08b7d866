public import Model

/// An idempotency key that was made for a task whose submitter gave none.
public enum MadeKey: Hashable, Sendable {
    /// By a schedule, for each of its firings: `schedule/NAME/DUE`.
    case schedule
    /// By the agent of a node, for its programs: `NODE.INCARNATION.NUMBER`.
    case agent(NodeID)

    public static let schedulePrefix = "schedule/"

    /// - Returns: nil for one that somebody has chosen.
    public init?(_ key: String) {
        if key.utf8.starts(with: Self.schedulePrefix.utf8) {
            self = .schedule
            return
        }
        let parts = key.utf8.split(separator: 46, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.suffix(2).allSatisfy(Self.isNumber) else { return nil }
        let name = parts.dropLast(2).map { String(decoding: $0, as: UTF8.self) }
        guard let node = NodeID(name.joined(separator: ".")) else { return nil }
        self = .agent(node)
    }

    private static func isNumber(_ digits: Substring.UTF8View) -> Bool {
        !digits.isEmpty && digits.allSatisfy { $0 >= 48 && $0 <= 57 }
    }
}
