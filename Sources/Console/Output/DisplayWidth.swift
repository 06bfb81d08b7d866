/// How many columns text takes on a terminal.
enum DisplayWidth {
    /// Terminal sequences (`ESC [ … m`) take none, wide characters two.
    static func of(_ text: String) -> Int {
        var width = 0
        var isSequence = false
        for scalar in text.unicodeScalars {
            if isSequence {
                if (0x40...0x7E).contains(scalar.value), scalar != "[" { isSequence = false }
            } else if scalar == "\u{1B}" {
                isSequence = true
            } else {
                width += columns(scalar)
            }
        }
        return width
    }

    static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - of(text)))
    }

    static func paddedLeft(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - of(text))) + text
    }

    /// Cuts plain text (no terminal sequences) to a width, with the mark at the cut.
    static func cut(_ text: String, to width: Int, mark: String) -> String {
        guard of(text) > width else { return text }
        let room = width - of(mark)
        guard room > 0 else { return String(mark.prefix(max(0, width))) }
        var kept = ""
        var taken = 0
        for character in text {
            let columns = of(String(character))
            guard taken + columns <= room else { break }
            kept.append(character)
            taken += columns
        }
        return kept + mark
    }

    /// Cuts plain text behind its last word that fits, unless that would leave less than half.
    static func cutAtWord(_ text: String, to width: Int, mark: String) -> String {
        let whole = cut(text, to: width, mark: mark)
        guard of(text) > width else { return whole }
        let room = width - of(mark) - 1
        let kept = wrapped(text, to: room).first ?? ""
        return of(kept) * 2 < width ? whole : "\(kept) \(mark)"
    }

    /// Cuts a painted line to a width: terminal sequences stay whole, and colours end with it.
    static func cutPainted(_ line: String, to width: Int, mark: String) -> String {
        guard of(line) > width else { return line }
        var kept = ""
        var taken = 0
        var isSequence = false
        var isPainted = false
        for scalar in line.unicodeScalars {
            if isSequence {
                if (0x40...0x7E).contains(scalar.value), scalar != "[" { isSequence = false }
            } else if scalar == "\u{1B}" {
                isSequence = true
                isPainted = true
            } else {
                guard taken + columns(scalar) <= width - of(mark) else { break }
                taken += columns(scalar)
            }
            kept.unicodeScalars.append(scalar)
        }
        return kept + mark + (isPainted ? "\u{1B}[0m" : "")
    }

    /// Breaks plain text at spaces into lines of at most a width; longer words are cut apart.
    static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            var rest = String(word)
            if !line.isEmpty, of(line) + 1 + of(rest) <= width {
                line += " " + rest
                continue
            }
            if !line.isEmpty { lines.append(line) }
            while of(rest) > width, width > 0 {
                let head = cut(rest, to: width, mark: "")
                guard !head.isEmpty else { break }
                lines.append(head)
                rest = String(rest.dropFirst(head.count))
            }
            line = rest
        }
        if !line.isEmpty || lines.isEmpty { lines.append(line) }
        return lines
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
