import AgentCore
import Glibc
import Host
import Model
import Protocol

/// What was found of a set, and what makes the next look at it cheap.
struct FoundSet: Sendable {
    struct Known: Sendable {
        var version: FileVersion
        var digest: String
    }

    var set: ComparedSet
    var result: LookResult
    /// In the order of their paths.
    var entries: [FileEntry] = []
    /// By path: digests that hold while the file shows the same version.
    var known: [[UInt8]: Known] = [:]
    /// The output of the program, in the form in which it is compared.
    var output: [UInt8] = []
}

/// One look at one set.
struct SetLook {
    let set: ComparedSet
    let limits: LookLimits
    let normaliser: Normaliser
    private var accounts = AccountNames()

    init(_ set: ComparedSet, limits: LookLimits = LookLimits(), values: NodeValues) {
        self.set = set
        self.limits = limits
        normaliser = Normaliser(
            set.replacements,
            ignoredLines: set.ignoredLines,
            values: values
        )
    }

    /// - Parameter before: what the last look has found, of the set as it is defined now.
    mutating func found(after before: FoundSet?) -> FoundSet {
        set.kind == .version ? program() : files(after: before?.set == set ? before : nil)
    }

    // MARK: Files

    private mutating func files(after before: FoundSet?) -> FoundSet {
        var walker = FileWalker(set, limits: limits)
        var reader = FileReader(limits, normaliser)
        var problems = LookProblems()
        var found = FoundSet(set: set, result: LookResult(digest: ""))
        var bytes: UInt64 = 0
        walker.walk { file in
            guard found.entries.count < limits.entriesMax else {
                problems.add(
                    "more than \(limits.entriesMax) files (name less in paths, or more in ignore)"
                )
                return false
            }
            let path = PathText.escaped(file.path)
            guard path.utf8.count <= ComparingLimits.pathBytesMax else {
                problems.add("a path has more than \(ComparingLimits.pathBytesMax) bytes")
                return true
            }
            do throws(FileReadError) {
                guard let entry = try entry(file, path, &reader, before, &found) else {
                    return true
                }
                bytes += entry.size
                found.entries.append(entry)
            } catch {
                switch error {
                case .vanished: break
                case .problem(let reason): problems.add("\(path) \(reason)")
                }
            }
            return true
        }
        found.entries.sort { PathText.precedes($0.path, $1.path) }
        if !walker.problems.text.isEmpty { problems.add(walker.problems.text) }
        if found.entries.isEmpty, set.kind == .files, problems.text.isEmpty {
            problems.add("nothing is there that paths would name")
        }
        found.result = LookResult(
            digest: found.entries.isEmpty && set.kind == .files ? "" : digest(of: found.entries),
            entries: UInt32(found.entries.count),
            bytes: min(bytes, WireLimits.sizeMax),
            problem: problems.text
        )
        return found
    }

    /// - Returns: nil for what is not compared.
    private mutating func entry(
        _ file: FoundFile,
        _ path: String,
        _ reader: inout FileReader,
        _ before: FoundSet?,
        _ found: inout FoundSet
    ) throws(FileReadError) -> FileEntry? {
        var status = file.status
        let kind = Self.kind(of: status)
        // Of what is private only content counts: an empty file gives nothing away.
        if set.kind == .private, kind != .file || status.st_size == 0 { return nil }
        var entry = FileEntry(path: path, kind: kind)
        if kind == .link { entry.target = try target(of: file) }
        if kind == .file, set.kind == .private || set.aspects.contains(.content) {
            let version = FileVersion(status)
            if let known = before?.known[file.path], known.version == version {
                entry.digest = known.digest
                found.known[file.path] = known
            } else {
                let read = try reader.digest(of: file)
                entry.digest = read.digest
                status = read.status
                if read.version.isSettled(after: limits.settledAfter) {
                    found.known[file.path] = FoundSet.Known(
                        version: read.version,
                        digest: read.digest
                    )
                }
            }
        }
        if kind == .file { entry.size = min(UInt64(max(0, status.st_size)), WireLimits.sizeMax) }
        guard set.kind != .private else { return entry }
        // The permissions of a link mean nothing.
        if set.aspects.contains(.mode), kind != .link {
            entry.mode = UInt16(status.st_mode & 0o7777)
        }
        if set.aspects.contains(.owner) {
            entry.owner = accounts.owner(user: status.st_uid, group: status.st_gid)
        }
        return entry
    }

    private static func kind(of status: stat) -> FileEntry.Kind {
        switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFLNK: .link
        case S_IFIFO: .fifo
        case S_IFSOCK: .socket
        default: .device
        }
    }

    private func target(of file: FoundFile) throws(FileReadError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(file.folder.number, cString(file.name), &buffer, buffer.count)
        guard count > 0 else {
            if errno == ENOENT || errno == EINVAL { throw .vanished }
            throw .problem("cannot be read: \(HostError.text(of: errno))")
        }
        let target = PathText.escaped(
            normaliser.normalised(buffer[..<count].map { UInt8(bitPattern: $0) })
        )
        guard !target.isEmpty, target.utf8.count <= ComparingLimits.pathBytesMax else {
            throw .problem("leads to more than \(ComparingLimits.pathBytesMax) bytes")
        }
        return target
    }

    private func digest(of entries: [FileEntry]) -> String {
        var hash = SHA256Sum()
        for entry in entries { hash.add(Array(entry.digestLine.utf8) + [10]) }
        return hash.hex()
    }

    // MARK: Versions

    private func program() -> FoundSet {
        var found = FoundSet(set: set, result: LookResult(digest: ""))
        let run: ProgramRun
        do {
            run = try ProgramRun(
                set.command,
                until: MonotonicDeadline(after: set.timeout),
                trusted: true,
                outputMax: Int(ComparingLimits.textBytesMax) + 1
            )
        } catch {
            found.result.problem = "\(error)"
            return found
        }
        guard run.isSuccess else {
            let said = printable(run.output, limit: 300)
            let end = run.end.map { "it \($0.forPeople)" } ?? "it did not end in time"
            found.result.problem = said.isEmpty ? end : "\(end): \(said)"
            return found
        }
        guard run.output.count <= ComparingLimits.textBytesMax else {
            found.result.problem =
                "it has written more than \(ComparingLimits.textBytesMax) bytes"
            return found
        }
        found.output = trimmed(normaliser.normalised(run.output))
        let entry = FileEntry(
            path: set.name.text,
            kind: .output,
            size: UInt64(found.output.count),
            digest: SHA256Sum.hex(of: found.output)
        )
        found.entries = [entry]
        found.result = LookResult(
            digest: digest(of: found.entries),
            entries: 1,
            bytes: entry.size
        )
        return found
    }

    private func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
        var bytes = Array(bytes.drop(while: isBlank))
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }
}

extension ProcessEnd {
    fileprivate var forPeople: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .signaled(let signal): "was ended by signal \(signal)"
        }
    }
}

/// `user:group` of files, each number looked up once.
private struct AccountNames {
    private var users: [uid_t: String] = [:]
    private var groups: [gid_t: String] = [:]

    mutating func owner(user: uid_t, group: gid_t) -> String {
        let userName = users[user] ?? Account.name(ofUser: user) ?? "\(user)"
        let groupName = groups[group] ?? Account.name(ofGroup: group) ?? "\(group)"
        users[user] = userName
        groups[group] = groupName
        return kept("\(userName):\(groupName)", bytesMax: WireLimits.factBytesMax)
    }
}
