import AgentCore
import Glibc
import Host
import Protocol

/// Who listens on a TCP port of this machine.
struct PortHolders {
    struct Holder: Hashable, Sendable {
        var processID: Int32
        var program: String
    }

    let port: UInt16
    /// Whether anybody listens, known or not.
    let isHeld: Bool
    /// Those that can be seen: other accounts' programs only by root.
    let holders: [Holder]
    private let files: SystemFiles

    init(_ port: UInt16, files: SystemFiles = SystemFiles()) {
        self.port = port
        self.files = files
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            listeningSockets(on: port, files.text(path) ?? "")
        }
        self.isHeld = !sockets.isEmpty
        self.holders = sockets.isEmpty ? [] : findHolders(of: Set(sockets), files)
    }

    /// - Parameter ownProcesses: what they and their descendants hold is ours.
    func finding(
        ownProcesses: Set<Int32>,
        services: [ServiceDefinition]
    ) -> PreflightFinding {
        let check = "port:\(port)"
        guard isHeld else {
            return PreflightFinding(check: check, outcome: .passed, text: "port \(port) is free")
        }
        let units = services.compactMap { service in
            if case .unit(let unit) = service.program { unit } else { nil }
        }
        let strangers = holders.filter { !isOurs($0.processID, ownProcesses, units) }
        if !holders.isEmpty, strangers.isEmpty {
            return PreflightFinding(
                check: check,
                outcome: .passed,
                text: "port \(port) is held by a service of this node"
            )
        }
        guard let stranger = strangers.first else {
            return PreflightFinding(
                check: check,
                outcome: .failed,
                text: "port \(port) is held by a program of another account",
                mend: "find it as root with: ss -ltnp sport = :\(port)"
            )
        }
        return PreflightFinding(
            check: check,
            outcome: .failed,
            text: "port \(port) is held by \(stranger.program) (process \(stranger.processID))",
            mend: "stop it, or give it or the service another port"
        )
    }

    private func isOurs(_ process: Int32, _ own: Set<Int32>, _ units: [String]) -> Bool {
        let groups = files.text("/proc/\(process)/cgroup") ?? ""
        if groups.textLines.contains(where: { line in
            units.contains { line.hasSuffix("/" + $0) || line.contains("/" + $0 + "/") }
        }) {
            return true
        }
        var next = process
        // A chain of parents is never longer than this; one that is has changed while it was read.
        for _ in 0..<64 where next > 1 {
            if own.contains(next) { return true }
            guard let status = files.text("/proc/\(next)/status"),
                let parent = figure("PPid:", in: status)
            else { return false }
            next = Int32(clamping: parent)
        }
        return false
    }
}

/// Inodes of sockets in state LISTEN (`0A`) on a port, from `/proc/net/tcp` or `tcp6`.
func listeningSockets(on port: UInt16, _ text: String) -> [UInt64] {
    text.textLines.dropFirst().compactMap { line in
        let fields = line.fields
        guard fields.count >= 10, fields[3] == "0A",
            let colon = fields[1].lastIndex(of: ":"),
            UInt16(fields[1][fields[1].index(after: colon)...], radix: 16) == port
        else { return nil }
        return UInt64(fields[9])
    }
}

private func findHolders(of sockets: Set<UInt64>, _ files: SystemFiles) -> [PortHolders.Holder] {
    let links = Set(sockets.map { "socket:[\($0)]" })
    var holders: [PortHolders.Holder] = []
    for name in files.directories(in: "/proc") {
        guard let process = Int32(name), holds(process, links, files) else { continue }
        let program = files.text("/proc/\(process)/comm")?.textLines.first.map(String.init)
        holders.append(PortHolders.Holder(processID: process, program: program ?? "?"))
    }
    return holders.sorted { $0.processID < $1.processID }
}

private func holds(_ process: Int32, _ links: Set<String>, _ files: SystemFiles) -> Bool {
    let folder = "\(files.root)/proc/\(process)/fd"
    guard let directory = opendir(folder) else { return false }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = buffer.withUnsafeMutableBytes {
            readlink(
                "\(folder)/\(name)",
                $0.baseAddress!.assumingMemoryBound(to: CChar.self),
                $0.count
            )
        }
        if count > 0, links.contains(String(decoding: buffer[..<count], as: UTF8.self)) {
            return true
        }
    }
    return false
}
