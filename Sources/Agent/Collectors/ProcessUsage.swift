import Glibc
import Model

/// What a set of processes uses.
struct ProcessUsage: Hashable, Sendable {
    /// Time on processors, of processes that still run.
    var processorTime = Duration.zero
    /// Memory in bytes; pages that several processes share count for each.
    var residentMemory: UInt64 = 0
    var processes: UInt32 = 0

    init() {}

    /// Sums up a process group, by looking through all processes.
    init(processGroup: Int32, files: SystemFiles = SystemFiles()) {
        self.init()
        for name in files.directories(in: "/proc")
        where name.utf8.allSatisfy({ (48...57).contains($0) }) {
            guard let process = files.text("/proc/\(name)/stat").flatMap(ProcessStatus.init(stat:)),
                process.processGroup == processGroup
            else { continue }
            add(process)
        }
    }

    /// Sums up the processes of a control group and of those below it.
    ///
    /// - Parameter directory: of the group: `/sys/fs/cgroup/…`.
    init(controlGroup directory: String, files: SystemFiles = SystemFiles()) {
        self.init()
        addProcesses(in: directory, files, depth: 0)
        // The group itself also remembers processes that have ended.
        if let used = files.text(directory + "/cpu.stat").flatMap({ figure("usage_usec", in: $0) })
        {
            processorTime = .microseconds(Int64(clamping: used))
        }
    }

    /// Groups nested deeper than this are not looked at.
    private static let depthMax = 8

    private mutating func addProcesses(in directory: String, _ files: SystemFiles, depth: Int) {
        for line in files.text(directory + "/cgroup.procs")?.textLines ?? [] {
            if let status = files.text("/proc/\(line)/stat").flatMap(ProcessStatus.init(stat:)) {
                add(status)
            }
        }
        guard depth < Self.depthMax else { return }
        for name in files.directories(in: directory) {
            addProcesses(in: "\(directory)/\(name)", files, depth: depth + 1)
        }
    }

    private mutating func add(_ process: ProcessStatus) {
        processes += 1
        processorTime += process.processorTime
        residentMemory = residentMemory.saturatingAdd(process.residentMemory)
    }
}

/// The figures of `/proc/PID/stat` that we need.
struct ProcessStatus: Hashable, Sendable {
    var processGroup: Int32
    var processorTime: Duration
    var residentMemory: UInt64

    init?(stat text: String) {
        // The program's name, in parentheses, may itself contain blanks and parentheses.
        guard let close = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: close)...].fields
        guard fields.count >= 22, let group = Int32(fields[2]), let user = UInt64(fields[11]),
            let system = UInt64(fields[12]), let pages = UInt64(fields[21])
        else { return nil }
        self.processGroup = group
        let ticks = user.saturatingAdd(system)
        let ticksInSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let nanoseconds = ticks.scaled(by: 1_000_000_000, over: ticksInSecond)
        self.processorTime = .nanoseconds(Int64(clamping: nanoseconds))
        self.residentMemory = pages.saturatingMultiply(UInt64(max(1, getpagesize())))
    }
}
