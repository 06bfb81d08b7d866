import Identity
import Model
import NIOCore
import Protocol
import Testing

@testable import Transport

extension WireSuite {
    @Suite struct AdmissionTests {
        @Test func `strangers are let in up to their limit`() async throws {
            var settings = TestServer.settings
            settings.strangersMax = 3
            let server = try await TestServer.start(settings: settings)
            var peers: [RawPeer] = []
            for _ in 0..<3 {
                let peer = try await RawPeer.connect(to: server.endpoint, tls: RawPeer.tls())
                await peer.secured()
                peers.append(peer)
            }
            #expect(server.counters.strangersOpen == 3)
            let fourth = try await RawPeer.connect(to: server.endpoint, tls: RawPeer.tls())
            #expect(await fourth.textUntilClosed().contains("ERR code=too-fast"))
            #expect(try await server.closes(.tooManyStrangers) == 1)

            // One that leaves makes room for the next.
            await peers[0].close()
            try await eventually { server.counters.strangersOpen == 2 }
            let fifth = try await RawPeer.connect(to: server.endpoint, tls: RawPeer.tls())
            await fifth.send("ECHO\n")
            await fifth.waitForText("ALIVE")
            await server.stop()
        }

        @Test func `one address may not take every place`() async throws {
            var settings = TestServer.settings
            settings.strangersPerAddressMax = 2
            let server = try await TestServer.start(settings: settings)
            var peers: [RawPeer] = []
            for _ in 0..<2 {
                let peer = try await RawPeer.connect(to: server.endpoint, tls: nil)
                peers.append(peer)
            }
            try await eventually { server.counters.strangersOpen == 2 }
            // One of them goes: the third, or where those before it have had their time, the oldest.
            peers.append(try await RawPeer.connect(to: server.endpoint, tls: nil))
            #expect(try await server.closes(.tooManyOfAddress) == 1)
            try await eventually { server.counters.strangersOpen == 2 }
            for peer in peers { await peer.close() }
            await server.stop()
        }

        @Test func `a member does not count as a stranger once it has shown itself`() async throws {
            var settings = TestServer.settings
            settings.strangersMax = 1
            let server = try await TestServer.start(settings: settings)
            for _ in 0..<4 {
                let client = try TestClient.connect(to: server.endpoint)
                _ = try await client.connected()
                try await eventually { server.counters.strangersOpen == 0 }
            }
            #expect(server.counters.membersOpen == 4)
            await server.stop()
        }

        @Test func `members are let in up to their limit and the next hears why`() async throws {
            var settings = TestServer.settings
            settings.membersMax = 2
            let server = try await TestServer.start(settings: settings)
            let first = try TestClient.connect(to: server.endpoint)
            let second = try TestClient.connect(to: server.endpoint)
            _ = try await first.connected()
            _ = try await second.connected()
            _ = try await server.opened(1)
            let third = try TestClient.connect(to: server.endpoint)
            #expect(try await third.line("ERR")["code"] == "too-fast")
            #expect(try await server.closes(.tooManyMembers) == 1)
            try await eventually { server.counters.strangersOpen == 0 }
            #expect(server.counters.membersOpen == 2)
            await server.stop()
        }

        /// Bare connections from nine addresses take every place of a handshake, and come again at once
        /// when they are closed.
        @Test func `who only connects keeps no member from its session`() async throws {
            var settings = TestServer.settings
            settings.strangersMax = 16
            settings.strangersPerAddressMax = 2
            let server = try await TestServer.start(settings: settings)
            let flood = try await Flood.start(
                against: server.endpoint,
                from: (2...10).map { "127.0.0.\($0)" },
                each: 2
            )
            try await eventually { server.counters.strangersOpen == 16 }
            for number in 1...8 {
                let client = try TestClient.connect(to: server.endpoint)
                _ = try await client.connected()
                _ = try await server.opened(number - 1)
            }
            #expect(server.counters.membersOpen == 8)
            #expect(server.counters.closes(.tooManyStrangers) > 0)
            await flood.stop()
            await server.stop()
        }

        @Test func `an IPv6 network counts as one place, and a mapped address as IPv4`() throws {
            let one = AddressKey(try SocketAddress(ipAddress: "2001:db8:1:2::7", port: 1))
            let same = AddressKey(try SocketAddress(ipAddress: "2001:db8:1:2:9::1", port: 2))
            let other = AddressKey(try SocketAddress(ipAddress: "2001:db8:1:3::7", port: 1))
            #expect(one == .version6(0x2001_0db8_0001_0002))
            #expect(one == same)
            #expect(one != other)
            let mapped = AddressKey(try SocketAddress(ipAddress: "::ffff:192.0.2.7", port: 1))
            let plain = AddressKey(try SocketAddress(ipAddress: "192.0.2.7", port: 9))
            #expect(mapped == plain)
            #expect(plain == .version4(0xc000_0207))
            #expect(AddressKey(nil) == .other)
        }
    }
}
