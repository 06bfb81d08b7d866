import Glibc
import Host

/// The processes a leash holds: those in its cgroup, if it has one, and all its descendants.
struct LeashGroup {
    let cgroup: Cgroup?
    private var terminated: Set<Int32> = []

    init(cgroup: Cgroup?) {
        self.cgroup = cgroup
    }

    /// Sends SIGTERM to each process that has not had it yet: to some programs a second one means
    /// to drop everything.
    mutating func terminate() {
        let before = terminated
        terminated = ProcessTree.signalDescendants(of: getpid(), SIGTERM, except: before)
        for process in (try? cgroup?.processIDs()) ?? []
        where terminated.insert(process).inserted {
            Glibc.kill(process, SIGTERM)
        }
        // A stopped process would not see the request before it is too late.
        for process in terminated.subtracting(before) { Glibc.kill(process, SIGCONT) }
    }

    func kill() {
        var failure: HostError?
        do throws(HostError) {
            try cgroup?.kill()
        } catch {
            failure = error
        }
        ProcessTree.killDescendants(of: getpid())
        if let failure { complain("\(failure)") }
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

    private func members() -> Set<Int32> {
        Set(ProcessTree.descendants(of: getpid()).map(\.processID))
            .union((try? cgroup?.processIDs()) ?? [])
    }
}
