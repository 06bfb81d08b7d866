import Foundation
import Model
import Testing

struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of RFC 4648 section 10 hold both ways`(plain: String, coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
    }

    @Test(arguments: 0...66)
    func `bytes of every length are written as others write them and read again`(length: Int) {
        var generator = SeededGenerator(seed: UInt64(length))
        var samples = [
            [UInt8](repeating: 0, count: length), [UInt8](repeating: 255, count: length),
        ]
        for _ in 0..<20 {
            samples.append((0..<length).map { _ in UInt8(generator.below(256)) })
        }
        for bytes in samples {
            let text = Base64.encode(bytes)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text) == bytes)
            // A slice has indices of its own.
            #expect(Base64.encode(([7] + bytes)[1...]) == text)
        }
    }

    @Test func `every three bytes' digits are read, and nothing else in any place`() {
        let digits = Set(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".unicodeScalars
        )
        for value in 0...0x17f as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(value) else { continue }
            for place in 0..<4 {
                var scalars = Array("AAAA".unicodeScalars)
                scalars[place] = scalar
                let text = String(String.UnicodeScalarView(scalars))
                // `AAA=` has a good ending; `AA=A` has none.
                let isGood = digits.contains(scalar) || (scalar == "=" && place == 3)
                #expect((Base64.decode(text) != nil) == isGood, "\(value) at \(place)")
            }
        }
    }

    /// Two texts that mean the same bytes would be two names of one thing.
    @Test func `the bits that no byte needs must be empty`() {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        for (index, digit) in digits.enumerated() {
            #expect((Base64.decode("A\(digit)==") != nil) == (index % 16 == 0), "\(digit)")
            #expect((Base64.decode("AA\(digit)=") != nil) == (index % 4 == 0), "\(digit)")
            #expect((Base64.decode("QUJDA\(digit)==") != nil) == (index % 16 == 0), "\(digit)")
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "AAAAA", "AAAAAA", "AAAAAAA", "=", "==", "===", "====", "A=", "AA=",
        "A===", "A==", "=AAA", "A=AA", "AA=A", "AAAA=", "AAAA==", "AAAA====", "AA==AAAA",
        "AAA=AAAA",
        "AA-_", "AAA ", " AAA", "AA A", "AA\nAA", "AAAA\n", "AAA\0", "AAÁ", "ＡＡＡＡ", "AAA\u{301}",
        "A=\u{301}A=",
    ])
    func `what is not whole, or foreign, is not read`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
