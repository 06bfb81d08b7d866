import Digests
import Host
import Model
import Testing

@testable import Identity

@Suite struct JoinTokenTests {
    let pin = Fixture.shared.root.pin
    let secret = (0..<32).map { UInt8($0 * 7) }

    func token(_ kind: JoinToken.Kind = .node) throws -> JoinToken {
        try JoinToken(
            kind: kind,
            id: "t-4f2a",
            secret: secret,
            pin: pin,
            addresses: [
                ControllerAddress("ctl.example:7600"), ControllerAddress("192.0.2.7:7600"),
                ControllerAddress("[2001:db8::7]:7601"),
            ]
        )
    }

    @Test(arguments: JoinToken.Kind.allCases)
    func `A token comes back from its text, white space around it or not`(
        kind: JoinToken.Kind
    ) throws {
        let token = try token(kind)
        #expect(token.text.hasPrefix(kind.rawValue + ".t-4f2a."))
        #expect(try JoinToken(token.text) == token)
        #expect(try JoinToken(" \t\(token.text)\r\n") == token)
        #expect(
            try JoinToken(token.text).addresses.map(\.description) == [
                "ctl.example:7600", "192.0.2.7:7600", "[2001:db8::7]:7601",
            ]
        )
    }

    @Test func `The kept hash is that of the secret, shown as text or not`() throws {
        let token = try token()
        #expect(token.secretHash == Digest(of: secret).hex)
        #expect(JoinToken.secretHash(ofSecretText: token.secretText) == token.secretHash)
        #expect(JoinToken.secretHash(ofSecretText: token.secretText + "A") == nil)
        #expect(JoinToken.secretHash(ofSecretText: "") == nil)
    }

    @Test func `Two tokens made alike have different secrets`() throws {
        let address = try ControllerAddress("a:1")
        let one = try JoinToken(kind: .node, id: "t", pin: pin, addresses: [address])
        let other = try JoinToken(kind: .node, id: "t", pin: pin, addresses: [address])
        #expect(one.secretText != other.secretText)
        #expect(one != other)
    }

    @Test func `A broken token is refused by the name of its part, and its secret not repeated`()
        throws
    {
        let good = try token()
        let parts = good.text.split(separator: ".").map(String.init)
        func list(_ text: String) -> String { Base64.encode(text.utf8, alphabet: .url) }
        let cases: [(Int, String, String)] = [
            (0, "mjt2", "beginning"), (0, "", "beginning"), (0, "MJT1", "beginning"),
            (1, "", "id (second part)"), (1, "T1", "id (second part)"),
            (1, String(repeating: "a", count: 64), "id (second part)"),
            (2, "", "secret (third part)"), (2, good.secretText + "A", "secret (third part)"),
            (2, String(good.secretText.dropLast()), "secret (third part)"),
            (2, String(good.secretText.dropLast()) + "=", "secret (third part)"),
            // The last letter's two low bits hold nothing and must be zero.
            (2, String(repeating: "A", count: 42) + "B", "secret (third part)"),
            (3, "", "pin (fourth part)"), (3, pin.text.uppercased(), "pin (fourth part)"),
            (3, String(pin.text.dropLast()), "pin (fourth part)"),
            (3, String(repeating: "1", count: 52), "pin (fourth part)"),
            (4, "", "addresses (fifth part)"), (4, "!!!!", "addresses (fifth part)"),
            (4, list("a.example"), "addresses (fifth part)"),
            (4, list("a:1,"), "addresses (fifth part)"),
            (4, list(",a:1"), "addresses (fifth part)"),
            (4, list("a:0"), "addresses (fifth part)"),
            (4, list("a:65536"), "addresses (fifth part)"),
            (4, list("a:01"), "addresses (fifth part)"),
            (4, list("::1:7600"), "addresses (fifth part)"),
            (4, list("[a.example]:1"), "addresses (fifth part)"),
            (4, list("[::1:1"), "addresses (fifth part)"),
            (4, list("A:1"), "addresses (fifth part)"),
            (4, list("a:1 "), "addresses (fifth part)"),
            (4, list("a;b:1"), "addresses (fifth part)"),
            (4, Base64.encode([0xff, 0xfe], alphabet: .url), "addresses (fifth part)"),
            (
                4, list(Array(repeating: "a:1", count: 17).joined(separator: ",")),
                "addresses (fifth part)"
            ),
        ]
        for (index, text, name) in cases {
            var spoilt = parts
            spoilt[index] = text
            do {
                _ = try JoinToken(spoilt.joined(separator: "."))
                Issue.record("accepted: part \(index) \(text)")
            } catch {
                #expect(error.code == .tokenUnreadable)
                #expect(error.sentence.contains(name), "\(error.sentence) for \(text)")
                #expect(!error.sentence.contains(good.secretText.prefix(8)))
            }
        }
    }

    @Test func `A token cut, doubled, empty or endless is refused`() throws {
        let good = try token().text
        for length in 0..<good.count {
            let cut = String(good.prefix(length))
            // A list of addresses may be cut so that a shorter list is left; nothing else may.
            guard let read = try? JoinToken(cut) else { continue }
            #expect(read.addresses.count < 3 || read.addresses.last!.port < 7_601, "\(length)")
            #expect(cut.split(separator: ".").count == 5)
        }
        for text in ["", " ", ".", "....", good + good, good + ".x", good + "\u{0}"] {
            #expect(refusal { try JoinToken(text) } == .tokenUnreadable)
        }
        let endless = String(repeating: "a", count: 2_049)
        #expect(refusal { try JoinToken(endless) } == .tokenUnreadable)
    }

    @Test func `A token's limits hold where it is made`() throws {
        let address = try ControllerAddress("a:1")
        func make(_ id: JoinTokenID, _ addresses: [ControllerAddress]) -> IdentityError.Code? {
            refusal { try JoinToken(kind: .node, id: id, pin: pin, addresses: addresses) }
        }
        #expect(make("t", []) == .tokenUnreadable)
        #expect(make("t", Array(repeating: address, count: 16)) == nil)
        #expect(make("t", Array(repeating: address, count: 17)) == .tokenUnreadable)
        #expect(make("t.1", [address]) == .tokenUnreadable)
        let long = try ControllerAddress(
            Array(repeating: String(repeating: "a", count: 60), count: 4).joined(separator: ".")
                + ":7600"
        )
        #expect(make("t", Array(repeating: long, count: 16)) == .tokenUnreadable)
    }

    @Test(arguments: 0..<300)
    func `Random texts and single changed letters never crash the reader`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let good = try token()
        var bytes = Array(good.text.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            bytes[at] = UInt8.random(in: 0...127, using: &random)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let read = try? JoinToken(text) else { return }
        #expect(try JoinToken(read.text) == read)
        #expect(JoinToken.secretHash(ofSecretText: read.secretText) == read.secretHash)
    }
}
