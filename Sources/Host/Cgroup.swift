import CHost
import Glibc

/// A folder of the cgroup v2 tree that holds the processes of one service or task.
public final class Cgroup: Sendable {
    private static let magic: Int64 = 0x6367_7270

    public let path: String
    let entrance: Descriptor

    /// Opens the group, and makes it when it is missing.
    ///
    /// - Throws: when the path is not in a cgroup v2 tree or we may not move processes there.
    public init(_ path: String) throws(HostError) {
        if mkdir(path, 0o755) != 0, errno != EEXIST {
            throw HostError("make cgroup", path: path, code: errno)
        }
        let folder = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard muster_filesystem_magic(folder.number) == Cgroup.magic else {
            throw HostError("open cgroup", path: path, reason: "it is not in a cgroup v2 tree")
        }
        self.path = path
        entrance = try Descriptor.open(path + "/cgroup.procs", flags: O_WRONLY)
    }

    /// Whether a live process is in the group or below it. Zombies do not count. A group that is
    /// gone is empty.
    public func isPopulated() throws(HostError) -> Bool {
        guard let text = try Cgroup.read(path + "/cgroup.events") else { return false }
        return text.split(separator: "\n").contains("populated 1")
    }

    /// Processes directly in the group.
    public func processIDs() throws(HostError) -> [Int32] {
        guard let text = try Cgroup.read(path + "/cgroup.procs") else { return [] }
        return text.split(separator: "\n").compactMap { Int32($0) }.filter { $0 > 0 }
    }

    /// Sends SIGKILL to all of the group at once; where the kernel cannot (before 5.14), to each
    /// process found, and the caller repeats until ``isPopulated()`` says no.
    public func kill() throws(HostError) {
        let number = muster_open(path + "/cgroup.kill", O_WRONLY, 0)
        if number >= 0 {
            try Descriptor(owning: number).writeAll([0x31], path: path)
            return
        }
        try signal(SIGKILL)
    }

    /// Sends a signal to each process found in the group.
    public func signal(_ number: Int32) throws(HostError) {
        for process in try processIDs() { Glibc.kill(process, number) }
    }

    /// Limits the memory of the group, where its tree has the controller for that.
    ///
    /// - Returns: false where it has not.
    @discardableResult
    public func limitMemory(to bytes: UInt64) throws(HostError) -> Bool {
        let file = path + "/memory.max"
        let number = muster_open(file, O_WRONLY, 0)
        if number < 0, errno == ENOENT { return false }
        guard number >= 0 else { throw HostError("open", path: file, code: errno) }
        try Descriptor(owning: number).writeAll(Array("\(bytes)".utf8), path: file)
        return true
    }

    /// What everything that ever was in the group has used; nil for what its kernel or its tree
    /// does not count.
    public func usage() -> (processorMicroseconds: UInt64?, memoryBytesMax: UInt64?) {
        let processor = (try? Cgroup.read(path + "/cpu.stat"))??.split(separator: "\n")
            .first { $0.hasPrefix("usage_usec ") }
            .flatMap { UInt64($0.dropFirst("usage_usec ".count)) }
        let memory = (try? Cgroup.read(path + "/memory.peak"))??.split(separator: "\n").first
            .flatMap { UInt64($0) }
        return (processor, memory)
    }

    /// Removes the empty group. That it is not there is no error.
    public func remove() throws(HostError) {
        guard rmdir(path) == 0 || errno == ENOENT else {
            throw HostError("remove cgroup", path: path, code: errno)
        }
    }

    private static func read(_ path: String) throws(HostError) -> String? {
        let number = muster_open(path, O_RDONLY, 0)
        if number < 0, errno == ENOENT { return nil }
        guard number >= 0 else { throw HostError("open", path: path, code: errno) }
        do throws(HostError) {
            let bytes = try Descriptor(owning: number).readAll(limit: 16 << 20, path: path)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            if error.code == ENODEV { return nil }
            throw error
        }
    }
}
