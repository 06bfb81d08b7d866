import CHost
import Glibc

/// Signals of this process, taken by a thread that does nothing else.
public enum Signals {
    public static let terminate = SIGTERM
    public static let interrupt = SIGINT
    public static let hangUp = SIGHUP
    public static let childEnded = SIGCHLD

    /// Blocks signals in the calling thread and in every thread it starts afterwards. Call it
    /// first thing in `main`, before any other thread exists.
    public static func block(_ signals: [Int32]) {
        precondition(
            muster_signals_block(signals, signals.count) == 0,
            "blocking signals: \(HostError.text(of: errno))"
        )
    }

    /// A closed connection must be an error of a write, never the end of the process.
    public static func ignoreBrokenPipes() {
        _ = muster_signal_ignore(SIGPIPE)
    }

    /// Calls `handle` on a thread of its own for each of these signals, until the process ends.
    /// The signals must have been blocked with ``block(_:)``.
    public static func watch(
        _ signals: [Int32],
        handle: @escaping @Sendable (Int32) -> Void
    ) throws(HostError) {
        let watch = Unmanaged.passRetained(Watch(signals: signals, handle: handle))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { argument in
                let watch = Unmanaged<Watch>.fromOpaque(argument!).takeRetainedValue()
                while true {
                    let signal = muster_signals_wait(watch.signals, watch.signals.count)
                    if signal > 0 { watch.handle(signal) }
                }
            },
            watch.toOpaque()
        )
        guard code == 0 else {
            watch.release()
            throw HostError("start the signal thread", code: code)
        }
        pthread_detach(thread)
    }

    private final class Watch: Sendable {
        let signals: [Int32]
        let handle: @Sendable (Int32) -> Void

        init(signals: [Int32], handle: @escaping @Sendable (Int32) -> Void) {
            self.signals = signals
            self.handle = handle
        }
    }
}
