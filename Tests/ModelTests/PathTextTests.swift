import Model
import Testing

struct PathTextTests {
    @Test(arguments: [
        ("etc/app.conf", "etc/app.conf"),
        ("etc/größe", "etc/größe"),
        ("a b\tc", "a b\\x09c"),
        ("line\nbreak", "line\\x0abreak"),
        ("back\\slash", "back\\\\slash"),
        ("escape\u{1B}[31m", "escape\\x1b[31m"),
        ("right\u{202E}left", "right\\xe2\\x80\\xaeleft"),
    ])
    func `text is told so that nothing in it can steer a terminal`(path: String, told: String) {
        #expect(PathText.escaped(path.utf8) == told)
        #expect(PathText.bytes(told) == Array(path.utf8))
    }

    @Test func `any bytes have a text of their own, and can be had back`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2_000 {
            let bytes = (0..<generator.below(12)).map { _ in UInt8(generator.below(256)) }
            let text = PathText.escaped(bytes)
            #expect(PathText.bytes(text) == bytes)
            #expect(text.unicodeScalars.allSatisfy { $0.isPlain })
        }
        // Latin-1, and a sequence that is cut.
        #expect(PathText.escaped([0x67, 0xF6]) == "g\\xf6")
        #expect(PathText.escaped([0xE2, 0x82]) == "\\xe2\\x82")
    }

    @Test(arguments: ["\\", "\\x", "\\xg0", "\\xAB", "\\x41", "\\n", "tab\t", "\u{202E}"])
    func `a text that is never written is no path`(text: String) {
        #expect(PathText.bytes(text) == nil)
    }

    @Test func `paths that only look alike are told apart`() {
        let composed = PathText.escaped("caf\u{E9}".utf8)
        let decomposed = PathText.escaped("cafe\u{301}".utf8)
        #expect(PathText.precedes(decomposed, composed))
        #expect(!PathText.precedes(composed, decomposed))
    }
}
