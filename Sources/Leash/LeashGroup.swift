import Glibc
import Host

/// The processes a leash holds: those in its cgroup, if it has one, and all its descendants.
struct LeashGroup {
    let cgroup: Cgroup?

    func terminate() {
        signal(SIGTERM)
        // A stopped process would not see the request before it is too late.
        signal(SIGCONT)
    }

    func kill() {
        do {
            try cgroup?.kill()
        } catch {
            complain("\(error)")
        }
        ProcessTree.killDescendants(of: getpid())
    }

    /// Nil when it cannot be told; that is not empty.
    func isEmpty(isChildless: Bool) -> Bool? {
        guard isChildless else { return false }
        guard let cgroup else { return true }
        return (try? cgroup.isPopulated()).map { !$0 }
    }

    func count() -> UInt32 {
        UInt32(clamping: members().count)
    }

    private func signal(_ number: Int32) {
        let descendants = Set(ProcessTree.signalDescendants(of: getpid(), number))
        for process in (try? cgroup?.processIDs()) ?? [] where !descendants.contains(process) {
            Glibc.kill(process, number)
        }
    }

    private func members() -> Set<Int32> {
        Set(ProcessTree.descendants(of: getpid()).map(\.processID))
            .union((try? cgroup?.processIDs()) ?? [])
    }
}
