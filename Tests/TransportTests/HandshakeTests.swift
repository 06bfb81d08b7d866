import Identity
import Model
import NIOSSL
import Protocol
import Testing
import Transport

extension WireSuite {
    @Suite struct HandshakeTests {
        let certificates = Certificates.ours

        @Test func `a node and a server exchange lines`() async throws {
            let server = try await TestServer.start()
            let client = try TestClient.connect(to: server.endpoint)
            _ = try await client.connected()
            client.send([Line(verb: "ECHO", fields: [.init(key: "seq", value: "7")])])
            let answer = try await client.line("ALIVE")
            #expect(answer["seq"] == "7")

            let connection = try await server.opened()
            let opened = server.inbox.events.first
            guard case .opened(_, .node(let credential), let address) = opened else {
                Issue.record("not opened as a node: \(String(describing: opened))")
                return
            }
            #expect(credential.node == "n-1")
            #expect(credential.cluster == certificates.cluster)
            #expect(address.hasPrefix("127.0.0.1:"))

            client.client.close(after: Line(verb: "BYE"))
            #expect(try await client.closed() == .owner)
            #expect(try await server.closed(connection) == .eof)
            #expect(server.lines(of: connection).map(\.verb) == ["ECHO", "BYE"])
            #expect(server.counters.membersOpen == 0)
            await server.stop()
        }

        @Test func `a peer without a certificate is a stranger`() async throws {
            let server = try await TestServer.start()
            let mode = ClientMode.stranger(rootDER: certificates.root.certificate)
            let client = try TestClient.connect(to: server.endpoint, as: mode)
            _ = try await client.connected()
            let connection = try await server.opened()
            #expect(
                server.inbox.events.contains { event in
                    if case .opened(connection, .stranger, _) = event { true } else { false }
                }
            )
            #expect(server.counters.strangersOpen == 1)
            await server.stop()
            #expect(try await client.closed() == .eof)
        }

        @Test func `a refused certificate hears why in the first answer`() async throws {
            let server = try await TestServer.start()
            let peer = try await RawPeer.connect(
                to: server.endpoint,
                tls: RawPeer.tls(Certificates.others.node)
            )
            peer.pour(Array("HELLO v=1\n".utf8))
            let text = await peer.textUntilClosed()
            #expect(text.hasPrefix("ERR code=bad-certificate text="))
            #expect(text.filter { $0 == "\n" }.count == 1)
            #expect(try await server.closes(.badCertificate) == 1)
            #expect(server.inbox.events.isEmpty)
            await server.stop()
        }

        @Test func `a revoked node hears it in the first answer`() async throws {
            let server = try await TestServer.start(
                judge: { _ in .refuse(code: .removed, text: "removed by ops") }
            )
            let client = try TestClient.connect(to: server.endpoint)
            let answer = try await client.line("ERR")
            #expect(answer["code"] == "removed")
            #expect(answer["text"] == "removed by ops")
            #expect(try await client.closed() == .eof)
            await server.stop()
        }

        @Test func `plain TCP is turned away and counted`() async throws {
            let server = try await TestServer.start()
            let peer = try await RawPeer.connect(to: server.endpoint, tls: nil)
            peer.pour(Array("HELLO v=1\n".utf8))
            _ = await peer.textUntilClosed()
            #expect(try await server.closes(.handshakeFailed) == 1)
            #expect(server.counters.handshakesFailed == 1)
            #expect(server.inbox.events.isEmpty)
            await server.stop()
        }

        @Test func `TLS 1.2 is turned away and counted`() async throws {
            let server = try await TestServer.start()
            var tls = RawPeer.tls(certificates.node)
            tls.minimumTLSVersion = .tlsv12
            tls.maximumTLSVersion = .tlsv12
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            #expect(await peer.textUntilClosed() == "")
            #expect(try await server.closes(.handshakeFailed) == 1)
            await server.stop()
        }

        @Test(arguments: [[], ["http/1.1"], ["muster/2", "h2"]])
        func `without our protocol by ALPN nothing is read`(offered: [String]) async throws {
            let server = try await TestServer.start()
            var tls = RawPeer.tls(certificates.node)
            tls.applicationProtocols = offered
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            peer.pour(Array("ECHO\n".utf8))
            let text = await peer.textUntilClosed()
            #expect(text.hasPrefix("ERR code=version"))
            #expect(try await server.closes(.wrongProtocol) == 1)
            #expect(server.inbox.events.isEmpty)
            await server.stop()
        }

        @Test func `a certificate chain of a node alone, without the authority, is judged`()
            async throws
        {
            let server = try await TestServer.start()
            var tls = RawPeer.tls(certificates.node)
            tls.certificateChain = [tls.certificateChain[0]]
            let peer = try await RawPeer.connect(to: server.endpoint, tls: tls)
            let text = await peer.textUntilClosed()
            #expect(text.hasPrefix("ERR code=bad-certificate"))
            await server.stop()
        }

        @Test func `a handshake that takes too long is cut`() async throws {
            var settings = TestServer.settings
            settings.handshakeTimeout = .milliseconds(80)
            let server = try await TestServer.start(settings: settings)
            let silent = try await RawPeer.connect(to: server.endpoint, tls: nil)
            let slow = try await RawPeer.connect(to: server.endpoint, tls: nil)
            // The header of a TLS record that announces a client hello, and no more.
            await slow.send([22, 3, 1, 1, 0, 1])
            _ = await silent.textUntilClosed()
            _ = await slow.textUntilClosed()
            try await eventually { server.counters.closes(.handshakeTimeout) == 2 }
            #expect(server.counters.strangersOpen == 0)
            await server.stop()
        }

        @Test func `a client hello beyond any measure is refused`() async throws {
            let server = try await TestServer.start()
            let peer = try await RawPeer.connect(to: server.endpoint, tls: nil)
            // A handshake message of 16 MiB, announced in full records.
            var record: [UInt8] = [22, 3, 1, 64, 0, 1, 255, 255, 255]
            record += [UInt8](repeating: 0, count: 16_384 - 4)
            for _ in 0..<8 { peer.pour(record) }
            _ = await peer.textUntilClosed()
            #expect(try await server.closes(.handshakeFailed) == 1)
            await server.stop()
        }

        @Test func `new credentials serve new connections and leave open ones alone`() async throws
        {
            let server = try await TestServer.start()
            let old = try TestClient.connect(to: server.endpoint)
            let oldChain = try await old.connected()

            let renewed = Certificates.credentials(
                .controller(id: "c-1", names: []),
                certificates.authority
            )
            try server.server.use(renewed)
            let new = try TestClient.connect(to: server.endpoint)
            let newChain = try await new.connected()
            #expect(oldChain[0] != newChain[0])

            old.send([Line(verb: "ECHO")])
            _ = try await old.line("ALIVE")
            await server.stop()
        }

        @Test func `credentials that do not fit leave the former in use`() async throws {
            let server = try await TestServer.start()
            var broken = certificates.controller
            broken.keyPEM = certificates.node.keyPEM
            #expect(throws: TransportError.self) { try server.server.use(broken) }
            broken.keyPEM = "no key"
            #expect(throws: TransportError.self) { try server.server.use(broken) }
            broken = certificates.controller
            broken.chainPEM = ""
            #expect(throws: TransportError.self) { try server.server.use(broken) }
            let client = try TestClient.connect(to: server.endpoint)
            _ = try await client.connected()
            await server.stop()
        }
    }
}
