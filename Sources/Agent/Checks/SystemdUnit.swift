/// What a service that is a systemd unit is started, stopped and asked with.
enum SystemdUnit {
    enum Verb: String, Hashable, Sendable, CaseIterable {
        case start
        case stop
        case kill
        case show
    }

    static let program = "/usr/bin/systemctl"

    /// The argument vector of one order to systemd. `start` and `stop` return when the unit has
    /// reached its state, or has failed to.
    static func arguments(_ verb: Verb, _ unit: String) -> [String] {
        let options =
            switch verb {
            case .start, .stop: ["--no-ask-password"]
            case .kill: ["--no-ask-password", "--signal=SIGKILL", "--kill-whom=all"]
            case .show: ["--property=ActiveState,SubState,MainPID,Result"]
            }
        return [program, verb.rawValue] + options + ["--", unit]
    }

    /// What systemd says of a unit.
    struct State: Hashable, Sendable {
        /// `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`.
        var active: String
        /// `running`, `exited`, `dead` …
        var sub: String
        /// Nil when there is no main process.
        var mainProcessID: Int32?
        /// Why it ended: `success`, `exit-code`, `signal`, `timeout` …
        var result: String

        /// Reads the output of `show`.
        ///
        /// - Returns: nil when it does not tell the state.
        init?(show text: String) {
            var values: [Substring: Substring] = [:]
            for line in text.textLines {
                let parts = line.split(
                    separator: "=",
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                if parts.count == 2 { values[parts[0]] = parts[1] }
            }
            guard let active = values["ActiveState"], !active.isEmpty else { return nil }
            self.active = String(active)
            self.sub = String(values["SubState"] ?? "")
            self.mainProcessID = values["MainPID"].flatMap { Int32($0) }.flatMap {
                $0 > 0 ? $0 : nil
            }
            self.result = String(values["Result"] ?? "")
        }

        var isActive: Bool { active == "active" || active == "reloading" }
    }
}
