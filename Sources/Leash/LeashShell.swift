import AgentCore
import CHost
import Glibc
import Host
import Model

/// Carries out what the ``LeashMachine`` decides: one thread, one `poll`. What may wait for a disk,
/// the program's log and the result, has threads of its own.
final class LeashShell {
    let spec: LeashSpec
    private let folder: String
    private(set) var group: LeashGroup
    let log: ChildLog?
    private let records: RecordWriter
    private let lock: InstanceLock
    let listener: Descriptor
    private let signals: Descriptor
    private let timer: Descriptor

    var machine: LeashMachine
    var events: [LeashEvent] = [.configured]
    var agent: Descriptor?
    var reader = LineReader()
    var childID: Int32?
    var stopCommandID: Int32?
    private var hasReaped = false
    /// Records that were given to be written, and that are.
    private var recordsGiven: UInt64 = 0
    private var recordsWritten: UInt64 = 0
    /// What is told, or done last, when so many records are written.
    private var unsent: [(after: UInt64, report: LeashReport)] = []
    private var leaving: (after: UInt64, status: Int32)?
    private var exitStatus: Int32?

    init(_ spec: LeashSpec, folder: String) throws(HostError) {
        self.spec = spec
        self.folder = folder
        // Nothing of the agent's is held but standard error, and standard output until `ready`.
        _ = muster_close_from(3)
        setsid()
        guard chdir("/") == 0 else { throw HostError("enter", path: "/", code: errno) }
        umask(0o077)
        _ = muster_signal_ignore(SIGHUP)
        Signals.ignoreBrokenPipes()
        let watched = [SIGCHLD, SIGTERM, SIGINT]
        let number = muster_signal_descriptor(watched, watched.count)
        guard number >= 0 else { throw HostError("watch signals", code: errno) }
        signals = Descriptor(owning: number)
        let clock = muster_timer_create()
        guard clock >= 0 else { throw HostError("make a timer", code: errno) }
        timer = Descriptor(owning: clock)
        lock = try InstanceLock(
            taking: folder + "/" + LeashFiles.lock,
            owner: "muster-leash pid \(getpid())"
        )
        try ProcessTree.becomeReaper()
        var cgroup: Cgroup?
        if let path = spec.cgroup { cgroup = try Cgroup(path) }
        if let bytes = spec.cgroupMemoryMax { try cgroup?.limitMemory(to: bytes) }
        group = LeashGroup(cgroup: cgroup)
        var log: ChildLog?
        if let path = spec.log { log = try ChildLog(path, byteCountMax: spec.logByteCountMax) }
        self.log = log
        records = try RecordWriter(folder + "/" + LeashFiles.exit, log: log)
        try DurableFile.remove(folder + "/" + LeashFiles.exit)
        listener = try UnixSocket.listen(folder + "/" + LeashFiles.socket)
        machine = LeashMachine(spec, at: BootClock.now())
    }

    /// - Returns: the exit status.
    func run() throws(HostError) -> Int32 {
        try sayReady()
        while true {
            drive()
            if let exitStatus {
                leave()
                return exitStatus
            }
            wait()
        }
    }

    private func sayReady() throws(HostError) {
        let null = try Descriptor.open("/dev/null", flags: O_RDWR)
        dup2(null.number, STDIN_FILENO)
        _ = Array("ready\n".utf8).withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        dup2(null.number, STDOUT_FILENO)
    }

    /// Sleeps until something happens, then turns it into events. The clock comes first: after
    /// this process itself was stopped, a passed deadline is acted on before anything is read.
    private func wait() {
        _ = muster_timer_arm(timer.number, machine.nextDeadline.map { max(1, $0.nanoseconds) } ?? 0)
        var watched: [pollfd] = []
        for number in [signals.number, timer.number, listener.number] {
            watched.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0))
        }
        watched.append(pollfd(fd: agent?.number ?? -1, events: Int16(POLLIN), revents: 0))
        watched.append(pollfd(fd: records.descriptor, events: Int16(POLLIN), revents: 0))
        guard poll(&watched, nfds_t(watched.count), -1) > 0 else { return }

        events.append(.deadlineReached)
        drive()
        takeSignals()
        reap()
        drive()
        if hasReaped, machine.awaitsEmptiness {
            look()
            drive()
        }
        hasReaped = false
        if watched[3].revents != 0 { readAgent() }
        if watched[2].revents != 0 { acceptAgent() }
        if watched[4].revents != 0 {
            recordsWritten += records.takeWritten()
            release()
        }
    }

    func drive() {
        while exitStatus == nil, !events.isEmpty {
            perform(machine.step(events.removeFirst(), at: BootClock.now()))
        }
    }

    private func perform(_ effects: LeashEffects) {
        if let record = effects.record {
            records.put(measured(record))
            recordsGiven += 1
        }
        if let spawn = effects.spawn { events.append(startChild(spawn)) }
        if effects.runsStopCommand { runStopCommand() }
        for signal in effects.signals {
            switch signal {
            case .terminateGroup: group.terminate()
            case .killGroup: group.kill()
            }
        }
        if effects.looks { look() }
        for report in effects.sends { unsent.append((recordsGiven, report)) }
        if let status = effects.exit { leaving = (recordsGiven, status) }
        release()
    }

    /// The result must outlive us before anybody is told.
    private func release() {
        while let first = unsent.first, first.after <= recordsWritten {
            unsent.removeFirst()
            // The last of the output has been counted since.
            tell(measured(first.report))
        }
        if let leaving, leaving.after <= recordsWritten { exitStatus = leaving.status }
    }

    /// A next agent is told all of it anew.
    func forgetUnsent() { unsent = [] }

    /// With what was used so far, where it tells of an end, and what was written, where it tells how
    /// it stands.
    private func measured(_ report: LeashReport) -> LeashReport {
        switch report {
        case .exited, .empty: return report.adding(usage)
        case .state(var state):
            state.written = log?.written
            return .state(state)
        case .started, .unkillable, .refused: return report
        }
    }

    private var usage: LeashUsage {
        let reaped = ProcessTree.reapedUsage()
        let group = group.cgroup?.usage()
        let processor = max(reaped.processorMicroseconds, group?.processorMicroseconds ?? 0)
        return LeashUsage(
            processorMilliseconds: processor / 1_000,
            memoryBytesMax: group?.memoryBytesMax ?? reaped.memoryBytesMax,
            outputBytes: log?.totalByteCount ?? 0
        )
    }

    private func tell(_ report: LeashReport) {
        guard let agent else { return }
        if !UnixSocket.send(report.line, to: agent) { dropAgent() }
    }

    private func look() {
        let isChildless = reap()
        if group.isEmpty(isChildless: isChildless) == true {
            events.append(.groupEmpty)
        } else {
            events.append(.groupPopulated(processes: group.count()))
        }
    }

    private func takeSignals() {
        while true {
            switch muster_signal_read(signals.number) {
            case 0: return
            case SIGTERM, SIGINT: events.append(.terminated)
            default: continue
            }
        }
    }

    /// Takes the ends of all children that have ended.
    ///
    /// - Returns: whether there is no child left, and so, as orphans become our children, no
    ///   descendant.
    @discardableResult
    private func reap() -> Bool {
        while true {
            switch ProcessTree.reap() {
            case .childless: return true
            case .nothingYet: return false
            case .ended(let processID, let end):
                hasReaped = true
                took(processID, end)
            }
        }
    }

    private func leave() {
        unlink(folder + "/" + LeashFiles.socket)
        do {
            try group.cgroup?.remove()
        } catch {
            complain("\(error)")
        }
    }
}
