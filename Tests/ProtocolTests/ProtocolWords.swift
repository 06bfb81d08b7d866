import Foundation
import Model
import Protocol

/// The verbs of the protocol, found out by asking the code: the source files are read for the `case`
/// labels of the parsers, so a verb that is added there is asked of the golden lines and of
/// the page without anyone remembering to.
enum ProtocolWords {
    static let agentVerbs =
        verbs(of: "Sources/Protocol/AgentMessage.swift", atLeast: 19) + agentWorkVerbs
        + agentDataVerbs + agentComparingVerbs
    static let controllerVerbs =
        verbs(of: "Sources/Protocol/ControllerMessage.swift", atLeast: 16) + controllerWorkVerbs
        + controllerDataVerbs + controllerComparingVerbs
    /// Those that are used in sessions of version 2 only.
    static let agentWorkVerbs = verbs(of: "Sources/Protocol/AgentWorkMessage.swift", atLeast: 9)
    static let controllerWorkVerbs = verbs(
        of: "Sources/Protocol/ControllerWorkMessage.swift",
        atLeast: 6
    )

    /// Those that are used in sessions of version 3 only.
    static let agentComparingVerbs = verbs(
        of: "Sources/Protocol/AgentComparingMessage.swift",
        atLeast: 6
    )
    static let controllerComparingVerbs = verbs(
        of: "Sources/Protocol/ControllerComparingMessage.swift",
        atLeast: 2
    )
    static let agentDataVerbs = verbs(
        of: "Sources/Protocol/DataMessages.swift",
        atLeast: 6
    ).filter { $0 != "CANARY" }
    static let controllerDataVerbs = ["CANARY"]

    private static func verbs(of path: String, atLeast count: Int) -> [String] {
        let parser = textLines(ofRepository: path).compactMap { line -> String? in
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            guard parts.count >= 3, parts[0].hasSuffix("case ") else { return nil }
            return String(parts[1])
        }
        let verbs = parser.filter { verb in
            !verb.isEmpty && verb.allSatisfy { $0.isUppercase || $0 == "-" }
        }
        precondition(verbs.count >= count, "the verbs of \(path) were not found")
        return verbs
    }
}

/// Lines of a file beside the tests, empty ones left out.
func textLines(of path: String, file: String = #filePath) -> [String] {
    lines(URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(path))
}

/// Lines of a file of the repository, empty ones left out.
func textLines(ofRepository path: String) -> [String] {
    lines(repository.appendingPathComponent(path))
}

let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private func lines(_ url: URL) -> [String] {
    guard let data = try? Data(contentsOf: url), let text = String(data: data, encoding: .utf8)
    else { fatalError("cannot read \(url.path)") }
    return text.split(separator: "\n").map(String.init)
}
