import Glibc
import NIOCore
import NIOPosix
import Protocol
import Testing
import Transport

extension WireSuite {
    @Suite struct FlowTests {
        private func member(
            _ settings: LineServerSettings = TestServer.settings,
            takesLines: Bool = true,
            reads: Bool = true
        ) async throws -> (TestServer, RawPeer, ConnectionID) {
            let server = try await TestServer.start(settings: settings, takesLines: takesLines)
            let tls = RawPeer.tls(Certificates.ours.node)
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            let connection = try await server.opened()
            if !reads { await peer.stopReading() }
            return (server, peer, connection)
        }

        /// Text of so many bytes, its line feed counted.
        private func line(bytes: Int) -> Line {
            // Two values, since one may not be that long.
            let half = (bytes - 10) / 2
            let first = Line.Field(key: "v", value: String(repeating: "x", count: half))
            let rest = String(repeating: "y", count: bytes - 10 - half)
            return Line(verb: "SET", fields: [first, Line.Field(key: "w", value: rest)])
        }

        @Test(arguments: [-1, 0, 1])
        func `an owner that takes nothing is given its share and no more`(beyond: Int) async throws
        {
            var settings = TestServer.settings
            settings.untakenLinesMax = 10
            let (server, peer, connection) = try await member(settings, takesLines: false)
            await peer.send(String(repeating: "ECHO\n", count: 10 + beyond))
            let expected = min(10, 10 + beyond)
            try await eventually { server.lines(of: connection).count == expected }
            #expect(server.counters.pauses == (beyond < 0 ? 0 : 1))

            // Taking fewer than half of them changes nothing; another peer's answer, which comes
            // by the same loops, says that there was time enough.
            server.server.taken(4, from: connection)
            let other = try await TestServer.start()
            let client = try TestClient.connect(to: other.endpoint)
            _ = try await client.connected()
            await other.stop()
            #expect(server.lines(of: connection).count == expected)
            // Taking half of them lets the rest in.
            server.server.taken(1, from: connection)
            await peer.send("LAST\n")
            try await eventually { server.lines(of: connection).last?.verb == "LAST" }
            #expect(server.lines(of: connection).count == 11 + beyond)
            await server.stop()
        }

        @Test func `a flood stays with the peer until the owner takes it`() async throws {
            var settings = TestServer.settings
            settings.untakenLinesMax = 8
            settings.memberPace = Pace(linesPerSecond: 1_000_000, burst: 1_000_000)
            let (server, peer, connection) = try await member(settings, takesLines: false)
            let text = String(repeating: "ECHO pad=0123456789\n", count: 100_000)
            peer.pour(Array(text.utf8))
            try await eventually { server.counters.pauses == 1 }
            // Another peer is served meanwhile, and what was read of the flood stays small.
            let other = try TestClient.connect(to: server.endpoint)
            _ = try await other.connected()
            #expect(server.lines(of: connection).count == 8)
            #expect(server.counters.bytesIn < 200_000)

            var taken = 0
            while taken < 100_000 {
                let count = server.lines(of: connection).count
                server.server.taken(count - taken, from: connection)
                taken = count
                if count < 2_000 { await Task.yield() } else { break }
            }
            #expect(taken >= 2_000)
            await server.stop()
        }

        @Test func `no deadline runs while the owner has not taken its lines`() async throws {
            var settings = TestServer.settings
            settings.untakenLinesMax = 2
            settings.lineTimeout = .milliseconds(200)
            settings.memberIdleTimeout = .milliseconds(200)
            let (server, peer, connection) = try await member(settings, takesLines: false)
            await peer.send("ECHO a=1\nECHO a=2\nECHO a=")
            try await eventually { server.counters.pauses == 1 }
            // Another connection's deadline, which begins now, ends before this one's may.
            let other = try TestClient.connect(to: server.endpoint)
            _ = try await other.connected()
            other.send([Line(verb: "ECHO")])
            #expect(try await other.closed() == .eof)
            #expect(try await server.closes(.idle) == 1)
            #expect(peer.isOpen)
            await peer.send("3\n")
            server.server.taken(2, from: connection)
            try await eventually { server.lines(of: connection).count == 3 }
            await server.stop()
        }

        @Test func `a server that was frozen does not blame its peers`() async throws {
            var settings = TestServer.settings
            settings.memberIdleTimeout = .milliseconds(200)
            let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let mayThaw = Box(false)
            let server = try await TestServer.start(
                settings: settings,
                onLine: { line in
                    guard line["n"] == "1" else { return }
                    // On the loop: nothing else of the server runs until this returns.
                    poll(nil, 0, 300)
                    while !mayThaw.value { poll(nil, 0, 1) }
                },
                group: loops
            )
            let tls = RawPeer.tls(Certificates.ours.node)
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            let connection = try await server.opened()
            await peer.send("ECHO n=1\n")
            await server.inbox.wait { $0.count == 2 }
            // The peer speaks as it should while the server is frozen.
            await peer.send("ECHO n=2\n")
            mayThaw.value = true
            await peer.waitForText("n=2")
            #expect(server.lines(of: connection).count == 2)
            // Silence still counts after that.
            #expect(try await server.closed(connection) == .idle)
            await server.stop()
            try await loops.shutdownGracefully()
        }

        @Test(arguments: [-1, 0, 1])
        func `an outbox holds its bytes and not one more`(beyond: Int) async throws {
            let (server, _, connection) = try await member(reads: false)
            let limit = server.settings.memberOutboxBytesMax
            // In one call, so that nothing of it is on its way before the last line is counted.
            let bulk = (0..<limit / 1_024 - 1).map { _ in line(bytes: 1_024) }
            let sent = server.send(bulk + [line(bytes: 1_024 + beyond)], to: connection)
            #expect(sent == (beyond <= 0))
            if beyond > 0 { #expect(try await server.closed(connection) == .slow) }
            await server.stop()
        }

        @Test func `a slow reader is cut while another keeps being answered`() async throws {
            let (server, slow, connection) = try await member(reads: false)
            let other = try TestClient.connect(to: server.endpoint)
            _ = try await other.connected()
            var sequence = 0
            while server.send([line(bytes: 8_000)], to: connection) {
                if sequence % 16 == 0 {
                    other.send([
                        Line(verb: "ECHO", fields: [.init(key: "n", value: "\(sequence)")])
                    ])
                    let wanted = "\(sequence)"
                    _ = try await other.inbox.first { event in
                        if case .line(let line) = event, line["n"] == wanted { line } else { nil }
                    }
                }
                sequence += 1
                #expect(sequence < 10_000, "never cut")
                if sequence >= 10_000 { break }
            }
            #expect(try await server.closed(connection) == .slow)
            #expect(server.counters.closes(.slow) == 1)
            other.send([Line(verb: "ECHO", fields: [.init(key: "n", value: "last")])])
            _ = try await other.inbox.first { event in
                if case .line(let line) = event, line["n"] == "last" { line } else { nil }
            }
            await slow.close()
            await server.stop()
        }

        @Test func `a reader that keeps up is never cut, however much it is sent`() async throws {
            let server = try await TestServer.start()
            let client = try TestClient.connect(to: server.endpoint)
            _ = try await client.connected()
            let connection = try await server.opened()
            for round in 1...64 {
                let lines = (0..<16).map { _ in line(bytes: 8_000) }
                #expect(server.send(lines, to: connection))
                await client.inbox.wait { events in events.count == 1 + round * 16 }
                client.client.taken(16)
            }
            #expect(server.counters.bytesOut == 64 * 16 * 8_000)
            await server.stop()
        }

        @Test func `lines of many calls arrive in order`() async throws {
            let server = try await TestServer.start()
            let client = try TestClient.connect(to: server.endpoint)
            _ = try await client.connected()
            let connection = try await server.opened()
            for number in 0..<500 {
                let field = Line.Field(key: "n", value: "\(number)")
                server.send([Line(verb: "SET", fields: [field])], to: connection)
            }
            await client.inbox.wait { $0.count == 501 }
            let numbers = client.inbox.events.compactMap { event in
                if case .line(let line) = event { line["n"] } else { nil }
            }
            #expect(numbers == (0..<500).map { "\($0)" })
            await server.stop()
        }

        @Test func `no line is delivered after the owner has closed`() async throws {
            let server = try await TestServer.start(closesAfterAnswer: true)
            let tls = RawPeer.tls(Certificates.ours.node)
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            await peer.send("ECHO n=1\nECHO n=2\nECHO n=3\n")
            #expect(await peer.textUntilClosed() == "ALIVE n=1\nBYE\n")
            let connection = try await server.opened()
            _ = try await server.closed(connection)
            #expect(server.lines(of: connection).count == 1)
            await server.stop()
        }

        @Test func `the last line arrives before the close`() async throws {
            let (server, peer, connection) = try await member()
            server.send([Line(verb: "ALIVE")], to: connection)
            server.server.close(
                connection,
                after: ControllerMessage.error(code: .replaced, text: "another session").line
            )
            #expect(!server.send([Line(verb: "LATE")], to: connection))
            let text = await peer.textUntilClosed()
            #expect(text == "ALIVE\nERR code=replaced text=\"another session\"\n")
            #expect(try await server.closed(connection) == .owner)
            await server.stop()
        }

        @Test func `a peer that does not answer the farewell is cut in time`() async throws {
            var settings = TestServer.settings
            settings.closeTimeout = .milliseconds(100)
            let (server, peer, connection) = try await member(settings, reads: false)
            let clock = ContinuousClock()
            let started = clock.now
            server.server.close(connection, after: Line(verb: "BYE"))
            #expect(try await server.closed(connection) == .owner)
            #expect(clock.now - started < .seconds(5))
            #expect(clock.now - started >= .milliseconds(50))
            await peer.close()
            await server.stop()
        }

        @Test func `closing all says the line to everyone`() async throws {
            let server = try await TestServer.start()
            let clients = try (0..<5).map { _ in try TestClient.connect(to: server.endpoint) }
            for client in clients { _ = try await client.connected() }
            _ = try await server.opened(4)
            server.server.closeAll(
                after: ControllerMessage.error(code: .notActive, text: "stopping").line
            )
            for client in clients {
                #expect(try await client.line("ERR")["code"] == "not-active")
                #expect(try await client.closed() == .eof)
            }
            try await eventually { server.counters.closes(.owner) == 5 }
            await server.stop()
        }

        @Test func `a shutdown ends, whatever the peers do`() async throws {
            var settings = TestServer.settings
            settings.closeTimeout = .milliseconds(100)
            let (server, deaf, connection) = try await member(
                settings,
                reads: false
            )
            let silent = try await RawPeer.connect(to: server.endpoint, tls: nil)
            try await eventually { server.counters.accepted == 2 }
            let clock = ContinuousClock()
            let started = clock.now
            await server.server.shutdown(after: Line(verb: "BYE"))
            #expect(clock.now - started < .seconds(10))
            #expect(try await server.closed(connection) == .shutdown)
            #expect(server.counters.strangersOpen == 0)
            await deaf.close()
            await silent.close()
        }

        @Test func `a reset by the peer is told as one`() async throws {
            let (server, peer, connection) = try await member()
            try await peer.reset()
            #expect(try await server.closed(connection) == .reset)
            await server.stop()
        }

        @Test func `nothing can be sent to a connection that is gone`() async throws {
            let (server, peer, connection) = try await member()
            await peer.close()
            _ = try await server.closed(connection)
            #expect(!server.send([Line(verb: "ALIVE")], to: connection))
            server.server.taken(1, from: connection)
            server.server.close(connection)
            await server.stop()
        }
    }
}
