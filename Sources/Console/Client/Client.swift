import API
import AsyncHTTPClient
import Foundation
import Model
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Synchronization

/// An answer, and the bytes it was read from.
struct Answer<Value: Decodable & Sendable>: Sendable {
    var value: Value
    /// When it was put together, by the controller's clock; ages are reckoned from it, so that a
    /// wrong clock on this machine makes no age wrong.
    var asOf: WallTime
    /// JSON, cleaned.
    var json: [UInt8]
    /// After so many seconds it is worth asking again, as the controller says.
    var retryAfter: UInt64?
}

/// Speaks to the controllers of one cluster.
final class Client: Sendable {
    /// The most an answer may hold: 16 MiB. A backup has no limit.
    static let answerSizeMax = 16 << 20
    static let connectTimeout = TimeAmount.seconds(5)
    static let answerTimeout = TimeAmount.seconds(30)

    let servers: [String]
    private let http: HTTPClient
    /// The one that answered last is asked first.
    private let preferred = Mutex(0)

    /// - Parameter silence: how long an answer may pause; nil for as long as it likes.
    init(
        servers: [String],
        identity: ClientIdentity,
        silence: TimeAmount? = nil
    ) throws(ConsoleError) {
        precondition(!servers.isEmpty, "a context has at least one server")
        self.servers = servers
        var configuration = HTTPClient.Configuration(tlsConfiguration: try identity.tls())
        configuration.timeout.connect = Self.connectTimeout
        configuration.timeout.read = silence
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutdown() async {
        try? await http.shutdown()
    }

    func get<Value: Decodable & Sendable>(
        _ path: String,
        query: [(String, String?)] = [],
        as type: Value.Type = Value.self
    ) async throws -> Answer<Value> {
        try await exchange(.GET, path, query, body: nil)
    }

    func send<Value: Decodable & Sendable>(
        _ route: Route,
        _ path: String?,
        _ body: some Encodable,
        as type: Value.Type = Value.self
    ) async throws -> Answer<Value> {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = [UInt8](try encoder.encode(body))
        let method = HTTPMethod(rawValue: route.method.rawValue)
        return try await exchange(method, path ?? route.path, [], body: bytes)
    }

    /// An answer that is a text for people: a report.
    func text(_ path: String, query: [(String, String?)] = []) async throws -> String {
        let response = try await request(.GET, path, query, [], nil, Self.answerTimeout)
        guard (200..<300).contains(response.status.code) else {
            throw try await Self.failure(of: response)
        }
        do {
            let buffer = try await response.body.collect(upTo: Self.answerSizeMax)
            // Outputs of programs are in it: nothing of them may steer the terminal.
            var rest: [UInt8] = []
            return OutputText.forTerminal(Array(buffer.readableBytesView), rest: &rest)
        } catch {
            throw ConsoleError(
                .failed,
                "the answer was cut short: \(ConnectionFailure(error).text)"
            )
        }
    }

    /// An answer whose body is taken as it comes: a stream of events, a backup.
    ///
    /// - Parameter path: the route's with its parameters, where it has any.
    func open(
        _ route: Route,
        path: String? = nil,
        query: [(String, String?)] = [],
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        lasting limit: TimeAmount
    ) async throws -> HTTPClientResponse {
        let method = HTTPMethod(rawValue: route.method.rawValue)
        let path = path ?? route.path
        let response = try await request(method, path, query, headers, body, limit)
        guard (200..<300).contains(response.status.code) else {
            throw try await Self.failure(of: response)
        }
        return response
    }

    private func exchange<Value: Decodable & Sendable>(
        _ method: HTTPMethod,
        _ path: String,
        _ query: [(String, String?)],
        body: [UInt8]?
    ) async throws -> Answer<Value> {
        let response = try await request(method, path, query, [], body, Self.answerTimeout)
        guard (200..<300).contains(response.status.code) else {
            throw try await Self.failure(of: response)
        }
        if method == .GET, response.headers.first(name: Route.notDurableHeader) != nil {
            Terminal.writeErrorLine(
                "the controller cannot write its journal: what is shown may not be durable"
            )
        }
        let json: [UInt8]
        do {
            let buffer = try await response.body.collect(upTo: Self.answerSizeMax)
            json = JSONCleaning.cleaned(Array(buffer.readableBytesView))
        } catch {
            throw ConsoleError(
                .failed,
                "the answer was cut short: \(ConnectionFailure(error).text)"
            )
        }
        do {
            let decoder = JSONDecoder()
            let data = Data(json)
            let stamp = (try? decoder.decode(Stamp.self, from: data))?.asOf
            return Answer(
                value: try decoder.decode(Value.self, from: data),
                asOf: stamp.flatMap { WallTime(iso8601: $0) } ?? TimeText.now(),
                json: json,
                retryAfter: Self.retryAfter(response)
            )
        } catch {
            throw ConsoleError(
                .failed,
                "the answer to \(method.rawValue) \(path) is not what this version of muster"
                    + " understands: \(Self.words(error))",
                hint: "compare the versions with `muster version`"
            )
        }
    }

    /// Asks the servers in turn. One that refuses the connection or is not active is passed over;
    /// a change that may have arrived is never sent twice.
    private func request(
        _ method: HTTPMethod,
        _ path: String,
        _ query: [(String, String?)],
        _ headers: [(String, String)],
        _ body: [UInt8]?,
        _ limit: TimeAmount
    ) async throws -> HTTPClientResponse {
        var failures: [(server: String, failure: ConnectionFailure)] = []
        var inactive: HTTPClientResponse?
        let first = preferred.withLock { $0 }
        for offset in servers.indices {
            let index = (first + offset) % servers.count
            var request = HTTPClientRequest(url: servers[index] + path + Self.queryText(query))
            request.method = method
            request.headers.add(name: "Accept", value: "*/*")
            request.headers.add(name: "User-Agent", value: "muster/\(Version.text)")
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            if let body {
                request.headers.add(name: "Content-Type", value: "application/json")
                request.body = .bytes(body)
            }
            do {
                let response = try await http.execute(request, timeout: limit)
                let isBusy = Self.retryAfter(response) != nil
                if response.status == .serviceUnavailable, !isBusy, servers.count > 1 {
                    inactive = response
                    continue
                }
                preferred.withLock { $0 = index }
                return response
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                let failure = ConnectionFailure(error)
                if failure.mayHaveArrived, method != .GET {
                    throw ConsoleError(
                        .failed,
                        "\(servers[index]): \(failure.text). It is not known whether the change"
                            + " was made",
                        hint: "look at `muster audit list` and `muster status` before trying again"
                    )
                }
                failures.append((servers[index], failure))
            }
        }
        if let inactive { return inactive }
        throw Self.unreachable(failures)
    }

    private struct Stamp: Decodable {
        var asOf: String?
    }

    private static func unreachable(
        _ failures: [(server: String, failure: ConnectionFailure)]
    ) -> ConsoleError {
        let lines = failures.map { "\($0.server): \($0.failure.text)" }
        if failures.contains(where: \.failure.isOurCredential) {
            return ConsoleError(
                .refused,
                (["the credential was not accepted"] + lines).joined(separator: "\n"),
                hint: "it may have been revoked or replaced: ask an admin for a token"
                    + " (`muster operator add`), then `muster login`"
            )
        }
        return ConsoleError(
            .unreachable,
            (["no controller answers"] + lines).joined(separator: "\n"),
            hint: "is muster-controller running there, and is the address right?"
                + " `muster context show` shows which servers are asked"
        )
    }

    private static func failure(of response: HTTPClientResponse) async throws -> ConsoleError {
        let buffer = try? await response.body.collect(upTo: 1 << 20)
        let json = JSONCleaning.cleaned(buffer.map { Array($0.readableBytesView) } ?? [])
        if let failure = try? JSONDecoder().decode(Failure.self, from: Data(json)) {
            var error = ConsoleError(failure)
            error.retryAfter = retryAfter(response)
            return error
        }
        return ConsoleError(
            response.status.code == 503 ? .unreachable : .failed,
            "the server answered \(response.status.code) without saying why",
            hint: "is a controller of Muster at this address?"
        )
    }

    private static func retryAfter(_ response: HTTPClientResponse) -> UInt64? {
        response.headers.first(name: "Retry-After").flatMap { UInt64($0) }
    }

    static func queryText(_ query: [(String, String?)]) -> String {
        let pairs = query.compactMap { name, value in
            value.map { "\(name)=\(PercentEncoding.encode($0))" }
        }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "there is no \(key.stringValue)"
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is not JSON"
                : "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is odd"
        default: "\(error)"
        }
    }
}

extension ConsoleError {
    /// What the controller said no with.
    init(_ failure: Failure) {
        let status: CommandStatus =
            switch failure.code {
            case "not-active": .unreachable
            case "storage", FailureCode.internal, FailureCode.notFound, "too-slow": .failed
            // There is no room now: it was turned away, and nothing has failed.
            case "busy": .refused
            default: failure.status >= 500 ? .failed : .refused
            }
        self.init(
            status,
            failure.detail.isEmpty ? failure.title : failure.detail,
            hint: failure.mend
        )
        code = failure.code
    }
}
