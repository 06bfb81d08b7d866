import CHost
import Glibc
public import Model

/// The clock of every lease and deadline: CLOCK_BOOTTIME, which runs on while the machine sleeps
/// and is the same for every process of one boot.
public enum BootClock {
    public static func now() -> Instant {
        Instant(nanoseconds: muster_boot_nanoseconds())
    }
}

/// The clock for people and certificates.
public enum WallClock {
    public static func now() -> WallTime {
        WallTime(milliseconds: muster_wall_milliseconds())
    }
}

/// Bytes from the kernel's generator, fit for keys and tokens.
public enum RandomBytes {
    /// - Parameter count: from 0 to 65 536.
    public static func take(_ count: Int) -> [UInt8] {
        precondition((0...65_536).contains(count), "\(count) random bytes asked for")
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                muster_random(buffer.baseAddress! + filled, count - filled)
            }
            // A machine without a generator must not go on with zeros for keys.
            precondition(got > 0 || errno == EINTR, "random bytes: \(HostError.text(of: errno))")
            filled += max(0, got)
        }
        return bytes
    }

    /// A seed for a core's generator.
    public static func seed() -> UInt64 {
        take(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
