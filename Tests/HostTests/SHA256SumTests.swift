import Host
import Testing

struct SHA256SumTests {
    /// Of FIPS 180-4's examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
                + "klmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func `known texts have their known digests`(text: String, digest: String) {
        #expect(SHA256Sum.hex(of: Array(text.utf8)) == digest)
    }

    @Test func `a million letters, in pieces of every length`() {
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        #expect(SHA256Sum.hex(of: million) == digest)
        var hash = SHA256Sum()
        var rest = million[...]
        var length = 1
        while !rest.isEmpty {
            hash.add(rest.prefix(length))
            rest = rest.dropFirst(length)
            length = length % 131 + 1
        }
        let pieces = hash.hex()
        #expect(pieces == digest)
    }

    /// Around the places where the padding needs a block of its own.
    @Test func `what is added at once and what is added byte by byte is the same`() {
        for count in 50...130 {
            let bytes = (0..<count).map { UInt8($0) }
            var hash = SHA256Sum()
            for byte in bytes { hash.add([byte]) }
            let slowly = hash.hex()
            #expect(slowly == SHA256Sum.hex(of: bytes), "\(count)")
        }
    }
}
