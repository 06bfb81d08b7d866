import Glibc
import NIOCore
import Protocol
import Testing
import Transport

extension WireSuite {
    /// Each in a process of its own, whose descriptors, memory and time are its alone.
    @Suite struct ResourceTests {
        @Test func `500 connections, opened and closed, leave no descriptor`() async {
            await #expect(processExitsWith: .success) {
                let server = try await TestServer.start()
                try await Self.visit(server, count: 4)
                try await eventually { server.counters.membersOpen == 0 }
                let before = Process.descriptors
                for _ in 0..<10 { try await Self.visit(server, count: 50) }
                try await eventually { Process.descriptors <= before }
                #expect(server.counters.handshakesDone == 504)
                #expect(server.counters.membersOpen == 0)
                #expect(server.counters.strangersOpen == 0)
                await server.stop()
            }
        }

        @Test func `a mebibyte without a line feed is not kept`() async {
            await #expect(processExitsWith: .success) {
                let server = try await TestServer.start()
                let flood = [UInt8](repeating: UInt8(ascii: "A"), count: 1 << 20)
                try await Self.flood(server, flood, times: 4)
                let before = Process.residentBytes
                try await Self.flood(server, flood, times: 64)
                let grown = Process.residentBytes - before
                #expect(grown < 16 << 20, "64 MiB were sent and \(grown) bytes were kept")
                try await eventually { server.counters.closes(.badLine) == 68 }
                // What came after the limit was reached was thrown away unread, mostly.
                #expect(server.counters.linesIn == 0)
                await server.stop()
            }
        }

        @Test func `without descriptors it waits, serves who is inside, and goes on`() async {
            await #expect(processExitsWith: .success) {
                let server = try await TestServer.start()
                let member = try TestClient.connect(to: server.endpoint)
                _ = try await member.connected()
                _ = try await server.opened()
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                limit.rlim_cur = rlim_t(Process.descriptors + 16)
                setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

                let sockets = try Process.connectAsOftenAsPossible(to: server.endpoint.port)
                #expect(sockets.count > 4)
                let accepted = server.counters.accepted
                let clock = ContinuousClock()
                let started = clock.now
                let cost = Process.processorTime
                try await eventually { clock.now - started > .milliseconds(400) }
                #expect(Process.processorTime - cost < .milliseconds(200), "accepting spins")
                #expect(server.counters.accepted == accepted)
                #expect((1...4).contains(server.counters.acceptPauses))
                member.send([Line(verb: "ECHO")])
                _ = try await member.line("ALIVE")

                for socket in sockets { close(socket) }
                let late = try TestClient.connect(to: server.endpoint)
                _ = try await late.connected()
                await server.stop()
            }
        }

        @Test func `lines go to and fro`() async throws {
            let server = try await TestServer.start()
            let count = 2_000
            let inbox = Inbox<Int>()
            let running = Box<LineClient?>(nil)
            let client = LineClient.connect(
                to: server.endpoint,
                with: try ClientContext(Certificates.ours.member),
                group: group,
                sink: { event in
                    switch event {
                    case .connected: inbox.put(0)
                    case .line(let line):
                        let number = line["n"].flatMap { Int($0) } ?? 0
                        running.value?.taken(1)
                        if number == count {
                            inbox.put(number)
                        } else {
                            running.value?.send([Self.echo(number + 1)])
                        }
                    case .closed, .failed: break
                    }
                }
            )
            running.value = client
            await inbox.wait { $0.count == 1 }
            let clock = ContinuousClock()
            let started = clock.now
            client.send([Self.echo(1)])
            await inbox.wait { $0.last == count }
            let seconds = (clock.now - started) / .seconds(1)
            print(
                "line round trips over TLS, one after the other: \(Int(Double(count) / seconds))/s"
            )
            #expect(server.counters.linesOut == UInt64(count))
            await server.stop()
        }

        private static func echo(_ number: Int) -> Line {
            Line(verb: "ECHO", fields: [.init(key: "n", value: "\(number)")])
        }

        private static func visit(_ server: TestServer, count: Int) async throws {
            let clients = try (0..<count).map { _ in try TestClient.connect(to: server.endpoint) }
            for client in clients {
                _ = try await client.connected()
                client.send([Line(verb: "ECHO")])
                _ = try await client.line("ALIVE")
                client.client.close()
            }
            for client in clients { _ = try await client.closed() }
        }

        private static func flood(_ server: TestServer, _ bytes: [UInt8], times: Int) async throws {
            for _ in 0..<times {
                let tls = RawPeer.tls(Certificates.ours.node)
                let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
                peer.pour(bytes)
                _ = await peer.textUntilClosed()
            }
        }
    }
}

/// What the system says of this process.
private enum Process {
    static var descriptors: Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }

    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        guard fgets(&text, 256, file) != nil else { return 0 }
        let fields = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// Connects to the port of loopback until no descriptor is left.
    static func connectAsOftenAsPossible(to port: UInt16) throws -> [Int32] {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(port))
        var sockets: [Int32] = []
        while true {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            if descriptor < 0 { return sockets }
            let result = address.withSockAddr { pointer, count in
                connect(descriptor, pointer, socklen_t(count))
            }
            if result < 0 {
                close(descriptor)
                return sockets
            }
            sockets.append(descriptor)
        }
    }
}
