public import Model

/// An attempt that somebody follows while it runs: its node is asked, once for each time it is
/// named, for what its handler has written so far.
///
/// It stands in the answer to a heartbeat, so nothing has to be taken back: who is no more followed
/// is not named any more, and a controller that is gone names nobody.
public struct WatchedAttempt: Hashable, Sendable {
    public var attempt: TaskAttempt
    /// The first byte that is wanted, its place within all of the output.
    public var from: UInt64

    /// - Parameter from: 0 to ``WireLimits/sizeMax``.
    public init(_ attempt: TaskAttempt, from: UInt64) {
        self.attempt = attempt
        self.from = from
    }

    /// `TASK.ATTEMPT.FROM`.
    var text: String { "\(attempt.task).\(attempt.attempt).\(from)" }

    init?(_ text: Substring) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let task = UInt64(plain: parts[0]),
            let number = UInt16(plain: parts[1]), number > 0,
            let from = UInt64(plain: parts[2]), from <= WireLimits.sizeMax
        else { return nil }
        self.init(TaskAttempt(task: TaskID(task), attempt: number), from: from)
    }

    static func text(of watched: [WatchedAttempt]) -> String {
        watched.map(\.text).joined(separator: ",")
    }
}

extension FieldReader {
    /// Attempts with commas between, each once; none when the field is absent.
    func watched(_ key: String) throws(MessageError) -> [WatchedAttempt] {
        guard let text = line[key] else { return [] }
        var found: [WatchedAttempt] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard found.count < WorkLimits.watchedMax, let watched = WatchedAttempt(part),
                !found.contains(where: { $0.attempt == watched.attempt })
            else {
                throw .bad(
                    key: key,
                    expected: "at most \(WorkLimits.watchedMax) attempts such as 1234.1.0"
                )
            }
            found.append(watched)
        }
        return found
    }
}

extension FixedWidthInteger {
    /// Decimal digits without a sign or leading zeros.
    fileprivate init?(plain text: Substring) {
        guard let number = Self(text), String(number) == text else { return nil }
        self = number
    }
}
