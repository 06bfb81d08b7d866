import Protocol
import Testing
import Transport

extension WireSuite {
    @Suite struct LineTests {
        private func member(
            _ settings: LineServerSettings = TestServer.settings
        ) async throws -> (TestServer, RawPeer, ConnectionID) {
            let server = try await TestServer.start(settings: settings)
            let tls = RawPeer.tls(Certificates.ours.node)
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            return (server, peer, try await server.opened())
        }

        /// A line of so many bytes, its line feed not counted, within the limits of its fields.
        private func line(bytes: Int) -> String {
            var text = "ECHO"
            var number = 0
            while text.utf8.count + 1_000 < bytes {
                text += " f\(number)=" + String(repeating: "x", count: 900)
                number += 1
            }
            text += " z="
            return text + String(repeating: "y", count: bytes - text.utf8.count)
        }

        @Test(arguments: [-1, 0, 1])
        func `a member's line is taken up to its limit`(beyond: Int) async throws {
            let (server, peer, connection) = try await member()
            await peer.send(line(bytes: LineLimits.member.lineBytesMax + beyond) + "\n")
            if beyond <= 0 {
                await peer.waitForText("ALIVE")
                #expect(server.lines(of: connection).count == 1)
            } else {
                #expect(await peer.textUntilClosed().hasPrefix("ERR code=bad-line"))
                #expect(try await server.closed(connection) == .badLine)
                #expect(server.lines(of: connection).isEmpty)
            }
            await server.stop()
        }

        @Test(arguments: [-1, 0, 1])
        func `a stranger's line is taken up to its limit`(beyond: Int) async throws {
            let server = try await TestServer.start()
            let peer = try await RawPeer.connect(to: server.endpoint, tls: RawPeer.tls())
            let connection = try await server.opened()
            await peer.send(line(bytes: LineLimits.stranger.lineBytesMax + beyond) + "\n")
            if beyond <= 0 {
                await peer.waitForText("ALIVE")
            } else {
                #expect(await peer.textUntilClosed().hasPrefix("ERR code=bad-line"))
                #expect(try await server.closed(connection) == .badLine)
            }
            await server.stop()
        }

        @Test(arguments: [
            [0], [13], [0x1b], [0x7f], [0xc2, 0x85], [0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80],
            [0xe2, 0x80, 0xae], [0xe2, 0x80, 0xa8], [0xef, 0xbf, 0xbf],
        ])
        func `bytes that no line may hold end the connection`(bytes: [UInt8]) async throws {
            let (server, peer, connection) = try await member()
            await peer.send(Array("ECHO text=\"".utf8) + bytes + Array("\"\nECHO\n".utf8))
            let text = await peer.textUntilClosed()
            #expect(text.hasPrefix("ERR code=bad-line"))
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 })
            #expect(try await server.closed(connection) == .badLine)
            #expect(server.lines(of: connection).isEmpty)
            await server.stop()
        }

        @Test func `a line that ends as Windows writes it is refused`() async throws {
            let (server, peer, connection) = try await member()
            await peer.send("ECHO seq=1\r\n")
            #expect(await peer.textUntilClosed().hasPrefix("ERR code=bad-line"))
            #expect(try await server.closed(connection) == .badLine)
            await server.stop()
        }

        @Test func `an empty line is refused`() async throws {
            let (server, peer, connection) = try await member()
            await peer.send("\n")
            #expect(await peer.textUntilClosed().hasPrefix("ERR code=bad-line"))
            #expect(try await server.closed(connection) == .badLine)
            await server.stop()
        }

        @Test func `lines before a bad one are delivered, those after it are not`() async throws {
            let (server, peer, connection) = try await member()
            await peer.send("ECHO a=1\nECHO a=2\nnonsense\nECHO a=3\n")
            let text = await peer.textUntilClosed()
            #expect(text.contains("ALIVE a=2\nERR code=bad-line") || text.hasPrefix("ERR"))
            #expect(server.lines(of: connection).compactMap { $0["a"] } == ["1", "2"])
            await server.stop()
        }

        @Test func `a line that comes byte by byte is one line`() async throws {
            let (server, peer, connection) = try await member()
            for byte in Array("ECHO seq=12\n".utf8) { await peer.send([byte]) }
            await peer.waitForText("ALIVE seq=12\n")
            #expect(server.lines(of: connection).count == 1)
            await server.stop()
        }

        @Test func `silence after the handshake ends the connection`() async throws {
            var settings = TestServer.settings
            settings.firstLineTimeout = .milliseconds(80)
            let (server, peer, connection) = try await member(settings)
            #expect(await peer.textUntilClosed().hasPrefix("ERR code=too-slow"))
            #expect(try await server.closed(connection) == .firstLineTimeout)
            await server.stop()
        }

        @Test func `half a line and then silence ends the connection`() async throws {
            var settings = TestServer.settings
            settings.lineTimeout = .milliseconds(80)
            let (server, peer, connection) = try await member(settings)
            await peer.send("ECHO\nECHO se")
            let text = await peer.textUntilClosed()
            #expect(text.contains("ERR code=too-slow text=\"the line was not finished within 80ms"))
            #expect(try await server.closed(connection) == .lineTimeout)
            await server.stop()
        }

        @Test func `a byte now and then does not keep a line alive`() async throws {
            var settings = TestServer.settings
            settings.lineTimeout = .milliseconds(80)
            let (server, peer, connection) = try await member(settings)
            await peer.send("ECHO seq=")
            while peer.isOpen {
                await peer.send("1")
                await Task.yield()
                if server.counters.bytesIn > 4_000 { break }
            }
            #expect(try await server.closed(connection) == .lineTimeout)
            await server.stop()
        }

        @Test func `silence after lines ends the connection`() async throws {
            var settings = TestServer.settings
            settings.memberIdleTimeout = .milliseconds(80)
            let (server, peer, connection) = try await member(settings)
            await peer.send("ECHO\n")
            let text = await peer.textUntilClosed()
            #expect(text.contains("ERR code=too-slow text=\"no line came for 80ms"))
            #expect(try await server.closed(connection) == .idle)
            await server.stop()
        }

        @Test(arguments: [-1, 0, 1])
        func `a peer may send its burst and not one line more`(beyond: Int) async throws {
            var settings = TestServer.settings
            settings.memberPace = Pace(linesPerSecond: 1, burst: 20)
            let (server, peer, connection) = try await member(settings)
            await peer.send(String(repeating: "ECHO\n", count: 20 + beyond))
            if beyond <= 0 {
                try await eventually { server.lines(of: connection).count == 20 + beyond }
                #expect(server.counters.closes(.tooFast) == 0)
            } else {
                #expect(await peer.textUntilClosed().contains("ERR code=too-fast"))
                #expect(try await server.closed(connection) == .tooFast)
                #expect(server.lines(of: connection).count == 20)
            }
            await server.stop()
        }

        @Test func `lines and bytes are counted`() async throws {
            let (server, peer, _) = try await member()
            await peer.send("ECHO\nECHO seq=1\n")
            await peer.waitForText("ALIVE seq=1\n")
            let counters = server.counters
            #expect(counters.linesIn == 2)
            #expect(counters.bytesIn == 16)
            #expect(counters.linesOut == 2)
            #expect(counters.bytesOut == 18)
            #expect(counters.handshakesDone == 1)
            #expect(counters.membersOpen == 1)
            await server.stop()
        }
    }
}
