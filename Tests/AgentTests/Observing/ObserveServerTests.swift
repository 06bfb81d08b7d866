import AgentCore
import Glibc
import Host
import Logging
import Meters
import Model
import Protocol
import Testing

@testable import Agent

/// The real server on loopback, with a machine behind it that the test steps.
@Suite struct ObserveServerTests {
    private final class Node {
        let meters = AgentMeters(version: "1")
        let http: UInt16
        let check: UInt16
        var machine: AgentMachine

        init() throws {
            http = try Node.freePort()
            check = try Node.freePort()
            machine = AgentMachine(
                configuration: AgentConfiguration(
                    identity: nil,
                    controllers: 1,
                    services: [],
                    facts: Facts(
                        operatingSystem: "",
                        operatingSystemVersion: "",
                        kernel: "",
                        architecture: "",
                        hostname: "",
                        installPath: "",
                        agentVersion: "",
                        cgroups: false
                    )
                ),
                memory: AgentMemory(),
                seed: 1,
                at: BootClock.now()
            )
            var settings = ObserveSettings()
            settings.listen = [NetworkAddress(host: "127.0.0.1", port: http)]
            settings.agentCheck = [NetworkAddress(host: "127.0.0.1", port: check)]
            var log = Logger(label: "test")
            log.logLevel = .critical
            let server = try ObserveServer(settings, meters, log: log)
            guard server.begin() else { throw TestFault("no thread") }
        }

        func step(_ event: AgentEvent) {
            let now = BootClock.now()
            let effects = machine.step(event, at: now)
            meters.note(machine, effects, at: now)
        }

        private static func freePort() throws -> UInt16 {
            let listener = try TCPListener.open("127.0.0.1", 0)
            var name = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isTold = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    getsockname(listener.number, $0, &size) == 0
                }
            }
            guard isTold else { throw TestFault("getsockname") }
            return UInt16(bigEndian: name.sin_port)
        }
    }

    /// A connection that is made again until somebody listens.
    private func connection(_ port: UInt16) throws -> Int32 {
        for _ in 0..<2_000 {
            let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isConnected = withUnsafePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(number, $0, size) == 0
                }
            }
            if isConnected { return number }
            close(number)
            _ = poll(nil, 0, 5)
        }
        throw TestFault("nobody listens")
    }

    /// All that is said until the other one closes.
    private func rest(_ number: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(number, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
        }
        close(number)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func ask(_ port: UInt16, _ request: String) throws -> String {
        let number = try connection(port)
        _ = send(number, request, request.utf8.count, Int32(MSG_NOSIGNAL))
        return rest(number)
    }

    @Test func `health, metrics and the check line are answered`() throws {
        let node = try Node()
        let before = try ask(node.http, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(before.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(before.hasSuffix("\r\n\r\nthe agent is starting\n"))
        node.step(.started([], tasks: []))
        #expect(
            rest(try connection(node.check)) == "down #this node is not a member of a cluster\n"
        )
        let metrics = try ask(node.http, "GET /metrics HTTP/1.1\r\n\r\n")
        #expect(metrics.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(metrics.contains("\nmuster_agent_traffic_up 0\n"))
        #expect(metrics.contains("\nmuster_agent_services{state=\"running\"} 0\n"))
        let open = try ask(
            node.http,
            "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n"
        )
        #expect(open.contains("Content-Type: application/openmetrics-text; version=1.0.0"))
        #expect(open.hasSuffix("\n# EOF\n"))
        let head = try ask(node.http, "HEAD /metrics HTTP/1.1\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"))
        #expect(try ask(node.http, "GET /x HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        #expect(try ask(node.http, "PUT / HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 405 "))
    }

    @Test func `who says nothing, half of it, or never reads keeps nobody else from an answer`()
        throws
    {
        let node = try Node()
        var silent: [Int32] = []
        // More than may be there: the oldest make room.
        for number in 0..<(ObserveServer.connectionsMax + 40) {
            let one = try connection(node.http)
            let text = ["", "GET /met", "GET /metrics HTTP/1.1\r\n\r\n"][number % 3]
            _ = send(one, text, text.utf8.count, Int32(MSG_NOSIGNAL))
            silent.append(one)
        }
        for _ in 0..<20 {
            let answer = try ask(node.http, "GET /health HTTP/1.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
        }
        // The first of them was closed long before its time.
        #expect(rest(silent[0]) == "")
        for number in silent.dropFirst() { close(number) }
    }

    @Test func `who is slow is cut off after a while, and who sends without end at once`() throws {
        let node = try Node()
        let begun = BootClock.now()
        let slow = try connection(node.http)
        _ = send(slow, "GET ", 4, Int32(MSG_NOSIGNAL))
        #expect(rest(slow) == "")
        #expect(BootClock.now() - begun >= ObserveServer.connectionTimeout - .milliseconds(50))
        let long = String(repeating: "x", count: HTTPRequestHead.bytesMax + 1)
        #expect(try ask(node.http, long).hasPrefix("HTTP/1.1 431 "))
    }

    @Test func `an address that cannot be had yet is tried again`() throws {
        let holder = try TCPListener.open("127.0.0.1", 0)
        #expect(throws: HostError.self) { try TCPListener.open("localhost", 1) }
        #expect(throws: HostError.self) { try TCPListener.open("203.0.113.1", 7_401) }
        withExtendedLifetime(holder) {}
    }

    @Test func `the page of the documentation and the families agree`() throws {
        let path = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let file = try Descriptor.open("/\(path)/docs/metrics.md", flags: O_RDONLY)
        let page = String(decoding: try file.readAll(limit: 1 << 20), as: UTF8.self)
        let heads = AgentMeters(version: "1").registry.heads
        #expect(heads.count > 25)
        for head in heads {
            let labels = head.labels.map { "`\($0)`" }.joined(separator: ", ")
            let row = "| `\(head.name)` | \(head.kind.rawValue) | \(labels) | \(head.help) |\n"
            #expect(page.contains(row), "\(row)")
        }
        let told = page.split(separator: "\n").filter { $0.hasPrefix("| `muster_agent_") }
        #expect(told.count == heads.count { $0.name.hasPrefix("muster_agent_") })
    }
}
