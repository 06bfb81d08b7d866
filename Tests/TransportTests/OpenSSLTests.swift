import Glibc
import NIOCore
import NIOPosix
import Protocol
import Testing
import Transport

extension WireSuite {
    /// What a person with `openssl s_client` and a certificate sees, and what another TLS library
    /// does that ours does not.
    @Suite struct OpenSSLTests {
        @Test func `a person with openssl and a certificate can speak it`() async throws {
            let server = try await TestServer.start(closesAfterAnswer: true)
            let tool = try OpenSSLClient(server.endpoint, Certificates.ours.node)
            let text = await tool.run(input: "ECHO seq=5", further: "-quiet")
            #expect(text.contains("ALIVE seq=5\n"))
            #expect(text.contains("BYE\n"))
            await server.stop()
        }

        @Test func `a resumed TLS session is judged anew or refused`() async throws {
            let judged = Box(0)
            let server = try await TestServer.start(
                judge: { chain in
                    judged.add(1)
                    return Certificates.ours.judge(chain)
                },
                closesAfterAnswer: true
            )
            let tool = try OpenSSLClient(server.endpoint, Certificates.ours.node)
            let first = await tool.run(input: "ECHO", further: "-sess_out \(tool.folder)/session")
            #expect(first.contains("ALIVE"))
            let second = await tool.run(input: "ECHO", further: "-sess_in \(tool.folder)/session")
            #expect(second.contains("Reused, TLSv1.3"), "the test resumes no session")
            #expect(second.contains("ERR code=bad-certificate text=\"TLS sessions are not resumed"))
            let opened = server.inbox.events.filter { event in
                if case .opened = event { true } else { false }
            }
            #expect(opened.count == 1)
            #expect(judged.value == 1)
            #expect(try await server.closes(.badCertificate) == 1)
            await server.stop()
        }

        @Test(arguments: ["-tls1_2", "-tls1_1", "-groups P-521"])
        func `an old version or an odd curve comes to nothing`(further: String) async throws {
            let server = try await TestServer.start(closesAfterAnswer: true)
            let tool = try OpenSSLClient(server.endpoint, Certificates.ours.node)
            let text = await tool.run(input: "ECHO", further: further)
            #expect(!text.contains("ALIVE"))
            #expect(try await server.closes(.handshakeFailed) == 1)
            await server.stop()
        }
    }
}

/// `openssl s_client` with a certificate of ours.
private final class OpenSSLClient: Sendable {
    let folder: String
    private let endpoint: Endpoint

    init(_ endpoint: Endpoint, _ credentials: TransportCredentials) throws {
        self.endpoint = endpoint
        var template = Array("/tmp/muster-transport-XXXXXX".utf8CString)
        folder = String(cString: mkdtemp(&template))
        // The tool takes the leaf apart from what is above it.
        let end = "-----END CERTIFICATE-----\n"
        let documents = credentials.chainPEM.split(separator: end).map { String($0) + end }
        let texts = [
            ("leaf", documents[0]), ("above", documents[1...].joined()),
            ("key", credentials.keyPEM),
        ]
        for (name, text) in texts {
            let file = try #require(fopen("\(folder)/\(name).pem", "w"))
            fputs(text, file)
            fclose(file)
        }
    }

    /// Says the line and returns what was printed until the server closed.
    func run(input: String, further: String) async -> String {
        let command =
            "echo '\(input)' | openssl s_client -connect \(endpoint) -alpn muster/1 -ign_eof"
            + " -cert \(folder)/leaf.pem -cert_chain \(folder)/above.pem"
            + " -key \(folder)/key.pem \(further) 2>&1"
        return await withCheckedContinuation { continuation in
            // A thread that may wait: the tests' own are few.
            NIOSingletons.posixBlockingThreadPool.submit { _ in
                continuation.resume(returning: Self.output(of: command))
            }
        }
    }

    private static func output(of command: String) -> String {
        guard let pipe = popen(command, "r") else { return "" }
        var bytes: [UInt8] = []
        var byte = fgetc(pipe)
        while byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(pipe)
        }
        pclose(pipe)
        return String(decoding: bytes, as: UTF8.self)
    }

    deinit {
        for name in ["leaf.pem", "above.pem", "key.pem", "session"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
}
