import Model

/// Header fields of a mail, folded and without anything that could begin another.
enum MailHeaders {
    /// What a line should not be longer than (RFC 5322, section 2.1.1).
    private static let lineMax = 78
    /// Bytes of text in one encoded word: 52 digits and 12 signs around them, behind a name.
    private static let encodedBytesMax = 39

    /// `Name: text`, in lines that end in CR LF. Text that is not plain ASCII is written in encoded
    /// words (RFC 2047).
    static func unstructured(_ name: String, _ text: String) -> String {
        let words = oneLine(text).split(separator: " ").map(String.init)
        let isPlain = words.allSatisfy { word in
            word.utf8.count < lineMax - 1 && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
                && !word.contains("=?")
        }
        return folded(name, isPlain ? words : encodedWords(words.joined(separator: " ")))
    }

    /// `Name: first, second`, folded between the items.
    static func list(_ name: String, _ items: [String]) -> String {
        let last = items.count - 1
        return folded(name, items.enumerated().map { $1 + ($0 < last ? "," : "") })
    }

    /// `"Muster, Vienna" <muster@example.org>`.
    static func mailbox(_ sender: MailSender) -> String {
        let name = oneLine(sender.name)
        guard !name.isEmpty else { return sender.address.text }
        let isPlain = name.utf8.allSatisfy { $0 < 0x7f } && !name.contains("=?")
        let shown =
            isPlain
            ? "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
            : encodedWords(name).joined(separator: " ")
        return "\(shown) <\(sender.address.text)>"
    }

    /// `Thu, 26 Nov 2026 04:10:00 +0000`.
    static func date(_ time: WallTime) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        // 2026-11-26T04:10:00.000Z
        let text = time.iso8601
        let parts = text.split { "-T.".contains($0) }
        let day = time.milliseconds.dayNumber
        let name = days[Int((day % 7 + 7) % 7)]
        let month = months[(Int(parts[1]) ?? 1) - 1]
        return "\(name), \(parts[2]) \(month) \(parts[0]) \(parts[3]) +0000"
    }

    /// Control characters and line ends are spaces, and of spaces there is one at a time.
    static func oneLine(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars {
            shown.unicodeScalars.append(scalar.isPlain ? scalar : " ")
        }
        return shown.split(separator: " ").joined(separator: " ")
    }

    private static func encodedWords(_ text: String) -> [String] {
        var words: [String] = []
        var bytes: [UInt8] = []
        func close() {
            if !bytes.isEmpty { words.append("=?utf-8?B?\(Model.Base64.encode(bytes))?=") }
            bytes = []
        }
        // A scalar is never cut: each word is decoded by itself.
        for scalar in text.unicodeScalars {
            let next = Array(String(scalar).utf8)
            if bytes.count + next.count > encodedBytesMax { close() }
            bytes += next
        }
        close()
        return words
    }

    private static func folded(_ name: String, _ words: [String]) -> String {
        var text = "\(name):"
        var length = text.utf8.count
        var isFirst = true
        for word in words {
            let count = word.utf8.count + 1
            if !isFirst, length + count > lineMax {
                text += "\r\n"
                length = 0
            }
            text += " " + word
            length += count
            isFirst = false
        }
        return text + "\r\n"
    }
}

extension Int64 {
    /// Of milliseconds since 1970: whole days, rounded down.
    fileprivate var dayNumber: Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: 86_400_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// Quoted-printable (RFC 2045, section 6.7) of UTF-8 text.
enum QuotedPrintable {
    private static let lineMax = 76

    /// - Parameter text: lines that end in LF.
    /// - Returns: lines that end in CR LF.
    static func encode(_ text: String) -> String {
        var result = ""
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines { encode(Array(line.utf8), to: &result) }
        return result
    }

    private static func encode(_ line: [UInt8], to result: inout String) {
        var length = 0
        for (index, byte) in line.enumerated() {
            let isLast = index == line.count - 1
            let isSpace = byte == 0x20 || byte == 0x09
            // A dot alone ends a mail for a server that does not know better.
            let isPlain =
                byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "=")
                && !(byte == UInt8(ascii: ".") && length == 0)
            let piece =
                isPlain || (isSpace && !isLast)
                ? String(UnicodeScalar(byte)) : "=" + hex(byte)
            if length + piece.utf8.count > lineMax - (isLast ? 0 : 1) {
                result += "=\r\n"
                length = 0
            }
            // After a soft break the dot stands first again.
            let first = length == 0 && piece == "." ? "=2E" : piece
            result += first
            length += first.utf8.count
        }
        result += "\r\n"
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return digits.utf8.count < 2 ? "0" + digits : digits
    }
}
