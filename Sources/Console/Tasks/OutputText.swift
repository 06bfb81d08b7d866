/// What a handler has written, made fit for a terminal.
enum OutputText {
    /// Control characters other than the end of a line and a tab become `?`: a task must not move
    /// the cursor of who looks at its output. A scalar that is cut by the end of a piece is kept
    /// for the next one.
    static func forTerminal(_ bytes: [UInt8], rest: inout [UInt8]) -> String {
        let all = rest + bytes
        let kept = all.count - cutScalarBytes(all)
        rest = Array(all[kept...])
        let text = String(decoding: all[..<kept], as: UTF8.self)
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    scalar == "\n" || scalar == "\t" || !JSONCleaning.isUnwanted(scalar.value)
                        ? scalar : "?"
                }
            )
        )
    }

    /// Bytes at the end that begin a scalar and do not end it.
    private static func cutScalarBytes(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }
}
