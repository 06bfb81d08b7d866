import API
import Foundation
import Host
import Testing

extension TestCluster {
    /// A new key and a signing request for it, by `openssl`.
    func signingRequest(_ name: String) async throws -> (key: String, request: String) {
        let key = folder[name + ".key"]
        let request = folder[name + ".csr"]
        let made = try await folder.run(
            "/usr/bin/openssl",
            [
                "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-subj", "/CN=anything", "-outform", "DER", "-out", request,
            ]
        )
        try #require(made.status == 0, "\(made.errors)")
        let der = FileManager.default.contents(atPath: request) ?? Data()
        return (TestFolder.text(at: key), der.base64EncodedString())
    }

    /// An operator with a credential of its own, enrolled by the token as a person would be.
    func addOperator(_ name: String, role: String) async throws -> Operator {
        let added: AddedOperator = try await admin.send(
            .addOperator,
            body: AddOperatorRequest(name: name, role: role, reason: "a test")
        )
        let parts = added.token.token.split(separator: ".").map(String.init)
        let (key, request) = try await signingRequest(name)
        let enrolled: OperatorCertificate = try await stranger.send(
            .enrolOperator,
            body: EnrolRequest(tokenID: parts[1], secret: parts[2], signingRequest: request)
        )
        #expect(enrolled.operatorName == name && enrolled.role == role)
        try folder.write(
            name + ".pem",
            key + Self.pem(enrolled.certificate) + Self.pem(enrolled.issuer)
        )
        var person = admin
        person.credential = folder[name + ".pem"]
        return person
    }

    /// A certificate, DER in base64, as a PEM document.
    static func pem(_ base64: String) -> String {
        let lines = stride(from: 0, to: base64.count, by: 64).map { start in
            base64.dropFirst(start).prefix(64)
        }
        return "-----BEGIN CERTIFICATE-----\n\(lines.joined(separator: "\n"))\n"
            + "-----END CERTIFICATE-----\n"
    }
}
