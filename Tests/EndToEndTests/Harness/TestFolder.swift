import Foundation
import Glibc
import Host
import Model

/// A folder for one cluster. Its path is part of the command line of every process that works in
/// it, so that all of them can be found and ended.
final class TestFolder {
    private static let prefix = "/tmp/muster-e2e-"

    let path: String
    private var programs: [Program] = []

    init() throws {
        Self.sweepOnce
        path = "\(Self.prefix)\(getpid())-\(Hex.encode(RandomBytes.take(3)))"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    subscript(name: String) -> String { path + "/" + name }

    /// Writes a file, and the folders above it.
    func write(_ name: String, _ text: String, mode: Int = 0o600) throws {
        let whole = self[name]
        let folder = (whole as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        try DurableFile.replace(whole, with: text, mode: UInt32(mode))
    }

    func text(_ name: String) -> String { Self.text(at: self[name]) }

    static func text(at path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    func keep(_ program: Program) { programs.append(program) }

    func forget(_ program: Program) { programs.removeAll { $0 === program } }

    /// What the programs have said last, for the message of a failed test.
    var lastWords: String {
        var told: Set<String> = []
        return programs.filter { told.insert($0.outputPath).inserted }
            .suffix(8)
            .map { program in
                let name = (program.errorPath as NSString).lastPathComponent
                let state = program.end.map { "\($0)" } ?? "runs"
                return "--- \(name), \(state):\n\(program.everything.suffix(1_500))"
            }
            .joined(separator: "\n")
    }

    /// Ends every process of the folder and removes it.
    func remove() {
        for program in programs { program.end(bySignal: SIGKILL) }
        for _ in 0..<100 {
            let left = Processes.naming(path)
            if left.isEmpty { break }
            for process in left { kill(process, SIGKILL) }
            _ = poll(nil, 0, 20)
        }
        umount2(self["state"], Int32(MNT_DETACH))
        try? FileManager.default.removeItem(atPath: path)
    }

    /// What earlier runs have left that were killed before they could clean up.
    private static let sweepOnce: Void = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
        for name in names where "/tmp/\(name)".hasPrefix(prefix) {
            let rest = "/tmp/\(name)".dropFirst(prefix.count)
            guard let owner = Int32(rest.prefix { $0 != "-" }), kill(owner, 0) != 0 else {
                continue
            }
            for process in Processes.naming("/tmp/\(name)") { kill(process, SIGKILL) }
            umount2("/tmp/\(name)/state", Int32(MNT_DETACH))
            try? FileManager.default.removeItem(atPath: "/tmp/\(name)")
        }
    }()
}

/// The processes of this machine.
enum Processes {
    /// Those whose command line contains a text, but not this one.
    static func naming(_ text: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter {
            $0 != getpid() && commandLine($0).contains(text)
        }
    }

    static func commandLine(_ process: Int32) -> String {
        TestFolder.text(at: "/proc/\(process)/cmdline")
            .split(separator: "\0")
            .joined(separator: " ")
    }

    /// Neither gone nor a zombie.
    static func lives(_ process: Int32) -> Bool {
        let status = TestFolder.text(at: "/proc/\(process)/stat")
        guard let end = status.lastIndex(of: ")") else { return false }
        return !status[end...].hasPrefix(") Z")
    }
}
