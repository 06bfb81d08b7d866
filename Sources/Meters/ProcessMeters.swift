import Glibc

/// What every program says of its own process, under the names that Prometheus has for it.
public final class ProcessMeters: Sendable {
    private let processor: Counter
    private let resident: Gauge
    private let virtual: Gauge
    private let open: Gauge
    private let openMax: Gauge
    private let started: Gauge

    public init(_ registry: Registry) {
        processor = registry.counter(
            "process_cpu_seconds_total",
            "Time that the process has spent on processors.",
            scale: .billionths
        )
        resident = registry.gauge("process_resident_memory_bytes", "Memory that is in RAM.")
        virtual = registry.gauge("process_virtual_memory_bytes", "Address space.")
        open = registry.gauge("process_open_fds", "Open descriptors.")
        openMax = registry.gauge("process_max_fds", "Descriptors that may be open at most.")
        started = registry.gauge(
            "process_start_time_seconds",
            "When the process was started, since 1970.",
            scale: .billionths
        )
    }

    /// Looks into `/proc`; what is not there stays as it was.
    public func update() {
        open.set(Self.entries(of: "/proc/self/fd"))
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            openMax.set(UInt64(limit.rlim_cur))
        }
        // The program's name, in parentheses, may itself contain blanks and parentheses.
        guard let text = Self.text("/proc/self/stat"), let close = text.lastIndex(of: ")") else {
            return
        }
        let fields = text[text.index(after: close)...].split(separator: " ").map { UInt64($0) ?? 0 }
        guard fields.count >= 22 else { return }
        let tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        processor.set((fields[11] &+ fields[12]) &* tick)
        virtual.set(fields[20])
        resident.set(fields[21] &* UInt64(max(1, getpagesize())))
        let boot = Self.text("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
        if let seconds = boot.flatMap({ UInt64($0.dropFirst(6)) }) {
            started.set(seconds &* 1_000_000_000 &+ fields[19] &* tick)
        }
    }

    private static func text(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Of a folder, without itself, its parent, and the descriptor by which it is read.
    private static func entries(of path: String) -> Int {
        guard let folder = opendir(path) else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return max(0, count - 3)
    }
}
