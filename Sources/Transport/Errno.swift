import Glibc

/// The errors of the system that we tell apart.
enum Errno {
    static let addressInUse = EADDRINUSE
    static let addressNotAvailable = EADDRNOTAVAIL
    static let accessDenied = EACCES
    static let connectionRefused = ECONNREFUSED
    static let timedOut = ETIMEDOUT
}
