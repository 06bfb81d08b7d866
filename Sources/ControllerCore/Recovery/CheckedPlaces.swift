public import Model
import Protocol

/// What a node's last preflight has found of what it needs outside of itself.
public struct CheckedPlaces: Hashable, Sendable {
    public struct Place: Hashable, Sendable {
        /// `shared-path:/srv/data`, `shared-path-same:/srv/data`, `endpoint:database`.
        public var check: String
        public var isFine: Bool
        public var text: String
    }

    static let topics = [
        (topic: "shared-paths", prefixes: ["shared-path:", "shared-path-same:"]),
        (topic: "endpoints", prefixes: ["endpoint:"]),
    ]
    /// As many as a node's configuration can name, twice for shared paths.
    static let countMax = 128

    public var at: WallTime
    public var places: [Place]

    /// - Returns: nil when the node has not answered.
    init?(_ part: PreflightRun.Part, at now: WallTime) {
        let unanswered = part.findings.contains { finding in
            finding.outcome == .failed && ["preflight", "reachable"].contains(finding.check)
        }
        guard part.isAnswered, !unanswered else { return nil }
        at = now
        let prefixes = Self.topics.flatMap(\.prefixes)
        places = part.findings.filter { finding in
            prefixes.contains { finding.check.hasPrefix($0) }
        }.prefix(Self.countMax).map {
            Place(check: $0.check, isFine: $0.outcome != .failed, text: $0.text)
        }
    }
}

extension ControllerMachine {
    /// After so long a result is no answer to "now".
    private static let placesAgeMax: Duration = .seconds(86_400)
    private static let drillDaysDefault: Int64 = 90
    static let drillPrefix = "drill."
    static let drillKey = drillPrefix + "days"

    /// Shared paths and endpoints, by the last preflight of each node; what was never looked at is not
    /// known.
    func placeFindings(of site: SiteName, _ able: [Member]) -> [ReadinessFinding] {
        guard !able.isEmpty else { return [] }
        let unchecked = able.filter { $0.places == nil }.map(\.record.name.text)
        return CheckedPlaces.topics.flatMap { topic, prefixes -> [ReadinessFinding] in
            var found: [ReadinessFinding] = []
            func say(_ level: ReadinessFinding.Level, _ text: String, _ mend: String = "") {
                found.append(
                    ReadinessFinding(topic: topic, level: level, text: text, mend: mend)
                )
            }
            let noun = topic == "endpoints" ? "endpoints" : "shared paths"
            if !unchecked.isEmpty {
                say(
                    .warning,
                    "\(noun) of \(short(unchecked)) are not known: no preflight since the "
                        + "controller started",
                    "muster preflight \(unchecked.prefix(10).joined(separator: " "))"
                )
            }
            var fine = 0
            var nodes = 0
            var oldest: Duration = .zero
            for member in able {
                guard let checked = member.places else { continue }
                let name = member.record.name
                let age = max(.zero, now.wall - checked.at)
                let places = checked.places.filter { place in
                    prefixes.contains { place.check.hasPrefix($0) }
                }
                for place in places where !place.isFine {
                    say(
                        .warning,
                        "node \(name), \(place.check): \(place.text) (\(age.forPeople) ago)",
                        "muster preflight \(name)"
                    )
                }
                if age > Self.placesAgeMax {
                    say(
                        .warning,
                        "\(noun) of node \(name) were last looked at \(age.forPeople) ago",
                        "muster preflight \(name)"
                    )
                } else {
                    fine += places.count { $0.isFine && !$0.check.hasPrefix("shared-path-same:") }
                    nodes += 1
                    oldest = max(oldest, age)
                }
            }
            if nodes > 0, found.isEmpty {
                let what = fine == 0 ? "no \(noun) are listed" : "\(fine) \(noun) are there"
                say(.fine, "\(what) on \(nodes) nodes, checked within the last \(oldest.forPeople)")
            }
            return found
        }
    }

    func clockFindings(of site: SiteName, _ able: [Member]) -> [ReadinessFinding] {
        var found: [ReadinessFinding] = []
        var oldest: Duration = .zero
        for member in able {
            let name = member.record.name
            guard let clock = member.clock else {
                found.append(
                    ReadinessFinding(
                        topic: "clocks",
                        level: .warning,
                        text: "the clock of node \(name) is not known yet",
                        mend: ""
                    )
                )
                continue
            }
            oldest = max(oldest, now.instant - member.detector.lastHeard)
            guard clock.exceeds(settings.clockOffsetMax) else { continue }
            found.append(
                ReadinessFinding(
                    topic: "clocks",
                    level: .warning,
                    text: "the clock of node \(name) is off",
                    mend: "look at its time service"
                )
            )
        }
        guard found.isEmpty, !able.isEmpty else { return found }
        return [
            ReadinessFinding(
                topic: "clocks",
                level: .fine,
                text: "the clocks of \(able.count) nodes are right, heard within the last "
                    + oldest.forPeople,
                mend: ""
            )
        ]
    }

    // MARK: The age of drills

    /// After so many days without a drill a site says so.
    var drillDays: Int64 {
        settingRecords["cluster/\(Self.drillKey)"].flatMap { Int64($0.value) }
            ?? Self.drillDaysDefault
    }

    func checkDrillSetting(
        _ scope: SettingScope,
        _ key: String,
        _ value: String
    ) throws(Refused) {
        guard key.hasPrefix(Self.drillPrefix) else { return }
        guard key == Self.drillKey else {
            throw Refused(
                .invalid,
                "\(key) is not a setting of drills",
                mend: "did you mean \(Self.drillKey)?"
            )
        }
        guard scope == .cluster else {
            throw Refused(
                .invalid,
                "\(key): it holds for the whole cluster",
                mend: "set it without --node and --site"
            )
        }
        guard let days = Int64(value), (1...3_650).contains(days) else {
            throw Refused(.invalid, "\(key): it is a number of days from 1 to 3650", mend: "90")
        }
    }
}
