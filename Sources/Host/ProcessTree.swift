import CHost
import Glibc

/// Descendants of this process. With ``becomeReaper()`` no descendant can leave the tree, by
/// whatever way it forks: orphans become our children.
public enum ProcessTree {
    /// A tree that grows faster than it is read is not chased for ever: the caller comes back.
    private static let passesMax = 10

    /// Makes this process the parent of all orphans below it.
    public static func becomeReaper() throws(HostError) {
        guard muster_become_subreaper() == 0 else {
            throw HostError("become the reaper of orphans", code: errno)
        }
    }

    public enum Reaped: Hashable, Sendable {
        case ended(processID: Int32, ProcessEnd)
        /// Children live and none has ended.
        case nothingYet
        /// There is not one child, so (for a reaper) not one descendant.
        case childless
    }

    /// Takes the end of one child, without waiting.
    public static func reap() -> Reaped {
        var status: Int32 = 0
        let process = muster_reap(&status)
        if process > 0 { return .ended(processID: process, ProcessEnd(status: status)) }
        return process == 0 ? .nothingYet : .childless
    }

    /// What the children that were reaped have used, and what they had reaped.
    ///
    /// Memory is the most that a single one of them had, and not less than ours was when it was
    /// forked: it begins as our copy.
    public static func reapedUsage() -> (processorMicroseconds: UInt64, memoryBytesMax: UInt64) {
        var processor: Int64 = 0
        var memory: Int64 = 0
        muster_children_usage(&processor, &memory)
        return (UInt64(max(0, processor)), UInt64(max(0, memory)))
    }

    /// A descendant, and the parent it had when it was found.
    public struct Descendant: Hashable, Sendable {
        public var processID: Int32
        public var parentID: Int32
    }

    /// All descendants of a process, parents before children. Zombies are among them, for a
    /// process whose first thread has ended looks like one and may live on in another.
    public static func descendants(of root: Int32) -> [Descendant] {
        var children: [Int32: [Int32]] = [:]
        guard let listing = opendir("/proc") else { return [] }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name), let parent = parent(of: process) else { continue }
            children[parent, default: []].append(process)
        }
        var found: [Descendant] = []
        var pending = [root]
        while let next = pending.popLast() {
            let below = (children[next] ?? []).sorted()
            found += below.map { Descendant(processID: $0, parentID: next) }
            pending += below
        }
        return found
    }

    /// Sends SIGKILL to every descendant. They are stopped first, each new one as it is found, so
    /// that none can fork faster than it is looked for; the caller repeats until childless.
    public static func killDescendants(of root: Int32) {
        signalDescendants(of: root, SIGSTOP)
        for descendant in descendants(of: root) { send(SIGKILL, to: descendant) }
    }

    /// Sends a signal to every descendant, once to each, until none is found that did not get it:
    /// one may fork between the moment it is found and the moment it is signalled.
    ///
    /// - Parameter known: processes that are passed over.
    /// - Returns: `known` and those that were signalled.
    @discardableResult
    public static func signalDescendants(
        of root: Int32,
        _ signal: Int32,
        except known: Set<Int32> = []
    ) -> Set<Int32> {
        var signalled = known
        for _ in 0..<passesMax {
            let fresh = descendants(of: root).filter { !signalled.contains($0.processID) }
            if fresh.isEmpty { break }
            for descendant in fresh where send(signal, to: descendant) {
                signalled.insert(descendant.processID)
            }
        }
        return signalled
    }

    // The number may have been given to a stranger since the tree was read. The descriptor pins
    // the process that has it now, and the parent says whether it is still ours.
    @discardableResult
    private static func send(_ signal: Int32, to descendant: Descendant) -> Bool {
        let number = muster_pidfd_open(descendant.processID)
        guard number >= 0 else { return false }
        let process = Descriptor(owning: number)
        guard parent(of: descendant.processID) == descendant.parentID else { return false }
        return muster_pidfd_send_signal(process.number, signal) == 0
    }

    // `/proc/N/stat` is "pid (name) state ppid …", and the name may hold anything, brackets too.
    private static func parent(of process: Int32) -> Int32? {
        let number = muster_open("/proc/\(process)/stat", O_RDONLY, 0)
        guard number >= 0, let bytes = try? Descriptor(owning: number).readAll(limit: 4_096),
            let bracket = bytes.lastIndex(of: 41)
        else { return nil }
        let fields = bytes[(bracket + 1)...].split(separator: 32)
        guard fields.count > 1 else { return nil }
        return Int32(String(decoding: fields[1], as: UTF8.self))
    }
}
