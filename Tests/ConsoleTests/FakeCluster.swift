import API
import Foundation
import Host
import Identity
import Model

@testable import Console

/// A cluster made of a folder, an authority and a controller that answers as it is told.
final class FakeCluster: Sendable {
    let folder: String
    let authority: CertificateAuthority
    let port: Int
    private let process: Process
    private let input: Pipe

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    init(answers: [String: Any]) throws {
        let folder = NSTemporaryDirectory() + "muster-console-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        self.folder = folder
        let now = WallClock.now()
        // Old enough to have issued what has ended by now.
        let founded = WallTime(milliseconds: now.milliseconds - 40 * 86_400_000)
        let root = try RootAuthority.create(cluster: "c0ffee", at: founded)
        authority = try root.makeIssuing(at: founded)
        let key = KeyPair.make()
        let leaf = try authority.issue(
            for: .controller(id: "one", names: ["127.0.0.1", "localhost"]),
            publicKey: key.publicKey,
            at: now
        )
        try (key.pem + PEM.certificates([leaf.der, authority.issuing])).write(
            toFile: folder + "/server.pem",
            atomically: true,
            encoding: .utf8
        )
        try PEM.certificates([authority.root]).write(
            toFile: folder + "/ca.pem",
            atomically: true,
            encoding: .utf8
        )
        try Self.write(answers, folder)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", Self.fixtures.appendingPathComponent("controller.py").path, folder,
        ]
        let output = Pipe()
        input = Pipe()
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        var text = ""
        while !text.hasSuffix("\n") {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty { throw ConsoleError(.failed, "the fake controller did not start") }
            text += String(decoding: data, as: UTF8.self)
        }
        port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        try makeOperator()
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var server: String { "https://127.0.0.1:\(port)" }
    /// What `muster-controller init` would have left for the operator.
    var credential: String { folder + "/operator" }

    func answer(_ answers: [String: Any]) throws {
        try Self.write(answers, folder)
    }

    func makeOperator(at now: WallTime = WallClock.now()) throws {
        let directory = CredentialDirectory(path: credential)
        try directory.create()
        let key = KeyPair.make()
        let leaf = try authority.issue(for: .operator("alice"), publicKey: key.publicKey, at: now)
        try directory.replace(Credential(key: key, chain: [leaf.der, authority.issuing]))
        try directory.replaceRoots([authority.root])
        try CredentialDescription(name: "prod", servers: [server]).yaml.write(
            toFile: credential + "/context.yaml",
            atomically: true,
            encoding: .utf8
        )
    }

    /// The requests so far, each as the fake controller wrote it down.
    func requests() throws -> [[String: Any]] {
        let text = try String(contentsOfFile: folder + "/requests.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
        }
    }

    static func json(_ value: some Encodable) throws -> Any {
        try JSONSerialization.jsonObject(with: JSONEncoder().encode(value))
    }

    private static func write(_ answers: [String: Any], _ folder: String) throws {
        let data = try JSONSerialization.data(withJSONObject: answers)
        try data.write(to: URL(fileURLWithPath: folder + "/answers.json"), options: .atomic)
    }
}
