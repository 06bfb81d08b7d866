// The words of work: tasks, their types, accounts, attributes and handlers.

public enum HandlerKind {}
public enum ScheduleKind {}
public enum HookKind {}

/// A program of a node that runs tasks: named on the wire, defined on the node.
public typealias HandlerName = Identifier<HandlerKind>
/// A calendar rule that submits tasks.
public typealias ScheduleName = Identifier<ScheduleKind>
/// A program that a step of a run has executed, on nodes or on the controller's host: named in the
/// plan, defined where it runs. At most ``hookNameBytesMax`` bytes.
public typealias HookName = Identifier<HookKind>

/// A hook's type is `hook.` and its name, and a type has at most 63 bytes.
public let hookNameBytesMax = 58

/// A task's number: counts over the life of the cluster and is never reused.
public struct TaskID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static func < (left: TaskID, right: TaskID) -> Bool { left.number < right.number }

    public var description: String { "\(number)" }

    /// Sixteen hexadecimal digits, so that rows in the order of their keys are in the order of
    /// the numbers.
    public var storeKey: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    public init?(storeKey: String) {
        guard let number = UInt64(storeKey, radix: 16) else { return nil }
        self.init(number)
        // Signs, capitals and other lengths are read as numbers, too, and are no keys.
        guard self.storeKey == storeKey else { return nil }
    }
}

/// What kind of work a task is: `[A-Za-z][A-Za-z0-9_.-]{0,62}`; capitals count.
public struct TaskType: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// - Returns: nil when the text breaks the grammar.
    public init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        self.text = text
    }

    private init(known text: String) {
        self.text = text
    }

    public static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 63, isLetter(first) else { return false }
        return bytes.allSatisfy {
            isLetter($0) || (48...57).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte)
    }

    /// Sends a file to a partner.
    public static let push = TaskType(known: "PUSH")
    /// Fetches files from a partner.
    public static let pull = TaskType(known: "PULL")
    /// Encrypts or decrypts.
    public static let pgp = TaskType(known: "PGP")
    /// A folder monitor has found something.
    public static let folderMonitor = TaskType(known: "FM_TRIGGERED")
    public static let maintenance = TaskType(known: "MAINTENANCE")

    /// What the type of a hook begins with: a step of a run, and no work of the cluster. No submitter
    /// may use it.
    public static let hookPrefix = "hook."

    /// The type under which a node's handler serves a hook: `hook.NAME`.
    public init(hook: HookName) {
        text = Self.hookPrefix + hook.text
    }

    public var isHook: Bool { text.utf8.starts(with: Self.hookPrefix.utf8) }

    /// The types that exist from the start; any other name is allowed beside them.
    public static let known = [push, pull, pgp, folderMonitor, maintenance]

    public static func < (left: TaskType, right: TaskType) -> Bool { left.text < right.text }

    public var description: String { text }
}

/// A `NAME=value` of a task, or one that a node prefers.
public struct TaskAttribute: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// `[A-Za-z][A-Za-z0-9_.-]{0,62}`, as a type.
    public var name: String
    /// Up to ``valueBytesMax`` bytes of plain text in one line; may be empty.
    public var value: String

    public static let valueBytesMax = 256
    /// Attributes of one task.
    public static let countMax = 16
    /// Bytes of ``text(of:)``, the attributes of one task together. A line may have to double each
    /// of them, and a RUN or a SUBMIT at all its other limits must still fit into one line.
    public static let textBytesMax = 2_048

    /// - Returns: nil when the name or the value breaks its grammar.
    public init?(name: String, value: String) {
        guard TaskType.isValid(name), value.isPlainLine(bytesMax: Self.valueBytesMax) else {
            return nil
        }
        self.name = name
        self.value = value
    }

    /// Reads `NAME=value`. Scalar by scalar, as everything here: an accent after a sign would make
    /// another character of it, and another sign may look the same.
    public init?(parsing text: String) {
        let scalars = text.unicodeScalars
        guard let at = scalars.firstIndex(of: "=") else { return nil }
        self.init(name: String(scalars[..<at]), value: String(scalars[scalars.index(after: at)...]))
    }

    public static func < (left: TaskAttribute, right: TaskAttribute) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }

    public var description: String { "\(name)=\(value)" }

    /// Several attributes as one text, sorted, parted by `;`; `;` and `\` in them are preceded by
    /// `\`.
    public static func text(of attributes: [TaskAttribute]) -> String {
        var text = String.UnicodeScalarView()
        for (index, attribute) in attributes.sorted().enumerated() {
            if index > 0 { text.append(";") }
            for scalar in attribute.description.unicodeScalars {
                if scalar == ";" || scalar == "\\" { text.append("\\") }
                text.append(scalar)
            }
        }
        return String(text)
    }

    /// Reads what ``text(of:)`` writes, in any order.
    ///
    /// - Returns: nil when one is no attribute, a name stands twice, an escape is not one of the
    ///   two, or there are more than ``countMax`` or ``textBytesMax``.
    public static func attributes(parsing text: String) -> [TaskAttribute]? {
        if text.isEmpty { return [] }
        guard text.utf8.count <= textBytesMax, let parts = parts(of: text), parts.count <= countMax
        else { return nil }
        var attributes: [TaskAttribute] = []
        for part in parts {
            guard let attribute = TaskAttribute(parsing: part),
                !attributes.contains(where: { $0.name == attribute.name })
            else { return nil }
            attributes.append(attribute)
        }
        return attributes.sorted()
    }

    /// What stands between the `;` of a text, escapes removed.
    private static func parts(of text: String) -> [String]? {
        var parts: [String] = []
        var part = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if isEscaped {
                guard scalar == ";" || scalar == "\\" else { return nil }
                part.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == ";" {
                parts.append(String(part))
                part = String.UnicodeScalarView()
            } else {
                part.append(scalar)
            }
        }
        return isEscaped ? nil : parts + [String(part)]
    }
}

/// All tasks of one key run on one node at a time.
public struct ExclusiveKey: Hashable, Sendable {
    public static let bytesMax = 128

    public var text: String
    /// One at a time, in the order in which they were accepted.
    public var isOrdered: Bool

    public init(_ text: String, isOrdered: Bool = false) {
        self.text = text
        self.isOrdered = isOrdered
    }
}

/// What may be done when it is not known how an attempt ended.
public enum DeliveryPolicy: String, Hashable, Sendable, CaseIterable {
    /// Given again only when it is proven that the attempt before does not run any more.
    case exclusive
    /// May be given again at once: running twice does no harm.
    case idempotent
    /// Never given again once it may have started; an operator decides.
    case atMostOnce = "at-most-once"
}

/// Which attempt at which task.
public struct TaskAttempt: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var task: TaskID
    /// Counts from 1.
    public var attempt: UInt16

    public init(task: TaskID, attempt: UInt16) {
        self.task = task
        self.attempt = attempt
    }

    public static func < (left: TaskAttempt, right: TaskAttempt) -> Bool {
        (left.task, left.attempt) < (right.task, right.attempt)
    }

    /// `TASK.ATTEMPT`
    public var description: String { "\(task).\(attempt)" }
}

/// How an attempt ended, as the node's journal says.
public enum AttemptOutcome: String, Hashable, Sendable, CaseIterable {
    /// The handler exited with status 0.
    case done
    /// It exited with another status, or by a signal.
    case failed
    /// It ran longer than its time limit and was ended.
    case timedOut = "timed-out"
    /// It was ended by an order of the controller.
    case cancelled
    /// The agent, the leash or the machine ended while it ran, or the lease did.
    case interrupted
    /// The handler could not be executed.
    case notExecuted = "not-executed"
}

/// The result of one attempt.
public struct AttemptResult: Hashable, Sendable {
    public var outcome: AttemptOutcome
    /// Exit status, where the handler exited.
    public var status: UInt8?
    /// The signal that ended it, where one did.
    public var signal: UInt8?
    /// For people: why it was interrupted, or not executed.
    public var detail: String
    /// The handler's definition lists this status as one that no retry mends.
    public var isPermanent: Bool
    public var ranMilliseconds: UInt64
    public var processorMilliseconds: UInt64
    /// Largest resident memory of a process of it, bytes.
    public var memoryBytesMax: UInt64
    /// Bytes it has written to standard output and error in all; what is kept of them may be less.
    public var outputBytes: UInt64

    public init(
        outcome: AttemptOutcome,
        status: UInt8? = nil,
        signal: UInt8? = nil,
        detail: String = "",
        isPermanent: Bool = false,
        ranMilliseconds: UInt64 = 0,
        processorMilliseconds: UInt64 = 0,
        memoryBytesMax: UInt64 = 0,
        outputBytes: UInt64 = 0
    ) {
        self.outcome = outcome
        self.status = status
        self.signal = signal
        self.detail = detail
        self.isPermanent = isPermanent
        self.ranMilliseconds = ranMilliseconds
        self.processorMilliseconds = processorMilliseconds
        self.memoryBytesMax = memoryBytesMax
        self.outputBytes = outputBytes
    }
}
