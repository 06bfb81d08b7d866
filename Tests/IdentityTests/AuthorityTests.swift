import Model
import Testing

@testable import Identity

@Suite struct AuthorityTests {
    let fixture = Fixture.shared

    @Test func `Default lifetimes are 7, 90 and 30 days, begun five minutes ago`() throws {
        let subjects: [(CertificateAuthority.Subject, Int64)] = [
            (.node("n-1"), 7), (.controller(id: "c-1", names: []), 90), (.operator("anna"), 30),
        ]
        for (subject, days) in subjects {
            let issued = try fixture.issued(subject)
            #expect(issued.notBefore == fixture.now + .seconds(-300))
            #expect(issued.notAfter == fixture.now + .days(days))
            let peer = try PeerIdentity(certificateDER: issued.der)
            #expect(peer.notBefore == issued.notBefore)
            #expect(peer.notAfter == issued.notAfter)
            #expect(peer.serial == issued.serial)
            #expect(peer.fingerprint == issued.fingerprint)
            #expect(peer.holder == subject.holder(fixture.cluster))
        }
    }

    @Test func `Milliseconds of the clock do not reach a certificate`() throws {
        let issued = try fixture.authority.issue(
            for: .node("n-1"),
            publicKey: fixture.leafKey.publicKey,
            at: fixture.now + .milliseconds(750)
        )
        #expect(issued.notAfter == fixture.now + .days(7))
        #expect(try PeerIdentity(certificateDER: issued.der).notAfter == issued.notAfter)
    }

    @Test func `A leaf never outlives the authority that issued it`() throws {
        let late = fixture.now + .days(364)
        let issued = try fixture.authority.issue(
            for: .node("n-1"),
            publicKey: fixture.leafKey.publicKey,
            at: late
        )
        #expect(issued.notAfter == fixture.authority.notAfter)
        let issuing = try fixture.root.makeIssuing(at: fixture.now + .days(3_600))
        #expect(issuing.notAfter == fixture.root.notAfter)
    }

    @Test func `An authority that is expired or not begun issues nothing`() throws {
        let times: [(WallTime, IdentityError.Code)] = [
            (fixture.now + .days(366), .expired), (fixture.now + .days(-1), .notYetValid),
        ]
        for (time, expected) in times {
            let code = refusal {
                try fixture.authority.issue(
                    for: .node("n-1"),
                    publicKey: fixture.leafKey.publicKey,
                    at: time
                )
            }
            #expect(code == expected)
        }
        #expect(
            refusal { try fixture.root.makeIssuing(at: fixture.now + .days(4_000)) } == .expired
        )
    }

    @Test func `Lifetimes are bounded on both sides`() throws {
        let cases: [(Duration, IdentityError.Code?)] = [
            (.seconds(19), .lifetime), (.seconds(20), nil), (.days(397), nil),
            (.days(397) + .seconds(1), .lifetime), (.seconds(-1), .lifetime),
        ]
        for (lifetime, expected) in cases {
            let code = refusal {
                try fixture.authority.issue(
                    for: .node("n-1"),
                    publicKey: fixture.leafKey.publicKey,
                    at: fixture.now,
                    lifetime: lifetime
                )
            }
            #expect(code == expected)
        }
    }

    @Test func `Serial numbers are 16 bytes, positive, never zero, and differ`() {
        #expect(SerialNumber(random: Array(repeating: 0, count: 16)).bytes[0] == 0x40)
        #expect(SerialNumber(random: Array(repeating: 0xff, count: 16)).bytes[0] == 0x7f)
        let many = Set((0..<1_000).map { _ in SerialNumber.make().description })
        #expect(many.count == 1_000)
        #expect(many.allSatisfy { $0.utf8.count == 32 })
    }

    @Test func `A controller's broken names are refused`() throws {
        let bad = [
            "", "A.example", "a..example", "-a.example", "a_b.example", "1.2.3", "1.2.3.4.5",
            "[::1]", "fe80::1%eth0", "a b", "*.example", "a.example.", "127.0.0.1\0.example",
            String(repeating: "a", count: 64) + ".example",
            Array(repeating: "abcdefghi", count: 26).joined(separator: "."),
        ]
        for name in bad {
            let code = refusal { try fixture.issued(.controller(id: "c-1", names: [name])) }
            #expect(code == .addressUnreadable, "\(name)")
        }
        let many = Array(repeating: "a.example", count: 33)
        #expect(
            refusal { try fixture.issued(.controller(id: "c-1", names: many)) }
                == .addressUnreadable
        )
        #expect(
            refusal { try fixture.issued(.controller(id: "c-1", names: many.dropLast())) } == nil
        )
        #expect(
            refusal { try fixture.issued(.controller(id: "C 1", names: [])) } == .nameUnreadable
        )
    }

    @Test func `Authorities come back from their PEM and go on issuing`() throws {
        let root = try RootAuthority(pem: fixture.root.pem)
        #expect(root.certificate == fixture.root.certificate)
        #expect(root.cluster == fixture.cluster)
        #expect(root.pin == fixture.root.pin)
        let authority = try CertificateAuthority(pem: fixture.authority.pem)
        #expect(authority.issuing == fixture.authority.issuing)
        #expect(try authority.pin == root.pin)
        let leaf = try authority.issue(
            for: .operator("anna"),
            publicKey: fixture.leafKey.publicKey,
            at: fixture.now
        )
        let peer = try ChainVerifier.verify(
            chain: [leaf.der, authority.issuing],
            roots: [root.certificate],
            at: fixture.now,
            expecting: .operator
        )
        #expect(peer.holder == .operator(fixture.cluster, "anna"))
    }

    @Test func `Authorities whose parts do not belong together are refused`() throws {
        let other = try RootAuthority.create(cluster: "other", at: fixture.now)
        let foreign = try other.makeIssuing(at: fixture.now)
        let key = fixture.issuingKey
        #expect(
            refusal { try RootAuthority(certificate: fixture.root.certificate, key: key) }
                == .keyMismatch
        )
        #expect(
            refusal {
                try CertificateAuthority(
                    issuing: fixture.authority.issuing,
                    root: fixture.root.certificate,
                    key: fixture.rootKey
                )
            } == .keyMismatch
        )
        #expect(
            refusal {
                try CertificateAuthority(
                    issuing: fixture.authority.issuing,
                    root: foreign.root,
                    key: key
                )
            } == .wrongCluster
        )
        let twin = try RootAuthority.create(cluster: fixture.cluster, at: fixture.now)
        #expect(
            refusal {
                try CertificateAuthority(
                    issuing: fixture.authority.issuing,
                    root: twin.certificate,
                    key: key
                )
            } == .issuerMismatch
        )
        let leaf = try fixture.leaf().der
        #expect(
            refusal {
                try CertificateAuthority(
                    issuing: leaf,
                    root: fixture.root.certificate,
                    key: fixture.leafKey
                )
            } == .notAnAuthority
        )
        #expect(
            refusal { try CertificateAuthority(pem: fixture.authority.pem + fixture.root.pem) }
                == .pemUnreadable
        )
        #expect(refusal { try CertificateAuthority(pem: "nothing") } == .pemUnreadable)
    }

    @Test func `A printed key or token gives its secret away nowhere`() throws {
        let key = KeyPair.make()
        let secret = String(key.pem.split(separator: "\n")[1].dropFirst(40))
        for text in ["\(key)", String(reflecting: key), dumped(key)] {
            #expect(!text.contains(secret))
        }
        let token = try JoinToken(
            kind: .node,
            id: "t1",
            pin: fixture.root.pin,
            addresses: [ControllerAddress("a.example:1")]
        )
        for text in ["\(token)", String(reflecting: token), dumped(token), dumped([token])] {
            #expect(!text.contains(token.secretText))
            #expect(!text.contains("secret"))
        }
    }

    private func dumped(_ value: some Any) -> String {
        var text = ""
        dump(value, to: &text)
        return text
    }
}
