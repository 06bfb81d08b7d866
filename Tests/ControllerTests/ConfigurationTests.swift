import ControllerCore
import Foundation
import Model
import Testing
import Transport
import YAMLFiles

@testable import Controller

/// `controller.yaml`, key by key.
@Suite struct ConfigurationTests {
    private func problems(_ text: String) -> [String] {
        do throws(ConfigurationError) {
            _ = try ControllerConfiguration.parse(text, path: "c.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `an empty file is a good one, with the documented defaults`() throws {
        for text in ["", "# nothing\n", "agents:\n", "lease: {}\n"] {
            let read = try ControllerConfiguration.parse(text, path: "c.yaml")
            #expect(read.stateDirectory == "/var/lib/muster")
            #expect(read.agentsListen.map(\.description) == ["0.0.0.0:7400", "[::]:7400"])
            #expect(read.consoleListen.map(\.description) == ["0.0.0.0:7443"])
            #expect(read.machine.lease.heartbeatInterval == .seconds(1))
            #expect(read.machine.nodeLimit == nil)
            #expect(read.certificates.node == .seconds(7 * 86_400))
        }
    }

    /// It names programs that this host runs.
    @Test func `a file that others could have written is not believed`() throws {
        let folder = NSTemporaryDirectory() + "/muster-configuration-\(UUID().uuidString)"
        mkdir(folder, 0o700)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/controller.yaml"
        try "log: {level: critical}\n".write(toFile: path, atomically: false, encoding: .utf8)
        func refusal() -> String? {
            do throws(ConfigurationError) {
                _ = try ControllerConfiguration.read(path: path)
                return nil
            } catch {
                return error.description
            }
        }
        chmod(path, 0o644)
        #expect(refusal() == nil)
        for (mode, text) in [(0o664, "0664"), (0o646, "0646")] as [(mode_t, String)] {
            chmod(path, mode)
            #expect(
                refusal()
                    == "\(path):1:1: may be written by its group or by others (mode \(text)): refused "
                    + "(chmod go-w \(path))"
            )
        }
        chmod(path, 0o600)
        chmod(folder, 0o777)
        #expect(
            refusal()?.contains("its directory may be written by its group or by others") == true
        )
        // As in /tmp: there only who owns a file can put another one into its place.
        chmod(folder, 0o1777)
        #expect(refusal() == nil)
        chmod(folder, 0o700)
        symlink(path, folder + "/link.yaml")
        #expect(throws: ConfigurationError.self) {
            try ControllerConfiguration.read(path: folder + "/link.yaml")
        }
        // Only root can give a file away; the rule itself is tested with the agent's files.
        guard chown(path, 4_242, 4_242) == 0 else { return }
        #expect(refusal()?.contains("belongs to uid 4242, not to root") == true)
    }

    @Test func `every key is read`() throws {
        let read = try ControllerConfiguration.parse(
            """
            state-directory: /srv/muster
            allow-network-file-system: yes
            agents:
              listen: ["192.0.2.1:7401", "[2001:db8::1]:7402"]
              advertise: ["controller.example.org"]
            console:
              listen: ["192.0.2.1"]
              advertise: ["console.example.org:443"]
            lease: {length: 20s, heartbeat: 2s, stop: 5s, pause: 4s, drift-ppm: 200, wait: 40s}
            failover:
              {mode: automatic, authority: outside, hold: 2m, brake: 3h, per-day: 1, prefer: b}
            flap: {hold: 1m, hold-max: 20m, window: 2h}
            limits:
              nodes: 7
              clock-offset: 250ms
              removal: 90s
              load-interval: 10s
              connections: 100
              strangers: 9
              strangers-per-address: 3
            certificates: {node: 2d, operator: 8d, controller: 30d}
            events:
              keep: 5000
              age: 30d
              export: {json: /var/log/muster.jsonl, journald: yes, syslog: "tcp://[::1]:601"}
            hooks:
              fence-node: {command: [/bin/sh, -c, exit 0], timeout: 2m, description: Off it goes}
              plain: {command: [/bin/true]}
            log: {level: debug, format: json}

            """,
            path: "c.yaml"
        )
        #expect(read.stateDirectory == "/srv/muster")
        #expect(read.allowNetworkFileSystem)
        #expect(read.agentsListen.map(\.description) == ["192.0.2.1:7401", "[2001:db8::1]:7402"])
        #expect(read.agentsAdvertise.map(\.description) == ["controller.example.org:7400"])
        #expect(read.consoleListen.map(\.description) == ["192.0.2.1:7443"])
        #expect(read.consoleURLs == ["https://console.example.org:443"])
        #expect(read.machine.lease.length == .seconds(20))
        #expect(read.machine.lease.heartbeatInterval == .seconds(2))
        #expect(read.machine.lease.stopTime == .seconds(5))
        #expect(read.machine.lease.pauseTime == .seconds(4))
        #expect(read.machine.lease.driftPartsPerMillion == 200)
        #expect(read.machine.lease.wait == .seconds(40))
        #expect(
            read.machine.failover
                == FailoverSettings(
                    mode: .automatic,
                    authority: .outside,
                    hold: .seconds(120),
                    brake: .seconds(10_800),
                    perDay: 1,
                    preferred: "b"
                )
        )
        #expect(read.machine.holdDownBase == .seconds(60))
        #expect(read.machine.holdDownMax == .seconds(1_200))
        #expect(read.machine.flapWindow == .seconds(7_200))
        #expect(read.machine.nodeLimit == 7)
        #expect(read.machine.clockOffsetMax == .milliseconds(250))
        #expect(read.machine.removalDeadline == .seconds(90))
        #expect(read.machine.loadInterval == .seconds(10))
        #expect(read.transport.membersMax == 100)
        #expect(read.transport.strangersMax == 9)
        #expect(read.transport.strangersPerAddressMax == 3)
        #expect(read.certificates.node == .seconds(2 * 86_400))
        #expect(read.certificates.operatorAccount == .seconds(8 * 86_400))
        #expect(read.certificates.controller == .seconds(30 * 86_400))
        #expect(read.eventsKept == 5_000)
        #expect(read.eventsAge == .seconds(30 * 86_400))
        #expect(read.eventsExport.json == .file("/var/log/muster.jsonl"))
        #expect(read.eventsExport.journald)
        #expect(read.eventsExport.syslog == .stream(Endpoint(host: "::1", port: 601)))
        #expect(read.hooks.keys == ["fence-node", "plain"])
        #expect(read.hooks["fence-node"]?.command == ["/bin/sh", "-c", "exit 0"])
        #expect(read.hooks["fence-node"]?.timeout == .seconds(120))
        #expect(read.hooks["fence-node"]?.description == "Off it goes")
        #expect(read.hooks["plain"]?.timeout == .seconds(7 * 86_400))
        #expect(read.logFormat == .json)
    }

    @Test(arguments: [
        ("state-directory: here\n", "1:18", "state-directory: here is not an absolute path"),
        ("allow-network-file-system: maybe\n", "1:28", "maybe is not yes or no"),
        ("agents: {listen: 7400}\n", "1:18", "agents.listen is not a list"),
        ("agents: {listen: [\"7400\"]}\n", "1:19", "7400 is not an address such as"),
        ("agents: {advertise: [\"a b\"]}\n", "1:22", "a b is not an address such as"),
        ("console: {listen: [\"x:y\"]}\n", "1:20", "x:y is not an address such as"),
        ("console: {advertise: [\"x:70000\"]}\n", "1:23", "x:70000 is not an address"),
        ("lease: {length: 12}\n", "1:17", "12 is not a duration such as 500ms, 12s or 1h30m"),
        ("lease: {heartbeat: x}\n", "1:20", "lease.heartbeat: x is not a duration"),
        ("lease: {stop: x}\n", "1:15", "lease.stop: x is not a duration"),
        ("lease: {pause: x}\n", "1:16", "lease.pause: x is not a duration"),
        ("lease: {wait: x}\n", "1:15", "lease.wait: x is not a duration"),
        ("lease: {drift-ppm: -1}\n", "1:20", "-1 is not a number from 0 to 100000"),
        ("failover: {mode: x}\n", "1:18", "failover.mode: x is not manual or automatic"),
        ("failover: {mode: automatic}\n", "1:18", "needs to know where the controller stands"),
        (
            "failover: {mode: automatic, authority: paris}\n", "1:40",
            "the controller stands at site paris, which could be lost with it"
        ), ("failover: {authority: ' '}\n", "1:23", "is not outside, or the name of the site"),
        ("failover: {hold: 59s}\n", "1:18", "failover.hold: 59s is too short"),
        ("failover: {hold: x}\n", "1:18", "failover.hold: x is not a duration"),
        ("failover: {brake: 59m}\n", "1:19", "failover.brake: 59m00s is too short"),
        ("failover: {brake: x}\n", "1:19", "failover.brake: x is not a duration"),
        ("failover: {per-day: 3}\n", "1:21", "failover.per-day: 3 is not 1 or 2"),
        ("failover: {prefer: ' '}\n", "1:20", "is not the name of a site"),
        (
            "failover: {mode: automatic, authority: outside}\nlease: {length: 16s, "
                + "heartbeat: 2s, wait: 30s}\n", "1:18", "needs at least 10 heartbeats of 2s"
        ), ("flap: {hold: x}\n", "1:14", "flap.hold: x is not a duration"),
        ("flap: {hold-max: x}\n", "1:18", "flap.hold-max: x is not a duration"),
        ("flap: {window: x}\n", "1:16", "flap.window: x is not a duration"),
        ("limits: {nodes: 0}\n", "1:17", "0 is not a number from 1 to 100000"),
        ("limits: {nodes: many}\n", "1:17", "many is not a number from 1 to 100000"),
        ("limits: {clock-offset: x}\n", "1:24", "limits.clock-offset: x is not a duration"),
        ("limits: {removal: x}\n", "1:19", "limits.removal: x is not a duration"),
        ("limits: {load-interval: x}\n", "1:25", "limits.load-interval: x is not a duration"),
        ("limits: {connections: 0}\n", "1:23", "0 is not a number from 1 to 100000"),
        ("limits: {strangers: 0}\n", "1:21", "0 is not a number from 1 to 10000"),
        ("limits: {strangers-per-address: 0}\n", "1:33", "0 is not a number from 1 to"),
        ("certificates: {node: 400d}\n", "1:22", "400d is not a duration from 20s to 397d"),
        ("certificates: {operator: 1s}\n", "1:26", "1s is not a duration from"),
        ("certificates: {controller: 0s}\n", "1:28", "0s is not a duration from"),
        ("events: {keep: 10}\n", "1:16", "10 is not a number from 1000 to 10000000"),
        ("events: {age: x}\n", "1:15", "events.age: x is not a duration"),
        ("events: {export: {json: a}}\n", "1:25", "a is not an absolute path, or \"-\""),
        ("events: {export: {journald: 1}}\n", "1:29", "1 is not yes or no"),
        ("events: {export: {syslog: x}}\n", "1:27", "x is not local, udp://log.example.org:514"),
        ("events: {export: {xml: a}}\n", "1:19", "events.export.xml is not a setting"),
        ("hooks: [x]\n", "1:8", "hooks is not a mapping"),
        ("hooks: {X: {command: [/bin/true]}}\n", "1:12", "hooks.X is not the name of a hook"),
        ("hooks: {x: {}}\n", "1:12", "hooks.x.command names no program"),
        ("hooks: {x: {command: /bin/true}}\n", "1:22", "hooks.x.command is not a list"),
        ("hooks: {x: {command: [true]}}\n", "1:22", "a program is named by its absolute path"),
        ("hooks: {x: {command: [/nowhere/x]}}\n", "1:22", "/nowhere"),
        ("hooks: {x: {command: [/bin/true], timeout: 0s}}\n", "1:44", "is not a duration from 1s"),
        ("hooks: {x: {command: [/bin/true], timeout: x}}\n", "1:44", "x is not a duration"),
        ("log: {level: loud}\n", "1:14", "loud is not one of trace, debug, info"),
        ("log: {format: xml}\n", "1:15", "xml is not text or json"),
        ("log: loud\n", "1:6", "log is not a mapping"),
        ("- a\n- b\n", "1:1", "the file is not a mapping of keys to values"),
        ("log:\n  levell: info\n", "2:3", "log.levell is not a setting; did you mean log.level"),
        ("colour: red\n", "1:1", "colour is not a setting; known here: "),
    ])
    func `a wrong value is told with its place and what would be right`(
        text: String,
        place: String,
        said: String
    ) {
        let found = problems(text)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.hasPrefix("c.yaml:\(place): ") == true, "\(found)")
        #expect(found.first?.contains(said) == true, "\(found)")
    }

    @Test(arguments: [
        "lease: {length: 1s, heartbeat: 1s}\n",
        "lease: {wait: 5s}\n",
        "limits: {load-interval: 500ms}\n",
        "flap: {hold: 10m, hold-max: 1m}\n",
    ])
    func `values that do not go together are refused`(text: String) {
        #expect(!problems(text).isEmpty)
    }

    @Test func `a certificate's names are those of the configuration, each once`() throws {
        let read = try ControllerConfiguration.parse(
            """
            agents: {listen: ["0.0.0.0:1", "192.0.2.1:1"], advertise: ["a.example", "a.example:2"]}

            """,
            path: "c.yaml"
        )
        let names = read.certificateNames
        #expect(names.prefix(2) == ["a.example", "192.0.2.1"])
        #expect(names.contains("localhost") && names.contains("127.0.0.1"))
        #expect(!names.contains("0.0.0.0"))
        #expect(Set(names).count == names.count)
    }
}
