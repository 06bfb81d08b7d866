/// Short parts with dots between them, as many a line as fit.
struct PackedLines {
    var style: Style
    /// Columns; nil for as many as it takes.
    var width: Int?

    /// - Parameter head: before the first line, and as much space before the others.
    func lines(_ parts: [(text: String, tone: Tone)], head: String = "") -> [String] {
        let dot = " \(style.dot) "
        let indent = String(repeating: " ", count: DisplayWidth.of(head))
        let room = width ?? .max
        var lines: [String] = []
        var line = head
        var isEmpty = true
        for part in parts {
            let needed = DisplayWidth.of(part.text) + (isEmpty ? 0 : DisplayWidth.of(dot))
            if !isEmpty, DisplayWidth.of(line) + needed > room {
                lines.append(line)
                line = indent
                isEmpty = true
            }
            line += (isEmpty ? "" : dot) + style.paint(part.text, part.tone)
            isEmpty = false
        }
        return lines + [line]
    }
}
