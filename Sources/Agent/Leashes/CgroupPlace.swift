import Glibc
import Host

/// Where the cgroups of this agent's services are made.
struct CgroupPlace: Hashable, Sendable {
    /// Nil: there are no cgroups, process groups must do.
    let base: String?
    /// Tells apart the agents of one machine.
    let prefix: String

    /// - Parameter setting: as configured; what cannot be used is not used, unless it was named.
    init(_ setting: NodeConfiguration.ControlGroup, prefix: String) throws(HostError) {
        self.prefix = prefix
        switch setting {
        case .off: base = nil
        case .path(let path):
            try Self.tryOut(path, prefix)
            base = path
        case .automatic:
            let own = Self.ownGroup()
            base = own.flatMap { path in
                (try? Self.tryOut(path, prefix)) == nil ? nil : path
            }
        }
    }

    func path(for launch: String) -> String? {
        base.map { "\($0)/\(prefix)-\(launch)" }
    }

    /// Makes a group and removes it again.
    private static func tryOut(_ path: String, _ prefix: String) throws(HostError) {
        let trial = "\(path)/\(prefix)-trial-\(getpid())"
        defer { rmdir(trial) }
        _ = try Cgroup(trial)
    }

    /// The cgroup v2 folder that this process is in.
    private static func ownGroup() -> String? {
        let files = SystemFiles()
        guard let own = files.text("/proc/self/cgroup"),
            let table = files.text("/proc/self/mountinfo")
        else { return nil }
        let line = own.split(separator: "\n").first { $0.hasPrefix("0::") }
        guard let group = line?.dropFirst(3) else { return nil }
        for mount in table.split(separator: "\n") {
            let halves = mount.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2, halves[1].hasPrefix("cgroup2 ") else { continue }
            let fields = halves[0].split(separator: " ")
            guard fields.count > 4, fields[3] == "/" else { continue }
            return group == "/" ? String(fields[4]) : "\(fields[4])\(group)"
        }
        return nil
    }
}
