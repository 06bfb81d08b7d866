import AgentCore
import Glibc
import Host
import Model
import NIOSSL
import Transport

/// The agent's state folder: who the node is, what it remembers, its credential.
struct StateFolder: Sendable {
    private static let memoryLimit = 1 << 20

    let path: String

    private var memoryPath: String { path + "/state" }
    var credentialPath: String { path + "/credential.pem" }
    /// The journal of tasks, and submissions that wait for a controller.
    var journalPath: String { path + "/tasks" }
    var spoolPath: String { path + "/spool" }
    private var rootsPath: String { path + "/ca.pem" }
    private var membershipPath: String { "\(path)/\(MembershipRecord.fileName)" }

    /// Makes the folder and makes sure that no other agent uses it.
    func take() throws(HostError) -> InstanceLock {
        try DurableFile.makeFolder(path, mode: 0o700)
        return try InstanceLock(taking: path + "/lock", owner: "muster-agent pid \(getpid())")
    }

    /// Who the node is; nil before it has joined.
    func membership() throws(CommandFailure) -> MembershipRecord? {
        guard let lines = try lines(membershipPath) else { return nil }
        do throws(AgentMemoryError) {
            let record = try MembershipRecord(lines: lines)
            // Written before the credential: without that one the node has not quite joined.
            return access(credentialPath, F_OK) == 0 ? record : nil
        } catch {
            throw CommandFailure(
                ExitCode.failed,
                "\(membershipPath):\(error.line): \(error.sentence)",
                mend: "restore the state folder, or remove the node and join again"
            )
        }
    }

    func memory() throws(CommandFailure) -> AgentMemory {
        guard let lines = try lines(memoryPath) else { return AgentMemory() }
        do throws(AgentMemoryError) {
            return try AgentMemory(lines: lines)
        } catch {
            throw CommandFailure(
                ExitCode.failed,
                "\(memoryPath):\(error.line): \(error.sentence)",
                mend: "this agent will not guess what it was told: stop the node's services, move "
                    + "the file away and start again"
            )
        }
    }

    func write(_ memory: AgentMemory) throws(HostError) {
        try DurableFile.replace(memoryPath, with: memory.lines.map { $0 + "\n" }.joined())
    }

    private func lines(_ path: String) throws(CommandFailure) -> [String]? {
        do throws(HostError) {
            guard let bytes = try DurableFile.readIfPresent(path, limit: Self.memoryLimit) else {
                return nil
            }
            let text = String(decoding: bytes, as: UTF8.self)
            return text.split(separator: "\n").map(String.init)
        } catch {
            throw CommandFailure(ExitCode.failed, "\(error)")
        }
    }

    // MARK: The credential

    /// As whom to connect: read anew for each connection, so that a renewed certificate is used
    /// without a restart.
    func clientMode(cluster: ClusterID) throws(HostError) -> ClientMode {
        let secret = String(
            decoding: try DurableFile.readSecret(credentialPath),
            as: UTF8.self
        )
        let roots = try DurableFile.readText(rootsPath)
        let blocks = PEMBlocks(secret)
        guard let key = blocks.keys.first, !blocks.certificates.isEmpty else {
            throw HostError(
                "read",
                path: credentialPath,
                reason: "it holds no key with its certificates: restore it, or join again"
            )
        }
        return .member(
            TransportCredentials(
                chainPEM: blocks.certificates.joined(separator: "\n") + "\n",
                keyPEM: key + "\n"
            ),
            rootPEM: roots,
            cluster: cluster
        )
    }

    /// How long the certificate in use is good, from now and in all; nil when it cannot be read.
    func certificateLife(at now: WallTime) -> (remaining: Duration, life: Duration)? {
        guard let secret = try? DurableFile.readSecret(credentialPath),
            let leaf = PEMBlocks(String(decoding: secret, as: UTF8.self)).certificates.first,
            let certificate = try? NIOSSLCertificate(bytes: Array(leaf.utf8), format: .pem)
        else { return nil }
        let start = WallTime(milliseconds: Int64(certificate.notValidBefore) * 1_000)
        let end = WallTime(milliseconds: Int64(certificate.notValidAfter) * 1_000)
        return (end - now, end - start)
    }
}

/// The documents of a PEM file, by kind.
struct PEMBlocks {
    private(set) var keys: [String] = []
    private(set) var certificates: [String] = []

    init(_ text: String) {
        var block: [Substring] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("-----BEGIN ") { block = [] }
            block.append(line)
            guard line.hasPrefix("-----END ") else { continue }
            let document = block.joined(separator: "\n")
            if line.contains("PRIVATE KEY") { keys.append(document) }
            if line.contains("CERTIFICATE") { certificates.append(document) }
            block = []
        }
    }
}
