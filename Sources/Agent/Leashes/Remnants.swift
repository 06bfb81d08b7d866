import Glibc
import Host

/// What a dead leash may have left running.
///
/// In a cgroup that is exactly what is in the cgroup. Without one it is every process whose
/// environment carries the launch's mark: children inherit it, so it is lost only by a program that
/// clears its environment on purpose and leaves its session as well.
struct Remnants {
    static let variable = "MUSTER_LAUNCH"

    let cgroup: Cgroup?
    let mark: String

    init(cgroupPath: String?, mark: String) {
        cgroup = cgroupPath.flatMap { path in
            access(path, F_OK) == 0 ? try? Cgroup(path) : nil
        }
        self.mark = mark
    }

    /// Kills what is left.
    ///
    /// - Returns: how many processes there still were.
    func kill() -> Int {
        var count = 0
        if let cgroup, (try? cgroup.isPopulated()) ?? false {
            try? cgroup.kill()
            count += max(1, (try? cgroup.processIDs().count) ?? 1)
        }
        for process in markedProcesses {
            Glibc.kill(process, SIGKILL)
            count += 1
        }
        return count
    }

    func removeGroup() {
        try? cgroup?.remove()
    }

    private var markedProcesses: [Int32] {
        let wanted = Array("\(Self.variable)=\(mark)".utf8)
        var found: [Int32] = []
        guard let listing = opendir("/proc") else { return [] }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name), process != getpid(),
                let file = try? Descriptor.open("/proc/\(process)/environ", flags: O_RDONLY),
                let bytes = try? file.readAll(limit: 1 << 20),
                bytes.split(separator: 0).contains(where: { $0.elementsEqual(wanted) })
            else { continue }
            found.append(process)
        }
        return found
    }
}
