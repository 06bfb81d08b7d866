import ControllerCore
import Model

/// The HTML part of a mail. No picture, no script, nothing fetched; the reader's own colours, but for
/// the word that says how bad it is.
struct MailPage: Sendable {
    var notice: NoticeMessage
    var cluster: String

    /// Lines that end in LF.
    var text: String {
        var page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="color-scheme" content="light dark">
            <meta name="supported-color-schemes" content="light dark">
            <title>\(Self.escaped(notice.subject))</title>
            </head>
            <body style="font-family:sans-serif;font-size:15px;line-height:1.4">
            <p>\(Self.pill(notice.word, notice.tone)) <strong>\(Self.escaped(cluster))</strong></p>
            <div style="white-space:pre-wrap;font-family:monospace;font-size:14px">

            """
        page += Self.linked(notice.text)
        page += "</div>\n"
        // Of one thing the text has said it all.
        if notice.items.count + notice.itemsLeftOut > 1 { page += table }
        page += """
            <p style="font-size:12px;opacity:0.7">Muster cluster \(Self.escaped(cluster)), \
            notice \(Self.escaped(notice.id)), \(notice.at.forPeople)</p>
            </body>
            </html>

            """
        return page
    }

    private var table: String {
        let cell = "style=\"padding:4px 10px 4px 0;vertical-align:top;text-align:left\""
        var text = "<table style=\"border-collapse:collapse;font-size:14px\">\n<tr>"
        for heading in ["", "Site", "Subject", "What", "Since"] {
            text += "<th \(cell)>\(heading)</th>"
        }
        text += "</tr>\n"
        for item in notice.items {
            let tone = NoticeTone(state: item.state, severity: item.severity)
            let word = item.state == .resolved ? "resolved" : item.severity.rawValue
            var what = Self.escaped(item.text)
            if !item.cause.isEmpty { what += "<br>Cause: \(Self.escaped(item.cause))" }
            if !item.consequence.isEmpty {
                what += "<br>Consequence: \(Self.escaped(item.consequence))"
            }
            var since = item.since.forPeople
            if let end = item.endedAt { since += "<br>until \(end.forPeople)" }
            let cells = [
                Self.pill(word, tone), Self.escaped(item.site), Self.escaped(item.subject), what,
                since,
            ]
            text += "<tr>" + cells.map { "<td \(cell)>\($0)</td>" }.joined() + "</tr>\n"
        }
        text += "</table>\n"
        if notice.itemsLeftOut > 0 { text += "<p>and \(notice.itemsLeftOut) more</p>\n" }
        return text
    }

    private static func pill(_ word: String, _ tone: NoticeTone) -> String {
        let colour = tone.colour
        return "<span style=\"background:#\(colour.hex);color:#\(colour.onIt);padding:1px 7px;"
            + "border-radius:3px;font-weight:bold\">\(word.uppercased())</span>"
    }

    static func escaped(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n": result += "\n"
            default: result.unicodeScalars.append(scalar.isPlain ? scalar : " ")
            }
        }
        return result
    }

    /// Escaped, and what begins with `https://` can be pressed.
    static func linked(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.place(of: "https://") {
            result += escaped(rest[..<start])
            let link = rest[start...].prefix {
                $0.isASCII && !$0.isWhitespace && !"<>\"'".contains($0)
            }
            var address = link
            while let last = address.last, ".,;:)".contains(last) { address.removeLast() }
            guard address != "https://" else {
                result += address
                rest = rest[address.endIndex...]
                continue
            }
            result += "<a href=\"\(escaped(address))\">\(escaped(address))</a>"
            rest = rest[address.endIndex...]
        }
        return result + escaped(rest)
    }
}

extension Substring {
    /// Where a text begins, if it is there.
    fileprivate func place(of text: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}
