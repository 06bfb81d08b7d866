import Identity
import Model
import NIOCore
import NIOSSL

/// Who we are to the servers, and whom we believe.
struct ClientIdentity: Sendable {
    /// Nil at first contact, when there is only a token.
    var credential: Credential?
    /// DER of the trusted roots; nil only to fetch what a pin is then held against.
    var roots: [[UInt8]]?

    /// - Throws: a ``ConsoleError`` when the folder's content is unusable or the certificate has
    ///   ended.
    static func load(
        _ context: Context,
        at now: WallTime
    ) throws(ConsoleError) -> ClientIdentity {
        let directory = CredentialDirectory(path: context.credential)
        let credential: Credential?
        let roots: [[UInt8]]?
        do {
            credential = try directory.credential()
            roots = try directory.roots()
        } catch {
            throw ConsoleError(.failed, "the credential of context \(context.name): \(error)")
        }
        guard let credential else {
            throw ConsoleError(
                .failed,
                "\(directory.credentialPath) does not exist",
                hint: "get a token from an admin (`muster operator add`), then `muster login`"
            )
        }
        guard let roots else {
            throw ConsoleError(.failed, "\(directory.rootsPath) does not exist")
        }
        guard credential.identity.notAfter > now else {
            let ended = now.milliseconds - credential.identity.notAfter.milliseconds
            throw ConsoleError(
                .refused,
                "the credential of context \(context.name) ended"
                    + " \(DurationText.text(milliseconds: ended)) ago",
                hint: "get a new token from an admin (`muster operator add`), then `muster login`;"
                    + " or on a controller's machine: `muster-controller credential`"
            )
        }
        return ClientIdentity(credential: credential, roots: roots)
    }

    func tls() throws(ConsoleError) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.shutdownTimeout = .milliseconds(200)
        do {
            if let roots {
                configuration.certificateVerification = .fullVerification
                configuration.trustRoots = .certificates(
                    try roots.map { try NIOSSLCertificate(bytes: $0, format: .der) }
                )
            } else {
                configuration.certificateVerification = .none
            }
            if let credential {
                configuration.certificateChain = try credential.chain.map {
                    .certificate(try NIOSSLCertificate(bytes: $0, format: .der))
                }
                configuration.privateKey = .privateKey(
                    try NIOSSLPrivateKey(bytes: Array(credential.key.pem.utf8), format: .pem)
                )
            }
        } catch {
            throw ConsoleError(.failed, "the credential cannot be used: \(error)")
        }
        return configuration
    }
}
