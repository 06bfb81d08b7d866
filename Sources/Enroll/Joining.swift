import AgentCore
import Glibc
import Host
import Identity
import Model
import NIOPosix
import Protocol
import Transport

/// Makes this node a member: finds the authority by the token's pin, and is let in by it.
///
/// Two connections, as docs/PROTOCOL.md has it. The first verifies nothing and sends nothing but
/// HELLO; what it brings is compared with the pin. The second trusts that root alone, and only on
/// it the token's secret is shown.
struct Joining {
    private static let software = "muster-agent-enroll"
    /// Of each answer.
    private static let answerTimeout: Duration = .seconds(10)

    let directory: CredentialDirectory
    let token: JoinToken
    let name: NodeName?
    let endpoints: [Endpoint]

    func run() async throws(Failure) -> MembershipRecord {
        try refuseMember()
        let key: KeyPair
        do throws(IdentityError) {
            try directory.create()
            key = try directory.pendingKey()
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var reasons: [String] = []
        for endpoint in endpoints {
            do throws(Failure) {
                return try await join(at: endpoint, key, group)
            } catch {
                guard error.code == ExitCode.unreachable else { throw error }
                reasons.append("\(endpoint): \(error.sentence)")
            }
        }
        throw Failure(
            ExitCode.unreachable,
            "no controller could be reached: \(reasons.joined(separator: "; "))",
            mend: "check the addresses, the network and that muster-controller runs; another "
                + "address is given with --controller"
        )
    }

    private func refuseMember() throws(Failure) {
        let present: Credential?
        do throws(IdentityError) {
            present = try directory.credential()
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
        guard let present else { return }
        throw Failure(
            ExitCode.refused,
            "\(directory.path) already holds the identity of \(present.identity.holder)",
            mend: "give another node another folder with --state; if this one was removed from "
                + "its cluster, move the folder away first"
        )
    }

    private func join(
        at endpoint: Endpoint,
        _ key: KeyPair,
        _ group: MultiThreadedEventLoopGroup
    ) async throws(Failure) -> MembershipRecord {
        let root = try await authority(at: endpoint, group)
        let conversation = try await Conversation.open(
            endpoint,
            .stranger(rootDER: root),
            group,
            timeout: Self.answerTimeout
        )
        defer { conversation.close() }
        conversation.send(hello)
        guard case .authority(let certificate, _, _) = try await conversation.answer(),
            Base64.decode(certificate) == root
        else {
            throw Failure(ExitCode.refused, "\(endpoint) shows two different authorities")
        }
        let request: [UInt8]
        do throws(IdentityError) {
            request = try SigningRequest.make(for: key)
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
        conversation.send(
            .enrol(Enrolment(token: token.text, request: Base64.encode(request), name: name))
        )
        switch try await conversation.answer() {
        case .enrolled(let enrolled): return try store(enrolled, key, root)
        case .error(let code, let text), .refused(_, let code, let text):
            throw refusal(code, text, endpoint)
        default: throw Failure(ExitCode.failed, "\(endpoint) answered what nobody asked for")
        }
    }

    private var hello: AgentMessage {
        .hello(Hello(speaker: .stranger, software: Self.software))
    }

    /// First contact: who claims to be the controller must show the root that the token pins, and
    /// a chain that leads to it.
    private func authority(
        at endpoint: Endpoint,
        _ group: MultiThreadedEventLoopGroup
    ) async throws(Failure) -> [UInt8] {
        let conversation = try await Conversation.open(
            endpoint,
            .pinOnly,
            group,
            timeout: Self.answerTimeout
        )
        defer { conversation.close() }
        conversation.send(hello)
        let answer = try await conversation.answer()
        if case .error(let code, let text) = answer { throw refusal(code, text, endpoint) }
        guard case .authority(let certificate, _, let wall) = answer,
            let root = Base64.decode(certificate)
        else {
            throw Failure(ExitCode.failed, "\(endpoint) answered what nobody asked for")
        }
        let now = WallClock.now()
        do throws(IdentityError) {
            guard try TrustPin(ofCertificateDER: root) == token.pin else {
                throw IdentityError(
                    .pinMismatch,
                    "\(endpoint) is not of the cluster that issued this token, or someone is "
                        + "between: nothing was sent"
                )
            }
            let chain = Array(conversation.chain.prefix(2))
            _ = try ChainVerifier.verify(
                chain: chain,
                roots: [root],
                at: now,
                expecting: .controller
            )
        } catch {
            let apart = now < wall ? wall - now : now - wall
            throw Failure(
                ExitCode.refused,
                error.sentence,
                mend: error.code == .pinMismatch
                    ? "check the addresses in the token, and make a new one if in doubt"
                    : "the clocks are \(apart.forPeople) apart: check time synchronisation here"
            )
        }
        return root
    }

    /// The root, then who we are, then the credential: it is the last one that makes a member, so
    /// that a crash in between leaves a node that can ask again with the same key.
    private func store(
        _ enrolled: Enrolled,
        _ key: KeyPair,
        _ root: [UInt8]
    ) throws(Failure) -> MembershipRecord {
        let record = MembershipRecord(
            identity: NodeIdentity(
                cluster: enrolled.cluster,
                node: enrolled.node,
                name: enrolled.name,
                site: enrolled.site
            ),
            controllers: endpoints.map(\.description)
        )
        guard let certificate = Base64.decode(enrolled.certificate),
            let issuer = Base64.decode(enrolled.issuer)
        else { throw Failure(ExitCode.failed, "the certificate that came is not base64") }
        do {
            let credential = try Credential(key: key, chain: [certificate, issuer])
            let peer = try ChainVerifier.verify(
                chain: credential.chain,
                roots: [root],
                at: WallClock.now(),
                expecting: .node,
                cluster: enrolled.cluster
            )
            guard case .node(_, enrolled.node) = peer.holder else {
                throw Failure(ExitCode.failed, "the certificate that came is another node's")
            }
            try directory.replaceRoots([root])
            try DurableFile.replace(
                "\(directory.path)/\(MembershipRecord.fileName)",
                with: record.lines.map { $0 + "\n" }.joined()
            )
            try directory.replace(credential)
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(ExitCode.failed, "\(error)", mend: "run the same command again")
        }
        return record
    }

    /// What the controller said, with its mend. A token that is spent is spent: the key made for
    /// it is forgotten only when nothing may be waiting for it.
    private func refusal(_ code: RefusalCode, _ text: String, _ endpoint: Endpoint) -> Failure {
        let said = text.isEmpty ? code.rawValue : "\(text) (\(code.rawValue))"
        switch code {
        case .notActive, .tooFast, .tooSlow, .storage, .notNow, .busy:
            return Failure(ExitCode.unreachable, said)
        case .badToken:
            return Failure(
                ExitCode.refused,
                said,
                mend: "make a new token for this node: muster token create"
            )
        case .duplicate:
            return Failure(
                ExitCode.refused,
                said,
                mend: "choose another name with --name, or remove the node that has it: muster "
                    + "node remove"
            )
        case .badLine, .badVerb, .version, .noCertificate, .badCertificate, .removed, .conflicted,
            .replaced, .nodeLimit, .staleToken, .unknownName, .forbidden, .clock, .confirmation,
            .invalid:
            return Failure(ExitCode.refused, "\(endpoint): \(said)")
        }
    }
}
