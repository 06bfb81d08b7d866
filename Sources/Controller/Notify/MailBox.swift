import ControllerCore
import Model

/// An address to which mail can be sent over the network: `ops@example.org`.
struct MailBox: Hashable, Sendable, CustomStringConvertible {
    /// In ASCII, as it was written.
    let text: String
    let domain: String

    /// - Returns: nil for what ``MailAddress`` finds a problem of.
    init?(_ text: String) {
        guard MailAddress.problem(of: text) == nil, let at = text.firstIndex(of: "@") else {
            return nil
        }
        self.text = text
        domain = String(text[text.index(after: at)...])
    }

    var description: String { text }

    /// A name with a dot, and no address in brackets.
    static func isDomain(_ text: some StringProtocol) -> Bool {
        !text.hasPrefix("[") && MailAddress.problem(ofDomain: String(text)) == nil
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
