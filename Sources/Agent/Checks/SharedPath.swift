import AgentCore
import Glibc
import Host
import Protocol

/// A path that every node of the cluster sees, and the marker files that prove it.
struct SharedPath {
    /// Below the shared path; belongs to Muster alone.
    static let folder = ".muster"
    /// How long a marker that another node has just written is looked for: file servers may be
    /// late in telling of new files.
    static let patience = Preflight.patience * 3 / 5
    private static let lookMilliseconds: Int32 = 100

    let path: String
    let files: SystemFiles

    init(_ path: String, files: SystemFiles = SystemFiles()) {
        self.path = path
        self.files = files
    }

    private var check: String { "shared-path:\(path)" }

    /// Whether it is mounted, and can be written and read back. Leaves nothing behind.
    func finding() -> PreflightFinding {
        let mounts = MountTable(mountinfo: files.text("/proc/self/mountinfo") ?? "")
        guard let mount = mounts.mount(of: path), mount.mountPoint != "/" else {
            return failed(
                "is not mounted: it would be written to the root file system",
                mend: "mount the shared file system at \(path), or take the path out of "
                    + "[preflight]"
            )
        }
        let marker = "self" + Hex.encode(RandomBytes.take(8))
        for action in [Probe.Action.write, .read, .remove] {
            let step = probe(action, marker: marker)
            if step.outcome != .passed { return step }
        }
        return PreflightFinding(
            check: check,
            outcome: .passed,
            text: "\(mount.fileSystem) from \(mount.source), written and read back"
        )
    }

    /// - Parameter marker: 1 to 64 letters and digits, the file's name and its content.
    func probe(_ action: Probe.Action, marker: String) -> PreflightFinding {
        do {
            switch action {
            case .write:
                try write(marker)
                return PreflightFinding(check: check, outcome: .passed, text: "marker written")
            case .read:
                return try read(marker)
            case .remove:
                try remove(marker)
                return PreflightFinding(check: check, outcome: .passed, text: "marker removed")
            }
        } catch {
            return failed(
                "\(error)",
                mend: "make \(path) readable and writable for the account of the agent "
                    + "(uid \(geteuid()))"
            )
        }
    }

    private func write(_ marker: String) throws(HostError) {
        if mkdir("\(path)/\(Self.folder)", 0o755) != 0, errno != EEXIST {
            throw HostError("make", path: "\(path)/\(Self.folder)", code: errno)
        }
        let file = try openMarker(marker, flags: O_WRONLY | O_CREAT | O_TRUNC)
        let place = "\(path)/\(Self.folder)/\(marker)"
        try file.writeAll(Array(marker.utf8), path: place)
        guard fsync(file.number) == 0 else { throw HostError("sync", path: place, code: errno) }
    }

    private func read(_ marker: String) throws(HostError) -> PreflightFinding {
        let deadline = MonotonicDeadline(after: Self.patience)
        while true {
            do throws(HostError) {
                let file = try openMarker(marker, flags: O_RDONLY)
                var buffer = [UInt8](repeating: 0, count: 128)
                let count = Glibc.read(file.number, &buffer, buffer.count)
                if count >= 0, Array(buffer[..<count]) == Array(marker.utf8) {
                    return PreflightFinding(
                        check: check,
                        outcome: .passed,
                        text: "the marker of the other node is there"
                    )
                }
            } catch {
                guard error.code == ENOENT || error.code == ESTALE else { throw error }
            }
            if deadline.hasPassed {
                return failed(
                    "the marker of the other node is not here: the two do not see the same "
                        + "file system",
                    mend: "mount the same shared file system at \(path) on every node"
                )
            }
            poll(nil, 0, Self.lookMilliseconds)
        }
    }

    private func remove(_ marker: String) throws(HostError) {
        let folder = try openFolder()
        if unlinkat(folder.number, marker, 0) != 0, errno != ENOENT {
            throw HostError("remove", path: "\(path)/\(Self.folder)/\(marker)", code: errno)
        }
    }

    /// Whoever may write to the shared path could have put a link where our folder or our file
    /// should be. Links are never followed.
    private func openMarker(_ marker: String, flags: Int32) throws(HostError) -> Descriptor {
        let isPlain = marker.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0 & 0xDF)
        }
        precondition(isPlain && !marker.isEmpty, "a marker is letters and digits")
        let folder = try openFolder()
        let number = openat(
            folder.number,
            marker,
            flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
            mode_t(0o644)
        )
        guard number >= 0 else {
            throw HostError("open", path: "\(path)/\(Self.folder)/\(marker)", code: errno)
        }
        return Descriptor(owning: number)
    }

    private func openFolder() throws(HostError) -> Descriptor {
        try Descriptor.open(
            "\(path)/\(Self.folder)",
            flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        )
    }

    private func failed(_ text: String, mend: String) -> PreflightFinding {
        PreflightFinding(check: check, outcome: .failed, text: "\(path): \(text)", mend: mend)
    }
}
