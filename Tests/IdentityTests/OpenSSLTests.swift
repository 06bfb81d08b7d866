import Digests
import Foundation
import Host
import Model
import Testing

@testable import Identity

/// A directory with openssl at work in it.
private struct Bench {
    let path: String

    func write(_ name: String, _ text: String) throws {
        try write(name, bytes: Array(text.utf8))
    }

    func write(_ name: String, bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func read(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    }

    func text(_ name: String) throws -> String {
        String(decoding: try read(name), as: UTF8.self)
    }

    /// - Parameter command: arguments, separated by single spaces.
    @discardableResult
    func openssl(_ command: String) throws -> (succeeded: Bool, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = command.split(separator: " ").map(String.init)
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus == 0, String(decoding: output, as: UTF8.self))
    }

    static func with(_ body: (Bench) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "/muster-openssl-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(Bench(path: path))
    }
}

/// OpenSSL as a third opinion, in both directions.
@Suite struct OpenSSLTests {
    let fixture = Fixture.shared

    private func write(_ bench: Bench, _ subject: CertificateAuthority.Subject) throws {
        try bench.write("root.pem", PEM.certificate(fixture.root.certificate))
        try bench.write("issuing.pem", PEM.certificate(fixture.authority.issuing))
        try bench.write("leaf.pem", try fixture.issued(subject).pem)
    }

    private func verify(_ bench: Bench, _ options: String) throws -> (succeeded: Bool, text: String)
    {
        try bench.openssl(
            "verify -x509_strict -attime \(fixture.now.wholeSeconds) \(options)"
                + " -CAfile root.pem -untrusted issuing.pem leaf.pem"
        )
    }

    @Test(arguments: [CertificateAuthority.Subject.node("n-1"), .operator("anna")])
    func `Nodes and operators verify as TLS clients and not as servers`(
        subject: CertificateAuthority.Subject
    ) throws {
        try Bench.with { bench in
            try write(bench, subject)
            let client = try verify(bench, "-purpose sslclient")
            #expect(client.succeeded, "\(client.text)")
            #expect(try !verify(bench, "-purpose sslserver").succeeded)
        }
    }

    @Test func `Controllers verify as TLS servers under their names and not as clients`() throws {
        try Bench.with { bench in
            let names = ["c-1.example", "192.0.2.1", "2001:db8::1"]
            try write(bench, .controller(id: "c-1", names: names))
            for name in [
                "-verify_hostname c-1.example", "-verify_ip 192.0.2.1", "-verify_ip 2001:db8::1",
            ] {
                let server = try verify(bench, "-purpose sslserver \(name)")
                #expect(server.succeeded, "\(server.text)")
            }
            #expect(try !verify(bench, "-verify_hostname x.example").succeeded)
            #expect(try !verify(bench, "-verify_ip 192.0.2.2").succeeded)
            #expect(try !verify(bench, "-purpose sslclient").succeeded)
        }
    }

    @Test func `OpenSSL reads in our certificates what we wrote`() throws {
        try Bench.with { bench in
            try write(bench, .node("n-1"))
            let issued = try PEM.certificates(in: bench.text("leaf.pem"))[0]
            let peer = try PeerIdentity(certificateDER: issued)
            let leaf = try bench.openssl("x509 -in leaf.pem -noout -text -serial").text
            for line in [
                "Version: 3 (0x2)", "Signature Algorithm: ecdsa-with-SHA256",
                "ASN1 OID: prime256v1", "X509v3 Basic Constraints: critical", "CA:FALSE",
                "X509v3 Key Usage: critical\n                Digital Signature\n",
                "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
                "X509v3 Subject Key Identifier", "X509v3 Authority Key Identifier",
                "URI:muster://\(fixture.cluster)/node/n-1\n",
                "Not Before: Nov 23 06:55:00 2026 GMT", "Not After : Nov 30 07:00:00 2026 GMT",
                "serial=\(peer.serial.uppercased())",
            ] {
                #expect(leaf.contains(line), "\(line) in \(leaf)")
            }
            let issuing = try bench.openssl("x509 -in issuing.pem -noout -text").text
            let root = try bench.openssl("x509 -in root.pem -noout -text").text
            for (text, length) in [(issuing, 0), (root, 1)] {
                #expect(text.contains("CA:TRUE, pathlen:\(length)\n"))
                #expect(text.contains("Certificate Sign, CRL Sign"))
                #expect(!text.contains("Extended Key Usage"))
            }
        }
    }

    @Test func `The pin is the hash of what OpenSSL takes for the root's public key`() throws {
        try Bench.with { bench in
            try write(bench, .node("n-1"))
            try bench.openssl("x509 -in root.pem -noout -pubkey -out root.pub")
            try bench.openssl("pkey -pubin -in root.pub -outform DER -out root.spki")
            let hash = Digest(of: try bench.read("root.spki")).bytes
            #expect(Base32.encode(hash) == fixture.root.pin.text)
        }
    }

    @Test func `OpenSSL verifies our requests and reads our keys`() throws {
        try Bench.with { bench in
            try bench.write("request", bytes: try SigningRequest.make(for: fixture.leafKey))
            let verdict = try bench.openssl("req -inform DER -in request -noout -verify")
            #expect(verdict.succeeded)
            #expect(verdict.text.contains("verify OK"))
            try bench.write("key.pem", fixture.leafKey.pem)
            #expect(fixture.leafKey.pem.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
            #expect(try bench.openssl("pkey -in key.pem -pubout -outform DER -out spki").succeeded)
            #expect(try bench.read("spki") == fixture.leafKey.publicKey.subjectPublicKeyInfo)
        }
    }

    @Test(arguments: [
        "ecparam -name prime256v1 -genkey -noout -out key.pem",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
    ])
    func `A key and a request made by OpenSSL are accepted, their names passed over`(
        command: String
    ) throws {
        try Bench.with { bench in
            try bench.openssl(command)
            let made = try bench.openssl(
                "req -new -key key.pem -subj /CN=root/O=Evil -outform DER -out request"
                    + " -addext subjectAltName=URI:muster://x/operator/root,DNS:a.example"
            )
            #expect(made.succeeded, "\(made.text)")
            let key = try KeyPair(pem: bench.text("key.pem"))
            #expect(try SigningRequest.verify(bench.read("request")) == key.publicKey)
        }
    }

    @Test(arguments: [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem", "-sha256"),
        ("ecparam -name secp384r1 -genkey -noout -out key.pem", "-sha256"),
        ("genpkey -algorithm ED25519 -out key.pem", ""),
    ])
    func `Requests and certificates of other kinds of keys made by OpenSSL are refused`(
        command: String,
        digest: String
    ) throws {
        try Bench.with { bench in
            try bench.openssl(command)
            let made = try bench.openssl(
                "req -new -key key.pem -subj /CN=n \(digest) -outform DER -out request"
            )
            #expect(made.succeeded, "\(made.text)")
            let request = try bench.read("request")
            #expect(refusal { try SigningRequest.verify(request) } == .unsupportedKey)
            let text = try bench.text("key.pem")
            #expect(refusal { try KeyPair(pem: text) } == .pemUnreadable)
            let chain = [
                try signed(bench, "-sha256", fixture.authority), fixture.authority.issuing,
            ]
            let code = refusal {
                try ChainVerifier.verify(
                    chain: chain,
                    roots: fixture.roots,
                    at: fixture.now,
                    expecting: .node
                )
            }
            #expect(code == .unsupportedKey)
        }
    }

    @Test(arguments: [
        ("-sha256", nil), ("-sha1", IdentityError.Code.certificateUnreadable),
        ("-sha224", .certificateUnreadable), ("-sha384", .unsupportedSignature),
    ])
    func `A leaf made by OpenSSL after our rules is accepted, if its digest is SHA-256`(
        digest: String,
        expected: IdentityError.Code?
    ) throws {
        try Bench.with { bench in
            try bench.openssl("ecparam -name prime256v1 -genkey -noout -out key.pem")
            try bench.openssl("req -new -key key.pem -subj /CN=n -outform DER -out request")
            // OpenSSL dates what it signs by this machine's clock, so the authority is of today.
            let now = WallTime(date: Date())
            let root = try RootAuthority.create(cluster: fixture.cluster, at: now)
            let authority = try root.makeIssuing(at: now)
            let chain = [try signed(bench, digest, authority), authority.issuing]
            let code = refusal {
                let peer = try ChainVerifier.verify(
                    chain: chain,
                    roots: [root.certificate],
                    at: now + .seconds(60),
                    expecting: .node
                )
                #expect(peer.holder == .node(fixture.cluster, "n-1"))
                #expect(peer.serial == "07")
            }
            #expect(code == expected)
        }
    }

    /// Has OpenSSL sign the request with our issuing key, with the extensions of a node.
    private func signed(
        _ bench: Bench,
        _ digest: String,
        _ authority: CertificateAuthority
    ) throws -> [UInt8] {
        try bench.write("issuing.pem", PEM.certificate(authority.issuing))
        try bench.write("authority.pem", authority.key.pem)
        try bench.write(
            "extensions",
            """
            basicConstraints=critical,CA:FALSE
            keyUsage=critical,digitalSignature
            extendedKeyUsage=clientAuth
            subjectAltName=URI:muster://\(fixture.cluster)/node/n-1
            """
        )
        let made = try bench.openssl(
            "x509 -req -inform DER -in request -CA issuing.pem -CAkey authority.pem"
                + " -set_serial 7 -days 1 -extfile extensions \(digest) -outform DER -out made"
        )
        #expect(made.succeeded, "\(made.text)")
        return try bench.read("made")
    }
}
