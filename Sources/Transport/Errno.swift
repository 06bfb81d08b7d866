import Glibc

/// The errors of the system that we tell apart.
enum Errno {
    static let addressInUse = EADDRINUSE
    static let addressNotAvailable = EADDRNOTAVAIL
    static let accessDenied = EACCES
    static let connectionRefused = ECONNREFUSED
    static let timedOut = ETIMEDOUT

    /// Whether there was no room for another connection: descriptors of this process or of the
    /// system, or memory.
    static func isExhaustion(_ code: Int32) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code)
    }
}
