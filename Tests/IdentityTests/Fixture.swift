import Crypto
import FoundationEssentials
import Model
import SwiftASN1
import X509

@testable import Identity

/// A cluster's authorities, made once: keys are dear.
struct Fixture: Sendable {
    static let shared = Fixture()

    let cluster: ClusterID = "0b7e6f2a-5c1d-4e0f-9a3b-7d2c8e4f1a60"
    let now = WallTime(iso8601: "2026-11-23T07:00:00Z")!
    let rootKey = KeyPair.make()
    let issuingKey = KeyPair.make()
    let leafKey = KeyPair.make()
    let root: RootAuthority
    let authority: CertificateAuthority

    init() {
        root = try! RootAuthority.create(cluster: cluster, at: now, key: rootKey)
        authority = try! root.makeIssuing(at: now, key: issuingKey)
    }

    var roots: [[UInt8]] { [root.certificate] }

    func issued(_ subject: CertificateAuthority.Subject) throws -> IssuedCertificate {
        try authority.issue(for: subject, publicKey: leafKey.publicKey, at: now)
    }

    func chain(_ subject: CertificateAuthority.Subject = .node("n-1")) throws -> [[UInt8]] {
        [try issued(subject).der, authority.issuing]
    }

    /// A good node certificate, to be spoilt.
    func leaf() -> Forgery {
        Forgery(
            subject: Self.name("n-1"),
            key: Certificate.PublicKey(leafKey.publicKey.key),
            notBefore: now.backdated,
            notAfter: now + .days(7),
            names: [.uniformResourceIdentifier("muster://\(cluster)/node/n-1")],
            purposes: [.clientAuth],
            issuer: Self.dn(of: authority.issuing),
            issuerKey: Certificate.PrivateKey(issuingKey.key)
        )
    }

    /// A good issuing certificate, to be spoilt.
    func issuing() -> Forgery {
        Forgery(
            subject: Self.dn(of: authority.issuing),
            key: Certificate.PublicKey(issuingKey.publicKey.key),
            notBefore: now.backdated,
            notAfter: now + .days(365),
            names: [.uniformResourceIdentifier("muster://\(cluster)/authority/issuing")],
            constraints: .isCertificateAuthority(maxPathLength: 0),
            keyUsage: KeyUsage(keyCertSign: true, cRLSign: true),
            issuer: Self.dn(of: root.certificate),
            issuerKey: Certificate.PrivateKey(rootKey.key)
        )
    }

    /// A good root certificate, to be spoilt.
    func rootForgery() -> Forgery {
        var forgery = issuing()
        forgery.subject = forgery.issuer
        forgery.key = Certificate.PublicKey(rootKey.publicKey.key)
        forgery.names = [.uniformResourceIdentifier("muster://\(cluster)/authority/root")]
        forgery.constraints = .isCertificateAuthority(maxPathLength: 1)
        return forgery
    }

    static func name(_ text: String) -> DistinguishedName {
        try! DistinguishedName {
            OrganizationName("Muster")
            CommonName(text)
        }
    }

    static func dn(of der: [UInt8]) -> DistinguishedName {
        try! Certificate(derEncoded: der).subject
    }
}

/// A certificate of which every part can be wrong.
struct Forgery {
    var version = Certificate.Version.v3
    var subject: DistinguishedName
    var key: Certificate.PublicKey
    var serial: [UInt8] = [0x42, 1, 2, 3]
    var notBefore: WallTime
    var notAfter: WallTime
    var names: [GeneralName]?
    var constraints: BasicConstraints? = .notCertificateAuthority
    var constraintsAreCritical = true
    var keyUsage: KeyUsage? = KeyUsage(digitalSignature: true)
    var purposes: [ExtendedKeyUsage.Usage]?
    var further: [Certificate.Extension] = []
    var issuer: DistinguishedName
    var issuerKey: Certificate.PrivateKey
    var algorithm = Certificate.SignatureAlgorithm.ecdsaWithSHA256

    func with(_ change: (inout Forgery) -> Void) -> Forgery {
        var copy = self
        change(&copy)
        return copy
    }

    var der: [UInt8] {
        get throws {
            var extensions = Certificate.Extensions()
            if let constraints {
                try extensions.append(.init(constraints, critical: constraintsAreCritical))
            }
            if let keyUsage { try extensions.append(.init(keyUsage, critical: true)) }
            if let purposes {
                try extensions.append(.init(ExtendedKeyUsage(purposes), critical: false))
            }
            if let names {
                try extensions.append(.init(SubjectAlternativeNames(names), critical: false))
            }
            for one in further { try extensions.append(one) }
            let certificate = try Certificate(
                version: version,
                serialNumber: .init(bytes: serial),
                publicKey: key,
                notValidBefore: notBefore.date,
                notValidAfter: notAfter.date,
                issuer: issuer,
                subject: subject,
                signatureAlgorithm: algorithm,
                extensions: extensions,
                issuerPrivateKey: issuerKey
            )
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        }
    }
}

/// The code with which the body refuses, or nil when it does not.
func refusal(_ body: () throws -> some Any) -> IdentityError.Code? {
    do {
        _ = try body()
        return nil
    } catch let error as IdentityError {
        return error.code
    } catch {
        return nil
    }
}

/// As `refusal`, for asynchronous bodies.
func refusal(_ body: () async throws -> some Any) async -> IdentityError.Code? {
    do {
        _ = try await body()
        return nil
    } catch let error as IdentityError {
        return error.code
    } catch {
        return nil
    }
}

/// The same content and signature in another text: one bit of the signature, which is zero, is
/// said to be unused.
///
/// - Returns: nil when the signature's last bit is one, so that there is no such text.
func reworded(_ der: [UInt8]) -> [UInt8]? {
    guard der.last! & 1 == 0 else { return nil }
    let at = der.indices.last { index in
        der.count - index > 60
            && der[index...].starts(with: [0x03, UInt8(der.count - index - 2), 0])
    }!
    var other = der
    other[at + 2] = 1
    return other
}
