import Testing

@testable import Console

@Suite struct `What comes over the network is cleaned` {
    private func cleaned(_ text: String) -> String {
        String(decoding: JSONCleaning.cleaned(Array(text.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        (#"{"a":"x\u001b[2Jy"}"#, #"{"a":"x [2Jy"}"#),
        (#"{"a":"x\u009by\u001B\n\t\r\b\f"}"#, #"{"a":"x y      "}"#),
        (#"{"a":"\u202egnp.exe\u2066"}"#, #"{"a":" gnp.exe "}"#),
        ("{\"a\":\"\u{1B}[31m\u{7F}\"}", #"{"a":" [31m "}"#),
        ("{\"a\":\"\u{9B}2J\u{202E}x\u{2028}\"}", #"{"a":" 2J x "}"#),
        (#"{"a":"\\u001b \"quoted\" \/ \u00e9"}"#, #"{"a":"\\u001b \"quoted\" \/ \u00e9"}"#),
        ("{\n\t\"a\": [1, \"Grüße 日本 🚀\"]\n}", "{\n\t\"a\": [1, \"Grüße 日本 🚀\"]\n}"),
        (#"{"a":"\ud83d\ude80"}"#, #"{"a":"\ud83d\ude80"}"#),
    ])
    func `control characters become spaces and nothing else changes`(_ sample: (String, String)) {
        #expect(cleaned(sample.0) == sample.1)
    }

    @Test func `bytes that are no UTF-8 become question marks`() {
        let bytes: [UInt8] = [34, 0xFF, 0xC3, 34]
        #expect(JSONCleaning.cleaned(bytes) == [34, 63, 63, 34])
    }

    @Test func `an answer that is cut short does not trip it`() {
        for text in [#"{"a":"\"#, #"{"a":"\u00"#, "{\"a\":\"\u{E9}"] {
            let bytes = Array(text.utf8)
            for length in 0...bytes.count {
                #expect(JSONCleaning.cleaned(Array(bytes[..<length])).count <= length)
            }
        }
    }
}
