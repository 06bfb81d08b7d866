import API
import ControllerCore
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Model
import NIOCore
import Protocol

/// One request of a known route, with who asks.
struct ConsoleRequest: Sendable {
    let request: Request
    let context: ConsoleContext
    /// Nil when no certificate was shown, or it is not an operator's.
    let caller: Caller?
    let peer: PeerIdentity?
    /// The body, for requests that change something.
    var bytes: [UInt8] = []

    func parameter(_ name: String) throws(API.Failure) -> String {
        guard let value = context.parameters.get(name) else {
            throw API.Failure(code: API.FailureCode.notFound, detail: "the path is not complete")
        }
        return value
    }

    func name<Kind>(_ parameter: String, as kind: Kind.Type) throws(API.Failure)
        -> Identifier<Kind>
    {
        try Self.name(try self.parameter(parameter), as: kind)
    }

    static func name<Kind>(
        _ text: String,
        as kind: Kind.Type
    ) throws(API.Failure) -> Identifier<Kind> {
        guard let name = Identifier<Kind>(text) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "\(text) is not a name",
                mend: "a name is 1 to 63 of a-z 0-9 . _ - and begins with a-z or 0-9"
            )
        }
        return name
    }

    func number(_ parameter: String) throws(API.Failure) -> UInt64 {
        guard let number = UInt64(try self.parameter(parameter)) else {
            throw API.Failure(code: RefusalCode.invalid.rawValue, detail: "not a number")
        }
        return number
    }

    func query(_ name: String) -> String? {
        request.uri.queryParameters.get(name)
    }

    func query(
        _ name: String,
        in range: ClosedRange<UInt64>,
        default standard: UInt64
    ) throws(API.Failure) -> UInt64 {
        guard let text = query(name) else { return standard }
        guard let number = UInt64(text), range.contains(number) else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "\(name) is not a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// The body as JSON. An empty body stands for an object without members.
    func body<Value: Decodable>(as type: Value.Type) throws -> Value {
        do {
            let data = bytes.isEmpty ? Data("{}".utf8) : Data(bytes)
            return try JSONDecoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw API.Failure(code: RefusalCode.badLine.rawValue, detail: Self.describe(error))
        }
    }

    static func describe(_ error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, _): return "the member \(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "the member \(path(context)) has the wrong type"
        case .dataCorrupted(let context):
            return path(context).isEmpty
                ? "the body is not JSON" : "the member \(path(context)) is wrong"
        @unknown default: return "the body is not what this path takes"
        }
    }
}

/// Answers, as bytes.
enum ConsoleAnswer {
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response
    {
        var response = try encoded(value, type: "application/json")
        response.status = status
        return response
    }

    static func failure(_ failure: API.Failure) -> Response {
        guard var response = try? encoded(failure, type: API.Failure.contentType) else {
            return Response(status: .internalServerError)
        }
        response.status = HTTPResponse.Status(code: failure.status)
        if failure.status == 429 { response.headers[.retryAfter] = "1" }
        if failure.code == RefusalCode.busy.rawValue { response.headers[.retryAfter] = busySeconds }
        return response
    }

    /// As the machine says to a node whose submission it has no room for.
    static let busySeconds = "5"

    static func text(_ value: some Encodable) throws -> String {
        String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    private static func encoded(_ value: some Encodable, type: String) throws -> Response {
        let data = try encoder.encode(value)
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-store"]
        headers[HTTPField.Name("X-Content-Type-Options")!] = "nosniff"
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data))
        )
    }
}

extension API.Failure {
    init(_ refused: Refused) {
        self.init(code: refused.code.rawValue, detail: refused.text, mend: refused.mend)
    }
}

/// Reads a body within a size and a time.
enum RequestBodyReader {
    static let bytesMax = 65_536
    static let timeout: Duration = .seconds(10)
    /// Of a body that may be larger.
    static let largeTimeout: Duration = .seconds(60)

    static func read(_ request: Request, bytesMax: Int = bytesMax) async throws -> [UInt8] {
        let body = request.body
        let timeout = bytesMax > Self.bytesMax ? largeTimeout : timeout
        return try await withThrowingTaskGroup(of: [UInt8].self) { tasks in
            tasks.addTask {
                do {
                    return Array(try await body.collect(upTo: bytesMax).readableBytesView)
                } catch is NIOTooManyBytesError {
                    throw API.Failure(
                        code: RefusalCode.badLine.rawValue,
                        detail: "the body is larger than \(bytesMax) bytes"
                    )
                }
            }
            tasks.addTask {
                try await Task.sleep(for: timeout)
                throw API.Failure(
                    code: RefusalCode.tooSlow.rawValue,
                    detail: "the body did not come within \(timeout.forPeople)"
                )
            }
            defer { tasks.cancelAll() }
            guard let bytes = try await tasks.next() else { return [] }
            return bytes
        }
    }
}
