import Host
import Model
import YAMLFiles

// The section `hooks`: what may be executed on the controller's host, and nothing else ever is.

extension ControllerConfiguration {
    mutating func readHooks(_ section: YAMLSection) {
        for key in section.keys {
            guard let hook = section.subsection(key) else { continue }
            guard let name = HookName(key), key.utf8.count <= hookNameBytesMax else {
                section.note(
                    "is not the name of a hook: 1 to \(hookNameBytesMax) of a-z 0-9 . _ -, the first "
                        + "a letter or a digit",
                    at: key
                )
                continue
            }
            hooks[name] = HookDefinition(reading: hook)
        }
        section.finish()
    }
}

extension HookDefinition {
    /// - Returns: nil when something is wrong with it, which the reader has noted.
    init?(
        reading section: YAMLSection,
        timeoutRange: ClosedRange<Duration> = timeoutRange,
        timeoutDefault: Duration = timeoutMax
    ) {
        let command = section.list(
            "command",
            expected: "a text without zero bytes",
            default: []
        ) { $0.utf8.contains(0) ? nil : $0 }
        let timeout = section.duration("timeout", default: timeoutDefault)
        let description = section.scalar(
            "description",
            expected: "a line of at most \(Self.descriptionBytesMax) bytes",
            default: ""
        ) { $0.utf8.count <= Self.descriptionBytesMax && !$0.contains("\n") ? $0 : nil }
        section.finish()
        guard timeoutRange.contains(timeout) else {
            section.note(
                "is not a duration from \(timeoutRange.lowerBound.forPeople) to "
                    + timeoutRange.upperBound.forPeople,
                at: "timeout"
            )
            return nil
        }
        guard let program = command.first else {
            if section.isEmpty("command") {
                section.note("names no program: command: [/absolute/path, ARGUMENT]", at: "command")
            }
            return nil
        }
        guard command.count <= Self.wordsMax else {
            section.note("has more than \(Self.wordsMax) words", at: "command")
            return nil
        }
        do throws(HostError) {
            _ = try Self.trusted(program)
        } catch {
            section.note("\(program): \(error)", at: "command")
            return nil
        }
        self.init(command: command, timeout: timeout, description: description)
    }
}
