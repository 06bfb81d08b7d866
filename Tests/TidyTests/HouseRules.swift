import Foundation
import Testing

/// Rules about the code that no compiler keeps. Each says what to use instead.
@Suite struct HouseRules {
    struct Ban: Sendable, CustomTestStringConvertible {
        var modules: [String]
        var word: String
        var instead: String

        var testDescription: String { "\(word) in \(modules.joined(separator: ", "))" }
    }

    static let pure = [
        "Model", "Calendar", "Protocol", "AgentCore", "ControllerCore", "Simulation",
    ]
    static let lean = pure + ["Host", "Meters", "Transport", "Agent", "Leash"]

    static let bans: [Ban] =
        ["Glibc", "NIO", "Logging", "Dispatch", "Synchronization"].map {
            Ban(
                modules: pure,
                word: "import \($0)",
                instead: "an event and an effect: a core decides, a shell acts"
            )
        }
        + ["Foundation", "FoundationEssentials"].map {
            Ban(
                modules: lean,
                word: "import \($0)",
                instead: "Glibc and Host: the agent links no Foundation"
            )
        }
        + [
            Ban(
                modules: pure,
                word: ".random(",
                instead: "the SeededGenerator of the state"
            ),
            Ban(modules: pure, word: ".randomElement(", instead: "SeededGenerator.below"),
            Ban(modules: pure, word: ".shuffled()", instead: "a total order"),
            Ban(modules: pure, word: "ContinuousClock", instead: "the `now` of the step"),
            Ban(modules: pure, word: "SuspendingClock", instead: "the `now` of the step"),
            Ban(modules: pure, word: " Double", instead: "whole numbers: per mille, nanoseconds"),
            Ban(modules: pure, word: " Float", instead: "whole numbers: per mille, nanoseconds"),
            Ban(modules: pure, word: "await ", instead: "an effect and the event it comes back as"),
            Ban(
                modules: ["AgentCore"],
                word: "import ControllerCore",
                instead: "messages of Protocol"
            ),
            Ban(
                modules: ["ControllerCore"],
                word: "import AgentCore",
                instead: "messages of Protocol"
            ),
            Ban(
                modules: ["Store", "Transport"],
                word: "import ControllerCore",
                instead: "plain bytes and lines: a shell's library knows no core"
            ),
            Ban(
                modules: ["Store", "Transport"],
                word: "import AgentCore",
                instead: "plain bytes and lines: a shell's library knows no core"
            ),
            Ban(modules: ["Agent"], word: "import Controller", instead: "the wire"),
            Ban(modules: ["Console"], word: "import Controller", instead: "API"),
            Ban(
                modules: ["Agent", "Controller", "Leash", "Transport"],
                word: "SuspendingClock",
                instead: "BootClock: the other one stands still while the machine sleeps"
            ),
            Ban(
                modules: ["Agent", "Controller", "Leash"],
                word: "/bin/sh",
                instead: "an argument vector: nothing is given to a shell"
            ),
        ]

    @Test(arguments: bans)
    func `a module does not use what it must not`(ban: Ban) throws {
        for module in ban.modules {
            for file in try SourceTree.swiftFiles(below: "Sources/\(module)") {
                for (number, line) in file.code.enumerated() where Self.hit(line, ban.word) {
                    Issue.record(
                        "\(file.path):\(number + 1): \(ban.word); use instead: \(ban.instead)"
                    )
                }
            }
        }
    }

    /// `import NIO` is meant for `import NIOCore` too; `import Controller` is not for
    /// `import ControllerCore`.
    private static func hit(_ line: String, _ word: String) -> Bool {
        guard let range = line.range(of: word) else { return false }
        guard word == "import Controller" || word == "import Foundation" else { return true }
        return range.upperBound == line.endIndex
    }

    /// A table that is only looked up, and says so in the comment before it, has no order to leak.
    @Test func `a Dictionary or a Set is not iterated in a core`() throws {
        for module in Self.pure {
            for file in try SourceTree.swiftFiles(below: "Sources/\(module)") {
                for (number, line) in file.code.enumerated() {
                    let before = number > 0 ? file.lines[number - 1].lowercased() : ""
                    if before.contains("//"), before.contains("only looked up") { continue }
                    let declares =
                        line.contains(": Set<") || line.contains("Dictionary<")
                        || line.range(of: #": \[[A-Z][A-Za-z.]*: "#, options: .regularExpression)
                            != nil
                    if declares {
                        Issue.record(
                            "\(file.path):\(number + 1): an unordered table; use OrderedTable"
                        )
                    }
                }
            }
        }
    }

    @Test func `no file has grown past being one idea`() throws {
        for folder in ["Sources", "Tests"] {
            for file in try SourceTree.swiftFiles(below: folder) where file.lines.count > 501 {
                Issue.record("\(file.path) has \(file.lines.count - 1) lines; 500 is the limit")
            }
        }
    }

    @Test func `no work is left to a comment`() throws {
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        for folder in ["Sources", "Tests"] {
            for file in try SourceTree.swiftFiles(below: folder) {
                for (number, line) in file.lines.enumerated() {
                    for mark in marks
                    where line.range(of: "\\b\(mark)\\b", options: .regularExpression) != nil {
                        Issue.record("\(file.path):\(number + 1): \(mark); open an issue instead")
                    }
                }
            }
        }
    }

    @Test func `no test sleeps`() throws {
        for file in try SourceTree.swiftFiles(below: "Tests") where !file.path.contains("Tidy") {
            for (number, line) in file.code.enumerated() {
                for word in ["Task.sleep", "usleep(", " sleep(", "Thread.sleep"]
                where line.contains(word) {
                    Issue.record("\(file.path):\(number + 1): \(word); await a condition instead")
                }
            }
        }
    }
}
