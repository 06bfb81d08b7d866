import Identity
import Model
import Protocol
import Testing
import Transport

extension WireSuite {
    @Suite struct ClientTests {
        let certificates = Certificates.ours

        private func failure(
            _ endpoint: Endpoint,
            as mode: ClientMode = Certificates.ours.member,
            timeout: Duration = .seconds(30)
        ) async throws -> TransportError {
            var settings = LineClientSettings()
            settings.connectTimeout = timeout
            let client = try TestClient.connect(to: endpoint, as: mode, settings: settings)
            let error = try await client.failed()
            #expect(error.sentence.contains(endpoint.host))
            #expect(client.inbox.events.count == 1)
            #expect(!client.send([Line(verb: "ECHO")]))
            return error
        }

        @Test func `a port nobody listens at refuses`() async throws {
            let endpoint = Endpoint(host: "127.0.7.1", port: 1)
            #expect(try await failure(endpoint).code == .refused)
        }

        @Test func `a name without an address is told as one`() async throws {
            let endpoint = Endpoint(host: "no-such-host.invalid", port: 7_400)
            #expect(try await failure(endpoint).code == .nameUnresolvable)
        }

        @Test func `a server that never answers is given up in time`() async throws {
            let listener = try await PlainListener.start()
            let error = try await failure(listener.endpoint, timeout: .milliseconds(100))
            #expect(error.code == .timeout)
            await listener.stop()
        }

        @Test func `a server without TLS is told as one`() async throws {
            let listener = try await PlainListener.start(greeting: "220 smtp.example\r\n")
            #expect(try await failure(listener.endpoint).code == .tls)
            await listener.stop()
        }

        @Test func `a server that closes at once is told as one`() async throws {
            let listener = try await PlainListener.start(closes: true)
            let error = try await failure(listener.endpoint)
            #expect(error.code == .tls || error.code == .unreachable)
            await listener.stop()
        }

        @Test func `a TLS server of another protocol is not Muster`() async throws {
            let listener = try await PlainListener.start(
                tls: certificates.controller,
                protocols: ["http/1.1"]
            )
            #expect(try await failure(listener.endpoint).code == .notMuster)
            #expect(try await failure(listener.endpoint, as: .pinOnly).code == .notMuster)
            await listener.stop()
        }

        @Test func `a server of another authority is not believed`() async throws {
            let server = try await TestServer.start(credentials: Certificates.others.controller)
            let error = try await failure(server.endpoint)
            #expect(error.code == .tls)
            #expect(error.sentence.contains("certificate verify failed"))
            let root = certificates.root.certificate
            let stranger = try await failure(server.endpoint, as: .stranger(rootDER: root))
            #expect(stranger.code == .tls)
            await server.stop()
        }

        @Test func `a node of our own authority cannot play the controller`() async throws {
            let server = try await TestServer.start(credentials: certificates.node)
            let code = try await failure(server.endpoint).code
            #expect(code == .tls || code == .notController)
            await server.stop()
        }

        @Test func `a controller of another cluster is not ours`() async throws {
            let server = try await TestServer.start()
            let mode = ClientMode.member(
                certificates.node,
                rootPEM: certificates.rootPEM,
                cluster: "another"
            )
            #expect(try await failure(server.endpoint, as: mode).code == .notController)
            await server.stop()
        }

        @Test func `an expired controller is not believed`() async throws {
            let now = Certificates.now
            let past = WallTime(milliseconds: now.milliseconds) + .seconds(-40 * 86_400)
            let root = try RootAuthority.create(cluster: certificates.cluster, at: past)
            let authority = try root.makeIssuing(at: past)
            let key = KeyPair.make()
            let issued = try authority.issue(
                for: .controller(id: "c-1", names: []),
                publicKey: key.publicKey,
                at: past,
                lifetime: .seconds(86_400)
            )
            let chain = PEM.certificates([issued.der, authority.issuing, authority.root])
            let server = try await TestServer.start(
                credentials: TransportCredentials(chainPEM: chain, keyPEM: key.pem)
            )
            let mode = ClientMode.stranger(rootDER: root.certificate)
            #expect(try await failure(server.endpoint, as: mode).code == .tls)
            await server.stop()
        }

        @Test func `whoever only compares a pin is shown the whole chain`() async throws {
            let server = try await TestServer.start()
            let client = try TestClient.connect(to: server.endpoint, as: .pinOnly)
            let chain = try await client.connected()
            #expect(chain.count == 3)
            let found = try ChainVerifier.verify(
                chain: chain,
                pinnedTo: certificates.root.pin,
                at: Certificates.now,
                expecting: .controller
            )
            #expect(found.root == certificates.root.certificate)
            await server.stop()
        }

        @Test func `an attempt can be given up`() async throws {
            let listener = try await PlainListener.start()
            let client = try TestClient.connect(to: listener.endpoint)
            client.client.close()
            #expect(try await client.failed().code == .cancelled)
            #expect(client.inbox.events.count == 1)
            await listener.stop()
        }

        @Test func `a renewed credential is shown by the next connection`() async throws {
            let server = try await TestServer.start()
            let before = try TestClient.connect(to: server.endpoint)
            _ = try await before.connected()
            let renewed = Certificates.credentials(.node("n-1"), certificates.authority)
            let after = try TestClient.connect(
                to: server.endpoint,
                as: certificates.member(renewed)
            )
            _ = try await after.connected()
            _ = try await server.opened(1)
            let serials = server.inbox.events.compactMap { event in
                if case .opened(_, .node(let credential), _) = event {
                    credential.serial
                } else {
                    nil
                }
            }
            #expect(Set(serials).count == 2)
            await server.stop()
        }

        @Test func `credentials that cannot be used are refused when they are read`() {
            var broken = certificates.node
            broken.keyPEM = certificates.controller.keyPEM
            #expect(throws: TransportError.self) { try ClientContext(certificates.member(broken)) }
            #expect(throws: TransportError.self) {
                try ClientContext(
                    .member(certificates.node, rootPEM: "none", cluster: certificates.cluster)
                )
            }
            #expect(throws: TransportError.self) { try ClientContext(.stranger(rootDER: [1, 2])) }
        }

        @Test func `a server's line beyond the limit ends the connection`() async throws {
            let server = try await TestServer.start()
            var settings = LineClientSettings()
            settings.lines.lineBytesMax = 100
            let client = try TestClient.connect(to: server.endpoint, settings: settings)
            _ = try await client.connected()
            let field = Line.Field(key: "v", value: String(repeating: "x", count: 200))
            server.send([Line(verb: "SET", fields: [field])], to: try await server.opened())
            #expect(try await client.closed() == .badLine)
            await server.stop()
        }

        @Test func `a silent server is noticed`() async throws {
            let server = try await TestServer.start()
            var settings = LineClientSettings()
            settings.idleTimeout = .milliseconds(80)
            let client = try TestClient.connect(to: server.endpoint, settings: settings)
            _ = try await client.connected()
            #expect(try await client.closed() == .idle)
            await server.stop()
        }
    }
}
