import Glibc
import Model

/// Takes samples of this machine's load. Rates are reckoned from the sample before, so the first
/// one has none.
struct LoadSampler {
    private struct Previous {
        var at: Instant
        var processorTimes: ProcessorTimes?
        var groupUsed: UInt64?
        var network: NetworkCounters?
    }

    private let files: SystemFiles
    private var previous: Previous?

    init(files: SystemFiles = SystemFiles()) {
        self.files = files
    }

    /// What a kernel does not have stays at zero, or nil where ``Load`` knows nil.
    mutating func sample(at now: Instant) -> Load {
        var load = Load()
        let elapsed = UInt64(max(0, previous.map { (now - $0.at).nanoseconds } ?? 0))
        readMemory(into: &load)
        let mounts = MountTable(mountinfo: files.text("/proc/self/mountinfo") ?? "")
        let limits = ControlGroupLimits(files, mounts: mounts, memoryTotal: load.memoryTotal)
        load.memoryTotal = limits.memoryLimit ?? load.memoryTotal
        load.memoryAvailable = min(load.memoryAvailable, limits.memoryAvailable ?? .max)

        let times = files.text("/proc/stat").flatMap(ProcessorTimes.init(stat:))
        readProcessors(into: &load, times, limits, elapsed)
        if let averages = files.text("/proc/loadavg").flatMap(LoadAverages.init(loadavg:)) {
            load.loadAverage1 = averages.one
            load.loadAverage5 = averages.five
            load.loadAverage15 = averages.fifteen
        }
        load.processorPressurePerMille = pressure("cpu")
        load.memoryPressurePerMille = pressure("memory")
        load.inputOutputPressurePerMille = pressure("io")

        let network = files.text("/proc/net/dev").map(NetworkCounters.init(netDev:))
        if let network, let earlier = previous?.network, elapsed > 0 {
            let carried = network.carried(since: earlier)
            load.networkReceived = carried.received.scaled(by: 1_000_000_000, over: elapsed)
            load.networkSent = carried.sent.scaled(by: 1_000_000_000, over: elapsed)
        }
        load.uptimeSeconds = files.text("/proc/uptime").flatMap(uptimeSeconds) ?? 0
        previous = Previous(
            at: now,
            processorTimes: times,
            groupUsed: limits.processorUsed,
            network: network
        )
        return load
    }

    private func readMemory(into load: inout Load) {
        guard let memory = files.text("/proc/meminfo").flatMap(MemoryFigures.init(meminfo:)) else {
            return
        }
        load.memoryTotal = memory.total
        load.memoryAvailable = memory.available
        load.swapTotal = memory.swapTotal
        load.swapUsed = memory.swapTotal - memory.swapFree
    }

    /// Under a quota the busy share is that of the quota, not of a machine that belongs to others
    /// as well.
    private func readProcessors(
        into load: inout Load,
        _ times: ProcessorTimes?,
        _ limits: ControlGroupLimits,
        _ elapsed: UInt64
    ) {
        let online = times?.processors ?? 0
        load.processors = online
        guard let quota = limits.processorQuota, quota < UInt64(online) * 1_000 || online == 0
        else {
            if let times, let earlier = previous?.processorTimes {
                load.processorBusyPerMille = times.busyPerMille(since: earlier)
            }
            return
        }
        load.processors = UInt32(min((quota + 999) / 1_000, UInt64(UInt32.max)))
        if let used = limits.processorUsed, let earlier = previous?.groupUsed, used >= earlier {
            // Nanoseconds used of the nanoseconds granted: elapsed × quota / 1 000.
            let granted = elapsed.scaled(by: quota, over: 1_000)
            let share = (used - earlier).scaled(by: 1_000, over: granted)
            load.processorBusyPerMille = UInt32(min(share, 1_000))
        }
    }

    private func pressure(_ name: String) -> UInt32? {
        files.text("/proc/pressure/" + name).flatMap(pressurePerMille)
    }
}
