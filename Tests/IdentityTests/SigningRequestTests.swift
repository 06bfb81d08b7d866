import Crypto
import FoundationEssentials
import Model
import SwiftASN1
import Testing
import X509

@testable import Identity

@Suite struct SigningRequestTests {
    let fixture = Fixture.shared

    @Test func `A request gives back the key it was made for`() throws {
        let request = try SigningRequest.make(for: fixture.leafKey)
        #expect(try SigningRequest.verify(request) == fixture.leafKey.publicKey)
        #expect(request.count < 400)
    }

    @Test func `No single bit of a request can be turned without refusal`() throws {
        let request = try SigningRequest.make(for: fixture.leafKey)
        for index in request.indices {
            for bit in 0..<8 {
                var spoilt = request
                spoilt[index] ^= 1 << UInt8(bit)
                let code = refusal { try SigningRequest.verify(spoilt) }
                #expect(code != nil, "bit \(bit) of byte \(index)")
            }
        }
    }

    @Test func `A certificate and a request have one text each`() throws {
        let requests = try (0..<64).map { _ in try SigningRequest.make(for: fixture.leafKey) }
        let request = try #require(requests.compactMap(reworded).first)
        let read = try CertificateSigningRequest(derEncoded: request)
        #expect(read.publicKey.isValidSignature(read.signature, for: read))
        #expect(refusal { try SigningRequest.verify(request) } == .requestUnreadable)
        let leaves = try (0..<64).map { _ in try fixture.leaf().der }
        let leaf = try #require(leaves.compactMap(reworded).first)
        #expect(refusal { try PeerIdentity(certificateDER: leaf) } == .certificateUnreadable)
    }

    @Test func `A request that parses but was altered is refused for its signature`() throws {
        var request = try SigningRequest.make(for: fixture.leafKey)
        let name = Array("request".utf8)
        let at = request.indices.first { request[$0...].starts(with: name) }!
        request[at] = UInt8(ascii: "R")
        #expect((try? CertificateSigningRequest(derEncoded: request)) != nil)
        #expect(refusal { try SigningRequest.verify(request) } == .requestSignature)
    }

    @Test func `A request signed by another key is refused`() throws {
        var request = try SigningRequest.make(for: fixture.leafKey)
        let other = try SigningRequest.make(for: .make())
        let mine = Array(fixture.leafKey.publicKey.key.x963Representation)
        let theirs = Array(try SigningRequest.verify(other).key.x963Representation)
        let at = request.indices.first { request[$0...].starts(with: mine) }!
        request.replaceSubrange(at..<at + mine.count, with: theirs)
        #expect(refusal { try SigningRequest.verify(request) } == .requestSignature)
    }

    @Test func `Names that a request asks for change nothing in what is issued`() throws {
        let key = Certificate.PrivateKey(fixture.leafKey.key)
        let names = SubjectAlternativeNames([
            .uniformResourceIdentifier("muster://\(fixture.cluster)/operator/root"),
            .dnsName("controller.example"),
        ])
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: Fixture.name("root"),
            privateKey: key,
            attributes: .init([
                .init(
                    ExtensionRequest(
                        extensions: Certificate.Extensions {
                            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                            names
                        }
                    )
                )
            ]),
            signatureAlgorithm: .ecdsaWithSHA256
        )
        let verified = try SigningRequest.verify(serialized(request))
        #expect(verified == fixture.leafKey.publicKey)
        let issued = try fixture.authority.issue(
            for: .node("n-1"),
            publicKey: verified,
            at: fixture.now
        )
        let peer = try PeerIdentity(certificateDER: issued.der)
        #expect(peer.holder == .node(fixture.cluster, "n-1"))
    }

    @Test func `Other keys and other signatures are refused`() throws {
        let p384 = Certificate.PrivateKey(P384.Signing.PrivateKey())
        let ed25519 = Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
        for (key, algorithm) in [
            (p384, Certificate.SignatureAlgorithm.ecdsaWithSHA384), (ed25519, .ed25519),
        ] {
            let request = try CertificateSigningRequest(
                version: .v1,
                subject: Fixture.name("n"),
                privateKey: key,
                attributes: .init(),
                signatureAlgorithm: algorithm
            )
            #expect(refusal { try SigningRequest.verify(serialized(request)) } == .unsupportedKey)
        }
        let request = try CertificateSigningRequest(
            version: .v1,
            subject: Fixture.name("n"),
            privateKey: Certificate.PrivateKey(fixture.leafKey.key),
            attributes: .init(),
            signatureAlgorithm: .ecdsaWithSHA512
        )
        #expect(refusal { try SigningRequest.verify(serialized(request)) } == .unsupportedSignature)
    }

    @Test func `Noise, emptiness and a certificate are no requests`() throws {
        let certificate = try fixture.leaf().der
        let request = try SigningRequest.make(for: fixture.leafKey)
        for bytes in [[], [0x30], Array(repeating: 0x30, count: 4_096), request + [0]] {
            #expect(refusal { try SigningRequest.verify(bytes) } == .requestUnreadable)
        }
        #expect(refusal { try SigningRequest.verify(certificate) } != nil)
    }

    @Test func `A request may have 4096 bytes and not one more`() throws {
        let at4096 = Array(repeating: UInt8(0), count: 4_096)
        #expect(refusal { try SigningRequest.verify(at4096) } == .requestUnreadable)
        #expect(refusal { try SigningRequest.verify(at4096 + [0]) } == .requestTooLarge)
        let padded = try CertificateSigningRequest(
            version: .v1,
            subject: DistinguishedName {
                for _ in 0..<60 {
                    OrganizationName(String(repeating: "o", count: 50))
                }
            },
            privateKey: Certificate.PrivateKey(fixture.leafKey.key),
            attributes: .init(),
            signatureAlgorithm: .ecdsaWithSHA256
        )
        let der = try serialized(padded)
        #expect(der.count > 3_500)
        #expect(
            refusal { try SigningRequest.verify(der) }
                == (der.count > 4_096 ? .requestTooLarge : nil)
        )
    }

    private func serialized(_ request: CertificateSigningRequest) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(request)
        return serializer.serializedBytes
    }
}
