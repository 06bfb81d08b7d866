import Glibc
import Host
import Model
import Testing

@testable import Agent

@Suite struct LoadSamplerTests {
    private let machine: SmallMachine

    init() throws {
        machine = try SmallMachine()
        try machine.write(SmallMachine.plain)
    }

    private func instant(_ seconds: Int64) -> Instant { .origin + .seconds(seconds) }

    @Test func `rates are those since the sample before`() throws {
        var sampler = LoadSampler(files: machine.files)
        let first = sampler.sample(at: instant(1))
        #expect(first.processors == 4)
        #expect(first.processorBusyPerMille == 0)
        #expect(first.networkReceived == 0)
        #expect(first.memoryTotal == 8 * SmallMachine.gibibyte)
        #expect(first.memoryAvailable == 4 * SmallMachine.gibibyte)
        #expect(first.loadAverage15 == 3_000)
        #expect(first.uptimeSeconds == 100)
        #expect(first.processorPressurePerMille == nil)

        try machine.write([
            "/proc/stat": "cpu  250 0 0 1750 0 0 0 0\ncpu0 0 0 0 0",
            "/proc/net/dev": "eth0: 6000 0 0 0 0 0 0 0 12000 0",
            "/proc/pressure/cpu": "some avg10=1.50 avg60=0 avg300=0 total=1",
            "/proc/pressure/memory": "some avg10=0.00 avg60=0 avg300=0 total=1",
            "/proc/pressure/io": "some avg10=20.00 avg60=0 avg300=0 total=1",
        ])
        let second = sampler.sample(at: instant(6))
        #expect(second.processorBusyPerMille == 250)
        #expect(second.networkReceived == 1_000)
        #expect(second.networkSent == 2_000)
        #expect(second.processorPressurePerMille == 15)
        #expect(second.memoryPressurePerMille == 0)
        #expect(second.inputOutputPressurePerMille == 200)
    }

    @Test func `a machine without any of the files gives an empty sample`() throws {
        var sampler = LoadSampler(files: try SmallMachine().files)
        #expect(sampler.sample(at: instant(1)) == Load())
        #expect(sampler.sample(at: instant(1)) == Load())
        #expect(sampler.sample(at: instant(0)) == Load())
    }

    @Test func `a version 2 group bounds processors and memory`() throws {
        let root = "/sys/fs/cgroup"
        try machine.write([
            "/proc/self/mountinfo": "40 30 0:30 / \(root) rw - cgroup2 cgroup2 rw",
            "/proc/self/cgroup": "0::/box/inner/muster-agent.service/agent",
            "\(root)/cpu.stat": "usage_usec 1",
            "\(root)/box/cpu.max": "150000 100000",
            "\(root)/box/cpu.stat": "usage_usec 1000000\nuser_usec 1",
            "\(root)/box/memory.max": "max",
            "\(root)/box/inner/cpu.max": "max 100000",
            "\(root)/box/inner/memory.max": "2147483648",
            "\(root)/box/inner/memory.current": "1610612736",
            "\(root)/box/inner/memory.stat": "anon 5\ninactive_file 536870912\n",
            // The unit's own limits bound the agent, not the node.
            "\(root)/box/inner/muster-agent.service/memory.max": "67108864",
            "\(root)/box/inner/muster-agent.service/memory.current": "0",
            "\(root)/box/inner/muster-agent.service/cpu.max": "10000 100000",
        ])
        var sampler = LoadSampler(files: machine.files)
        let first = sampler.sample(at: instant(1))
        #expect(first.processors == 2)
        #expect(first.memoryTotal == 2 * SmallMachine.gibibyte)
        #expect(first.memoryAvailable == SmallMachine.gibibyte)
        // 0.75 s used in 1 s of 1.5 processors.
        try machine.write(["\(root)/box/cpu.stat": "usage_usec 1750000"])
        #expect(sampler.sample(at: instant(2)).processorBusyPerMille == 500)
    }

    @Test func `version 1 groups bound processors and memory, as seen from within a container`()
        throws
    {
        try machine.write([
            "/proc/self/mountinfo": """
            40 30 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct
            41 30 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
            """,
            "/proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/",
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "1000000000\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n",
            "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 268435456\n",
        ])
        var sampler = LoadSampler(files: machine.files)
        let first = sampler.sample(at: instant(1))
        #expect(first.processors == 1)
        #expect(first.memoryTotal == SmallMachine.gibibyte)
        #expect(first.memoryAvailable == 268_435_456)
        try machine.write(["/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "1500000000\n"])
        #expect(sampler.sample(at: instant(3)).processorBusyPerMille == 500)
    }

    @Test func `groups without limits leave the machine as it is`() throws {
        try machine.write([
            "/proc/self/mountinfo": """
            40 30 0:30 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu
            41 30 0:31 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
            42 30 0:32 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw
            """,
            "/proc/self/cgroup": "5:memory:/a/../b\n4:cpu:/\n0::/../..",
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/unified/cpu.max": "max 100000",
            "/sys/fs/cgroup/unified/memory.max": "18446744073709551615",
        ])
        var sampler = LoadSampler(files: machine.files)
        let load = sampler.sample(at: instant(1))
        #expect(load.processors == 4)
        #expect(load.memoryTotal == 8 * SmallMachine.gibibyte)
    }

    @Test func `this machine gives a sensible sample`() {
        var sampler = LoadSampler()
        let load = sampler.sample(at: BootClock.now())
        #expect(load.processors >= 1)
        #expect(load.memoryTotal > 1 << 26)
        #expect(load.memoryAvailable > 0 && load.memoryAvailable <= load.memoryTotal)
        #expect(load.uptimeSeconds > 0)
    }
}

@Suite struct DiskSamplerTests {
    private let machine: SmallMachine

    init() throws {
        machine = try SmallMachine()
        try machine.write([
            "/proc/self/mountinfo": """
            27 1 254:0 / / rw - ext4 /dev/vda rw
            28 27 254:1 / /srv rw - xfs /dev/vdb rw
            30 27 0:40 / /nfs rw - nfs4 server:/export rw
            """
        ])
    }

    private static func disk(_ path: String) -> Disk {
        Disk(mount: path, total: 100, available: 40, inodesTotal: 10, inodesAvailable: 5)
    }

    @Test func `local disks are reported by themselves, others when they are named`() {
        var sampler = DiskSampler(files: machine.files, question: Self.disk)
        #expect(sampler.sample() == DiskSample(disks: [Self.disk("/"), Self.disk("/srv")]))
        var named = DiskSampler(disks: ["/nfs", "/"], files: machine.files, question: Self.disk)
        #expect(named.sample().disks.map(\.mount) == ["/nfs", "/"])
    }

    @Test func `a hung mount is unknown, holds one thread, and comes back`() throws {
        let gate = Monitor((isOpen: false, asked: 0))
        var sampler = DiskSampler(disks: ["/", "/nfs"], files: machine.files) { path in
            guard path == "/nfs" else { return Self.disk(path) }
            gate.change { $0.asked += 1 }
            gate.wait(while: { !$0.isOpen }) { _ in }
            return Self.disk(path)
        }
        for _ in 0..<3 {
            let start = BootClock.now()
            #expect(
                sampler.sample() == DiskSample(disks: [Self.disk("/")], unknown: ["/nfs"])
            )
            #expect(BootClock.now() - start < .seconds(2))
        }
        #expect(gate.read { $0.asked } == 1)
        gate.change { $0.isOpen = true }
        #expect(sampler.sample().disks.map(\.mount) == ["/", "/nfs"])
        #expect(sampler.sample().disks.map(\.mount) == ["/", "/nfs"])
        #expect(gate.read { $0.asked } <= 3)
    }

    @Test func `this machine's root is a disk, and a path that is not there is unknown`() throws {
        var sampler = DiskSampler(disks: ["/", "/no/such/place"])
        let sample = sampler.sample()
        let disk = try #require(sample.disks.first)
        #expect(disk.mount == "/")
        #expect(disk.total > 0 && disk.available <= disk.total)
        #expect(sample.unknown == ["/no/such/place"])
    }

    @Test func `what we ourselves use is more than nothing`() {
        let usage = ProcessUsage(processGroup: getpgrp())
        #expect(usage.processes >= 1)
        #expect(usage.residentMemory > 1 << 20)
        #expect(ProcessUsage(processGroup: Int32.max).processes == 0)
    }

    @Test func `a control group is summed up with those below it`() throws {
        let stat = "7 (x) S 1 9 9 0 -1 0 0 0 0 0 100 0 0 0 20 0 1 0 1 1 2 0"
        try machine.write([
            "/proc/7/stat": stat, "/proc/8/stat": stat, "/cg/cgroup.procs": "7\n",
            "/cg/a.scope/cgroup.procs": "8\n9\n", "/cg/cpu.stat": "usage_usec 5000000",
        ])
        let usage = ProcessUsage(controlGroup: "/cg", files: machine.files)
        #expect(usage.processes == 2)
        #expect(usage.residentMemory == 4 * 4_096)
        #expect(usage.processorTime == .seconds(5))
        #expect(ProcessUsage(processGroup: 9, files: machine.files).processorTime == .seconds(2))
    }
}
