import Protocol
import Testing
import Transport

extension WireSuite {
    @Suite struct ListeningTests {
        private static func speaks(_ server: TestServer, at endpoint: Endpoint) async throws {
            let client = try TestClient.connect(to: endpoint)
            _ = try await client.connected()
            client.send([Line(verb: "ECHO")])
            _ = try await client.line("ALIVE")
            client.client.close()
        }

        @Test(arguments: ["127.0.0.1:0", "[::1]:0", "localhost:0"])
        func `it listens at addresses and names`(text: String) async throws {
            let server = try await TestServer.start(on: [Endpoint(parsing: text)])
            #expect(server.endpoint.port != 0)
            try await Self.speaks(server, at: server.endpoint)
            await server.stop()
        }

        @Test func `it listens at several addresses`() async throws {
            let server = try await TestServer.start(on: [
                Endpoint(host: "127.0.0.1", port: 0), Endpoint(host: "::1", port: 0),
            ])
            #expect(server.server.endpoints.map(\.host) == ["127.0.0.1", "::1"])
            for endpoint in server.server.endpoints { try await Self.speaks(server, at: endpoint) }
            await server.stop()
        }

        @Test func `every address of IPv6 alone takes IPv4 too`() async throws {
            let server = try await TestServer.start(on: [Endpoint(host: "::", port: 0)])
            try await Self.speaks(
                server,
                at: Endpoint(host: "127.0.0.1", port: server.endpoint.port)
            )
            try await Self.speaks(server, at: Endpoint(host: "::1", port: server.endpoint.port))
            await server.stop()
        }

        // The next three need a port that is free again once it was given back. Programs that other
        // tests start hold on to their listeners for a moment, so they have processes of their own.

        @Test func `every address of both versions can be asked for with one port`() async {
            await #expect(processExitsWith: .success) {
                let first = try await TestServer.start(on: [Endpoint(host: "0.0.0.0", port: 0)])
                let port = first.endpoint.port
                await first.stop()
                let server = try await TestServer.start(on: [
                    Endpoint(host: "0.0.0.0", port: port), Endpoint(host: "::", port: port),
                ])
                try await Self.speaks(server, at: Endpoint(host: "127.0.0.1", port: port))
                try await Self.speaks(server, at: Endpoint(host: "::1", port: port))
                await server.stop()
            }
        }

        @Test func `a port in use is named, and nothing stays open`() async {
            await #expect(processExitsWith: .success) {
                let first = try await TestServer.start()
                let free = try await TestServer.start()
                await free.stop()
                let error = await #expect(throws: TransportError.self) {
                    _ = try await TestServer.start(on: [free.endpoint, first.endpoint])
                }
                #expect(error?.code == .addressInUse)
                #expect(error?.sentence.contains("\(first.endpoint)") == true)
                #expect(error?.sentence.contains("ss -ltnp") == true)
                // The first address was given back.
                let again = try await TestServer.start(on: [free.endpoint])
                await again.stop()
                await first.stop()
            }
        }

        @Test func `a port can be used again at once, and refuses between`() async {
            await #expect(processExitsWith: .success) {
                let first = try await TestServer.start()
                try await Self.speaks(first, at: first.endpoint)
                await first.stop()
                let between = try TestClient.connect(to: first.endpoint)
                #expect(try await between.failed().code == .refused)
                let second = try await TestServer.start(on: [first.endpoint])
                try await Self.speaks(second, at: second.endpoint)
                await second.stop()
            }
        }

        @Test func `an address of another machine is refused`() async throws {
            let error = await #expect(throws: TransportError.self) {
                _ = try await TestServer.start(on: [Endpoint(host: "192.0.2.7", port: 0)])
            }
            #expect(error?.code == .addressNotOurs)
        }

        @Test func `a name without an address is refused`() async throws {
            let error = await #expect(throws: TransportError.self) {
                _ = try await TestServer.start(on: [Endpoint(host: "no-such.invalid", port: 0)])
            }
            #expect(error?.code == .nameUnresolvable)
        }
    }
}

@Suite struct EndpointTests {
    @Test(arguments: [
        ("controller.example:7400", "controller.example", 7_400), ("192.0.2.7:1", "192.0.2.7", 1),
        ("[2001:db8::7]:65535", "2001:db8::7", 65_535), ("[::1]", "::1", 7_400),
        ("::1", "::1", 7_400), ("c-1", "c-1", 7_400), ("c-1:0", "c-1", 0),
    ])
    func `an address is read`(text: String, host: String, port: UInt16) throws {
        let endpoint = try Endpoint(parsing: text)
        #expect(endpoint == Endpoint(host: host, port: port))
        #expect(try Endpoint(parsing: "\(endpoint)") == endpoint)
    }

    @Test(arguments: [
        "", ":7400", "c-1:", "c-1:65536", "c-1:-1", "c-1:+1", "c-1:7400x", "c 1:7400", "[::1",
        "[::1]x", "[::1]:", "[c-1]:7400", "c-1\n:7400", "c/1:7400", "c-1:000001",
    ])
    func `what is not an address is refused with the right form`(text: String) {
        let error = #expect(throws: TransportError.self) { try Endpoint(parsing: text) }
        #expect(error?.code == .addressUnreadable)
        #expect(error?.sentence.contains("name:port") == true)
    }
}
