/// Authority epoch `(g, e)`: grows each time another site becomes active (`counter`), or the
/// cluster's state is adopted from a backup or a copy (`generation`). Lexicographic.
public struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var generation: UInt16
    public var counter: UInt32

    public init(generation: UInt16, counter: UInt32) {
        self.generation = generation
        self.counter = counter
    }

    /// Less than every epoch that was ever granted.
    public static let zero = Epoch(generation: 0, counter: 0)

    public static func < (left: Epoch, right: Epoch) -> Bool {
        (left.generation, left.counter) < (right.generation, right.counter)
    }

    /// `g.e` in decimal, for people and for the `epoch=` field.
    public var description: String { "\(generation).\(counter)" }

    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let generation = UInt16(parts[0]), let counter = UInt32(parts[1]),
            "\(generation).\(counter)" == text
        else { return nil }
        self.init(generation: generation, counter: counter)
    }
}

/// The fencing token shown with every act: epoch, node session, and for a task its number and
/// attempt.
///
/// Its text is fixed-width lower-case hexadecimal, so that comparing two texts byte by byte
/// compares the tokens: `0001.00000003.00000029` and
/// `0001.00000003.00000029.00000000000004d2.0002`.
public struct FencingToken: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A task and which attempt at it.
    public struct Work: Hashable, Comparable, Sendable {
        public var task: UInt64
        public var attempt: UInt16

        public init(task: UInt64, attempt: UInt16) {
            self.task = task
            self.attempt = attempt
        }

        public static func < (left: Work, right: Work) -> Bool {
            (left.task, left.attempt) < (right.task, right.attempt)
        }
    }

    public var epoch: Epoch
    /// The node's session number: raised durably before work is taken from the node.
    public var session: UInt32
    public var work: Work?

    public init(epoch: Epoch, session: UInt32, work: Work? = nil) {
        self.epoch = epoch
        self.session = session
        self.work = work
    }

    public static let zero = FencingToken(epoch: .zero, session: 0)

    /// What the programs of a drill are given for a token: less than every token of production, so
    /// that whatever compares tokens refuses them.
    public func inDrill(_ drill: UInt64) -> FencingToken {
        var token = self
        token.epoch = Epoch(generation: 0, counter: UInt32(clamping: drill))
        return token
    }

    /// A token without work is less than any with work of the same epoch and session.
    public static func < (left: FencingToken, right: FencingToken) -> Bool {
        if left.epoch != right.epoch { return left.epoch < right.epoch }
        if left.session != right.session { return left.session < right.session }
        switch (left.work, right.work) {
        case (nil, nil), (.some, nil): return false
        case (nil, .some): return true
        case (.some(let a), .some(let b)): return a < b
        }
    }

    public var description: String {
        var text =
            hexadecimal(UInt64(epoch.generation), 4) + "."
            + hexadecimal(UInt64(epoch.counter), 8) + "." + hexadecimal(UInt64(session), 8)
        if let work {
            text += "." + hexadecimal(work.task, 16) + "." + hexadecimal(UInt64(work.attempt), 4)
        }
        return text
    }

    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 5 else { return nil }
        func read(_ index: Int, _ width: Int) -> UInt64? {
            let part = parts[index]
            guard part.utf8.count == width,
                part.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) })
            else { return nil }
            return UInt64(part, radix: 16)
        }
        guard let generation = read(0, 4), let counter = read(1, 8), let session = read(2, 8) else {
            return nil
        }
        self.init(
            epoch: Epoch(generation: UInt16(generation), counter: UInt32(counter)),
            session: UInt32(session)
        )
        if parts.count == 5 {
            guard let task = read(3, 16), let attempt = read(4, 4) else { return nil }
            work = Work(task: task, attempt: UInt16(attempt))
        }
    }
}

private func hexadecimal(_ value: UInt64, _ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: width - digits.count) + digits
}
