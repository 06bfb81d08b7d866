import Glibc
import Host
import Model

/// Times of the interface (ISO 8601 in UTC) as people read them: local.
enum TimeText {
    static func now() -> WallTime { WallClock.now() }

    /// Milliseconds from a time to `now`; nil when the text is not a time.
    static func age(of text: String, at now: WallTime) -> Int64? {
        WallTime(iso8601: text).map { now.milliseconds - $0.milliseconds }
    }

    /// `14:03:12` for a time within half a day of now, else `11-23 14:03`, of another year
    /// `2025-11-23`.
    static func short(_ text: String, at now: WallTime) -> String {
        guard let time = WallTime(iso8601: text) else { return text }
        let local = parts(time)
        let difference = abs(now.milliseconds - time.milliseconds)
        if difference < 12 * 3_600_000 { return local.clock }
        if difference < 300 * 86_400_000 {
            return "\(local.date.dropFirst(5)) \(local.clock.prefix(5))"
        }
        return local.date
    }

    /// `2026-11-23 14:03:12 +01:00`.
    static func long(_ text: String) -> String {
        guard let time = WallTime(iso8601: text) else { return text }
        let local = parts(time)
        return "\(local.date) \(local.clock) \(local.offset)"
    }

    private static func parts(
        _ time: WallTime
    ) -> (date: String, clock: String, offset: String) {
        var seconds = time_t(time.milliseconds / 1_000)
        var broken = tm()
        localtime_r(&seconds, &broken)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(broken.tm_year + 1_900)-\(two(broken.tm_mon + 1))-\(two(broken.tm_mday))"
        let clock = "\(two(broken.tm_hour)):\(two(broken.tm_min)):\(two(broken.tm_sec))"
        let minutes = Int32(broken.tm_gmtoff / 60)
        let sign = minutes < 0 ? "-" : "+"
        return (date, clock, "\(sign)\(two(abs(minutes) / 60)):\(two(abs(minutes) % 60))")
    }
}
