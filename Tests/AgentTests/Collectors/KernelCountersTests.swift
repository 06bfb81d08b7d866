import Testing

@testable import Agent

@Suite struct KernelCountersTests {
    @Test func `processor time is that of all processors, idle and waiting taken off`() throws {
        let first = try #require(
            ProcessorTimes(
                stat: """
                    cpu  100 20 30 800 50 5 5 10 7 3
                    cpu0 50 10 15 400 25 2 3 5 3 1
                    cpu1 50 10 15 400 25 3 2 5 4 2
                    intr 12345 0 0
                    """
            )
        )
        #expect(first.total == 1_020)
        #expect(first.busy == 170)
        #expect(first.processors == 2)
        let second = try #require(
            ProcessorTimes(stat: "cpu  150 20 30 840 60 5 5 10 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0")
        )
        #expect(second.busyPerMille(since: first) == 500)
        #expect(first.busyPerMille(since: second) == 0)
        #expect(first.busyPerMille(since: first) == 0)
    }

    @Test func `kernel 2_4 with four columns is read, a text without them is not`() {
        #expect(ProcessorTimes(stat: "cpu  1 2 3 4")?.busy == 6)
        #expect(ProcessorTimes(stat: "cpu  1 2 3 4")?.processors == 1)
        #expect(ProcessorTimes(stat: "cpu  1 2 3") == nil)
        #expect(ProcessorTimes(stat: "") == nil)
        #expect(ProcessorTimes(stat: "cpufreq 1 2 3 4 5") == nil)
    }

    @Test func `huge counters saturate`() throws {
        let huge = try #require(
            ProcessorTimes(stat: "cpu  18446744073709551615 18446744073709551615 1 1 1 1 1 1")
        )
        #expect(huge.total == .max)
        let none = try #require(ProcessorTimes(stat: "cpu 0 0 0 0"))
        #expect(huge.busyPerMille(since: none) <= 1_000)
        #expect(UInt64.max.scaled(by: 1_000, over: .max) == 1_000)
        #expect(UInt64.max.scaled(by: 2, over: 1) == .max)
        #expect(UInt64(7).scaled(by: 3, over: 0) == 0)
    }

    @Test func `memory is read in bytes`() throws {
        let memory = try #require(
            MemoryFigures(
                meminfo: """
                    MemTotal:        2048 kB
                    MemFree:          100 kB
                    MemAvailable:    1024 kB
                    Buffers:           10 kB
                    Cached:            90 kB
                    SwapTotal:        512 kB
                    SwapFree:         128 kB
                    HugePages_Total:    0
                    """
            )
        )
        #expect(memory.total == 2_048 * 1_024)
        #expect(memory.available == 1_024 * 1_024)
        #expect(memory.swapTotal == 512 * 1_024)
        #expect(memory.swapFree == 128 * 1_024)
    }

    @Test func `an old kernel's available memory is estimated`() {
        let memory = MemoryFigures(
            meminfo: "MemTotal: 2048 kB\nMemFree: 100 kB\nBuffers: 10 kB\nCached: 90 kB"
        )
        #expect(memory?.available == 200 * 1_024)
        #expect(memory?.swapTotal == 0)
        #expect(MemoryFigures(meminfo: "MemFree: 1 kB") == nil)
        #expect(
            MemoryFigures(meminfo: "MemTotal: 18446744073709551615 kB")?.total == .max
        )
    }

    @Test func `load averages are thousandths`() {
        let averages = LoadAverages(loadavg: "0.52 12.58 100.00 1/234 5678\n")
        #expect(averages?.one == 520)
        #expect(averages?.five == 12_580)
        #expect(averages?.fifteen == 100_000)
        #expect(LoadAverages(loadavg: "") == nil)
        #expect(LoadAverages(loadavg: "0.5 x 1") == nil)
        #expect(LoadAverages(loadavg: "99999999999.0 1 1") == nil)
    }

    @Test(arguments: [
        ("some avg10=2.36 avg60=3.65 avg300=2.50 total=34712999", 24 as UInt32?),
        ("some avg10=0.00 avg60=0 avg300=0 total=0\nfull avg10=9.99 avg60=0", 0),
        ("some avg10=100.00 avg60=1", 1_000), ("some avg10=0.04", 0), ("some avg10=0.05", 1),
        ("full avg10=3.00", nil), ("", nil), ("some avg10=x", nil),
    ])
    func `pressure is per mille`(_ text: String, _ expected: UInt32?) {
        #expect(pressurePerMille(text) == expected)
    }

    @Test func `uptime is whole seconds`() {
        #expect(uptimeSeconds("12345.67 9999.00\n") == 12_345)
        #expect(uptimeSeconds("") == nil)
    }

    @Test func `network counters leave loopback out and survive odd columns`() {
        let text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
                lo:    3193      29    0    0    0     0          0         0     3193      29    0
              eth0: 9435821     231    0    0    0     0          0         0    14430     174    0
            eth1:18446744073709551615 1 0 0 0 0 0 0 7 0 0
             eth0:1: 5 1 0 0 0 0 0 0 6 0 0
             bad: x 1 0 0 0 0 0 0 6 0 0
            """
        let counters = NetworkCounters(netDev: text)
        #expect(counters.interfaces.keys.sorted() == ["eth0", "eth0:1", "eth1"])
        #expect(counters.interfaces["eth0"] == .init(received: 9_435_821, sent: 14_430))
        #expect(counters.interfaces["eth1"] == .init(received: .max, sent: 7))
    }

    @Test func `an interface that is new or began anew counts for nothing once`() {
        var then = NetworkCounters(netDev: "")
        then.interfaces = ["a": .init(received: 100, sent: 100), "b": .init(received: 50, sent: 9)]
        var now = then
        now.interfaces = [
            "a": .init(received: 160, sent: 130), "b": .init(received: 3, sent: 10),
            "c": .init(received: 1_000, sent: 1_000),
        ]
        #expect(now.carried(since: then) == .init(received: 60, sent: 31))
    }

    @Test func `a process is read past whatever its name is`() throws {
        let text =
            "42 (a b) c) S 1 77 77 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 100 1000000 25 184467"
        let process = try #require(ProcessStatus(stat: text))
        #expect(process.processGroup == 77)
        #expect(process.processorTime == .seconds(2))
        #expect(process.residentMemory == 25 * 4_096)
        #expect(ProcessStatus(stat: "42 (x) S 1") == nil)
    }
}
