/// Time that all processors together have spent, in ticks since the machine started
/// (`/proc/stat`).
struct ProcessorTimes: Hashable, Sendable {
    var busy: UInt64
    var total: UInt64
    /// Processors that are switched on.
    var processors: UInt32

    /// - Returns: nil when the text has no `cpu` line of at least four figures.
    init?(stat text: String) {
        var summary: [UInt64] = []
        var processors: UInt32 = 0
        for line in text.textLines where line.hasPrefix("cpu") {
            let fields = line.fields
            if fields[0] == "cpu" {
                summary = fields.dropFirst().map { UInt64($0) ?? 0 }
            } else if fields[0].dropFirst(3).allSatisfy(\.isNumber) {
                processors += 1
            }
        }
        guard summary.count >= 4 else { return nil }
        // user nice system idle iowait irq softirq steal; time of guests is in user already.
        let counted = summary.prefix(8)
        self.total = counted.reduce(0) { $0.saturatingAdd($1) }
        let idle = summary[3].saturatingAdd(summary.count > 4 ? summary[4] : 0)
        self.busy = total - min(total, idle)
        self.processors = max(1, processors)
    }

    /// Busy share since an earlier reading, 0 to 1 000. Idle time may run backwards by a tick or
    /// two on real kernels; that counts as none.
    func busyPerMille(since earlier: ProcessorTimes) -> UInt32 {
        guard total > earlier.total, busy >= earlier.busy else { return 0 }
        let share = (busy - earlier.busy).scaled(by: 1_000, over: total - earlier.total)
        return UInt32(min(share, 1_000))
    }
}

/// `/proc/meminfo`, in bytes.
struct MemoryFigures: Hashable, Sendable {
    var total: UInt64
    var available: UInt64
    var swapTotal: UInt64
    var swapFree: UInt64

    /// - Returns: nil when there is no `MemTotal`.
    init?(meminfo text: String) {
        var figures: [Substring: UInt64] = [:]
        for line in text.textLines {
            let fields = line.fields
            guard fields.count >= 2, let number = UInt64(fields[1]) else { continue }
            let isKibibytes = fields.count > 2 && fields[2] == "kB"
            figures[fields[0]] = isKibibytes ? number.saturatingMultiply(1_024) : number
        }
        guard let total = figures["MemTotal:"] else { return nil }
        self.total = total
        // Kernels before 3.14 do not reckon what is available.
        let estimate = ["MemFree:", "Buffers:", "Cached:"].reduce(UInt64(0)) {
            $0.saturatingAdd(figures[Substring($1)] ?? 0)
        }
        self.available = min(total, figures["MemAvailable:"] ?? estimate)
        self.swapTotal = figures["SwapTotal:"] ?? 0
        self.swapFree = min(swapTotal, figures["SwapFree:"] ?? 0)
    }
}

/// `/proc/loadavg`, in thousandths.
struct LoadAverages: Hashable, Sendable {
    var one: UInt32
    var five: UInt32
    var fifteen: UInt32

    init?(loadavg text: String) {
        guard let fields = text.textLines.first?.fields, fields.count >= 3,
            let one = thousandths(fields[0]), let five = thousandths(fields[1]),
            let fifteen = thousandths(fields[2])
        else { return nil }
        self.one = one
        self.five = five
        self.fifteen = fifteen
    }
}

/// Share of the last 10 s in which some task waited, per mille (`some avg10` of a file in
/// `/proc/pressure`); nil when the text has none.
func pressurePerMille(_ text: String) -> UInt32? {
    for line in text.textLines where line.hasPrefix("some ") {
        for field in line.fields where field.hasPrefix("avg10=") {
            // Per cent in the file; thousandths of a per cent here.
            return thousandths(field.dropFirst(6)).map { min(($0 + 50) / 100, 1_000) }
        }
    }
    return nil
}

/// Whole seconds since the machine started (`/proc/uptime`).
func uptimeSeconds(_ text: String) -> UInt64? {
    guard let field = text.textLines.first?.fields.first else { return nil }
    return UInt64(field.prefix { $0 != "." })
}

/// Bytes that each network interface but loopback has carried (`/proc/net/dev`).
struct NetworkCounters: Hashable, Sendable {
    struct Carried: Hashable, Sendable {
        var received: UInt64
        var sent: UInt64
    }

    var interfaces: [String: Carried] = [:]

    init(netDev text: String) {
        for line in text.textLines {
            guard let colon = line.lastIndex(of: ":") else { continue }
            let name = line[..<colon].fields.joined()
            let fields = line[line.index(after: colon)...].fields
            guard !name.isEmpty, name != "lo", fields.count >= 9,
                let received = UInt64(fields[0]), let sent = UInt64(fields[8])
            else { continue }
            interfaces[name] = Carried(received: received, sent: sent)
        }
    }

    /// Bytes since an earlier reading. An interface that is new, or whose counters went back
    /// (a driver was loaded again, 32 bits ran over), counts for nothing this once.
    func carried(since earlier: NetworkCounters) -> Carried {
        var sum = Carried(received: 0, sent: 0)
        for (name, now) in interfaces {
            guard let then = earlier.interfaces[name] else { continue }
            if now.received >= then.received {
                sum.received = sum.received.saturatingAdd(now.received - then.received)
            }
            if now.sent >= then.sent {
                sum.sent = sum.sent.saturatingAdd(now.sent - then.sent)
            }
        }
        return sum
    }
}

/// A decimal fraction such as `0.52`, in thousandths; further digits are dropped.
func thousandths(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = UInt32(parts[0]), whole <= 4_000_000 else { return nil }
    var fraction: UInt32 = 0
    if parts.count == 2 {
        let digits = parts[1].prefix(3)
        guard !digits.isEmpty, let value = UInt32(digits) else { return nil }
        fraction = digits.count == 1 ? value * 100 : digits.count == 2 ? value * 10 : value
    }
    return whole * 1_000 + fraction
}
