import Model

/// What the control groups above the agent leave of the machine.
///
/// Every level from the agent's own group up to the visible root counts, but for systemd
/// services (`….service`) and what is below them: their limits bound one program, not the node.
struct ControlGroupLimits: Hashable, Sendable {
    /// Thousandths of a processor; nil without a quota.
    var processorQuota: UInt64?
    /// Time that the group with the tightest quota has used, in nanoseconds.
    var processorUsed: UInt64?
    /// Bytes; nil without a limit below the machine's memory.
    var memoryLimit: UInt64?
    /// What is left below the tightest limit, not counting cache that can be dropped.
    var memoryAvailable: UInt64?

    init() {}

    /// - Parameter memoryTotal: of the machine; a limit at or above it is none.
    init(_ files: SystemFiles, mounts: MountTable, memoryTotal: UInt64) {
        let membership = ControlGroupMembership(files.text("/proc/self/cgroup") ?? "")
        for mount in mounts.mounts where mount.fileSystem == "cgroup2" {
            guard let path = membership.unified else { break }
            for directory in levels(of: path, in: mount) {
                addQuotaVersion2(files, directory)
                addMemory(files, directory, .version2, memoryTotal)
            }
            break
        }
        if let (mount, path) = membership.place(of: "cpu", in: mounts) {
            for directory in levels(of: path, in: mount) { addQuotaVersion1(files, directory) }
        }
        if let (mount, path) = membership.place(of: "memory", in: mounts) {
            for directory in levels(of: path, in: mount) {
                addMemory(files, directory, .version1, memoryTotal)
            }
        }
    }

    private mutating func addQuotaVersion2(_ files: SystemFiles, _ directory: String) {
        guard let fields = files.text(directory + "/cpu.max")?.textLines.first?.fields,
            fields.count == 2, let quota = UInt64(fields[0]), let period = UInt64(fields[1])
        else { return }
        let used = files.text(directory + "/cpu.stat").flatMap { figure("usage_usec", in: $0) }
        addQuota(quota, of: period, used: used?.saturatingMultiply(1_000))
    }

    private mutating func addQuotaVersion1(_ files: SystemFiles, _ directory: String) {
        // Without a quota the file says -1.
        guard let quota = number(files.text(directory + "/cpu.cfs_quota_us")),
            let period = number(files.text(directory + "/cpu.cfs_period_us"))
        else { return }
        addQuota(quota, of: period, used: number(files.text(directory + "/cpuacct.usage")))
    }

    private mutating func addQuota(_ quota: UInt64, of period: UInt64, used: UInt64?) {
        guard quota > 0, period > 0 else { return }
        let share = quota.scaled(by: 1_000, over: period)
        guard share > 0, share < processorQuota ?? .max else { return }
        processorQuota = share
        processorUsed = used
    }

    private struct MemoryFiles {
        var limit: String
        var usage: String
        var droppable: String

        static let version1 = MemoryFiles(
            limit: "/memory.limit_in_bytes",
            usage: "/memory.usage_in_bytes",
            droppable: "total_inactive_file"
        )
        static let version2 = MemoryFiles(
            limit: "/memory.max",
            usage: "/memory.current",
            droppable: "inactive_file"
        )
    }

    private mutating func addMemory(
        _ files: SystemFiles,
        _ directory: String,
        _ names: MemoryFiles,
        _ memoryTotal: UInt64
    ) {
        guard let limit = number(files.text(directory + names.limit)), limit < memoryTotal else {
            return
        }
        memoryLimit = min(limit, memoryLimit ?? .max)
        guard let usage = number(files.text(directory + names.usage)) else { return }
        let droppable =
            files.text(directory + "/memory.stat").flatMap { figure(names.droppable, in: $0) } ?? 0
        let working = usage - min(usage, droppable)
        memoryAvailable = min(limit - min(limit, working), memoryAvailable ?? .max)
    }
}

/// `/proc/self/cgroup`: in which group of each hierarchy a process is.
struct ControlGroupMembership: Hashable, Sendable {
    /// The path in the version 2 hierarchy.
    var unified: String?
    /// Paths in version 1 hierarchies, by controller.
    var controllers: [String: String] = [:]

    init(_ text: String) {
        for line in text.textLines {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[0] == "0", parts[1].isEmpty { unified = String(parts[2]) }
            for controller in parts[1].split(separator: ",") {
                controllers[String(controller)] = String(parts[2])
            }
        }
    }

    func place(of controller: String, in mounts: MountTable) -> (Mount, String)? {
        guard let path = controllers[controller] else { return nil }
        let mount = mounts.mounts.first {
            $0.fileSystem == "cgroup" && $0.superOptions.contains(controller)
        }
        return mount.map { ($0, path) }
    }
}

/// The directories from a group up to the root that is mounted, those of systemd services left out.
private func levels(of path: String, in mount: Mount) -> [String] {
    // A container may see its own group as the root of the mount.
    let inside =
        mount.root != "/" && isBelow(path, mount.root)
        ? String(path.dropFirst(mount.root.count)) : path
    var components: [Substring] = []
    for component in inside.split(separator: "/") {
        if component == ".." { return [mount.mountPoint] }
        if component.hasSuffix(".service") { break }
        components.append(component)
    }
    return (0...components.count).reversed().map { count in
        ([Substring(mount.mountPoint)] + components.prefix(count)).joined(separator: "/")
    }
}

private func number(_ text: String?) -> UInt64? {
    text?.textLines.first.flatMap { UInt64($0) }
}

/// The figure of a line `name figure`.
func figure(_ name: String, in text: String) -> UInt64? {
    for line in text.textLines {
        let fields = line.fields
        if fields.count >= 2, fields[0] == name { return UInt64(fields[1]) }
    }
    return nil
}
