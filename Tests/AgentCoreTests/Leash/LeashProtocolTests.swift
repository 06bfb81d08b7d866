import AgentCore
import Model
import Testing

@Suite struct LeashProtocolTests {
    static let orders: [LeashOrder] = [
        .extend(deadline: Instant(nanoseconds: 184_467_440_737)),
        .fence(deadline: Instant(nanoseconds: 0)), .stop(grace: .milliseconds(1_500)),
        .authorise(token: "0001.00000003.00000029"), .kill, .status, .acknowledge,
    ]

    static let reports: [LeashReport] = [
        .state(LeashState(phase: .waiting, token: "", onDisconnect: .keep)),
        .state(
            LeashState(
                phase: .stopping,
                token: "0001.00000003.00000029",
                processID: 77,
                deadline: Instant(nanoseconds: 5),
                onDisconnect: .kill
            )
        ),
        .state(
            LeashState(
                phase: .running,
                token: "1.1",
                onDisconnect: .kill,
                written: LeashOutput(bytes: .max, newestFileBytes: 65_536)
            )
        ),
        .started(processID: 12),
        .exited(LeashResult(cause: .exited, exit: .exited(status: 1))),
        .empty(LeashResult(cause: .killed, exit: .signaled(9))),
        .empty(
            LeashResult(
                cause: .exited,
                exit: .exited(status: 0),
                usage: LeashUsage(processorMilliseconds: 7, memoryBytesMax: 1 << 40, outputBytes: 0)
            )
        ),
        .empty(
            LeashResult(
                cause: .spawnFailed,
                failure: LeashFailure(
                    stage: "exec",
                    path: "/opt/a b/é=\"%\n",
                    code: 2,
                    reason: "No such file"
                )
            )
        ),
        .unkillable(processes: 3), .refused(reason: "because = why\n"),
    ]

    @Test(arguments: orders) func `every order reads as it was written`(order: LeashOrder) {
        #expect(LeashOrder(line: order.line) == order)
    }

    @Test(arguments: reports) func `every report reads as it was written`(report: LeashReport) {
        #expect(LeashReport(line: report.line) == report)
        #expect(!report.line.contains("\n"))
    }

    @Test func `what an older leash says of itself says nothing of what was written`() {
        let line = "state phase=running token=1.1 on-disconnect=kill pid=7"
        let told = LeashState(phase: .running, token: "1.1", processID: 7, onDisconnect: .kill)
        #expect(LeashReport(line: line) == .state(told))
        // And what cannot be is not believed.
        #expect(LeashReport(line: line + " output=4 newest=5") == .state(told))
        #expect(LeashReport(line: line + " output=4") == .state(told))
    }

    @Test func `an end that an older leash tells says nothing of what was used`() {
        let line = "empty cause=exited status=3"
        let expected = LeashResult(cause: .exited, exit: .exited(status: 3))
        #expect(LeashReport(line: line) == .empty(expected))
        // And an older agent passes over what it does not know.
        let usage = LeashUsage(processorMilliseconds: 1, memoryBytesMax: 2, outputBytes: 3)
        let told = LeashReport.empty(expected).adding(usage).line
        #expect(told == "empty cause=exited status=3 cpu=1 memory=2 output=3")
        #expect(LeashReport.started(processID: 1).adding(usage) == .started(processID: 1))
    }

    @Test(
        arguments: [
            "", " ", "extend", "extend deadline=", "extend deadline=-1", "extend deadline=x",
            "stop", "stop grace=-1", "stop grace=99999999999", "KILL", "authorise", "kill now",
            "extend =5", "extend deadline=1%", "extend deadline=%3", "stop grace=%zz",
        ]
    )
    func `what is not an order is not taken for one`(line: String) {
        #expect(LeashOrder(line: line) == nil)
    }

    @Test func `a spec reads as it was written, whatever its arguments contain`() throws {
        var spec = LeashSpec(
            token: "0001.00000003.00000029",
            program: "/opt/x",
            arguments: ["x", "", "a b", "line\nbreak", "\"quotes\" 'and' %41 =", "é"],
            onDisconnect: .keep
        )
        spec.environment = ["A=1=2", "B=\n"]
        spec.folder = "/srv/data"
        spec.user = LeashSpec.User(user: 1_000, group: 100, supplementary: [4, 27])
        spec.nice = -5
        spec.limits = [LeashSpec.Limit(resource: 7, soft: 1_024, hard: .max)]
        spec.input = "/run/in"
        spec.output = "/run/out"
        spec.log = "/var/log/x"
        spec.logByteCountMax = 1
        spec.cgroupMemoryMax = 1 << 40
        spec.cgroup = "/sys/fs/cgroup/x"
        spec.stopArguments = ["/opt/stop", "--now"]
        spec.stopGrace = .milliseconds(1)
        spec.deadline = Instant(nanoseconds: 9)
        spec.deadlineGrace = .seconds(2)
        spec.connectTimeMax = .seconds(3)
        spec.lingerTimeMax = .seconds(4)
        spec.followsTrustedLinks = false
        spec.passesStickyFolders = true
        #expect(try LeashSpec(text: spec.text) == spec)
    }

    @Test(
        arguments: [
            ("token=T\nprogram=/x\nargument=x\n", "on-disconnect is missing"),
            ("token=T\nspeed=9\n", "line 2: speed is not understood"),
            ("token=T\ndeadline=-1\n", "line 2: deadline is not understood"),
            ("token\n", "line 1: not a key and a value"),
            ("token=a%00b\n", "line 1: token holds a zero byte"),
            (
                "token=T\nprogram=/x\nargument=x\non-disconnect=kill\nuser=5\n",
                "group is missing"
            ),
            (
                "token=T\nprogram=/x\nargument=x\non-disconnect=kill\ngroup=5\n",
                "user is missing"
            ),
        ]
    )
    func `a spec that is not understood whole is refused`(text: String, reason: String) {
        #expect {
            try LeashSpec(text: text)
        } throws: {
            "\($0)" == reason
        }
    }
}
