import Glibc
import Host

/// The program `muster-leash`, and how it is started.
struct LeashProgram: Hashable, Sendable {
    let path: String

    /// - Returns: the pipe on which it says `ready` when it listens, and its number. It is our
    ///   child: somebody must ``reap(_:)`` it.
    func start(_ folder: LeashFolder) throws -> (ready: Descriptor, leashID: Int32) {
        let (ready, output) = try Descriptor.pipe()
        try ready.setNonblocking()
        var plan = SpawnPlan(
            .path(path),
            arguments: [path, folder.specPath],
            environment: ["PATH=\(CommandCheck.searchPath)", "LANG=C.UTF-8"]
        )
        plan.output = output
        plan.error = duplicate(STDERR_FILENO)
        plan.gainsNoPrivileges = false
        return (ready, try Spawn.start(plan).processID)
    }

    /// - Returns: whether it has ended, and is a zombie no more.
    static func reap(_ leashID: Int32) -> Bool {
        var status: Int32 = 0
        return waitpid(leashID, &status, WNOHANG) != 0
    }
}
