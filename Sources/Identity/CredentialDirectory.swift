import Glibc
import Host

/// Where a node, a controller or an operator's console keeps who it is.
///
/// | file | mode | content |
/// | --- | --- | --- |
/// | `credential.pem` | 0600 | private key, leaf, issuing certificate, replaced as one |
/// | `ca.pem` | 0644 | the trusted roots |
/// | `pending-key.pem` | 0600 | the key of a request that has no answer yet |
/// | `authority.pem` | 0600 | controllers only: issuing key, issuing and root certificate |
/// | `root.pem` | 0600 | root key and certificate; may be taken away to a safe place |
/// | `audit-key.pem` | 0600 | controllers only: signs checkpoints of the audit log |
/// | `audit-key.pub` | 0644 | its public half, in PEM |
///
/// Every file is replaced atomically and durably. Secrets that others may read are refused.
public struct CredentialDirectory: Sendable {
    public let path: String

    /// - Parameter path: an absolute path. Nothing is touched yet.
    public init(path: String) {
        self.path = path
    }

    public var credentialPath: String { "\(path)/credential.pem" }
    public var rootsPath: String { "\(path)/ca.pem" }
    public var pendingKeyPath: String { "\(path)/pending-key.pem" }
    public var authorityPath: String { "\(path)/authority.pem" }
    public var auditKeyPath: String { "\(path)/audit-key.pem" }
    public var auditPublicKeyPath: String { "\(path)/audit-key.pub" }
    public var rootAuthorityPath: String { "\(path)/root.pem" }

    /// Makes the folder (mode 0700) if it is missing.
    public func create() throws(IdentityError) {
        do {
            try DurableFile.makeFolder(path, mode: 0o700)
        } catch {
            throw IdentityError(.fileUnwritable, "\(error)")
        }
    }

    /// - Returns: nil when there is none yet.
    /// - Throws: ``IdentityError`` when it is unreadable, readable by others, or its parts do not
    ///   match.
    public func credential() throws(IdentityError) -> Credential? {
        guard let text = try readSecret(credentialPath) else { return nil }
        return try Credential(pem: text)
    }

    /// Replaces key and certificates together, and forgets the pending key if it is this one.
    public func replace(_ credential: Credential) throws(IdentityError) {
        try write(credential.pem, to: credentialPath, mode: 0o600)
        if let pending = try readSecret(pendingKeyPath),
            try KeyPair(pem: pending).publicKey == credential.key.publicKey
        {
            try remove(pendingKeyPath)
        }
    }

    /// DER of the trusted roots.
    ///
    /// - Returns: nil when there is no such file.
    public func roots() throws(IdentityError) -> [[UInt8]]? {
        let bytes: [UInt8]?
        do {
            bytes = try DurableFile.readIfPresent(rootsPath, limit: PEM.textLengthMax)
        } catch {
            throw IdentityError(.fileUnreadable, "\(error)")
        }
        guard let bytes else { return nil }
        return try PEM.certificates(in: text(bytes, rootsPath))
    }

    /// Replaces the trusted roots.
    public func replaceRoots(_ roots: [[UInt8]]) throws(IdentityError) {
        try write(PEM.certificates(roots), to: rootsPath, mode: 0o644)
    }

    /// The key for the next request: the pending one, or a new one that is stored first.
    ///
    /// A request that is sent again after a lost answer must be for the same key, because a token
    /// that was used with one key is refused with another.
    public func pendingKey() throws(IdentityError) -> KeyPair {
        if let text = try readSecret(pendingKeyPath) { return try KeyPair(pem: text) }
        let key = KeyPair.make()
        try write(key.pem, to: pendingKeyPath, mode: 0o600)
        return key
    }

    /// Forgets the pending key: the request was refused for good.
    public func discardPendingKey() throws(IdentityError) {
        try remove(pendingKeyPath)
    }

    /// - Returns: nil when this is not a controller's directory.
    public func authority() throws(IdentityError) -> CertificateAuthority? {
        guard let text = try readSecret(authorityPath) else { return nil }
        return try CertificateAuthority(pem: text)
    }

    public func replace(_ authority: CertificateAuthority) throws(IdentityError) {
        try write(authority.pem, to: authorityPath, mode: 0o600)
    }

    /// The key that signs checkpoints of the audit log; made, with its public half, when there is
    /// none.
    public func auditKey() throws(IdentityError) -> KeyPair {
        if let text = try readSecret(auditKeyPath) { return try KeyPair(pem: text) }
        let key = KeyPair.make()
        try write(key.publicKey.pem, to: auditPublicKeyPath, mode: 0o644)
        try write(key.pem, to: auditKeyPath, mode: 0o600)
        return key
    }

    /// - Returns: nil when the root's key is kept elsewhere.
    public func rootAuthority() throws(IdentityError) -> RootAuthority? {
        guard let text = try readSecret(rootAuthorityPath) else { return nil }
        return try RootAuthority(pem: text)
    }

    public func replace(_ root: RootAuthority) throws(IdentityError) {
        try write(root.pem, to: rootAuthorityPath, mode: 0o600)
    }
}

extension CredentialDirectory {
    private func readSecret(_ path: String) throws(IdentityError) -> String? {
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try DurableFile.readSecret(path, limit: PEM.textLengthMax)
        } catch {
            if error.code == ENOENT { return nil }
            throw IdentityError(error.code == 0 ? .filePermissions : .fileUnreadable, "\(error)")
        }
        return try text(bytes, path)
    }

    private func text(_ bytes: [UInt8], _ path: String) throws(IdentityError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw IdentityError(.pemUnreadable, "\(path) is not text in UTF-8.")
        }
        return text
    }

    private func write(_ text: String, to path: String, mode: mode_t) throws(IdentityError) {
        do {
            try DurableFile.replace(path, with: text, mode: mode)
        } catch {
            throw IdentityError(.fileUnwritable, "\(error)")
        }
    }

    private func remove(_ path: String) throws(IdentityError) {
        do {
            try DurableFile.remove(path)
        } catch {
            throw IdentityError(.fileUnwritable, "\(error)")
        }
    }
}
