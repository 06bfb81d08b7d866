import Host
import Testing

@Suite struct EncodingTests {
    /// RFC 4648, section 10.
    static let vectors: [(text: String, base64: String, base32: String, base16: String)] = [
        ("", "", "", ""),
        ("f", "Zg==", "MY======", "66"),
        ("fo", "Zm8=", "MZXQ====", "666f"),
        ("foo", "Zm9v", "MZXW6===", "666f6f"),
        ("foob", "Zm9vYg==", "MZXW6YQ=", "666f6f62"),
        ("fooba", "Zm9vYmE=", "MZXW6YTB", "666f6f6261"),
        ("foobar", "Zm9vYmFy", "MZXW6YTBOI======", "666f6f626172"),
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
        #expect(Base32.decode(vector.base32.lowercased()) == bytes)
        #expect(Hex.encode(bytes) == vector.base16)
        #expect(Hex.decode(vector.base16.uppercased()) == bytes)
        let bare = String(vector.base64.filter { $0 != "=" })
        #expect(Base64.decode(bare, alphabet: .url) == bytes)
        #expect(Base64.encode(bytes, alphabet: .url) == bare)
        let bare32 = String(vector.base32.filter { $0 != "=" })
        #expect(Base32.encode(bytes, isPadded: false) == bare32)
        #expect(Base32.decode(bare32, isPadded: false) == bytes)
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

    @Test(arguments: ["M", "MY", "MZ======", "M1======", "MY=====", "========"])
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
}
