import Model
import Protocol

// What tasks carry may be confidential: who reads it is judged and audited like a command, before it
// is given.

/// An operator has read the output of a task, or outputs of a run's hooks.
struct OutputReading: Hashable, Sendable {
    var key: KeyFingerprint
    /// As the audit record names it.
    var object: String
    var at: Instant
}

extension Command.Verb {
    /// Nothing is changed by it.
    var isReading: Bool {
        switch self {
        case .readPayload, .readOutput, .readRunOutputs, .readFile: true
        default: false
        }
    }
}

extension ControllerMachine {
    /// Who follows an output asks for its next piece again and again: one record stands for what the
    /// same key reads of the same task, or of the same run's report, within ten minutes. Payloads are
    /// audited each time.
    ///
    /// Beyond ``Limits/outputReadingsMax`` the oldest is forgotten, and its next piece is audited anew.
    mutating func isAuditedAlready(_ verb: Command.Verb, _ caller: Caller) -> Bool {
        switch verb {
        case .readOutput, .readRunOutputs: break
        default: return false
        }
        let object = verb.object
        let oldest = now.instant - Limits.outputReadingFor
        outputReadings.removeAll { $0.at < oldest }
        guard !outputReadings.contains(where: { $0.key == caller.key && $0.object == object })
        else {
            return true
        }
        outputReadings.append(OutputReading(key: caller.key, object: object, at: now.instant))
        if outputReadings.count > Limits.outputReadingsMax { outputReadings.removeFirst() }
        return false
    }
}
