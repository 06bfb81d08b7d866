import Foundation
import Glibc
import Host
import Synchronization
import Testing

@testable import Controller

/// A folder of a test, gone when nobody holds it any more.
final class NotifyFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "muster-notify-\(UUID().uuidString)"
        try DurableFile.makeFolder(path, mode: 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(name: String) -> String { path + "/" + name }

    /// - Returns: the path of a file with this content.
    func file(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        try DurableFile.replace(self[name], with: text, mode: mode)
        return self[name]
    }

    func text(_ name: String) -> String {
        (try? String(contentsOfFile: self[name], encoding: .utf8)) ?? ""
    }
}

/// A server in Python that a test talks to, in a process of its own.
final class Peer: Sendable {
    static let root = URL(filePath: #filePath).pathComponents.dropLast(4).joined(separator: "/")
        .replacingOccurrences(of: "//", with: "/")
    static let mail = "deploy/demo/smtp-peer.py"
    static let foreignMail = "Tests/EndToEndTests/Peers/aiosmtpd-peer.py"
    static let web = "Tests/EndToEndTests/Peers/http-peer.py"

    struct Failed: Error, CustomStringConvertible {
        var description: String
    }

    let folder: NotifyFolder
    let port: UInt16
    private let process: Mutex<SpawnedProcess?>

    /// Starts it and waits until it listens.
    init(_ program: String, _ arguments: [String] = [], in folder: NotifyFolder) async throws {
        self.folder = folder
        try? DurableFile.remove(folder["port"])
        var plan = SpawnPlan(
            .path("/usr/bin/env"),
            arguments: ["env", "python3", "\(Self.root)/\(program)", "--folder", folder.path]
                + arguments,
            environment: ["PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"]
        )
        let flags = O_WRONLY | O_CREAT | O_APPEND
        plan.error = try Descriptor.open(folder["peer.err"], flags: flags, mode: 0o600)
        plan.gainsNoPrivileges = false
        let process = try Spawn.start(plan)
        let processID = process.processID
        let isThere = await eventually(within: .seconds(60)) {
            !folder.text("port").isEmpty || Self.hasEnded(processID)
        }
        guard isThere, let port = UInt16(folder.text("port").dropLast()) else {
            kill(process.processID, SIGKILL)
            _ = process.wait()
            throw Failed(description: "\(program) does not run: \(folder.text("peer.err"))")
        }
        self.port = port
        self.process = Mutex(process)
    }

    deinit { stop() }

    private static func hasEnded(_ processID: Int32) -> Bool {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        return waitid(P_PID, id_t(processID), &information, flags) == 0
            && information.si_signo != 0
    }

    func stop() {
        process.withLock { process in
            guard let running = process else { return }
            kill(running.processID, SIGKILL)
            _ = running.wait()
            process = nil
        }
    }

    func behave(_ mode: String) throws { _ = try folder.file("mode", mode) }

    struct Mail: Decodable {
        var from: String
        var to: [String]
        var tls: Bool
        var user: String?
        var message: String

        /// The value of a header field that is not folded.
        func field(_ name: String) -> String? {
            let prefix = name + ": "
            let lines = message.components(separatedBy: "\r\n")
            return lines.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        }
    }

    struct Request: Decodable {
        var path: String
        var body: String
        var signed: String
        var headers: [String: String]
    }

    var mails: [Mail] { lines("mails.jsonl") }
    var requests: [Request] { lines("requests.jsonl") }
    var log: String { folder.text("log.jsonl") }

    private func lines<Line: Decodable>(_ name: String) -> [Line] {
        let lines = folder.text(name).split(separator: "\n")
        return lines.compactMap { try? JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }
}
