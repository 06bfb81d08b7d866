import Host
import Model
import Testing

@Suite struct EncodingTests {
    /// RFC 4648, section 10.
    static let vectors: [(text: String, base64: String, base32: String, base16: String)] = [
        ("", "", "", ""),
        ("f", "Zg==", "my", "66"),
        ("fo", "Zm8=", "mzxq", "666f"),
        ("foo", "Zm9v", "mzxw6", "666f6f"),
        ("foob", "Zm9vYg==", "mzxw6yq", "666f6f62"),
        ("fooba", "Zm9vYmE=", "mzxw6ytb", "666f6f6261"),
        ("foobar", "Zm9vYmFy", "mzxw6ytboi", "666f6f626172"),
    ]

    @Test(arguments: vectors)
    func `the vectors of RFC 4648 hold both ways`(
        vector: (text: String, base64: String, base32: String, base16: String)
    ) {
        let bytes = Array(vector.text.utf8)
        #expect(Base64.encode(bytes) == vector.base64)
        #expect(Base64.decode(vector.base64) == bytes)
        #expect(Base32.encode(bytes) == vector.base32)
        #expect(Base32.decode(vector.base32) == bytes)
        #expect(Hex.encode(bytes) == vector.base16)
        #expect(Hex.decode(vector.base16.uppercased()) == bytes)
        let bare = String(vector.base64.filter { $0 != "=" })
        #expect(Base64.decode(bare, alphabet: .url) == bytes)
        #expect(Base64.encode(bytes, alphabet: .url) == bare)
    }

    @Test func `the two alphabets of base64 differ in their last two letters`() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64.encode([0xFB, 0xFF], alphabet: .url) == "-_8")
        #expect(Base64.decode("-_8=") == nil)
        #expect(Base64.decode("+/8", alphabet: .url) == nil)
    }

    @Test(
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "====", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm9=v",
            "Zm9v====",
        ]
    )
    func `base64 that nobody writes is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: ["m", "mz", "MY", "m1", "my======", "mzx", "mzxw6y", " my"])
    func `base32 that nobody writes is refused`(text: String) {
        #expect(Base32.decode(text) == nil)
    }

    @Test(arguments: ["6", "6g", "0x66", " 66"])
    func `hexadecimal that nobody writes is refused`(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func `every length of bytes comes back`() {
        for count in 0..<100 {
            let bytes = RandomBytes.take(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base32.decode(Base32.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
    }

    @Test(arguments: 0..<100)
    func `no two texts mean the same bytes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        func expectOne(_ text: String, _ decode: (String) -> [UInt8]?) {
            #expect(decode(text) == bytes)
            for letter in UInt8(33)...126 {
                let letter = String(decoding: [letter], as: UTF8.self)
                #expect(decode(text + letter) != bytes)
                let changed = text.dropLast() + letter
                #expect(decode(String(changed)) != bytes || changed == text)
            }
        }
        expectOne(Base32.encode(bytes)) { Base32.decode($0) }
        expectOne(Base64.encode(bytes)) { Base64.decode($0) }
        expectOne(Base64.encode(bytes, alphabet: .url)) { Base64.decode($0, alphabet: .url) }
    }
}
