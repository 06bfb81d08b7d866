import Host
import Model

/// A password, a key or an address in a file of its own.
enum SecretText {
    static let bytesMax = 4_096

    /// Its content without the end of its last line.
    ///
    /// - Throws: when others may read it, or it is no single line of text. Nothing of it is told.
    static func read(_ path: String) throws(HostError) -> String {
        let bytes = try DurableFile.readSecret(path, limit: bytesMax)
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw HostError("read secret", path: path, reason: "it is not UTF-8 text")
        }
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else {
            throw HostError(
                "read secret",
                path: path,
                reason: "it is empty; write the secret in it"
            )
        }
        guard text.isPlainLine(bytesMax: bytesMax) else {
            throw HostError(
                "read secret",
                path: path,
                reason: "it is more than one line; leave one line in it"
            )
        }
        return text
    }
}

extension String {
    /// What a server has said may hold what it was told: nothing of a secret is passed on.
    func without(_ secrets: [String]) -> String {
        var text = self
        for secret in secrets where secret.utf8.count >= 4 {
            text = text.replacing(secret, with: "…")
        }
        return text
    }

    /// At most so many bytes, whole characters; what is cut is shown by an ellipsis.
    func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var kept = ""
        var count = 3
        for character in self {
            count += character.utf8.count
            if count > limit { break }
            kept.append(character)
        }
        return kept + "…"
    }
}

extension Transfer.Login {
    /// - Returns: nil where the settings have none.
    /// - Throws: when the password's file cannot be read. Nothing of it is told.
    static func read(_ settings: NotifySettings.Login?) throws(HostError) -> Self? {
        guard let settings else { return nil }
        return Self(user: settings.user, password: try SecretText.read(settings.passwordFile))
    }
}
