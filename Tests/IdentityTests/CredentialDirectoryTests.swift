import FoundationEssentials
import Glibc
import Host
import Model
import Testing

@testable import Identity

@Suite struct CredentialDirectoryTests {
    let fixture = Fixture.shared

    private func inDirectory(_ body: (CredentialDirectory) throws -> Void) throws {
        let path =
            FileManager.default.temporaryDirectory.path
            + "/muster-identity-\(Hex.encode(RandomBytes.take(8)))"
        let directory = CredentialDirectory(path: path)
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(directory)
    }

    private func credential() throws -> Credential {
        try Credential(key: fixture.leafKey, chain: fixture.chain())
    }

    private func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    @Test func `An empty directory holds nothing, and that is no error`() throws {
        try inDirectory { directory in
            #expect(mode(directory.path) == 0o700)
            let credential = try directory.credential()
            let roots = try directory.roots()
            let authority = try directory.authority()
            let root = try directory.rootAuthority()
            #expect(credential == nil && roots == nil && authority == nil && root == nil)
        }
    }

    @Test func `A credential comes back whole, and nobody else may read it`() throws {
        try inDirectory { directory in
            let stored = try credential()
            try directory.replace(stored)
            let back = try #require(try directory.credential())
            #expect(back.key.publicKey == fixture.leafKey.publicKey)
            #expect(back.chain == stored.chain)
            #expect(back.identity.holder == .node(fixture.cluster, "n-1"))
            #expect(mode(directory.credentialPath) == 0o600)
            try directory.replaceRoots(fixture.roots)
            #expect(try directory.roots() == fixture.roots)
            #expect(mode(directory.rootsPath) == 0o644)
        }
    }

    @Test func `Authorities come back from their files`() throws {
        try inDirectory { directory in
            try directory.replace(fixture.authority)
            try directory.replace(fixture.root)
            #expect(try directory.authority()?.issuing == fixture.authority.issuing)
            #expect(try directory.rootAuthority()?.certificate == fixture.root.certificate)
            #expect(mode(directory.authorityPath) == 0o600)
            #expect(mode(directory.rootAuthorityPath) == 0o600)
        }
    }

    @Test func `The pending key stays the same until its certificate has come`() throws {
        try inDirectory { directory in
            let first = try directory.pendingKey()
            #expect(try directory.pendingKey().publicKey == first.publicKey)
            #expect(mode(directory.pendingKeyPath) == 0o600)
            // The certificate of another key, such as a running renewal's, leaves it alone.
            try directory.replace(credential())
            #expect(try directory.pendingKey().publicKey == first.publicKey)
            let issued = try fixture.authority.issue(
                for: .node("n-1"),
                publicKey: first.publicKey,
                at: fixture.now
            )
            let chain = [issued.der, fixture.authority.issuing]
            try directory.replace(Credential(key: first, chain: chain))
            #expect(mode(directory.pendingKeyPath) == nil)
            #expect(try directory.pendingKey().publicKey != first.publicKey)
            try directory.discardPendingKey()
            #expect(mode(directory.pendingKeyPath) == nil)
        }
    }

    @Test func `A secret that others may read is refused`() throws {
        try inDirectory { directory in
            try directory.replace(credential())
            for mode: mode_t in [0o640, 0o604, 0o620, 0o644, 0o666] {
                chmod(directory.credentialPath, mode)
                #expect(refusal { try directory.credential() } == .filePermissions)
            }
            chmod(directory.credentialPath, 0o600)
            #expect(refusal { try directory.credential() } == nil)
        }
    }

    @Test func `A symbolic link or a folder in a secret's place is refused`() throws {
        try inDirectory { directory in
            try directory.replace(credential())
            #expect(symlink(directory.credentialPath, directory.authorityPath) == 0)
            #expect(refusal { try directory.authority() } == .filePermissions)
            #expect(mkdir(directory.rootAuthorityPath, 0o700) == 0)
            #expect(refusal { try directory.rootAuthority() } == .filePermissions)
        }
    }

    @Test func `A credential whose key is not its certificate's is refused`() throws {
        #expect(
            refusal { try Credential(key: .make(), chain: fixture.chain()) } == .keyMismatch
        )
        #expect(
            refusal { try Credential(key: fixture.leafKey, chain: [fixture.chain()[0]]) }
                == .chainIncomplete
        )
        let text = try credential().pem
        #expect(refusal { try Credential(pem: text + fixture.leafKey.pem) } == .pemUnreadable)
        let cut = String(text.prefix(text.count - 40))
        #expect(refusal { try Credential(pem: cut) } != nil)
        let endless = String(repeating: "a", count: 65_537)
        #expect(refusal { try PEM.certificates(in: endless) } == .pemUnreadable)
        #expect(refusal { try PEM.certificates(in: fixture.leafKey.pem) } == .pemUnreadable)
    }

    @Test func `At first contact the pin decides which root is believed`() throws {
        let chain = try fixture.chain(.controller(id: "c-1", names: ["c-1.example"]))
        let whole = chain + [fixture.root.certificate]
        func verify(_ chain: [[UInt8]], _ pin: TrustPin) throws -> [UInt8] {
            try ChainVerifier.verify(
                chain: chain,
                pinnedTo: pin,
                at: fixture.now,
                expecting: .controller
            ).root
        }
        let pin = fixture.root.pin
        #expect(try verify(whole, pin) == fixture.root.certificate)
        #expect(try TrustPin(ofCertificateDER: fixture.root.certificate) == pin)
        #expect(pin.text.utf8.count == 52)
        #expect(TrustPin(pin.text) == pin)
        let other = try RootAuthority.create(cluster: fixture.cluster, at: fixture.now)
        #expect(refusal { try verify(whole, other.pin) } == .pinMismatch)
        #expect(refusal { try verify(chain, pin) } == .chainIncomplete)
        #expect(refusal { try verify(chain + [other.certificate], pin) } == .pinMismatch)
        #expect(refusal { try verify(chain + [other.certificate], other.pin) } == .issuerMismatch)
        let node = try fixture.chain() + [fixture.root.certificate]
        #expect(refusal { try verify(node, pin) } == .wrongRole)
        // The pinned root as its own leaf: the pin is right, yet it is no controller.
        let self3 = Array(repeating: fixture.root.certificate, count: 3)
        #expect(refusal { try verify(self3, pin) } != nil)
    }
}
