import Host
import Model

/// A program of the controller's host that steps of runs may have executed.
struct HookDefinition: Hashable, Sendable {
    static let wordsMax = 64
    static let descriptionBytesMax = 200
    static let timeoutRange: ClosedRange<Duration> = .seconds(1)...timeoutMax
    /// As long as a step may take.
    static let timeoutMax: Duration = .seconds(7 * 86_400)

    /// The whole argument vector; the first word is the program's absolute path.
    var command: [String]
    /// The step's own time holds besides: the shorter of both.
    var timeout: Duration
    /// For people, in plans and reports.
    var description: String

    /// The program, if nobody but root and ourselves can have put it there.
    static func trusted(_ path: String) throws(HostError) -> TrustedProgram {
        try TrustedProgram(path, rules: [.followsTrustedLinks, .passesStickyFolders])
    }
}
