/// Why bytes or a text are not the rules of a time zone.
public struct ZoneProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is the matter, for code that decides.
    public enum Code: String, Hashable, Sendable {
        /// More than ``ZoneRules/bytesMax``.
        case tooLarge
        /// Not a TZif file at all: it does not begin with `TZif`.
        case notTZif
        /// A version of the format other than 1 to 4.
        case unknownVersion
        /// The file ends before what its counts promise.
        case truncated
        /// Counts that contradict each other, or are beyond a limit.
        case badCounts
        /// The file counts leap seconds; POSIX time, and so `WallTime`, does not.
        case leapSeconds
        /// The transitions are not in the order of time.
        case notAscending
        /// A local time type that is not there, or whose offset, flag or abbreviation is none.
        case badType
        /// The POSIX TZ string, alone or at the end of the file, is not well formed.
        case badRule
        /// There are bytes after the end of the file's contents.
        case trailingBytes
    }

    /// What is the matter.
    public var code: Code
    /// Where: the number of bytes before it, in the file, or in the text when the rules were read
    /// from a text.
    public var position: Int
    /// What was found, and the mend if there is one.
    public var detail: String

    /// A problem with those bytes.
    public init(_ code: Code, at position: Int, _ detail: String) {
        self.code = code
        self.position = position
        self.detail = detail
    }

    /// In one line, for a log or an operator.
    public var description: String { "\(detail) (byte \(position))" }
}
