import API
import ControllerCore
import Digests
import Foundation
import Glibc
import HTTPTypes
import Host
import Hummingbird
import Identity
import Model
import NIOCore
import Protocol
import Store
import Transport

// Tokens, operators, certificates and backups.

extension ConsoleRoutes {
    /// A token whose secret is shown once, to the one who asked, and kept nowhere.
    func makeToken(
        _ kind: JoinToken.Kind,
        lifetime milliseconds: UInt64?
    ) throws -> (seed: TokenSeed, created: CreatedToken) {
        guard let id = JoinTokenID(UniqueID.make()) else { preconditionFailure("no UUID") }
        let standard: UInt64 = kind == .node ? 900_000 : 86_400_000
        let lifetime = Duration.milliseconds(
            Int64(min(milliseconds ?? standard, 864_000_000_000))
        )
        let endpoints =
            kind == .node
            ? server.agentEndpoints.map(\.description)
            : server.configuration.consoleURLs.map { String($0.dropFirst("https://".count)) }
        let token = try JoinToken(
            kind: kind,
            id: id,
            pin: try server.office.pin(),
            addresses: try endpoints.map { try ControllerAddress($0) }
        )
        let now = DriverLoop.moment().wall
        return (
            TokenSeed(id: id, secretHash: token.secretHash, lifetime: lifetime),
            CreatedToken(
                asOf: now.iso8601,
                id: id.text,
                token: token.text,
                expiresAt: (now + lifetime).iso8601,
                addresses: endpoints
            )
        )
    }

    func createToken(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: CreateTokenRequest.self)
        let site = try body.site.map { text throws(API.Failure) in
            try ConsoleRequest.name(text, as: SiteKind.self)
        }
        let node = try body.node.map { text throws(API.Failure) in
            try ConsoleRequest.name(text, as: NodeNameKind.self)
        }
        let made = try makeToken(.node, lifetime: body.lifetimeMilliseconds)
        _ = try await perform(.createToken(made.seed, site: site, node: node), body, request)
        return try ConsoleAnswer.json(made.created, status: .created)
    }

    func revokeToken(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let id = try request.name("id", as: JoinTokenKind.self)
        return try await change(.revokeToken(id), body, request)
    }

    func addOperator(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: AddOperatorRequest.self)
        let name = try ConsoleRequest.name(body.name, as: OperatorKind.self)
        guard let role = OperatorRole(rawValue: body.role) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "role is not viewer, operator or admin"
            )
        }
        let made = try makeToken(.operator, lifetime: body.lifetimeMilliseconds)
        _ = try await perform(.addOperator(name, role, token: made.seed), body, request)
        let account = await driver.read { machine, _ in
            machine.operators[name].map { OperatorSummary($0) }
        }
        guard let account else {
            throw API.Failure(
                code: RefusalCode.notNow.rawValue,
                detail: "operator \(name) was removed meanwhile"
            )
        }
        return try ConsoleAnswer.json(
            AddedOperator(asOf: made.created.asOf, account: account, token: made.created),
            status: .created
        )
    }

    func removeOperator(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        let name = try request.name("name", as: OperatorKind.self)
        return try await change(.removeOperator(name), body, request)
    }

    // MARK: Certificates

    func authority() throws -> Response {
        try ConsoleAnswer.json(
            Authority(
                cluster: server.office.cluster.text,
                root: Base64.encode(server.office.rootDER)
            )
        )
    }

    func enrolOperator(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: EnrolRequest.self)
        guard let id = JoinTokenID(body.tokenID),
            let hash = JoinToken.secretHash(ofSecretText: body.secret)
        else {
            throw API.Failure(
                code: RefusalCode.badToken.rawValue,
                detail: "this token is not valid",
                mend: "copy it again, or ask an admin for a new one"
            )
        }
        let refused = await server.enrolments.refusal(
            of: id,
            secretHash: hash,
            purpose: .operatorAccount,
            source: request.context.source
        )
        if let refused { throw API.Failure(refused) }
        let key = try accept(body.signingRequest)
        let outcome = await driver.perform { number in
            .signingRequested(
                nil,
                ControllerCore.SigningRequest(
                    purpose: .enrolOperator(number, token: id, secretHash: hash),
                    key: key
                )
            )
        }
        return try await handOver(outcome, key: key)
    }

    func renewOperator(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: RenewRequest.self)
        let caller = caller(request)
        guard server.renewals.take(caller.name) != nil else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail: "the certificate of \(caller.name) is renewed again and again",
                mend: "try again in a few seconds; one renewal in its life is enough"
            )
        }
        let key = try accept(body.signingRequest)
        let outcome = await driver.perform { number in
            .signingRequested(
                nil,
                ControllerCore.SigningRequest(
                    purpose: .renewOperator(number, caller),
                    key: key
                )
            )
        }
        return try await handOver(outcome, key: key)
    }

    private func accept(_ request: String) throws -> KeyFingerprint {
        do {
            return try server.office.accept(request: request)
        } catch {
            throw API.Failure(code: RefusalCode.invalid.rawValue, detail: error.sentence)
        }
    }

    private func handOver(_ outcome: Reply.Outcome, key: KeyFingerprint) async throws -> Response {
        switch outcome {
        case .refused(let refused): throw API.Failure(refused)
        case .done, .preflightStarted, .runStarted, .tasks, .texts:
            throw API.Failure(code: API.FailureCode.internal, detail: "an unexpected reply")
        case .certificate(let issued):
            let servers = server.configuration.consoleURLs
            let answer = await driver.read { machine, now -> OperatorCertificate? in
                guard let account = machine.operators.values.first(where: { $0.key == key }) else {
                    return nil
                }
                return OperatorCertificate(
                    asOf: now.wall.iso8601,
                    cluster: StatusView.identity(machine.cluster),
                    operatorName: account.name.text,
                    role: account.role.rawValue,
                    certificate: issued.certificate,
                    issuer: issued.issuer,
                    notAfter: issued.notAfter.iso8601,
                    servers: servers
                )
            }
            guard let answer else {
                throw API.Failure(
                    code: RefusalCode.notNow.rawValue,
                    detail: "the operator was removed meanwhile"
                )
            }
            return try ConsoleAnswer.json(answer, status: .created)
        }
    }

    // MARK: Backup

    /// The backup is made beside the store, checked there, and sent; nothing of it is left behind.
    func makeBackup(_ request: ConsoleRequest) async throws -> Response {
        let body = try request.body(as: PlainChange.self)
        _ = try await perform(.backup(path: "to \(caller(request).source)"), body, request)
        let path = server.configuration.stateDirectory + "/backup-\(UniqueID.make())"
        let store = server.store
        defer { unlink(path) }
        let data = try await Task.detached {
            _ = try store.backup(to: path, at: WallClock.now())
            return try Data(contentsOf: URL(fileURLWithPath: path))
        }.value
        var headers: HTTPFields = [.contentType: BackupAnswer.contentType]
        headers[HTTPField.Name(BackupAnswer.digestHeader)!] = Digest(of: data).hex
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data))
        )
    }
}
