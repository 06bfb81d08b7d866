import Foundation

/// The project's sources, as text. Reading nothing is an error: a rule that finds no file to look
/// at would pass for ever.
struct SourceFile {
    /// From the project's root: `Sources/Model/Time.swift`.
    var path: String
    var lines: [Substring]

    /// Without comments and what stands in quotes, so that a rule about code is about code. Good
    /// enough for house style; not a parser.
    var code: [String] {
        lines.map { line in
            var kept = ""
            var isQuoted = false
            var previous: Character = " "
            for character in line {
                if character == "\"", previous != "\\" { isQuoted.toggle() }
                if character == "/", previous == "/", !isQuoted {
                    kept.removeLast()
                    break
                }
                if !isQuoted || character == "\"" { kept.append(character) }
                previous = character
            }
            return kept
        }
    }
}

enum SourceTree {
    static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    static func swiftFiles(below folder: String) throws -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        guard let paths = FileManager.default.enumerator(atPath: base.path) else {
            throw NothingRead(folder: folder)
        }
        let files = try paths.compactMap { $0 as? String }
            .filter { $0.hasSuffix(".swift") }
            .sorted()
            .map { path in
                let text = try String(
                    contentsOf: base.appendingPathComponent(path),
                    encoding: .utf8
                )
                return SourceFile(
                    path: "\(folder)/\(path)",
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false)
                )
            }
        guard !files.isEmpty else { throw NothingRead(folder: folder) }
        return files
    }

    struct NothingRead: Error {
        var folder: String
    }
}
