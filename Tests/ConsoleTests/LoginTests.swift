import API
import Foundation
import Host
import Identity
import Model
import Testing

@testable import Console

@Suite struct `Contexts and credentials` {
    private func token(_ cluster: FakeCluster, pin: TrustPin? = nil) throws -> String {
        let address = try ControllerAddress(host: "127.0.0.1", port: UInt16(cluster.port))
        return try JoinToken(
            kind: .operator,
            id: "k3",
            pin: pin ?? cluster.authority.pin,
            addresses: [address]
        ).text
    }

    @Test func `a folder is imported, used, shown and forgotten`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)]
        ])
        let none = ["MUSTER_CONTEXT": ""]
        #expect(try cluster.muster("status", environment: none).status == 1)
        let imported = try cluster.muster(
            "context",
            "import",
            cluster.credential,
            environment: none
        )
        #expect(imported.output == "context prod is there and is the current one\n")
        #expect(try cluster.muster("status", environment: none).status == 0)
        let again = try cluster.muster("context", "import", cluster.credential, environment: none)
        #expect(again.status == 3)
        let list = try cluster.muster("context", "list", "--no-headers", environment: none)
        #expect(list.output.hasPrefix("*  prod  alice  in 29d"))
        let shown = try cluster.muster("context", "show", "-o", "json", environment: none)
        #expect(shown.output.contains("\"operatorName\" : \"alice\""))
        #expect(!shown.output.contains("PRIVATE"))
        let folder = cluster.folder + "/config/credentials/prod"
        #expect(FileManager.default.fileExists(atPath: folder + "/credential.pem"))
        #expect(try cluster.muster("context", "remove", "prod", environment: none).status == 3)
        let removed = try cluster.muster("context", "remove", "prod", "--yes", environment: none)
        #expect(removed.status == 0)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test func `a login checks the pin, keeps the key here, and makes a context`() throws {
        let cluster = try FakeCluster(answers: [:])
        let root = Data(cluster.authority.root).base64EncodedString()
        try cluster.answer([
            "GET /api/v1/authority": ["open": true, "body": ["cluster": "c0ffee", "root": root]]
        ])
        // The answer must be for the key of the request, so the request is made first.
        let first = try cluster.muster("login", input: try token(cluster))
        #expect(first.status == 3)
        let sent = try #require(try cluster.requests().last)
        let body = try JSONDecoder().decode(
            EnrolRequest.self,
            from: Data((sent["body"] as? String ?? "").utf8)
        )
        #expect(body.tokenID == "k3" && body.secret.count == 43)
        let request = try #require(Data(base64Encoded: body.signingRequest))
        let key = try SigningRequest.verify(Array(request))
        let leaf = try cluster.authority.issue(
            for: .operator("bob"),
            publicKey: key,
            at: WallClock.now()
        )
        let answer = OperatorCertificate(
            asOf: "",
            cluster: Samples.cluster,
            operatorName: "bob",
            role: "operator",
            certificate: Data(leaf.der).base64EncodedString(),
            issuer: Data(cluster.authority.issuing).base64EncodedString(),
            notAfter: leaf.notAfter.iso8601,
            servers: [cluster.server]
        )
        try cluster.answer([
            "GET /api/v1/authority": ["open": true, "body": ["cluster": "c0ffee", "root": root]],
            "POST /api/v1/enrol": ["open": true, "body": try FakeCluster.json(answer)],
            "GET /api/v1/status": ["body": try FakeCluster.json(Samples.healthy)],
        ])
        // The same key is used again after an answer that did not come.
        let run = try cluster.muster("login", input: try token(cluster))
        #expect(run.status == 0, "\(run.error)")
        #expect(run.output == "you are bob (operator) of prod; the context is prod\n")
        #expect(try cluster.muster("status", environment: ["MUSTER_CONTEXT": ""]).status == 0)
        #expect(
            try cluster.requests().last?["names"] as? [String] == ["muster://c0ffee/operator/bob"]
        )
        let left = try FileManager.default.contentsOfDirectory(
            atPath: cluster.folder + "/config/credentials"
        )
        #expect(left == ["prod"])
    }

    @Test func `a controller that the token does not pin gets nothing`() throws {
        let cluster = try FakeCluster(answers: [:])
        let other = try FakeCluster(answers: [:])
        let root = Data(cluster.authority.root).base64EncodedString()
        try cluster.answer([
            "GET /api/v1/authority": ["open": true, "body": ["cluster": "c0ffee", "root": root]]
        ])
        let run = try cluster.muster(
            "login",
            input: try token(cluster, pin: other.authority.pin)
        )
        #expect(run.status == 3)
        #expect(run.error.contains("not the one the token pins"))
        #expect(try cluster.requests().map { $0["path"] as? String } == ["/api/v1/authority"])
    }

    @Test(arguments: ["", "mjt1.broken", "hello"])
    func `a token that is none is a mistake in use`(_ text: String) throws {
        let run = try Program.run(
            Program.muster,
            ["login"],
            input: text,
            environment: ["MUSTER_CONFIG_DIR": NSTemporaryDirectory() + "none"]
        )
        #expect(run.status == 64)
    }

    @Test func `a certificate past two thirds of its life is renewed by using it`() throws {
        let cluster = try FakeCluster(answers: [
            "GET /api/v1/version": [
                "body": ["version": "1", "api": "v1", "protocolMin": 1, "protocolMax": 1]
            ]
        ])
        #expect(try cluster.muster("version").status == 0)
        #expect(try cluster.requests().map { $0["path"] as? String } == ["/api/v1/version"])
        let old = WallTime(milliseconds: WallClock.now().milliseconds - 25 * 86_400_000)
        try cluster.makeOperator(at: old)
        let before = try CredentialDirectory(path: cluster.credential).credential()?.key.pem
        #expect(try cluster.muster("version").status == 0)
        let renewal = try #require(try cluster.requests().last)
        #expect(renewal["path"] as? String == "/api/v1/renew")
        // It was refused, which is no business of the command's.
        let after = try CredentialDirectory(path: cluster.credential).credential()?.key.pem
        #expect(before == after)
    }

    @Test func `a credential that has ended says so before anything is asked`() throws {
        let cluster = try FakeCluster(answers: [:])
        let old = WallTime(milliseconds: WallClock.now().milliseconds - 31 * 86_400_000)
        try cluster.makeOperator(at: old)
        let run = try cluster.muster("status")
        #expect(run.status == 3)
        #expect(run.error.contains("ended"))
        #expect(run.error.contains("muster login"))
    }

    @Test func `a credential that others may read is refused`() throws {
        let cluster = try FakeCluster(answers: [:])
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644],
            ofItemAtPath: cluster.credential + "/credential.pem"
        )
        let run = try cluster.muster("status")
        #expect(run.status == 1)
        #expect(run.error.contains("credential.pem"))
    }
}
