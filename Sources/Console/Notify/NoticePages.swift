import API
import Foundation
import Model

/// The page of each kind of notice, where it is installed or in the source tree.
struct NoticePages {
    static let variable = "MUSTER_DOC_DIR"
    static let installed = "/usr/share/doc/muster"
    private static let parentsMax = 6

    /// Of the pages.
    var folder: URL

    /// - Throws: with where it was looked for, when there are none.
    static func find() throws(ConsoleError) -> NoticePages {
        let places = candidates()
        let found = places.first { place in
            FileManager.default.fileExists(atPath: place.appendingPathComponent("README.md").path)
        }
        guard let found else {
            let looked = places.map(\.path).joined(separator: "\n")
            throw ConsoleError(
                .failed,
                "the pages of the notices are not installed here; looked in\n\(looked)",
                hint: "\(variable)=FOLDER names the folder that has notices/ in it"
            )
        }
        return NoticePages(folder: found)
    }

    /// What was named, or else what belongs to this program before what belongs to the machine.
    private static func candidates() -> [URL] {
        if let named = Terminal.environment(variable), !named.isEmpty {
            return [URL(fileURLWithPath: named).appendingPathComponent("notices")]
        }
        var places: [URL] = []
        let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var parent = program.deletingLastPathComponent()
        for _ in 0..<parentsMax where parent.path != "/" {
            places.append(parent.appendingPathComponent("docs/notices"))
            places.append(parent.appendingPathComponent("share/doc/muster/notices"))
            parent.deleteLastPathComponent()
        }
        return places + [URL(fileURLWithPath: installed).appendingPathComponent("notices")]
    }

    var kinds: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".md") && $0 != "README.md" }
            .map { String($0.dropLast(3)) }.sorted()
    }

    /// Every kind with its severity and a line of what it means, in the groups of the README; without
    /// one, the bare names.
    func overview(style: Style, width: Int?) -> [String] {
        let place = folder.appendingPathComponent("README.md")
        let readme = (try? String(contentsOf: place, encoding: .utf8)) ?? ""
        let groups = Self.groups(readme).filter { !$0.rows.isEmpty }
        guard !groups.isEmpty else { return kinds }
        // The columns stand below each other through all the groups.
        let all = groups.flatMap(\.rows)
        let nameWidth = all.map { DisplayWidth.of($0[0]) }.max() ?? 0
        let severityWidth = all.map { DisplayWidth.of($0[1]) }.max() ?? 0
        var lines: [String] = []
        for group in groups {
            var table = Table([
                .init("KIND"), .init("SEVERITY"), .init("MEANS", flexible: true),
            ])
            table.hasHeader = false
            table.indent = "  "
            table.isWrapped = width != nil
            for row in group.rows {
                let tone = EventWords.tone(Severity(rawValue: row[1]))
                table.add([
                    Cell(DisplayWidth.padded(row[0], to: nameWidth)),
                    Cell(DisplayWidth.padded(row[1], to: severityWidth), tone),
                    Cell(Self.plain(row[2])),
                ])
            }
            if !lines.isEmpty { lines.append("") }
            lines.append(style.paint(group.title, .strong))
            lines += table.lines(style: style, width: width)
        }
        return lines
    }

    /// Headings, and the rows of the tables below them: kind, severity, what it means.
    static func groups(_ readme: String) -> [(title: String, rows: [[String]])] {
        var groups: [(title: String, rows: [[String]])] = []
        for line in readme.split(separator: "\n") {
            if line.hasPrefix("## ") {
                groups.append((String(line.dropFirst(3)), []))
            } else if !groups.isEmpty,
                let row = line.wholeMatch(of: #/\| \[`([^`]+)`\][^|]*\| ([^|]*) \| (.*) \|/#)
            {
                groups[groups.count - 1].rows.append([
                    String(row.1), String(row.2), String(row.3),
                ])
            }
        }
        return groups
    }

    func text(of kind: String) throws(ConsoleError) -> String {
        let kinds = kinds
        guard kinds.contains(kind),
            let text = try? String(
                contentsOf: folder.appendingPathComponent("\(kind).md"),
                encoding: .utf8
            )
        else {
            throw ConsoleError(
                .failed,
                "there is no kind of notice \(kind)",
                hint: NearestName.to(kind, among: kinds).map { "did you mean \($0)?" }
                    ?? "`muster notify explain` lists them"
            )
        }
        return text
    }

    // MARK: On the terminal

    /// The page without its marks: paragraphs to the width, commands in a colour.
    static func lines(_ text: String, style: Style, width: Int?) -> [String] {
        var lines: [String] = []
        var paragraph: [Substring] = []
        var isCode = false
        func end() {
            guard !paragraph.isEmpty else { return }
            let joined = plain(paragraph.joined(separator: " "))
            lines += width.map { DisplayWidth.wrapped(joined, to: $0) } ?? [joined]
            paragraph = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                end()
                isCode.toggle()
            } else if isCode {
                lines.append("  " + style.paint(String(line), .accent))
            } else if line.hasPrefix("# ") {
                lines.append(style.paint(String(line.dropFirst(2)), .strong))
            } else if line.isEmpty {
                end()
                if lines.last != "" { lines.append("") }
            } else {
                paragraph.append(line)
            }
        }
        end()
        while lines.last == "" { lines.removeLast() }
        return lines
    }

    private static func plain(_ text: String) -> String {
        text.replacing("**", with: "").replacing("`", with: "")
            .replacing(#/\*([a-z ]+)\*/#) { "\($0.1)" }
            .replacing(#/\[([^\]]*)\]\(([^)]*)\)/#) { match in
                // A page's own name is enough; another folder's is worth its path.
                let target = match.2.replacing("../", with: "docs/")
                return match.2.hasPrefix("../") ? "\(match.1) (\(target))" : "\(match.1)"
            }
    }
}
