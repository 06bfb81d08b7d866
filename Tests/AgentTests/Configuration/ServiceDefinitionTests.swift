import AgentCore
import Model
import Testing

@testable import Agent

@Suite struct ServiceDefinitionTests {
    static let examples = [
        KeyExample(
            "service",
            "start",
            good: "/bin/tm --port 1",
            bad: "tm --port 1",
            "absolute path"
        ),
        KeyExample("service", "unit", good: "tm.service", bad: "tm", "such as nginx.service"),
        KeyExample("service", "stop", good: "/bin/kill 1", bad: "kill 1", "absolute path"),
        KeyExample("service", "kind", good: "drainable", bad: "both", "exclusive, drainable"),
        KeyExample("service", "group", good: "web", bad: "Web", "not a name"),
        KeyExample("service", "order", good: "9999", bad: "10000", "0 to 9999"),
        KeyExample("service", "required", good: "no", bad: "perhaps", "not yes or no"),
        KeyExample("service", "self-fence", good: "yes", bad: "1", "not yes or no"),
        KeyExample("service", "user", good: "nobody", bad: "no-such-one", "no such account"),
        KeyExample("service", "directory", good: "/srv", bad: "srv", "absolute path"),
        KeyExample("service", "environment", good: "A=1 'B=2 3'", bad: "1A=1", "no digit first"),
        KeyExample(
            "service",
            "restart",
            good: "always",
            bad: "sometimes",
            "never, on-failure, always"
        ),
        KeyExample("service", "restart-delay", good: "500ms", bad: "soon", "not a duration"),
        KeyExample("service", "restart-delay-max", good: "2m", bad: "2h", "out of range"),
        KeyExample("service", "restart-limit", good: "1000", bad: "0", "from 1 to 1000"),
        KeyExample("service", "restart-window", good: "1d", bad: "0s", "out of range"),
        KeyExample("service", "start-timeout", good: "5m", bad: "5", "has no unit"),
        KeyExample("service", "stop-timeout", good: "5s", bad: "50ms", "out of range"),
        KeyExample("check a", "type", good: "process", bad: "ping", "process, command, tcp, http"),
        KeyExample("check a", "command", good: "/bin/true", bad: "true", "absolute path"),
        KeyExample("check a", "address", good: "[::1]:80", bad: "[::1]", "has no port"),
        KeyExample(
            "check a",
            "url",
            good: "http://h:1/p?q",
            bad: "https://h/",
            "use type = command"
        ),
        KeyExample("check a", "expect", good: "200 300-302", bad: "300-200", "HTTP statuses"),
        KeyExample("check a", "interval", good: "1m", bad: "500ms", "out of range"),
        KeyExample("check a", "timeout", good: "5s", bad: "6s", "longer than interval (5s)"),
        KeyExample("check a", "rise", good: "100", bad: "0", "from 1 to 100"),
        KeyExample("check a", "fall", good: "1", bad: "101", "from 1 to 100"),
    ]

    /// The smallest file in which a key can stand, the key on line 2.
    private static func file(_ example: KeyExample, _ value: String) -> String {
        let line = "\(example.key) = \(value)"
        if example.section == "service" {
            let hasProgram = ["start", "unit"].contains(example.key)
            return "[service]\n\(line)\n" + (hasProgram ? "" : "start = /bin/tm")
        }
        let rest =
            switch example.key {
            case "type": ""
            case "command": "type = command"
            case "address": "type = tcp"
            case "url": "type = http"
            case "expect": "type = http\nurl = http://h/"
            default: "type = process"
            }
        return "[\(example.section)]\n\(line)\n\(rest)\n[service]\nstart = /bin/tm"
    }

    @Test(arguments: examples)
    func `every key takes its good example`(_ example: KeyExample) {
        let (service, errors) = readService(Self.file(example, example.good))
        #expect(errors == [])
        #expect(service != readService("[service]\nstart = /bin/tm").service)
    }

    @Test(arguments: examples)
    func `every key refuses its bad example at its place`(_ example: KeyExample) throws {
        let (service, errors) = readService(Self.file(example, example.bad))
        #expect(service == nil)
        let error = try #require(errors.first)
        #expect(errors.count == 1)
        let column = example.key.count + 4
        let place = "/etc/muster/services.d/tm.conf:2:\(column): \(example.key) = "
        #expect(error.hasPrefix(place), "\(error)")
        #expect(error.contains(example.refusal), "\(error)")
    }

    @Test func `every key has an example here`() {
        let known =
            ServiceDefinition.serviceKeys.map { "service \($0.name)" }
            + CheckDefinition.keys.map { "check a \($0.name)" }
        #expect(known.sorted() == Self.examples.map { "\($0.section) \($0.key)" }.sorted())
    }

    @Test func `a full file is read into its values`() throws {
        let (service, errors) = readService(
            #"""
            [service]
            start = /opt/tm/bin/tm --title "transaction \"manager\"" '$HOME' a\ b
            stop = /opt/tm/bin/tm --stop
            kind = drainable
            group = core
            order = 20
            required = no
            self-fence = yes
            user = nobody
            directory = /opt/tm
            environment = TM_HOME=/opt/tm "TM_TITLE=the manager"
            environment = EMPTY=
            restart = always
            restart-delay = 2s
            restart-delay-max = 30s
            restart-limit = 3
            restart-window = 5m
            start-timeout = 90s
            stop-timeout = 20s

            [check alive]
            type = process

            [check web]
            type = http
            url = http://127.0.0.1:8080/health?full=1
            expect = 200,204
            interval = 10s
            timeout = 3s
            rise = 1
            fall = 2
            """#
        )
        #expect(errors == [])
        let expected = ServiceDefinition(
            name: "tm",
            program: .command(
                start: [
                    "/opt/tm/bin/tm", "--title", "transaction \"manager\"", "$HOME", "a b",
                ],
                stop: ["/opt/tm/bin/tm", "--stop"]
            ),
            kind: .drainable,
            group: "core",
            order: 20,
            isRequired: false,
            isSelfFenced: true,
            user: "nobody",
            directory: "/opt/tm",
            environment: [
                EnvironmentVariable(name: "TM_HOME", value: "/opt/tm"),
                EnvironmentVariable(name: "TM_TITLE", value: "the manager"),
                EnvironmentVariable(name: "EMPTY", value: ""),
            ],
            restart: RestartPolicy(
                condition: .always,
                delay: .seconds(2),
                delayMax: .seconds(30),
                limit: 3,
                window: .seconds(300)
            ),
            startTimeout: .seconds(90),
            stopTimeout: .seconds(20),
            checks: [
                CheckDefinition(name: "alive", action: .process),
                CheckDefinition(
                    name: "web",
                    action: .http(
                        address: NetworkAddress(host: "127.0.0.1", port: 8_080),
                        path: "/health?full=1",
                        expected: [200...200, 204...204]
                    ),
                    interval: .seconds(10),
                    timeout: .seconds(3),
                    rise: 1,
                    fall: 2
                ),
            ]
        )
        #expect(service == expected)
    }

    @Test func `an error reads as the design has it`() {
        let (_, errors) = readService("[service]\nstart = /bin/tm\n\nrestart = sometimes")
        #expect(
            errors == [
                "/etc/muster/services.d/tm.conf:4:11: restart = sometimes: "
                    + "not a restart policy (never, on-failure, always)"
            ]
        )
    }

    @Test(arguments: [
        ("", ":1:1: has no [service] section"),
        ("[service]\norder = 1", ":1:1: [service]: needs start = "),
        (
            "[service]\nunit = a.service\nstart = /bin/a",
            ":3:9: start = /bin/a: excluded by unit on line 2"
        ),
        ("[service]\nunit = a.service\nuser = root", ":3:8: user = root: excluded by unit"),
        ("[service]\nunit = a.service\nself-fence = yes", ":3:14: self-fence = yes: needs start"),
        (
            "[service]\nunit = a.service\n[check p]\ntype = process",
            "type process, which a unit does not need"
        ),
        ("[service]\nunit = -a.service", "such as nginx.service"),
        ("[service]\nstart = /bin/a\n[check]\ntype = tcp", ":3:1: [check]: needs a name"),
        (
            "[service]\nstart = /bin/a\n[check A]\ntype = process",
            ":3:1: [check A]: A is not a name"
        ),
        ("[service]\nstart = /bin/a\n[check a]\nrise = 1", ":3:1: [check a]: needs type = "),
        (
            "[service]\nstart = /bin/a\n[check a]\ntype = tcp",
            ":3:1: [check a]: type = tcp needs address"
        ),
        (
            "[service]\nstart = /bin/a\n[check a]\ntype = process\nurl = http://h/",
            ":5:7: url = http://h/: belongs to type = http, not to process"
        ),
        (
            "[service]\nstart = /bin/a\n[check a]\ntype = process\n[check a]\ntype = process",
            ":5:1: [check a]: given twice (first on line 3)"
        ),
        ("[service x]\nstart = /bin/a", ":1:1: [service x]: not a section of this file"),
        (
            "[service]\nstart = /bin/a\n[chek a]",
            ":3:1: [chek a]: not a section of this file (did you mean [check NAME]?"
        ),
        (
            "[service]\nstart = /bin/a\nrestart-delay = 5s\nrestart-delay-max = 2s",
            ":4:21: restart-delay-max = 2s: shorter than restart-delay (5s)"
        ),
        ("[service]\nstart = /bin/a\nenvironment = A=1 A=2", "sets A twice"),
        ("[service]\nstart = /bin/a > /tmp/log", ":2:16: start: no shell reads this line"),
        (
            "[service]\nstart = /bin/a # the best",
            ":2:16: start: a comment stands on a line of its own"
        ),
    ])
    func `what does not go together is refused`(_ text: String, _ refusal: String) throws {
        let (service, errors) = readService(text)
        #expect(service == nil)
        let error = try #require(errors.first)
        #expect(error.contains(refusal), "\(errors)")
    }

    @Test func `defaults keep the inequalities between settings`() throws {
        let (service, errors) = readService(
            "[service]\nstart = /a/b\nrestart-delay = 5m\n[check a]\ntype = process\ninterval = 1s"
        )
        #expect(errors == [])
        #expect(service?.restart.delayMax == .seconds(300))
        #expect(service?.checks.first?.timeout == .seconds(1))
    }

    @Test func `all mistakes of a file are told at once, in order`() {
        let (_, errors) = readService(
            "[service]\nstart = b\nordre = 3\norder = x\norder = 4\nuser = 'a\n[check c]\ntype = x"
        )
        #expect(
            errors.map { $0.split(separator: ":")[1...2].joined(separator: ":") }
                == ["2:9", "3:1", "4:9", "5:1", "6:8", "8:8"]
        )
    }
}
