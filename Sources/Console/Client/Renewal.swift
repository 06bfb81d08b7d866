import API
import Foundation
import Host
import Identity
import Model

/// Gets the operator's next certificate in good time.
enum Renewal {
    /// Silent and by best effort: the command at hand has done its work, and the next one tries
    /// again.
    static func renewIfDue(_ session: Session, _ identity: ClientIdentity, at now: WallTime) async {
        guard let credential = identity.credential else { return }
        let due = RenewalTime.at(
            notBefore: credential.identity.notBefore,
            notAfter: credential.identity.notAfter,
            seed: 1_000
        )
        guard now >= due else { return }
        let directory = CredentialDirectory(path: session.context.credential)
        // Two commands at once must not both replace the credential.
        guard
            let lock = try? InstanceLock(
                taking: "\(directory.path)/.renewal-lock",
                owner: "muster"
            )
        else { return }
        try? await renew(session.client, directory)
        withExtendedLifetime(lock) {}
    }

    private static func renew(_ client: Client, _ directory: CredentialDirectory) async throws {
        let key = try directory.pendingKey()
        let request = Data(try SigningRequest.make(for: key)).base64EncodedString()
        let answer: Answer<OperatorCertificate> = try await client.send(
            .renewOperator,
            nil,
            RenewRequest(signingRequest: request)
        )
        try directory.replace(try answer.value.credential(for: key))
    }
}

extension OperatorCertificate {
    /// The credential made of a key and the certificate for it.
    func credential(for key: KeyPair) throws -> Credential {
        guard let leaf = Data(base64Encoded: certificate), let above = Data(base64Encoded: issuer)
        else { throw ConsoleError(.failed, "the controller's certificate is not base64") }
        return try Credential(key: key, chain: [Array(leaf), Array(above)])
    }
}
