import API
import Foundation
import Host
import Model

/// One operator at the console's interface, through `curl`: nothing of the product's own client
/// stands between the test and what is served.
struct Operator {
    struct Answer {
        /// 0 when there was no answer at all.
        var status: Int
        var body: Data
        var errors: String

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    let folder: TestFolder
    /// `https://host:port`.
    var server: String
    /// The root that is believed, a file.
    var root: String
    /// Key and certificates, a file; nil shows none.
    var credential: String?

    func ask(
        _ route: Route,
        _ values: [String] = [],
        query: String = "",
        body: (any Encodable)? = nil
    ) async throws -> Answer {
        try await ask(
            route.method.rawValue,
            Self.path(route, values) + (query.isEmpty ? "" : "?" + query),
            body: body.map { try JSONEncoder().encode($0) }
        )
    }

    func ask(
        _ method: String,
        _ path: String,
        body: Data? = nil,
        headers: [String] = ["content-type: application/json"]
    ) async throws -> Answer {
        let result = folder["answer-\(Hex.encode(RandomBytes.take(4)))"]
        defer { try? FileManager.default.removeItem(atPath: result) }
        var arguments = [
            "-sS", "--max-time", "30", "-X", method, "-o", result, "-w", "%{http_code}",
            "--cacert", root,
        ]
        if let credential { arguments += ["--cert", credential, "--key", credential] }
        if let body {
            // By way of a file: an argument has no room for a large one.
            let file = folder["body-\(Hex.encode(RandomBytes.take(4)))"]
            try body.write(to: URL(fileURLWithPath: file))
            arguments += headers.flatMap { ["-H", $0] } + ["--data-binary", "@\(file)"]
        }
        let finished = try await folder.run(
            "/usr/bin/curl",
            arguments + [server + path]
        )
        return Answer(
            status: Int(finished.output) ?? 0,
            body: FileManager.default.contents(atPath: result) ?? Data(),
            errors: finished.errors
        )
    }

    /// Status line and headers of the answer, in lower case.
    func headers(_ route: Route, body: (any Encodable)? = nil) async throws -> String {
        let file = folder["headers-\(Hex.encode(RandomBytes.take(4)))"]
        defer { try? FileManager.default.removeItem(atPath: file) }
        var arguments = ["-sS", "--max-time", "30", "-o", "/dev/null", "-D", file]
        arguments += ["--cacert", root, "-X", route.method.rawValue]
        if let credential { arguments += ["--cert", credential, "--key", credential] }
        if let body {
            arguments += ["-H", "content-type: application/json"]
            arguments += ["-d", String(decoding: try JSONEncoder().encode(body), as: UTF8.self)]
        }
        _ = try await folder.run("/usr/bin/curl", arguments + [server + route.path()])
        return TestFolder.text(at: file).lowercased()
    }

    /// The answer, decoded.
    ///
    /// - Throws: `API.Failure` when it was refused, ``Unreachable`` when nobody answered.
    func get<Value: Decodable>(
        _ route: Route,
        _ values: String...,
        query: String = "",
        as type: Value.Type = Value.self
    ) async throws -> Value {
        try decode(try await ask(route, values, query: query))
    }

    @discardableResult
    func change(
        _ route: Route,
        _ values: String...,
        body: any Encodable = PlainChange(reason: "a test")
    ) async throws -> ChangeDone {
        try decode(try await ask(route, values, body: body))
    }

    func send<Value: Decodable>(
        _ route: Route,
        _ values: String...,
        body: any Encodable,
        as type: Value.Type = Value.self
    ) async throws -> Value {
        try decode(try await ask(route, values, body: body))
    }

    /// How a change is refused.
    func refusal(
        _ route: Route,
        _ values: String...,
        body: any Encodable = PlainChange(reason: "a test")
    ) async throws -> API.Failure {
        let answer = try await ask(
            route,
            values,
            body: route.method == .get ? nil : body
        )
        guard let failure = try? JSONDecoder().decode(API.Failure.self, from: answer.body) else {
            throw Unmet(what: "a refusal of \(route.rawValue); the answer is \(answer.text)")
        }
        return failure
    }

    private func decode<Value: Decodable>(_ answer: Answer) throws -> Value {
        guard answer.status != 0 else { throw Unreachable(text: answer.errors) }
        guard (200..<300).contains(answer.status) else {
            if let failure = try? JSONDecoder().decode(API.Failure.self, from: answer.body) {
                throw failure
            }
            throw Unmet(what: "an answer to be understood: \(answer.status) \(answer.text)")
        }
        return try JSONDecoder().decode(Value.self, from: answer.body)
    }

    private static func path(_ route: Route, _ values: [String]) -> String {
        switch values.count {
        case 0: route.path()
        default: route.path(values[0])
        }
    }

    /// What was accepted and not answered is not known; what was not even connected is not done.
    struct Unreachable: Error {
        var text: String
    }
}
