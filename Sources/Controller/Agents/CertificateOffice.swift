import ControllerCore
import Host
import Identity
import Logging
import Model
import Protocol
import Synchronization

/// The controller's identities: the authority that signs, the roots that are believed, and the
/// controller's own certificate.
final class CertificateOffice: Sendable {
    /// How long what is issued lives.
    struct Lifetimes: Hashable, Sendable {
        var node: Duration = .seconds(7 * 86_400)
        var operatorAccount: Duration = .seconds(30 * 86_400)
        var controller: Duration = .seconds(90 * 86_400)
    }

    private struct State {
        var authority: CertificateAuthority
        var roots: [[UInt8]]
        /// Keys of requests that wait for their certificate, by fingerprint; bounded.
        var keys: [(fingerprint: String, key: PublicKey)] = []
    }

    private static let keysMax = 1_024

    let directory: CredentialDirectory
    let cluster: ClusterID
    private let lifetimes: Lifetimes
    private let state: Mutex<State>

    /// - Throws: ``IdentityError`` when the directory has no authority or it is unreadable.
    init(directory: CredentialDirectory, lifetimes: Lifetimes) throws(IdentityError) {
        guard let authority = try directory.authority() else {
            throw IdentityError(
                .fileUnreadable,
                "\(directory.authorityPath) is missing: restore the folder from its backup, or "
                    + "make a cluster with muster-controller init."
            )
        }
        self.directory = directory
        self.lifetimes = lifetimes
        cluster = authority.cluster
        let roots = try directory.roots() ?? [authority.root]
        state = Mutex(State(authority: authority, roots: roots))
    }

    var rootDER: [UInt8] { state.withLock { $0.authority.root } }

    /// When nothing can be signed any more.
    var authorityNotAfter: WallTime { state.withLock { $0.authority.notAfter } }

    /// How long that is in all.
    var authorityLife: Duration {
        state.withLock { $0.authority.notAfter - $0.authority.notBefore }
    }

    var issuerDER: [UInt8] { state.withLock { $0.authority.issuing } }

    var roots: [[UInt8]] { state.withLock { $0.roots } }

    func pin() throws(IdentityError) -> TrustPin {
        let authority = state.withLock { $0.authority }
        return try authority.pin
    }

    /// Says who a chain of certificates speaks for. Called on event loops; does not wait.
    func judge(_ chain: [[UInt8]], expecting role: Role) throws(IdentityError) -> PeerIdentity {
        try ChainVerifier.verify(
            chain: chain,
            roots: roots,
            at: WallClock.now(),
            expecting: role,
            cluster: cluster
        )
    }

    /// Checks a signing request and keeps its key until the certificate is signed.
    ///
    /// - Parameter text: DER in base64.
    func accept(request text: String) throws(IdentityError) -> KeyFingerprint {
        guard let der = Base64.decode(text) else {
            throw IdentityError(.requestUnreadable, "The signing request is not base64.")
        }
        let key = try SigningRequest.verify(der)
        let fingerprint = key.fingerprint
        state.withLock { state in
            state.keys.removeAll { $0.fingerprint == fingerprint }
            state.keys.append((fingerprint, key))
            if state.keys.count > Self.keysMax { state.keys.removeFirst() }
        }
        return KeyFingerprint(fingerprint)
    }

    /// Signs at the machine's order.
    ///
    /// - Returns: nil when the authority cannot sign now; the reason is logged.
    func certify(_ order: CertificateOrder, log: Logger) -> ControllerCore.IssuedCertificate? {
        let found = state.withLock { state in
            (
                state.authority,
                state.keys.first { $0.fingerprint == order.key.text }?.key
            )
        }
        guard let key = found.1 else {
            log.error("The key of a signing request is no longer known")
            return nil
        }
        let subject: CertificateAuthority.Subject
        let lifetime: Duration
        switch order.subject {
        case .node(let node): (subject, lifetime) = (.node(node), lifetimes.node)
        case .operatorNamed(let name):
            (subject, lifetime) = (.operator(name), lifetimes.operatorAccount)
        }
        do {
            let issued = try found.0.issue(
                for: subject,
                publicKey: key,
                at: WallClock.now(),
                lifetime: lifetime
            )
            return ControllerCore.IssuedCertificate(
                serial: issued.serial,
                notAfter: issued.notAfter,
                certificate: Base64.encode(issued.der),
                issuer: Base64.encode(found.0.issuing)
            )
        } catch {
            log.critical("The authority cannot sign", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// The controller's own credential: what is stored while it has more than a third of its life
    /// left and names every address, else a new one, stored first.
    func ownCredential(names: [String]) throws(IdentityError) -> Credential {
        let now = WallClock.now()
        if let stored = try? directory.credential(), isGood(stored, at: now, names: names) {
            return stored
        }
        let key = KeyPair.make()
        let authority = state.withLock { $0.authority }
        let issued = try authority.issue(
            for: .controller(id: "controller-1", names: names),
            publicKey: key.publicKey,
            at: now,
            lifetime: lifetimes.controller
        )
        let credential = try Credential(
            key: key,
            chain: [issued.der, authority.issuing, authority.root]
        )
        try directory.replace(credential)
        try DurableNames.write(names, beside: directory)
        return credential
    }

    private func isGood(_ credential: Credential, at now: WallTime, names: [String]) -> Bool {
        let life = credential.identity.notAfter - credential.identity.notBefore
        let left = credential.identity.notAfter - now
        return left.nanoseconds > life.nanoseconds / 3
            && DurableNames.read(beside: directory) == names
    }

    /// When ``ownCredential(names:)`` is to be asked again.
    func renewalDue(of credential: Credential) -> Duration {
        let identity = credential.identity
        let life = identity.notAfter - identity.notBefore
        let due = identity.notAfter - WallClock.now() - .nanoseconds(life.nanoseconds / 3)
        return max(due, .seconds(60))
    }
}

/// The names in the controller's certificate, so that a changed configuration is noticed.
enum DurableNames {
    private static func path(_ directory: CredentialDirectory) -> String {
        directory.path + "/names"
    }

    static func write(_ names: [String], beside directory: CredentialDirectory)
        throws(IdentityError)
    {
        do {
            try DurableFile.replace(
                path(directory),
                with: Array(names.joined(separator: "\n").utf8),
                mode: 0o644
            )
        } catch {
            throw IdentityError(.fileUnwritable, "\(error)")
        }
    }

    static func read(beside directory: CredentialDirectory) -> [String]? {
        guard let bytes = try? DurableFile.readIfPresent(path(directory), limit: 16_384) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
