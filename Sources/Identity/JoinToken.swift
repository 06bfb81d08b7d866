import Digests
public import Host
public import Model

/// What a person carries to a new node, or an operator to a new console: enough to find the
/// controllers, to know them by their root, and to be let in once.
///
/// `mjt1.<id>.<secret>.<pin>.<addresses>`: the id has no dot; the secret is 256 bits and the
/// addresses a comma-separated list, both in base64url; the pin is that of the root
/// (``TrustPin``). Operators' tokens begin with `mot1`.
public struct JoinToken: Hashable, Sendable {
    /// Whom the token lets in.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case node = "mjt1"
        case `operator` = "mot1"
    }

    public static let secretLength = 32
    public static let addressesMax = 16
    /// Characters of a whole token.
    public static let textLengthMax = 1_024

    public let kind: Kind
    /// The public half: safe to log.
    public let id: JoinTokenID
    public let pin: TrustPin
    public let addresses: [ControllerAddress]
    private let secret: [UInt8]

    /// Makes a token.
    ///
    /// - Parameter secret: 32 unpredictable bytes.
    /// - Throws: `tokenUnreadable` when the id holds a dot, or there are no addresses or too many.
    public init(
        kind: Kind,
        id: JoinTokenID,
        secret: [UInt8] = RandomBytes.take(secretLength),
        pin: TrustPin,
        addresses: [ControllerAddress]
    ) throws(IdentityError) {
        precondition(secret.count == Self.secretLength, "a token's secret has 32 bytes")
        guard !id.text.contains(".") else {
            throw Self.unreadable("id (second part) holds a dot")
        }
        guard (1...Self.addressesMax).contains(addresses.count) else {
            throw Self.unreadable(
                "addresses (fifth part) are \(addresses.count), not 1 to \(Self.addressesMax)"
            )
        }
        self.kind = kind
        self.id = id
        self.secret = secret
        self.pin = pin
        self.addresses = addresses
        guard text.utf8.count <= Self.textLengthMax else {
            throw Self.unreadable("length exceeds \(Self.textLengthMax) characters")
        }
    }

    /// Reads a token; white space around it, as copying brings along, is passed over.
    ///
    /// - Throws: `tokenUnreadable` that names the broken part and repeats nothing of it.
    public init(_ text: String) throws(IdentityError) {
        let trimmed = Self.trimmed(text)
        guard trimmed.utf8.count <= Self.textLengthMax else {
            throw Self.unreadable("length exceeds \(Self.textLengthMax) characters")
        }
        let parts = trimmed.split(separator: ".", omittingEmptySubsequences: false)
        guard let kind = parts.first.flatMap({ Kind(rawValue: String($0)) }) else {
            throw Self.unreadable("beginning is neither mjt1 nor mot1")
        }
        guard parts.count == 5 else {
            throw Self.unreadable("parts are \(parts.count) instead of 5: it was cut or joined")
        }
        guard let id = JoinTokenID(String(parts[1])) else {
            throw Self.unreadable("id (second part) is broken")
        }
        guard let secret = Self.secretBytes(parts[2]) else {
            throw Self.unreadable("secret (third part) is broken")
        }
        guard let pin = TrustPin(parts[3]) else {
            throw Self.unreadable("pin (fourth part) is broken")
        }
        guard let bytes = Base64.decode(parts[4], alphabet: .url),
            let list = String(validating: bytes, as: UTF8.self)
        else {
            throw Self.unreadable("addresses (fifth part) are broken")
        }
        var addresses: [ControllerAddress] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false)
            .prefix(Self.addressesMax + 1)
        {
            guard let address = try? ControllerAddress(part) else {
                throw Self.unreadable("addresses (fifth part) hold one that is not host:port")
            }
            addresses.append(address)
        }
        try self.init(kind: kind, id: id, secret: secret, pin: pin, addresses: addresses)
    }

    /// The whole token. A secret.
    public var text: String {
        let list = addresses.map(\.description).joined(separator: ",")
        return [
            kind.rawValue, id.text, secretText, pin.text,
            Base64.encode(list.utf8, alphabet: .url),
        ].joined(separator: ".")
    }

    /// The secret in base64url, 43 characters: what the new node shows the controller.
    public var secretText: String { Base64.encode(secret, alphabet: .url) }

    /// SHA-256 of the secret's bytes in lower-case hexadecimal: what the controller keeps.
    public var secretHash: String { Digest(of: secret).hex }

    /// The hash of a secret as it comes over the wire, to be compared with the kept one.
    ///
    /// - Returns: nil when the text is not 43 characters of base64url for 32 bytes.
    public static func secretHash(ofSecretText text: String) -> String? {
        secretBytes(text).map { Digest(of: $0).hex }
    }

    private static func secretBytes(_ text: some StringProtocol) -> [UInt8]? {
        guard text.utf8.count == 43, let bytes = Base64.decode(text, alphabet: .url),
            bytes.count == secretLength
        else { return nil }
        return bytes
    }

    private static func trimmed(_ text: String) -> Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        let bytes = text.utf8
        guard let first = bytes.firstIndex(where: { !isSpace($0) }),
            let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return text[first...last]
    }

    private static func unreadable(_ what: String) -> IdentityError {
        IdentityError(.tokenUnreadable, "The token's \(what). Copy it again, or make a new one.")
    }
}

extension JoinToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Without the secret.
    public var description: String { "\(kind.rawValue) token \(id)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["id": id.text]) }
}
