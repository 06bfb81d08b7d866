import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// Whatever is said to the agents' port, it is answered by a clear refusal, and a good agent stays
/// Online throughout.
@Suite struct WireTests {
    /// What a server answers to bytes that are sent after a good handshake.
    private func answer(
        _ bytes: [UInt8],
        of cluster: TestCluster,
        _ options: [String] = [],
        protocolName: String = "muster/1"
    ) async throws -> String {
        let input = cluster.folder["said-\(Hex.encode(RandomBytes.take(4)))"]
        try Data(bytes).write(to: URL(fileURLWithPath: input))
        // -quiet does not end with its input: only the server ends it.
        let said = try await cluster.folder.run(
            "/usr/bin/openssl",
            [
                "s_client", "-connect", cluster.agentsAddress, "-tls1_3", "-alpn", protocolName,
                "-quiet", "-CAfile", cluster.state + "/admin/ca.pem",
            ] + options,
            input: input
        )
        return said.output
    }

    /// The node did not go Offline since; asked of what was written down, so that nothing escapes.
    private func expectUntouched(_ name: String, _ cluster: TestCluster) async throws {
        let events = try await cluster.events(subject: name)
        #expect(!events.contains { $0.kind == "node.offline" && $0.cause != "joining" })
        #expect(try await cluster.node(name).status == "online")
    }

    @Test func `bad lines are refused by their code and the connection is closed`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent("good")
            let greeting = "HELLO version=1 speaker=stranger\n"
            let cases: [([UInt8], String)] = [
                (Array("FROBNICATE\n".utf8), "ERR code=bad-verb"),
                (Array("\(greeting)FROBNICATE now=yes\n".utf8), "ERR code=bad-verb"),
                (
                    Array(
                        "\(greeting)BEAT seq=1 sent=1 wall=2026-11-23T06:41:12Z health=healthy\n"
                            .utf8
                    ),
                    "ERR code=bad-verb"
                ),
                (Array("\(greeting)\(greeting)".utf8), "ERR code=bad-verb"),
                (Array("HELLO version=1 version=1\n".utf8), "ERR code=bad-line"),
                (Array("HELLO  version=1\n".utf8), "ERR code=bad-line"),
                (Array("HELLO version=99 speaker=stranger\n".utf8), "ERR code=version"),
                (Array("\n".utf8), "ERR code=bad-line"),
                (Array("HELLO software=\"".utf8) + [0xff, 0xfe] + Array("\"\n".utf8), "ERR code="),
                (Array("HELLO software=\"a\u{202e}b\"\n".utf8), "ERR code=bad-line"),
                (Array("HELLO \u{0}\n".utf8), "ERR code=bad-line"),
                (
                    [UInt8](repeating: 65, count: 9_000) + [10],
                    "ERR code=bad-line text=\"the line is longer"
                ),
                (
                    [UInt8](repeating: 65, count: 4 << 20),
                    "ERR code=bad-line text=\"the line is longer"
                ),
            ]
            for (bytes, expected) in cases {
                let said = try await answer(bytes, of: cluster)
                let shown = String(decoding: bytes.prefix(60), as: UTF8.self)
                #expect(said.contains(expected), "\(shown) was answered by \(said)")
            }
            let other = try await answer([], of: cluster, protocolName: "http/1.1")
            #expect(other.contains("ERR code=version") || other.isEmpty)
            try await expectUntouched("good", cluster)
        }
    }

    @Test func `half a line, silence and no handshake end by themselves`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent("good")
            let started = BootClock.now()
            let half = try await answer(Array("HELLO vers".utf8), of: cluster)
            #expect(half.contains("ERR code=too-slow"), "\(half)")
            let silent = try await answer([], of: cluster)
            #expect(silent.contains("ERR code=too-slow"), "\(silent)")
            #expect(BootClock.now() - started >= .seconds(5))
            let plain = try await cluster.folder.run(
                "/usr/bin/curl",
                ["-sS", "--max-time", "30", "http://\(cluster.agentsAddress)/"]
            )
            #expect(plain.status != 0 && plain.status != 28, "\(plain.errors)")
            try await expectUntouched("good", cluster)
        }
    }

    @Test func `a certificate that is not a node's of this cluster is refused`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent("good")
            let (_, _) = try await cluster.signingRequest("self")
            let made = try await cluster.folder.run(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-key", cluster.folder["self.key"], "-subj", "/CN=node-1",
                    "-days", "1", "-out", cluster.folder["self.crt"], "-addext",
                    "subjectAltName=URI:muster://cluster/node/node-1",
                ]
            )
            #expect(made.status == 0, "\(made.errors)")
            let hello = Array("HELLO version=1 speaker=agent\n".utf8)
            let own = try await answer(
                hello,
                of: cluster,
                [
                    "-cert", cluster.folder["self.crt"], "-key", cluster.folder["self.key"],
                ]
            )
            #expect(own.contains("ERR code=bad-certificate"), "\(own)")
            // An operator's certificate is of this cluster, and no node's.
            let credential = cluster.state + "/admin/credential.pem"
            let person = try await answer(
                hello,
                of: cluster,
                ["-cert", credential, "-key", credential, "-cert_chain", credential]
            )
            #expect(person.contains("ERR code=bad-certificate"), "\(person)")
            let nobody = try await answer(
                Array("HELLO version=1 speaker=agent incarnation=1\n".utf8),
                of: cluster
            )
            #expect(nobody.contains("ERR code=no-certificate"), "\(nobody)")
            try await expectUntouched("good", cluster)
        }
    }

    @Test func `a flood of strangers is turned away and the others carry on`() async throws {
        try await TestCluster.with { cluster in
            _ = try await cluster.addAgent("good")
            var sockets: [Int32] = []
            defer { for socket in sockets { close(socket) } }
            for _ in 1...300 {
                let number = connect(to: cluster.agentsPort)
                if number >= 0 { sockets.append(number) }
            }
            #expect(sockets.count > 100)
            let tokens = try await cluster.token()
            #expect(!tokens.token.isEmpty)
            let floods = try (1...4).map { number in
                let input = cluster.folder["flood-\(number)"]
                try String(repeating: "HELLO version=1 speaker=stranger\n", count: 200_000)
                    .write(toFile: input, atomically: false, encoding: .utf8)
                return try Program(
                    "/usr/bin/openssl",
                    [
                        "s_client", "-connect", cluster.agentsAddress, "-alpn", "muster/1",
                        "-quiet",
                    ],
                    in: cluster.folder,
                    log: "flood-\(number)",
                    input: input
                )
            }
            for flood in floods { _ = try await flood.wait() }
            for socket in sockets { close(socket) }
            sockets = []
            try await expectUntouched("good", cluster)
            // And there is room again for who comes in good order.
            let late = PythonAgent(cluster: cluster, name: "late")
            #expect(
                try await eventually { try await late.join(token: tokens.token).status == 0 }
            )
        }
    }

    private func connect(to port: UInt16) -> Int32 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, size)
            }
        }
        if result == 0 { return number }
        close(number)
        return -1
    }
}
