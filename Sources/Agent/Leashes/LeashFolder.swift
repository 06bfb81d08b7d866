import AgentCore
import Glibc
import Host
import Model

/// The folder of one leash: `RUN/leashes/NAME-NUMBER` of a service, `RUN/tasks/TASK.ATTEMPT` of a
/// task.
struct LeashFolder: Hashable, Sendable {
    /// There from the moment before the agent first connects: from then on a program may run.
    private static let begunName = "begun"

    let path: String

    init(launch: LaunchID, in parent: String) {
        path = "\(parent)/\(launch)"
    }

    init(attempt: TaskAttempt, in parent: String) {
        path = "\(parent)/\(attempt)"
    }

    /// Every leash folder there is, with its launch, in order.
    static func all(in parent: String) -> [(launch: LaunchID, folder: LeashFolder)] {
        names(in: parent).compactMap { LaunchID($0) }.sorted()
            .map { ($0, LeashFolder(launch: $0, in: parent)) }
    }

    /// The same of tasks.
    static func attempts(in parent: String) -> [(attempt: TaskAttempt, folder: LeashFolder)] {
        names(in: parent).compactMap { TaskAttempt($0) }.sorted()
            .map { ($0, LeashFolder(attempt: $0, in: parent)) }
    }

    private static func names(in path: String) -> [String] {
        var found: [String] = []
        guard let listing = opendir(path) else { return [] }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { found.append(name) }
        }
        return found
    }

    var specPath: String { "\(path)/\(LeashFiles.spec)" }
    var socketPath: String { "\(path)/\(LeashFiles.socket)" }

    func make(_ spec: LeashSpec) throws(HostError) {
        try DurableFile.makeFolder(path, mode: 0o700)
        try DurableFile.replace(specPath, with: spec.text)
    }

    var spec: LeashSpec? {
        guard let bytes = try? DurableFile.readSecret(specPath, limit: DurableFile.readLimit) else {
            return nil
        }
        return try? LeashSpec(text: String(decoding: bytes, as: UTF8.self))
    }

    /// What the leash wrote last; nil while its program runs, or when it never ran.
    var result: LeashReport? {
        guard let text = try? DurableFile.readText("\(path)/\(LeashFiles.exit)", limit: 8_192)
        else { return nil }
        return LeashReport(line: String(text.prefix { $0 != "\n" }))
    }

    var hasBegun: Bool { access("\(path)/\(Self.begunName)", F_OK) == 0 }

    func begin() throws(HostError) {
        try DurableFile.replace("\(path)/\(Self.begunName)", with: "")
    }

    /// No leash lives here: it holds this lock as long as it does. To connect would be no way to
    /// find out, since that begins the program.
    var isLeashGone: Bool {
        (try? InstanceLock(taking: "\(path)/\(LeashFiles.lock)", owner: "muster-agent")) != nil
    }

    /// Takes the folder away, with everything in it: a leash that was killed may have left a file
    /// that was still to be renamed.
    func remove() {
        guard rmdir(path) != 0 else { return }
        for name in Self.names(in: path) { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

extension LaunchID {
    /// Reads ``description``.
    init?(_ text: String) {
        guard let hyphen = text.lastIndex(of: "-"),
            let service = ServiceName(String(text[..<hyphen])),
            let number = UInt64(text[text.index(after: hyphen)...]),
            "\(number)" == text[text.index(after: hyphen)...]
        else { return nil }
        self.init(service: service, number: number)
    }
}

extension TaskAttempt {
    /// Reads ``description``.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let task = decimal(String(parts[0]), UInt64.self),
            let attempt = decimal(String(parts[1]), UInt16.self), attempt > 0
        else { return nil }
        self.init(task: TaskID(task), attempt: attempt)
    }
}
