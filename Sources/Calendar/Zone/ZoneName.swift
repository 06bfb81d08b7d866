/// The name of a time zone in the tz database: `Europe/Berlin`, `UTC`, `Etc/GMT+5`.
///
/// A shell finds the zone's file by its name, so a name can lead nowhere else: it is 1 to
/// ``bytesMax`` bytes of letters, digits, `_`, `+`, `-`, `.` and `/`, each part between two `/`
/// begins with a letter, and so none is empty, `.` or `..`. Whether there is such a zone is not
/// known here.
public struct ZoneName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it was written; names are told apart by case.
    public let text: String

    /// The longest name that is taken, in bytes. The longest of the database has 32.
    public static let bytesMax = 64

    /// Coordinated Universal Time, whose rules are ``ZoneRules/utc`` without any file.
    public static let utc = ZoneName(checked: "UTC")

    /// - Returns: nil when the text breaks the grammar above.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.bytesMax else { return nil }
        let slash = UInt8(ascii: "/")
        for part in bytes.split(separator: slash, omittingEmptySubsequences: false) {
            guard let first = part.first, isLetter(first) else { return nil }
            for byte in part where !isLetter(byte) && !isDigit(byte) {
                guard [UInt8](arrayLiteral: 0x2b, 0x2d, 0x2e, 0x5f).contains(byte) else {
                    return nil
                }
            }
        }
        self.text = text
    }

    private init(checked text: String) {
        self.text = text
    }

    /// By the bytes of the name.
    public static func < (left: ZoneName, right: ZoneName) -> Bool { left.text < right.text }

    /// The name.
    public var description: String { text }
}
