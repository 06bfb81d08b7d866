import Glibc
import Logging

/// How many files and sockets the process may have open.
///
/// Each agent and each request is a socket; where none is left, even a timer cannot be made. The
/// soft limit is raised as far as the hard one allows, and it is told when that is not enough.
enum DescriptorLimit {
    /// The store, logs, listeners, the console's connections, event loops.
    private static let reserve = 2_048

    static func raise(for connections: Int, log: Logger) {
        let needed = rlim_t(connections + reserve)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        guard limit.rlim_cur < needed else { return }
        limit.rlim_cur = min(needed, limit.rlim_max)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur < needed else { return }
        log.warning(
            "Fewer descriptors are allowed than the configured connections may need",
            metadata: [
                "allowed": "\(limit.rlim_cur)", "needed": "\(needed)",
                "mend": "LimitNOFILE=\(needed) in the unit, or lower limits.connections",
            ]
        )
    }
}
