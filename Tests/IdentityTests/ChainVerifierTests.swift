import Model
import Testing
import X509

@testable import Identity

@Suite struct ChainVerifierTests {
    let fixture = Fixture.shared

    @Test(arguments: BadChain.all)
    func `A bad chain is refused for its own reason, by the oracle too`(bad: BadChain) async throws
    {
        let chain = try bad.make(fixture)
        let code = refusal {
            try ChainVerifier.verify(
                chain: chain,
                roots: fixture.roots,
                at: fixture.now,
                expecting: nil
            )
        }
        #expect(code == bad.code)
        let second = await refusal {
            try await ChainVerifier.verifyWithX509(
                chain: chain,
                roots: fixture.roots,
                at: fixture.now,
                expecting: nil
            )
        }
        #expect((second == nil) == (bad.oracle == .wouldAccept), "\(String(describing: second))")
    }

    @Test func `The list of bad chains has every kind of refusal that a chain can meet`() {
        let codes = Set(BadChain.all.map(\.code))
        let chainCodes: [IdentityError.Code] = [
            .certificateTooLarge, .certificateUnreadable, .chainEmpty, .chainTooLong,
            .chainIncomplete, .untrustedRoot, .unsupportedKey, .unsupportedSignature,
            .signatureInvalid, .issuerMismatch, .notYetValid, .expired, .validityReversed,
            .notAnAuthority, .leafIsAuthority, .pathTooLong, .keyUsage, .wrongPurpose,
            .unknownCriticalExtension, .extensionUnreadable, .serialNumber, .nameMissing,
            .nameAmbiguous, .nameUnreadable, .wrongCluster,
        ]
        for code in chainCodes { #expect(codes.contains(code), "\(code)") }
        #expect(BadChain.all.count >= 70)
    }

    @Test(arguments: [
        CertificateAuthority.Subject.node("n-1"), .operator("anna"),
        .controller(id: "c-1", names: ["c-1.example", "192.0.2.1", "2001:db8::1"]),
    ])
    func `What the authority issues is accepted by both verifiers`(
        subject: CertificateAuthority.Subject
    ) async throws {
        let chain = try fixture.chain(subject)
        for sent in [chain, chain + [fixture.root.certificate]] {
            let peer = try ChainVerifier.verify(
                chain: sent,
                roots: fixture.roots,
                at: fixture.now,
                expecting: subject.holder(fixture.cluster).role
            )
            #expect(peer.holder == subject.holder(fixture.cluster))
            #expect(peer.fingerprint == fixture.leafKey.publicKey.fingerprint)
            let second = try await ChainVerifier.verifyWithX509(
                chain: sent,
                roots: fixture.roots,
                at: fixture.now,
                expecting: peer.role
            )
            #expect(second == peer)
        }
    }

    @Test func `A forgery that nothing was done to is accepted, so the refusals have one cause`()
        throws
    {
        let chain = [try fixture.leaf().der, try fixture.issuing().der]
        let roots = [try fixture.rootForgery().der]
        let peer = try ChainVerifier.verify(
            chain: chain,
            roots: roots,
            at: fixture.now,
            expecting: .node,
            cluster: fixture.cluster
        )
        #expect(peer.holder == .node(fixture.cluster, "n-1"))
        #expect(peer.serial == "42010203")
    }

    @Test func `A peer of another role than the expected one is refused`() async throws {
        let chain = try fixture.chain(.operator("anna"))
        let code = refusal {
            try ChainVerifier.verify(
                chain: chain,
                roots: fixture.roots,
                at: fixture.now,
                expecting: .node
            )
        }
        #expect(code == .wrongRole)
        let second = await refusal {
            try await ChainVerifier.verifyWithX509(
                chain: chain,
                roots: fixture.roots,
                at: fixture.now,
                expecting: .node
            )
        }
        #expect(second == .wrongRole)
    }

    @Test func `A peer of another cluster than the expected one is refused`() throws {
        let chain = try fixture.chain()
        let code = refusal {
            try ChainVerifier.verify(
                chain: chain,
                roots: fixture.roots,
                at: fixture.now,
                expecting: .node,
                cluster: "other"
            )
        }
        #expect(code == .wrongCluster)
    }

    @Test func `Validity counts to the second, its ends included, at every level`() async throws {
        let chain = try fixture.chain()
        let peer = try PeerIdentity(certificateDER: chain[0])
        let end = peer.notAfter
        #expect(end == fixture.now + .days(7))
        let cases: [(WallTime, IdentityError.Code?)] = [
            (peer.notBefore + .seconds(-1), .notYetValid), (peer.notBefore, nil),
            (end, nil), (end + .milliseconds(999), nil), (end + .seconds(1), .expired),
            (fixture.now + .days(5_000), .expired), (fixture.now + .days(-1), .notYetValid),
        ]
        for (time, expected) in cases {
            let code = refusal {
                try ChainVerifier.verify(
                    chain: chain,
                    roots: fixture.roots,
                    at: time,
                    expecting: .node
                )
            }
            #expect(code == expected, "\(time.iso8601)")
            let second = await refusal {
                try await ChainVerifier.verifyWithX509(
                    chain: chain,
                    roots: fixture.roots,
                    at: time,
                    expecting: .node
                )
            }
            #expect((second == nil) == (expected == nil), "\(time.iso8601)")
        }
    }

    @Test func `A root that is expired, no authority, or too wide is not trusted`() throws {
        let chain = try fixture.chain()
        let bad: [(Forgery, IdentityError.Code)] = [
            (fixture.rootForgery().with { $0.notAfter = fixture.now + .seconds(-1) }, .expired),
            (
                fixture.rootForgery().with { $0.constraints = .notCertificateAuthority },
                .notAnAuthority
            ),
            (
                fixture.rootForgery().with {
                    $0.constraints = .isCertificateAuthority(maxPathLength: 5)
                }, .pathTooLong
            ),
            (
                fixture.rootForgery().with {
                    $0.names = [.uniformResourceIdentifier("muster://other/authority/root")]
                }, .wrongCluster
            ),
            (
                fixture.rootForgery().with {
                    $0.issuerKey = .init(fixture.leafKey.key)
                }, .signatureInvalid
            ),
        ]
        for (forgery, expected) in bad {
            let root = try forgery.der
            let code = refusal {
                try ChainVerifier.verify(
                    chain: chain,
                    roots: [root],
                    at: fixture.now,
                    expecting: .node
                )
            }
            #expect(code == expected)
        }
        let none = refusal {
            try ChainVerifier.verify(chain: chain, roots: [], at: fixture.now, expecting: .node)
        }
        #expect(none == .untrustedRoot)
    }

    @Test func `While a root is replaced, chains of the old and of the new one are accepted`()
        throws
    {
        let second = try RootAuthority.create(cluster: fixture.cluster, at: fixture.now)
        let authority = try second.makeIssuing(at: fixture.now)
        let leaf = try authority.issue(
            for: .node("n-9"),
            publicKey: fixture.leafKey.publicKey,
            at: fixture.now
        )
        let roots = [fixture.root.certificate, second.certificate]
        for chain in [[leaf.der, authority.issuing], try fixture.chain(.node("n-9"))] {
            let peer = try ChainVerifier.verify(
                chain: chain,
                roots: roots,
                at: fixture.now,
                expecting: .node
            )
            #expect(peer.holder == .node(fixture.cluster, "n-9"))
        }
    }

    @Test func `No single bit of a chain can be turned without refusal`() async throws {
        let chain = try fixture.chain()
        for position in 0..<2 {
            for index in chain[position].indices {
                var spoilt = chain
                spoilt[position][index] ^= 1 << UInt8(index % 8)
                let code = refusal {
                    try ChainVerifier.verify(
                        chain: spoilt,
                        roots: fixture.roots,
                        at: fixture.now,
                        expecting: .node
                    )
                }
                #expect(code != nil, "byte \(index) of certificate \(position)")
            }
        }
    }

    @Test(arguments: 0..<100)
    func `Spliced and random certificates are refused without a crash, as by the oracle`(
        seed: UInt64
    ) async throws {
        var random = SeededGenerator(seed: seed)
        var chain = try fixture.chain()
        let position = Int.random(in: 0..<2, using: &random)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let from = Int.random(in: 0..<chain[position].count, using: &random)
            let length = Int.random(in: 1...40, using: &random)
            let end = min(chain[position].count, from + length)
            let noise = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            chain[position].replaceSubrange(from..<end, with: noise)
        }
        let spoilt = chain
        let code = refusal {
            try ChainVerifier.verify(
                chain: spoilt,
                roots: fixture.roots,
                at: fixture.now,
                expecting: .node
            )
        }
        #expect(code != nil)
        let second = await refusal {
            try await ChainVerifier.verifyWithX509(
                chain: spoilt,
                roots: fixture.roots,
                at: fixture.now,
                expecting: .node
            )
        }
        #expect(second != nil)
    }
}
