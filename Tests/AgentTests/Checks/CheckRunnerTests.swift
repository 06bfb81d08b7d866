import AgentCore
import Glibc
import Host
import Model
import Testing

@testable import Agent

@Suite(.serialized) struct CheckRunnerTests {
    private let runner = CheckRunner()

    private func request(
        _ action: CheckAction,
        timeout: Duration = .seconds(10)
    ) -> CheckRequest {
        CheckRequest(
            id: CheckID(service: "tm", check: "c", attempt: 1),
            action: action,
            timeout: timeout
        )
    }

    private var surroundings: CheckSurroundings {
        var surroundings = CheckSurroundings()
        surroundings.environment = [EnvironmentVariable(name: "TM_HOME", value: "/opt/tm")]
        return surroundings
    }

    private func shell(_ script: String, timeout: Duration = .seconds(10)) -> CheckAttempt {
        runner.attempt(
            request(.command(["/bin/sh", "-c", script]), timeout: timeout),
            in: surroundings
        )
    }

    private func get(
        _ server: LocalServer,
        path: String = "/",
        _ expected: [ClosedRange<UInt16>] = [200...399],
        timeout: Duration = .seconds(10)
    ) -> CheckAttempt {
        let action = CheckAction.http(address: server.address, path: path, expected: expected)
        return runner.attempt(request(action, timeout: timeout))
    }

    @Test(arguments: [
        ("echo fine", true, "fine"), ("exit 0", true, ""),
        ("echo bad; exit 3", false, "exited with status 3: bad"),
        ("echo out; echo err >&2", true, "out\\nerr"),
        ("kill -9 $$", false, "ended by signal 9"),
        ("echo $MUSTER_SERVICE $MUSTER_CHECK $TM_HOME $HOME", true, "tm c /opt/tm"),
        ("printf 'a\\033[31mb\\000c'", true, "a\\x1b[31mb\\x00c"),
        ("cat", true, ""),
    ])
    func `a command is judged by its status and heard`(
        _ script: String,
        _ passed: Bool,
        _ output: String
    ) {
        let outcome = shell(script)
        #expect(outcome.passed == passed)
        #expect(outcome.output == output)
        #expect(outcome.took > .zero)
    }

    @Test func `much output is cut, and does not hold the program up`() {
        let outcome = shell("head -c 5000000 /dev/zero | tr '\\0' x")
        #expect(outcome.passed)
        #expect(outcome.output == String(repeating: "x", count: CheckOutcome.outputMax))
    }

    @Test func `endless output ends at the deadline`() {
        let outcome = shell("exec yes", timeout: .milliseconds(200))
        #expect(!outcome.passed)
        #expect(outcome.output.hasPrefix("did not end in time: y\\ny"))
        #expect(outcome.took < .seconds(5))
    }

    @Test func `a command that ignores SIGTERM is killed with its group at the deadline`() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/pids"
        let outcome = shell(
            "trap '' TERM; sleep 1000 & echo $$ $! > \(file); wait; sleep 1000",
            timeout: .milliseconds(500)
        )
        #expect(!outcome.passed)
        #expect(outcome.took >= .milliseconds(500) && outcome.took < .seconds(5))
        let processes = try #require(SystemFiles().text(file)).split { " \n".contains($0) }
        #expect(processes.count == 2)
        for process in processes { #expect(isGone(try #require(Int32(process)))) }
    }

    @Test func `what a command leaves behind is killed, and does not delay its answer`() throws {
        let outcome = shell("sleep 1000 & echo $!")
        #expect(outcome.passed)
        #expect(outcome.took < .seconds(5))
        #expect(isGone(try #require(Int32(outcome.output))))
    }

    @Test(arguments: [
        ("/no/such/program", "No such file or directory"), ("/etc/passwd", "Permission denied"),
        ("relative", "absolute path"),
    ])
    func `a program that cannot be run is a failed check`(_ path: String, _ reason: String) {
        let outcome = runner.attempt(request(.command([path])))
        #expect(!outcome.passed)
        #expect(outcome.output.contains(reason), "\(outcome.output)")
    }

    @Test func `a program that others may replace is not run`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("check", "#!/bin/sh\nexit 0\n", mode: 0o777)
        let outcome = runner.attempt(request(.command([path])))
        #expect(!outcome.passed)
        #expect(outcome.output.contains("can be written by others"), "\(outcome.output)")
        chmod(path, 0o755)
        #expect(runner.attempt(request(.command([path]))).passed)
    }

    @Test func `a command runs as the account of its service`() {
        // As another account than root this is our own account, which needs no change.
        let request = request(.command(["/usr/bin/id", "-u"]))
        let own = geteuid()
        var surroundings = surroundings
        surroundings.user = own == 0 ? "nobody" : nil
        let expected = own == 0 ? Account.number(of: "nobody") : own
        #expect(runner.attempt(request, in: surroundings).output == expected.map(String.init))
        surroundings.user = "no-such-one"
        let refused = runner.attempt(request, in: surroundings)
        #expect(refused.output.contains("no such account"))
    }

    @Test(arguments: ["127.0.0.1", "::1", "localhost"])
    func `a port that accepts passes`(_ host: String) throws {
        let server = try LocalServer(.silent, host: host == "::1" ? "::1" : "127.0.0.1")
        let address = NetworkAddress(host: host, port: server.address.port)
        let outcome = runner.attempt(request(.tcp(address)))
        #expect(outcome.passed, "\(outcome.output)")
        #expect(outcome.output.hasPrefix("connected to "))
    }

    @Test func `a port that refuses, and a name that is none, fail`() throws {
        let server = try LocalServer(.deaf)
        let refused = runner.attempt(request(.tcp(server.address)))
        #expect(!refused.passed)
        #expect(refused.output == "connect to \(server.address): Connection refused")
        let unknown = NetworkAddress(host: "no-such-host.invalid", port: 1)
        let outcome = runner.attempt(request(.tcp(unknown)))
        #expect(!outcome.passed)
        #expect(outcome.output.contains("no-such-host.invalid"), "\(outcome.output)")
    }

    @Test(arguments: [
        (["HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello"], true, "HTTP/1.1 200 OK"),
        (["HTTP/1.0 204\r\n\r\n"], true, "HTTP/1.0 204"),
        (["HT", "TP/1.1 302 Found\r\n", "\r", "\n"], true, "HTTP/1.1 302 Found"),
        (["HTTP/1.1 200 OK\n\nunix"], true, "HTTP/1.1 200 OK"),
        (
            ["HTTP/1.1 103 Early Hints\r\nL: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], true,
            "HTTP/1.1 200 OK"
        ),
        (
            ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "database\nis away"], false,
            "HTTP/1.1 503 Service Unavailable: database\\nis away"
        ),
        (["HTTP/1.1 404 Not Found\r\n\r\n"], false, "HTTP/1.1 404 Not Found"),
        (["SSH-2.0-OpenSSH_9.2\r\n"], false, "the answer is not HTTP/1"),
        (["HTTP/1.1 20 OK\r\n\r\n"], false, "the answer is not HTTP/1"),
        (["HTTP/1.1 2000 OK\r\n\r\n"], false, "the answer is not HTTP/1"),
        (["HTTP/2 200\r\n\r\n"], false, "the answer is not HTTP/1"),
    ])
    func `an answer is judged by its status`(
        _ pieces: [String],
        _ passed: Bool,
        _ output: String
    ) throws {
        let outcome = get(try LocalServer(.answers(pieces)))
        #expect(outcome.passed == passed)
        #expect(outcome.output == output)
    }

    @Test func `a request is HTTP 1_1 with a host, and asks for one answer`() throws {
        let server = try LocalServer(.answers(["HTTP/1.1 200 OK\r\n\r\n"]), host: "::1")
        #expect(get(server, path: "/health?full=1").passed)
        let lines = try #require(server.requests.first).split(separator: "\r\n")
        #expect(lines.first == "GET /health?full=1 HTTP/1.1")
        #expect(lines.contains("Host: [::1]:\(server.address.port)"))
        #expect(lines.contains("Connection: close"))
    }

    @Test func `statuses that are expected pass, whatever they mean`() throws {
        let server = try LocalServer(.answers(["HTTP/1.1 503 Busy\r\n\r\n"]))
        #expect(get(server, [200...200, 503...503]).passed)
        #expect(!get(server, [200...502]).passed)
    }

    @Test func `an answer that never ends, never comes or breaks off fails`() throws {
        let endless = try LocalServer(
            .answers(["HTTP/1.1 200 OK\r\n"] + Array(repeating: "A: bbbbbbbbbbb\r\n", count: 1_000))
        )
        #expect(get(endless).output == "no end of the head in 4096 bytes")
        let silent = try LocalServer(.silent)
        let outcome = get(silent, timeout: .milliseconds(200))
        #expect(outcome.output == "\(silent.address) did not answer in time")
        #expect(outcome.took >= .milliseconds(200) && outcome.took < .seconds(5))
        #expect(get(try LocalServer(.answers([]))).output.hasSuffix("without an answer"))
        #expect(get(try LocalServer(.answers(["HTTP/1.1 2"]))).output.hasSuffix("within the head"))
    }

    @Test func `hundreds of attempts leave no descriptor and no child behind`() throws {
        let server = try LocalServer(.answers(["HTTP/1.1 200 OK\r\n\r\n"]))
        let refused = try LocalServer(.deaf)
        let done = Monitor(0)
        let before = openDescriptors()
        let actions: [CheckAction] = [
            .command(["/bin/uname"]), .command(["/no/such"]), .tcp(server.address),
            .tcp(refused.address),
            .http(address: server.address, path: "/", expected: [200...200]),
        ]
        for round in 0..<300 {
            let request = request(actions[round % actions.count])
            runner.run(request, in: surroundings) { _, _ in done.change { $0 += 1 } }
        }
        done.wait(while: { $0 < 300 }) { _ in }
        runner.stop()
        // Descriptors of other tests and of the server's last connections come and go.
        #expect(openDescriptors() <= before + 20)
        #expect(endedChildren(named: "uname") == [])
    }

    @Test func `a stopped runner answers and runs nothing`() {
        let own = CheckRunner()
        let gate = Monitor(0)
        own.run(request(.command(["/bin/sleep", "0.2"])), in: surroundings) { _, _ in
            gate.change { $0 += 1 }
        }
        own.stop()
        #expect(gate.read { $0 } == 1)
        own.run(request(.command(["/bin/true"])), in: surroundings) { outcome, _ in
            gate.change { $0 += outcome == .failed("not run: the agent is stopping") ? 10 : 100 }
        }
        #expect(gate.read { $0 } == 11)
    }

    @Test(arguments: [
        ("a\nb\n", "a\\nb"), ("  x  ", "  x"), ("\u{E9}\u{202E}\u{9B}", "\u{E9}\\u{202e}\\x9b"),
        ("\u{FFFE}\u{2028}", "\\u{fffe}\\u{2028}"), ("tab\tend", "tab\\tend"),
    ])
    func `output is made fit for a line`(_ text: String, _ expected: String) {
        #expect(printable(text.utf8, limit: 100) == expected)
    }

    @Test func `output is cut between characters`() {
        let text = String(repeating: "\u{E9}", count: 600)
        #expect(printable(text.utf8, limit: 1_001).utf8.count == 1_000)
        #expect(printable(Array(text.utf8) + [0xFF], limit: 2_000).hasSuffix("\u{FFFD}"))
        #expect(printable("ab\u{1B}".utf8, limit: 5) == "ab")
    }
}

extension CheckAttempt {
    fileprivate var passed: Bool {
        if case .passed = outcome { true } else { false }
    }

    fileprivate var output: String {
        switch outcome {
        case .passed(let output), .failed(let output): output
        }
    }
}

/// Whether a process has ended; waits a little for init to reap it.
private func isGone(_ process: Int32) -> Bool {
    let deadline = MonotonicDeadline(after: .seconds(10))
    while !deadline.hasPassed {
        guard let text = SystemFiles().text("/proc/\(process)/stat"),
            let close = text.lastIndex(of: ")")
        else { return true }
        // A zombie whose new parent is slow has ended all the same.
        if text[close...].dropFirst(2).first == "Z" { return true }
        sched_yield()
    }
    return false
}

/// Our children that have ended and were not reaped.
/// Children that nobody has waited for; by name, because tests of other suites have their own.
private func endedChildren(named wanted: String) -> [Substring] {
    SystemFiles().directories(in: "/proc").compactMap { name in
        guard let text = SystemFiles().text("/proc/\(name)/stat"),
            let close = text.lastIndex(of: ")"), text[..<close].hasSuffix("(\(wanted)")
        else { return nil }
        let fields = text[text.index(after: close)...].fields
        guard fields.count > 1, fields[0] == "Z", fields[1] == String(getpid()) else { return nil }
        return fields[0]
    }
}
