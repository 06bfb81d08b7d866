import AgentCore
import Model
import Testing

@testable import Agent

@Suite struct NodeConfigurationTests {
    static let examples = [
        KeyExample(
            "agent",
            "controllers",
            good: "ctl1:7400, [::1]:7401",
            bad: "ctl1:74000",
            "port"
        ),
        KeyExample("agent", "name", good: "web-1", bad: "Web_1!", "not a name"),
        KeyExample("agent", "state-directory", good: "/var/lib/m", bad: "lib/m", "absolute path"),
        KeyExample("agent", "run-directory", good: "/run/m", bad: "/run/../m", "goes up by .."),
        KeyExample("agent", "services-directory", good: "/srv/s.d", bad: "s.d", "absolute path"),
        KeyExample("agent", "data-directory", good: "/srv/d.d", bad: "d.d", "absolute path"),
        KeyExample("agent", "handlers-directory", good: "/srv/h.d", bad: "h.d", "absolute path"),
        KeyExample("agent", "leash", good: "/usr/lib/leash", bad: "leash", "absolute path"),
        KeyExample("agent", "cgroup", good: "off", bad: "maybe", "auto, off"),
        KeyExample("agent", "log-format", good: "json", bad: "xml", "text, json"),
        KeyExample("agent", "log-level", good: "debug", bad: "loud", "trace, debug, info"),
        KeyExample(
            "agent",
            "trusted-owners",
            good: "root 65534",
            bad: "no-such-one",
            "no such account"
        ),
        KeyExample("load", "interval", good: "10s", bad: "10", "has no unit"),
        KeyExample("load", "disks", good: "/ /var", bad: "var", "absolute path"),
        KeyExample("preflight", "shared-path", good: "/srv/shared", bad: "shared", "absolute path"),
        KeyExample(
            "preflight",
            "endpoint",
            good: "db db1:5432",
            bad: "db1:5432",
            "a name and an address"
        ),
        KeyExample("preflight", "free-space", good: "/var 1GiB", bad: "/var 1", "not a size"),
        KeyExample("preflight", "port", good: "8080", bad: "0", "not a port"),
        KeyExample("preflight", "name", good: "db1.example.org", bad: "10.0.0.300", "IPv4"),
        KeyExample("submit", "socket", good: "off", bad: "submit.sock", "absolute path"),
        KeyExample("submit", "mode", good: "0666", bad: "0777", "0600, 0660 or 0666"),
        KeyExample("submit", "group", good: "root", bad: "no-such-one", "no such group"),
        KeyExample("observe", "listen", good: "[::]:7401", bad: "localhost:7401", "numeric"),
        KeyExample("observe", "agent-check", good: "0.0.0.0:1", bad: "0.0.0.0", "has no port"),
    ]

    @Test(arguments: examples)
    func `every key takes its good example`(_ example: KeyExample) {
        let (configuration, errors) = readAgent(
            "[\(example.section)]\n\(example.key) = \(example.good)"
        )
        #expect(errors == [])
        #expect(configuration != readAgent("").configuration)
    }

    @Test(arguments: examples)
    func `every key refuses its bad example at its place`(_ example: KeyExample) throws {
        let (_, errors) = readAgent("[\(example.section)]\n\(example.key) = \(example.bad)")
        let error = try #require(errors.first)
        #expect(errors.count == 1)
        let column = example.key.count + 4
        #expect(error.hasPrefix("/etc/muster/agent.conf:2:\(column): \(example.key) = "))
        #expect(error.contains(example.refusal), "\(error)")
    }

    @Test func `every key has an example here`() {
        let shown = Self.examples.map { "\($0.section) \($0.key)" }
        let known = NodeConfiguration.sections.flatMap { section in
            section.keys.map { "\(section.name) \($0.name)" }
        }
        #expect(known.sorted() == shown.sorted())
    }

    @Test func `a full file is read into its values`() {
        let (configuration, errors) = readAgent(
            """
            # What this node is.
            [agent]
            controllers = ctl1.example.org, 10.0.0.1:7500
            controllers = [2001:db8::1]
            name = web-1
            cgroup = /sys/fs/cgroup/muster
            log-level = warning
            \ttrusted-owners = 0 65534

            [load]
            interval = 2s
            disks = / "/srv/big disk"
            ; What must hold.
            [preflight]
            shared-path = /srv/shared
            shared-path = /srv/other/
            endpoint = database db1:5432
            free-space = /var 1GiB
            free-space = /srv 500MB
            port = 8080 8443
            name = db1 ::1
            """
        )
        #expect(errors == [])
        #expect(
            configuration.controllers == [
                NetworkAddress(host: "ctl1.example.org", port: 7_400),
                NetworkAddress(host: "10.0.0.1", port: 7_500),
                NetworkAddress(host: "2001:db8::1", port: 7_400),
            ]
        )
        #expect(configuration.name == "web-1")
        #expect(configuration.controlGroup == .path("/sys/fs/cgroup/muster"))
        #expect(configuration.logLevel == .warning)
        #expect(configuration.trustedOwners == [0, 65_534])
        #expect(configuration.load.interval == .seconds(2))
        #expect(configuration.load.disks == ["/", "/srv/big disk"])
        #expect(configuration.preflight.sharedPaths == ["/srv/shared", "/srv/other"])
        #expect(
            configuration.preflight.endpoints == [
                .init(name: "database", address: NetworkAddress(host: "db1", port: 5_432))
            ]
        )
        #expect(
            configuration.preflight.freeSpace == [
                .init(path: "/var", bytes: 1 << 30), .init(path: "/srv", bytes: 500_000_000),
            ]
        )
        #expect(configuration.preflight.ports == [8_080, 8_443])
        #expect(configuration.preflight.names == ["db1", "::1"])
    }

    @Test func `without other word services and handlers are beside the file`() {
        let problems = ConfigurationProblems(file: "/opt/node3/agent.conf")
        let configuration = NodeConfiguration([], problems: problems)
        #expect(configuration.servicesDirectory == "/opt/node3/services.d")
        #expect(configuration.handlersDirectory == "/opt/node3/handlers.d")
        #expect(configuration.controllers == [])
        #expect(configuration.controlGroup == .automatic)
    }

    @Test(arguments: [
        ("::1", "written [::1]:7400"), ("[::1", "never closed"), ("[::1]x", "after ]"),
        ("[10.0.0.1]:1", "not an IPv6"), ("a..b", "not a host name"), ("-a", "not a host name"),
        (":7400", "host is missing"), ("a:0", "not a port"), ("a:+1", "not a port"),
        ("a:07400", "not a port"), ("a:", "not a port"), ("1.2.3", "not an IPv4"),
        ("a,a", "names a:7400 twice"), (",", "names nothing"), ("h\u{F6}st", "not a host name"),
    ])
    func `an address that is none is refused`(_ text: String, _ refusal: String) throws {
        let error = try #require(readAgent("[agent]\ncontrollers = \(text)").errors.first)
        #expect(error.contains(refusal), "\(error)")
    }

    @Test func `addresses with a zone and names with digits are taken`() {
        let (configuration, errors) = readAgent(
            "[agent]\ncontrollers = [fe80::1%eth0]:1, 1a.b2, x_y"
        )
        #expect(errors == [])
        #expect(
            configuration.controllers.map(\.description) == [
                "[fe80::1%eth0]:1", "1a.b2:7400", "x_y:7400",
            ]
        )
    }

    @Test func `durations are held to their range`() throws {
        #expect(readAgent("[load]\ninterval = 300s").errors == [])
        #expect(readAgent("[load]\ninterval = 1s").errors == [])
        for text in ["301s", "999ms", "-5s", "5 s"] {
            let error = try #require(readAgent("[load]\ninterval = \(text)").errors.first)
            #expect(error.hasPrefix("/etc/muster/agent.conf:2:12: interval = "))
        }
    }
}
