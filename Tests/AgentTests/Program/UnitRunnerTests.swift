import AgentCore
import Glibc
import Host
import Model
import Testing

@testable import Agent

/// Services that are systemd units, with a systemd that plays a part.
@Suite(.serialized) struct UnitRunnerTests {
    @Test func `a unit is started, watched, stopped and said to be gone`() throws {
        let unit = try PretendedUnit()
        let runner = unit.runner()
        #expect(runner.begin(isRunning: false))
        #expect(unit.told(.started(processID: 4_711)))
        runner.stop(timeout: .seconds(2))
        #expect(unit.told(.emptied))
        #expect(unit.news == [.started(processID: 4_711), .exited(.exited(0)), .emptied])
    }

    @Test func `a unit that ends by itself has ended with its result`() throws {
        let unit = try PretendedUnit()
        #expect(unit.runner().begin(isRunning: true))
        try unit.become("failed", result: "exit-code")
        #expect(unit.told(.emptied))
        #expect(unit.news == [.exited(.exited(1)), .emptied])
    }

    @Test func `a unit that systemd does not start was not started, in systemd's words`() throws {
        let unit = try PretendedUnit(startStatus: 1)
        #expect(unit.runner().begin(isRunning: false))
        #expect(unit.told(.notStarted(reason: "Unit is masked.")))
    }
}

/// Answers as `systemctl` does, from a file that says how the unit is.
private final class PretendedUnit: Sendable {
    private let folder: TemporaryFolder
    private let said = Monitor<[LeashNews]>([])
    private let program: String

    init(startStatus: Int32 = 0) throws {
        folder = try TemporaryFolder()
        let file = "\(folder.path)/state"
        program = try folder.write(
            "systemctl",
            """
            #!/bin/sh
            case $1 in
            start) [ \(startStatus) = 0 ] || { echo 'Unit is masked.'; exit 1; }
                printf 'ActiveState=active\\nSubState=running\\nMainPID=4711\\n' > \(file) ;;
            stop|kill) printf 'ActiveState=inactive\\nResult=success\\n' > \(file) ;;
            show) cat \(file) ;;
            esac
            """,
            mode: 0o755
        )
        try become(startStatus == 0 ? "active" : "inactive", result: "success")
    }

    var news: [LeashNews] { said.read { $0 } }

    func become(_ state: String, result: String) throws {
        try DurableFile.replace(
            "\(folder.path)/state",
            with: "ActiveState=\(state)\nResult=\(result)\n"
        )
    }

    func runner() -> UnitRunner {
        UnitRunner(
            startTimeout: .seconds(5),
            control: { [program] verb, timeout in
                try? ProgramRun(
                    [program, verb.rawValue],
                    until: MonotonicDeadline(after: timeout)
                )
            },
            tell: { [said] news in said.change { $0.append(news) } }
        )
    }

    func told(_ news: LeashNews) -> Bool {
        let deadline = MonotonicDeadline(after: .seconds(20))
        return said.wait(until: deadline, while: { !$0.contains(news) }) { _ in true } ?? false
    }
}
