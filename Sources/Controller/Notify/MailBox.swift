import Model

/// An address to which mail can be sent over the network: `ops@example.org`.
struct MailBox: Hashable, Sendable, CustomStringConvertible {
    static let bytesMax = 254
    private static let localBytesMax = 64
    private static let localSymbols = Set("!#$%&'*+/=?^_`{|}~-".utf8)
    /// Names that mean "this machine" wherever they are read: no recipient is ever there.
    private static let ownNames: Set<String> = ["localhost", "localdomain"]

    /// In ASCII, as it was written.
    let text: String
    let domain: String

    /// - Returns: nil for what is no address, and for one that stays on the machine: a domain
    ///   without a dot, or of `localhost`.
    init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.bytesMax, parts.count == 2,
            Self.isLocalPart(parts[0]), Self.isDomain(parts[1])
        else { return nil }
        self.text = text
        domain = String(parts[1])
    }

    var description: String { text }

    private static func isLocalPart(_ text: Substring) -> Bool {
        let atoms = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= localBytesMax
            && atoms.allSatisfy { atom in
                !atom.isEmpty
                    && atom.utf8.allSatisfy { isLetterOrDigit($0) || localSymbols.contains($0) }
            }
    }

    /// Two labels at least, the last of which is no number.
    static func isDomain(_ text: some StringProtocol) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, let last = labels.last, last.contains(where: \.isLetter) else {
            return false
        }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
        } && !ownNames.contains(last.lowercased())
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

/// Who mails come from: an address, and a name for people.
struct MailSender: Hashable, Sendable {
    static let nameBytesMax = 60

    var name = "Muster"
    var address: MailBox

    init(name: String = "Muster", address: MailBox) {
        self.name = name
        self.address = address
    }

    /// Reads `muster@example.org` or `Muster of Vienna <muster@example.org>`.
    init?(_ text: String) {
        guard let open = text.lastIndex(of: "<"), text.hasSuffix(">") else {
            guard let address = MailBox(text) else { return nil }
            self.init(address: address)
            return
        }
        var name = text[..<open]
        while name.last == " " { name.removeLast() }
        let inside = text[text.index(after: open)...].dropLast()
        guard let address = MailBox(String(inside)), !name.isEmpty,
            String(name).isPlainLine(bytesMax: Self.nameBytesMax)
        else { return nil }
        self.init(name: String(name), address: address)
    }
}
