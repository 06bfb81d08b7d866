public import Model

/// An idempotency key that was made for a task whose submitter gave none.
public enum MadeKey: Hashable, Sendable {
    /// By a schedule, for each of its firings: `schedule/NAME/DUE`.
    case schedule
    /// By the agent of a node, for its programs: `NODE.INCARNATION.PROCESS.NUMBER`, where `PROCESS` is
    /// of the agent's process alone, `x` and sixteen hexadecimal digits. Older agents leave it out.
    case agent(NodeID)

    public static let schedulePrefix = "schedule/"

    /// - Returns: nil for one that somebody has chosen.
    public init?(_ key: String) {
        if key.utf8.starts(with: Self.schedulePrefix.utf8) {
            self = .schedule
            return
        }
        var parts = key.utf8.split(separator: 46, omittingEmptySubsequences: false)[...]
        guard let number = parts.popLast(), Self.isNumber(number) else { return nil }
        if let process = parts.last, Self.isProcess(process) { parts.removeLast() }
        guard let incarnation = parts.popLast(), Self.isNumber(incarnation) else { return nil }
        let name = parts.map { String(decoding: $0, as: UTF8.self) }
        guard let node = NodeID(name.joined(separator: ".")) else { return nil }
        self = .agent(node)
    }

    /// What the keys begin with that one process of a node's agent makes.
    ///
    /// - Parameter process: drawn by each process. An incarnation comes a second time when a node is set
    ///   back to an older state.
    public static func prefix(of node: NodeID, incarnation: UInt64, process: UInt64) -> String {
        let digits = String(process, radix: 16)
        let zeros = String(repeating: "0", count: 16 - digits.count)
        return "\(node).\(incarnation).x\(zeros)\(digits)"
    }

    private static func isProcess(_ word: Substring.UTF8View) -> Bool {
        word.count == 17 && word.first == 120
            && word.dropFirst().allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    private static func isNumber(_ digits: Substring.UTF8View) -> Bool {
        !digits.isEmpty && digits.allSatisfy { $0 >= 48 && $0 <= 57 }
    }
}
