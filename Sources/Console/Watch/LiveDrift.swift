import API
import Model

/// `muster site drift --watch`: asked for anew with each pulse, because not every look is an event.
struct LiveDrift: LiveModel {
    var site: String?
    var output: FormatOption
    var drifts: [SiteDrift] = []
    var clock = ControllerClock()

    static var isAskedForChanges: Bool { true }

    mutating func fetch(_ session: Session) async throws {
        let answers = try await SiteDriftCommand.answers(site, session)
        drifts = answers.map(\.value)
        if let answer = answers.last { clock.set(answer.asOf.iso8601) }
    }

    mutating func apply(_ update: StreamUpdate) -> Bool {
        switch update {
        case .event, .change, .pulse: true
        case .connected, .lost, .refused: false
        }
    }

    func lines(_ frame: LiveFrame) -> [String] {
        let rows = drifts.flatMap { drift in
            [""]
                + DriftWords.lines(
                    drift,
                    style: frame.style,
                    width: frame.width,
                    at: clock.now,
                    showsAll: output.format == .wide
                )
        }
        return [frame.head("", at: clock.now)]
            + LiveNodes.fitted(rows, to: frame.height.map { $0 - 1 })
    }

    // MARK: Off a terminal

    /// Nothing: what follows from it is said by the next asking.
    func changes(by update: StreamUpdate, style: Style) -> [String] { [] }

    func changes(since before: LiveDrift, style: Style) -> [String] {
        changed(since: before).map { pair, set in
            let time = TimeText.short(clock.now.iso8601, at: clock.now)
            return "\(time)  \(DriftWords.head(set, of: pair, style: style, at: clock.now))"
        }
    }

    func objects(since before: LiveDrift) throws -> [String] {
        try changed(since: before).map { pair, set in
            var pair = pair
            pair.sets = [set]
            return try JSONLine.text(pair)
        }
    }

    /// Sets that stand otherwise than before; that they were looked at again is no change.
    private func changed(since before: LiveDrift) -> [(DriftPair, DriftSet)] {
        func timeless(_ set: DriftSet) -> DriftSet {
            var set = set
            set.ageMilliseconds = nil
            set.comparedAt = nil
            return set
        }
        let known = before.drifts.flatMap(\.pairs)
        return drifts.flatMap(\.pairs).flatMap { pair in
            pair.sets.filter { set in
                let old = known.first { $0.standby == pair.standby }?.sets
                    .first { $0.name == set.name }
                return old.map(timeless) != timeless(set)
            }.map { (pair, $0) }
        }
    }
}
