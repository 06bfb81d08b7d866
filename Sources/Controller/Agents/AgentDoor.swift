import ControllerCore
import Host
import Identity
import Logging
import Model
import NIOCore
import Protocol
import Synchronization
import Transport

/// Between the agents' wire and the machine: tells the driver what is said, and answers by itself
/// only what is no decision (the authority's certificate, a message that cannot be read).
final class AgentDoor: Sendable {
    private let office: CertificateOffice
    private let driver: Driver
    private let log: Logger
    /// Set once, before the first connection.
    private let server = Mutex<LineServer?>(nil)
    private let enrolments: EnrolmentGate
    /// Connections that have said HELLO as strangers.
    private let strangers = Mutex<Set<UInt64>>([])

    init(office: CertificateOffice, driver: Driver, log: Logger) {
        self.office = office
        self.driver = driver
        self.log = log
        enrolments = EnrolmentGate(driver: driver)
    }

    func open(
        on endpoints: [Endpoint],
        credential: Credential,
        settings: LineServerSettings,
        group: any EventLoopGroup
    ) async throws(TransportError) -> LineServer {
        let server = try await LineServer.start(
            on: endpoints,
            credentials: Self.transport(credential),
            settings: settings,
            group: group,
            judge: { [office] chain in Self.judge(chain, office) },
            sink: { [self] event in receive(event) }
        )
        self.server.withLock { $0 = server }
        return server
    }

    static func transport(_ credential: Credential) -> TransportCredentials {
        TransportCredentials(
            chainPEM: credential.certificatesPEM,
            keyPEM: credential.key.pem
        )
    }

    private static func judge(_ chain: [[UInt8]], _ office: CertificateOffice) -> PeerVerdict {
        do {
            let peer = try office.judge(chain, expecting: .node)
            guard case .node(let cluster, let node) = peer.holder else {
                return .refuse(code: .badCertificate, text: "this is not a node's certificate")
            }
            return .accept(
                NodeCredential(
                    cluster: cluster,
                    node: node,
                    fingerprint: peer.fingerprint,
                    serial: peer.serial,
                    notAfter: peer.notAfter
                )
            )
        } catch {
            return .refuse(code: .badCertificate, text: error.sentence)
        }
    }

    // MARK: From the wire

    private func receive(_ event: ServerEvent) {
        switch event {
        case .opened(let id, let peer, let address):
            let who: Peer =
                switch peer {
                case .stranger: .stranger
                case .node(let credential):
                    .node(credential.node, key: KeyFingerprint(credential.fingerprint))
                }
            driver.put(.connected(core(id), who, address: address))
        case .line(let id, let line): receive(line, from: id)
        case .closed(let id, let reason):
            strangers.withLock { _ = $0.remove(id.number) }
            driver.put(.disconnected(core(id), Self.disconnection(reason)))
        }
    }

    private func core(_ id: Transport.ConnectionID) -> ControllerCore.ConnectionID {
        ControllerCore.ConnectionID(id.number)
    }

    private func receive(_ line: Line, from id: Transport.ConnectionID) {
        let message: AgentMessage
        do throws(MessageError) {
            message = try AgentMessage(line)
        } catch {
            let code: RefusalCode = error == .unknownVerb ? .badVerb : .badLine
            return refuse(id, code, error.sentence)
        }
        switch message {
        case .hello(let hello) where hello.speaker == .stranger:
            greetStranger(message, id)
        case .enrol(let enrolment): enrol(enrolment, id)
        case .renew(let request):
            do throws(IdentityError) {
                let key = try office.accept(request: request)
                driver.put(
                    .signingRequested(
                        core(id),
                        ControllerCore.SigningRequest(purpose: .renewNode, key: key)
                    ),
                    line: core(id)
                )
            } catch {
                refuse(id, .invalid, error.sentence)
            }
        case .work(.submit(let submission)):
            do throws(Refused) {
                try driver.submit(submission, line: core(id))
            } catch {
                // The pieces of its payload may follow; the machine passes over them.
                send([submission.declined(error, to: core(id))])
                taken(core(id))
            }
        default:
            driver.put(
                .received(core(id), message, fresh: Hex.encode(RandomBytes.take(16))),
                line: core(id)
            )
        }
    }

    /// A stranger is told the authority's certificate, to check a pin against; the machine only
    /// notes that the connection has been greeted.
    private func greetStranger(_ message: AgentMessage, _ id: Transport.ConnectionID) {
        let isFirst = strangers.withLock { $0.insert(id.number).inserted }
        driver.put(.received(core(id), message, fresh: ""), line: core(id))
        guard isFirst else { return }
        let answer = ControllerMessage.authority(
            certificate: Base64.encode(office.rootDER),
            cluster: office.cluster,
            wall: WallClock.now()
        )
        server.withLock { $0 }?.send([answer.line], to: id)
    }

    private func enrol(_ enrolment: Enrolment, _ id: Transport.ConnectionID) {
        let token: JoinToken
        do throws(IdentityError) {
            token = try JoinToken(enrolment.token)
        } catch {
            return refuse(id, error.code == .tokenUnreadable ? .badToken : .invalid, error.sentence)
        }
        guard token.kind == .node else {
            return refuse(id, .badToken, "this is an operator's token; a node's begins mjt1")
        }
        Task { await enrol(token, enrolment, id) }
    }

    /// The token is looked at first: only who has a good one has us check a signature and keep a key.
    private func enrol(
        _ token: JoinToken,
        _ enrolment: Enrolment,
        _ id: Transport.ConnectionID
    ) async {
        let refused = await enrolments.refusal(
            of: token.id,
            secretHash: token.secretHash,
            purpose: .node,
            source: ""
        )
        if let refused { return refuse(id, refused.code, refused.text) }
        do throws(IdentityError) {
            let key = try office.accept(request: enrolment.request)
            driver.put(
                .signingRequested(
                    core(id),
                    ControllerCore.SigningRequest(
                        purpose: .enrolNode(
                            token: token.id,
                            secretHash: token.secretHash,
                            name: enrolment.name,
                            fresh: NodeID(UniqueID.make())!
                        ),
                        key: key
                    )
                ),
                line: core(id)
            )
        } catch {
            refuse(id, .invalid, error.sentence)
        }
    }

    private func refuse(_ id: Transport.ConnectionID, _ code: RefusalCode, _ text: String) {
        driver.meters.refused(code)
        server.withLock { $0 }?
            .close(id, after: ControllerMessage.error(code: code, text: text).line)
    }

    private static func disconnection(_ reason: CloseReason) -> DisconnectReason {
        switch reason {
        case .eof, .reset, .handshakeFailed, .wrongProtocol: .closedByPeer
        case .lost: .timedOut
        case .badLine: .closedByUs(.badLine)
        case .tooFast, .tooManyStrangers, .tooManyOfAddress, .tooManyMembers: .closedByUs(.tooFast)
        case .handshakeTimeout, .firstLineTimeout, .lineTimeout, .idle, .slow: .closedByUs(.tooSlow)
        case .badCertificate: .closedByUs(.badCertificate)
        case .owner, .shutdown: .closedByUs(.notActive)
        }
    }

    // MARK: To the wire

    func send(_ sends: [Send]) {
        guard let server = server.withLock({ $0 }) else { return }
        // What goes to one connection is written in one go.
        var lines: [Line] = []
        for (index, send) in sends.enumerated() {
            lines.append(send.message.line)
            let isLast =
                index + 1 == sends.count || sends[index + 1].connection != send.connection
            guard isLast else { continue }
            server.send(lines, to: .init(number: send.connection.number))
            lines.removeAll(keepingCapacity: true)
        }
    }

    func close(_ close: Close) {
        server.withLock { $0 }?.close(.init(number: close.connection.number))
    }

    func taken(_ connection: ControllerCore.ConnectionID) {
        server.withLock { $0 }?.taken(1, from: .init(number: connection.number))
    }
}

/// Random UUIDs (RFC 9562, version 4) in lower case: identities of clusters, nodes and tokens.
enum UniqueID {
    static func make() -> String {
        var bytes = RandomBytes.take(16)
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = Array(Hex.encode(bytes))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
            .map { String(hex[$0]) }
            .joined(separator: "-")
    }
}
