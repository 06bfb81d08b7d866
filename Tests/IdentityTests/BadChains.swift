import Crypto
import FoundationEssentials
import Model
import SwiftASN1
import Testing
import X509

@testable import Identity

/// A chain that must be refused.
struct BadChain: Sendable, CustomTestStringConvertible {
    /// Whether swift-certificates' verifier with our rules on the leaf refuses it too, or only our
    /// stricter rules on the authorities do.
    enum Oracle: Sendable { case refusesToo, wouldAccept }

    let what: String
    let code: IdentityError.Code
    let oracle: Oracle
    let make: @Sendable (Fixture) throws -> [[UInt8]]

    init(
        _ what: String,
        _ code: IdentityError.Code,
        _ oracle: Oracle = .refusesToo,
        _ make: @escaping @Sendable (Fixture) throws -> [[UInt8]]
    ) {
        self.what = what
        self.code = code
        self.oracle = oracle
        self.make = make
    }

    var testDescription: String { what }

    /// A good issuing certificate under a leaf that was spoilt.
    static func leaf(
        _ what: String,
        _ code: IdentityError.Code,
        _ change: @escaping @Sendable (inout Forgery) -> Void
    ) -> BadChain {
        BadChain(what, code) { [try $0.leaf().with(change).der, $0.authority.issuing] }
    }

    /// A good leaf under an issuing certificate that was spoilt.
    static func issuing(
        _ what: String,
        _ code: IdentityError.Code,
        _ oracle: Oracle = .refusesToo,
        _ change: @escaping @Sendable (inout Forgery) -> Void
    ) -> BadChain {
        BadChain(what, code, oracle) { [try $0.leaf().der, try $0.issuing().with(change).der] }
    }

    static func uri(_ what: String, _ uri: @escaping @Sendable (ClusterID) -> String) -> BadChain {
        leaf("a name with \(what)", .nameUnreadable) {
            $0.names = [.uniformResourceIdentifier(uri(Fixture.shared.cluster))]
        }
    }

    static let all = forms + times + signers + purposes + names + keys + authorities

    static let forms: [BadChain] = [
        BadChain("no certificate", .chainEmpty) { _ in [] },
        BadChain("four certificates", .chainTooLong) {
            try $0.chain() + [$0.root.certificate, $0.root.certificate]
        },
        BadChain("a hundred certificates", .chainTooLong) {
            Array(repeating: $0.authority.issuing, count: 100)
        },
        BadChain("the leaf alone", .chainIncomplete) { [try $0.leaf().der] },
        BadChain("no bytes", .certificateUnreadable) { [[], $0.authority.issuing] },
        BadChain("noise", .certificateUnreadable) {
            [Array(repeating: 0x5a, count: 500), $0.authority.issuing]
        },
        BadChain("noise for an issuing certificate", .certificateUnreadable) {
            [try $0.leaf().der, Array(repeating: 0x30, count: 500)]
        },
        BadChain("a leaf cut short", .certificateUnreadable) {
            [Array(try $0.leaf().der.dropLast(3)), $0.authority.issuing]
        },
        BadChain("a leaf with a byte behind it", .certificateUnreadable) {
            [try $0.leaf().der + [0], $0.authority.issuing]
        },
        BadChain("PEM where DER belongs", .certificateUnreadable) {
            [Array(PEM.certificate(try $0.leaf().der).utf8), $0.authority.issuing]
        },
        BadChain("one megabyte", .certificateTooLarge) {
            [Array(repeating: 0x30, count: 1 << 20), $0.authority.issuing]
        },
        BadChain("a true certificate of 9 KiB", .certificateTooLarge) {
            [
                try $0.leaf().with { $0.further = [unknownExtension(9_000, critical: false)] }.der,
                $0.authority.issuing,
            ]
        },
        leaf("version 1", .certificateUnreadable) {
            $0.version = .v1
        },
        leaf("a critical extension nobody knows", .unknownCriticalExtension) {
            $0.further = [unknownExtension(4, critical: true)]
        },
        leaf("critical name constraints", .unknownCriticalExtension) {
            $0.further = [
                try! .init(NameConstraints(permittedDNSDomains: ["example.com"]), critical: true)
            ]
        },
        leaf("names that are not DER", .extensionUnreadable) {
            $0.names = nil
            $0.further = [
                .init(oid: .X509ExtensionID.subjectAlternativeName, critical: false, value: [1, 9])
            ]
        },
        leaf("serial number zero", .serialNumber) { $0.serial = [0] },
        leaf("a serial number of 21 bytes", .serialNumber) {
            $0.serial = Array(repeating: 0x11, count: 21)
        },
    ]

    static func unknownExtension(_ count: Int, critical: Bool) -> Certificate.Extension {
        .init(
            oid: [1, 3, 6, 1, 4, 1, 55_555, 1],
            critical: critical,
            value: .init(repeating: 5, count: count)
        )
    }

    static let times: [BadChain] = [
        leaf("an expired leaf", .expired) { $0.notAfter = Fixture.shared.now + .seconds(-1) },
        leaf("a leaf of the future", .notYetValid) {
            $0.notBefore = Fixture.shared.now + .seconds(1)
        },
        leaf("a leaf that ends before it begins", .validityReversed) {
            $0.notBefore = Fixture.shared.now + .seconds(60)
            $0.notAfter = Fixture.shared.now + .seconds(-60)
        },
        issuing("an expired issuing certificate", .expired) {
            $0.notAfter = Fixture.shared.now + .seconds(-1)
        },
        issuing("an issuing certificate of the future", .notYetValid) {
            $0.notBefore = Fixture.shared.now + .seconds(1)
        },
    ]

    static let signers: [BadChain] = [
        BadChain("another cluster's chain", .untrustedRoot) { fixture in
            let root = try RootAuthority.create(cluster: "other", at: fixture.now)
            let authority = try root.makeIssuing(at: fixture.now)
            let leaf = try authority.issue(
                for: .node("n-1"),
                publicKey: fixture.leafKey.publicKey,
                at: fixture.now
            )
            return [leaf.der, authority.issuing]
        },
        BadChain("an impostor with our names at all levels", .untrustedRoot) { fixture in
            let key = Certificate.PrivateKey(KeyPair.make().key)
            return [
                try fixture.leaf().with { $0.issuerKey = key }.der,
                try fixture.issuing().with {
                    $0.key = key.publicKey
                    $0.issuerKey = key
                }.der,
            ]
        },
        BadChain("an impostor who sends his root too", .untrustedRoot) { fixture in
            let root = try RootAuthority.create(cluster: fixture.cluster, at: fixture.now)
            let authority = try root.makeIssuing(at: fixture.now)
            let leaf = try authority.issue(
                for: .node("n-1"),
                publicKey: fixture.leafKey.publicKey,
                at: fixture.now
            )
            return [leaf.der, authority.issuing, root.certificate]
        },
        BadChain("a good chain with a stranger's root behind it", .untrustedRoot, .wouldAccept) {
            let root = try RootAuthority.create(cluster: $0.cluster, at: $0.now)
            return try $0.chain() + [root.certificate]
        },
        leaf("a leaf signed by a stranger", .signatureInvalid) {
            $0.issuerKey = Certificate.PrivateKey(KeyPair.make().key)
        },
        leaf("a self-signed leaf", .issuerMismatch) {
            $0.issuer = $0.subject
            $0.issuerKey = Certificate.PrivateKey(Fixture.shared.leafKey.key)
        },
        leaf("a leaf that names another issuer", .issuerMismatch) {
            $0.issuer = Fixture.name("Muster issuing 00000000")
        },
        BadChain("a chain in the wrong order", .untrustedRoot) {
            Array(try $0.chain().reversed())
        },
        BadChain("the issuing certificate as a leaf", .issuerMismatch) {
            [$0.authority.issuing, $0.authority.issuing]
        },
        BadChain("a leaf signed by another node", .untrustedRoot) { fixture in
            let node = try fixture.leaf().der
            let below = try fixture.leaf().with {
                $0.issuer = $0.subject
                $0.subject = Fixture.name("n-2")
                $0.issuerKey = Certificate.PrivateKey(fixture.leafKey.key)
            }.der
            return [below, node, fixture.authority.issuing]
        },
        BadChain("a leaf signed by the root itself", .pathTooLong, .wouldAccept) { fixture in
            let leaf = try fixture.leaf().with {
                $0.issuer = Fixture.dn(of: fixture.root.certificate)
                $0.issuerKey = Certificate.PrivateKey(fixture.rootKey.key)
            }.der
            return [leaf, fixture.root.certificate]
        },
        BadChain("an authority below the issuing one", .untrustedRoot) { fixture in
            let key = Certificate.PrivateKey(KeyPair.make().key)
            let below = try fixture.issuing().with {
                $0.subject = Fixture.name("Muster issuing 2")
                $0.key = key.publicKey
                $0.issuer = Fixture.dn(of: fixture.authority.issuing)
                $0.issuerKey = Certificate.PrivateKey(fixture.issuingKey.key)
            }.der
            let leaf = try fixture.leaf().with {
                $0.issuer = Fixture.name("Muster issuing 2")
                $0.issuerKey = key
            }.der
            return [leaf, below, fixture.authority.issuing]
        },
    ]

    static let purposes: [BadChain] = [
        leaf("a node for server authentication", .wrongPurpose) { $0.purposes = [.serverAuth] },
        leaf("a node for both purposes", .wrongPurpose) {
            $0.purposes = [.clientAuth, .serverAuth]
        },
        leaf("a node for any purpose", .wrongPurpose) { $0.purposes = [.any] },
        leaf("a node for code signing", .wrongPurpose) { $0.purposes = [.codeSigning] },
        leaf("a node without a purpose", .wrongPurpose) { $0.purposes = nil },
        leaf("a controller for client authentication", .wrongPurpose) {
            $0.names = [
                .uniformResourceIdentifier("muster://\(Fixture.shared.cluster)/controller/c-1")
            ]
        },
        leaf("a leaf that is an authority", .leafIsAuthority) {
            $0.constraints = .isCertificateAuthority(maxPathLength: nil)
        },
        leaf("a leaf without basic constraints", .leafIsAuthority) { $0.constraints = nil },
        leaf("basic constraints that may be passed over", .leafIsAuthority) {
            $0.constraintsAreCritical = false
        },
        leaf("a leaf without key usage", .keyUsage) { $0.keyUsage = nil },
        leaf("a leaf that may sign certificates", .keyUsage) {
            $0.keyUsage = KeyUsage(digitalSignature: true, keyCertSign: true)
        },
        leaf("a leaf that may not sign", .keyUsage) { $0.keyUsage = KeyUsage(keyAgreement: true) },
    ]

    static let names: [BadChain] = [
        leaf("no names", .nameMissing) { $0.names = nil },
        leaf("an empty list of names", .nameMissing) { $0.names = [] },
        leaf("a DNS name alone", .nameMissing) { $0.names = [.dnsName("n-1.example")] },
        leaf("two nodes at once", .nameAmbiguous) {
            $0.names?.append(
                .uniformResourceIdentifier("muster://\(Fixture.shared.cluster)/node/n-2")
            )
        },
        leaf("a foreign URI beside ours", .nameAmbiguous) {
            $0.names?.append(.uniformResourceIdentifier("spiffe://example/n-1"))
        },
        leaf("a node with a DNS name", .nameAmbiguous) { $0.names?.append(.dnsName("a.example")) },
        leaf("a node with an IP address", .nameAmbiguous) {
            $0.names?.append(.ipAddress(ASN1OctetString(contentBytes: [192, 0, 2, 1])))
        },
        leaf("a node with a mail address", .nameAmbiguous) {
            $0.names?.append(.rfc822Name("n@example.com"))
        },
        BadChain("a name of another cluster", .wrongCluster, .wouldAccept) {
            let names = [GeneralName.uniformResourceIdentifier("muster://other/node/n-1")]
            return [try $0.leaf().with { $0.names = names }.der, $0.authority.issuing]
        },
        uri("another scheme") { "spiffe://\($0)/node/n-1" },
        uri("a scheme in capitals") { "MUSTER://\($0)/node/n-1" },
        uri("a role nobody has") { "muster://\($0)/admin/n-1" },
        uri("an authority's role") { "muster://\($0)/authority/root" },
        uri("capitals in the id") { "muster://\($0)/node/N-1" },
        uri("a slash at the end") { "muster://\($0)/node/n-1/" },
        uri("no id") { "muster://\($0)/node/" },
        uri("a query") { "muster://\($0)/node/n-1?x" },
        uri("an escape") { "muster://\($0)/node/n%2d1" },
        uri("a user part") { "muster://a@\($0)/node/n-1" },
        uri("no cluster") { _ in "muster:///node/n-1" },
        uri("300 characters") { "muster://\($0)/node/" + String(repeating: "n", count: 300) },
    ]

    static let keys: [BadChain] = [
        leaf("a P-384 key", .unsupportedKey) {
            $0.key = Certificate.PublicKey(P384.Signing.PrivateKey().publicKey)
        },
        leaf("an Ed25519 key", .unsupportedKey) {
            $0.key = Certificate.PublicKey(Curve25519.Signing.PrivateKey().publicKey)
        },
        leaf("a signature with SHA-384", .unsupportedSignature) {
            $0.algorithm = .ecdsaWithSHA384
        },
        leaf("a signature with SHA-512", .unsupportedSignature) {
            $0.algorithm = .ecdsaWithSHA512
        },
        issuing("an issuing key of P-384", .unsupportedKey) {
            $0.key = Certificate.PublicKey(P384.Signing.PrivateKey().publicKey)
        },
    ]

    static let authorities: [BadChain] = [
        issuing("an issuing certificate that is no authority", .notAnAuthority) {
            $0.constraints = .notCertificateAuthority
        },
        issuing("an issuing certificate without basic constraints", .notAnAuthority) {
            $0.constraints = nil
        },
        issuing("an issuing certificate with a longer path", .pathTooLong, .wouldAccept) {
            $0.constraints = .isCertificateAuthority(maxPathLength: 1)
        },
        issuing("an issuing certificate with any path", .pathTooLong, .wouldAccept) {
            $0.constraints = .isCertificateAuthority(maxPathLength: nil)
        },
        issuing("an issuing certificate that may not sign", .keyUsage, .wouldAccept) {
            $0.keyUsage = KeyUsage(cRLSign: true)
        },
        issuing("an issuing certificate with a purpose", .wrongPurpose, .wouldAccept) {
            $0.purposes = [.clientAuth]
        },
        issuing("an issuing certificate with a node's name", .nameUnreadable, .wouldAccept) {
            $0.names = [
                .uniformResourceIdentifier("muster://\(Fixture.shared.cluster)/node/n-1")
            ]
        },
        issuing("another cluster's issuing certificate", .wrongCluster, .wouldAccept) {
            $0.names = [.uniformResourceIdentifier("muster://other/authority/issuing")]
        },
        issuing("an issuing certificate with a root's name", .nameUnreadable, .wouldAccept) {
            $0.names = [
                .uniformResourceIdentifier("muster://\(Fixture.shared.cluster)/authority/root")
            ]
        },
        issuing("an issuing certificate of another root's name", .untrustedRoot) {
            $0.issuer = Fixture.name("Muster root 00000000")
        },
    ]
}
