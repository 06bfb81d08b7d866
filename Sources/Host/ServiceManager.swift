import CHost
import Glibc

/// Talks to the service manager that started us (`sd_notify(3)`), if one did.
public enum ServiceManager {
    /// Sends states such as `READY=1`, `STOPPING=1`, `WATCHDOG=1` or `STATUS=…`.
    ///
    /// - Returns: whether there is a manager that asked to be told.
    @discardableResult
    public static func notify(_ state: String) throws(HostError) -> Bool {
        guard let path = environment("NOTIFY_SOCKET"), !path.isEmpty else { return false }
        try notify(state, socket: path)
        return true
    }

    /// As ``notify(_:)``, at a socket given by path or by `@name` in the abstract namespace.
    public static func notify(_ state: String, socket path: String) throws(HostError) {
        let bytes = Array(state.utf8)
        guard muster_unix_datagram(path, bytes, bytes.count) == 0 else {
            throw HostError("notify", path: path, code: errno)
        }
    }

    /// Half the watchdog's time: how often `WATCHDOG=1` must be sent. Nil when there is no
    /// watchdog, or it watches another process.
    public static var watchdogInterval: Duration? {
        watchdogInterval(
            microseconds: environment("WATCHDOG_USEC"),
            process: environment("WATCHDOG_PID")
        )
    }

    static func watchdogInterval(microseconds: String?, process: String?) -> Duration? {
        guard let microseconds, let time = Int64(microseconds), time > 0 else { return nil }
        if let process, Int32(process) != getpid() { return nil }
        return .microseconds(time / 2)
    }
}

/// A variable of our own environment.
func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
}
