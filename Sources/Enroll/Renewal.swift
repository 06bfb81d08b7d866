import Host
import Identity
import Model

/// A new key and certificate for a node that is a member, in two steps around the agent's session.
struct Renewal {
    let directory: CredentialDirectory

    /// Makes (or takes up again) the next key.
    ///
    /// - Returns: a signing request for it, DER in base64.
    func request() throws(Failure) -> String {
        do throws(IdentityError) {
            guard try directory.credential() != nil else { throw notMember }
            return Base64.encode(try SigningRequest.make(for: try directory.pendingKey()))
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
    }

    /// Replaces key and certificate together, durably.
    func install(certificate: String, issuer: String) throws(Failure) {
        guard let leaf = Base64.decode(certificate), let issuing = Base64.decode(issuer) else {
            throw Failure(ExitCode.failed, "the certificates are not base64")
        }
        do throws(IdentityError) {
            guard let present = try directory.credential(), let roots = try directory.roots()
            else { throw notMember }
            let renewed = try Credential(key: try directory.pendingKey(), chain: [leaf, issuing])
            let peer = try ChainVerifier.verify(
                chain: renewed.chain,
                roots: roots,
                at: WallClock.now(),
                expecting: .node,
                cluster: present.identity.cluster
            )
            guard peer.holder == present.identity.holder else {
                throw IdentityError(.wrongRole, "the certificate is for \(peer.holder)")
            }
            try directory.replace(renewed)
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
    }

    private var notMember: IdentityError {
        IdentityError(
            .fileUnreadable,
            "\(directory.path) holds no credential: this node is not a member of a cluster"
        )
    }
}
