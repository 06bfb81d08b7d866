public import Model
import Protocol

/// The texts of one file of both nodes of a pair, in the form in which they are compared. Given once, to
/// who asked, and never kept.
public struct FileTexts: Hashable, Sendable {
    public var standby: NodeName
    public var production: NodeName
    /// Nil where there is no such file.
    public var standbyText: [UInt8]?
    public var productionText: [UInt8]?
}

/// An operator waits for the texts of a file.
struct FileReading: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        var node: NodeID
        var name: NodeName
        var request: UInt64
        var bytes: [UInt8] = []
        /// The whole text has come, or it is known that there is none.
        var isDone = false
        var isAbsent = false
    }

    var standby: Part
    var production: Part
    var deadline: Instant

    func isAsked(_ id: NodeID) -> Bool { standby.node == id || production.node == id }
}

extension ControllerMachine {
    /// Asks both nodes; the reply is given when both have answered.
    mutating func readFile(
        _ name: NodeName,
        _ set: ComparedSetName,
        _ path: String,
        for request: RequestID
    ) throws(Refused) {
        try refuseInDoubt()
        let own = try id(of: name)
        guard let other = pair(of: own), let first = nodes[own], let second = nodes[other] else {
            throw Refused(.notNow, "node \(name) has no pair", mend: "muster node pairs")
        }
        guard path.utf8.count <= ComparingLimits.pathBytesMax, PathText.bytes(path) != nil else {
            throw Refused(.invalid, "not a path as it is shown", mend: "muster site drift")
        }
        let isSwapped = first.record.site == cluster.activeSite
        let (standby, production) = isSwapped ? (second, first) : (first, second)
        for member in [standby, production] {
            guard member.isSynced else {
                throw Refused(.notNow, "node \(member.record.name) has no session")
            }
            guard let known = member.sets[set] else {
                throw Refused(
                    .unknownName,
                    "node \(member.record.name) lists no set \(set)",
                    mend: "muster site drift"
                )
            }
            guard known.report.isShown else {
                throw Refused(
                    .forbidden,
                    "node \(member.record.name) does not let \(set) be shown",
                    mend: "show = yes in its section, on both nodes"
                )
            }
        }
        guard drift.readings.count < DriftBook.Limits.readingsMax else {
            throw Refused(
                .tooFast,
                "\(DriftBook.Limits.readingsMax) files are being read already",
                mend: "try again in a second"
            )
        }
        let deadline = now.instant + DriftBook.Limits.readingTimeout
        drift.readings[request] = FileReading(
            standby: ask(standby, set, path),
            production: ask(production, set, path),
            deadline: deadline
        )
        expect(by: deadline)
    }

    private mutating func ask(
        _ member: Member,
        _ set: ComparedSetName,
        _ path: String
    ) -> FileReading.Part {
        drift.lastRequest += 1
        let request = drift.lastRequest
        if let link = member.link {
            let show = ShowRequest(
                request: request,
                token: token(of: member.record),
                set: set,
                path: path
            )
            send(.comparing(.show(show)), to: link.connection)
        }
        return FileReading.Part(
            node: member.record.id,
            name: member.record.name,
            request: request
        )
    }

    mutating func heardText(
        from id: NodeID,
        _ request: UInt64,
        at: UInt32,
        total: UInt32,
        _ data: [UInt8]
    ) {
        change(id, request) { part in
            guard part.bytes.count == Int(at), part.bytes.count + data.count <= Int(total),
                !data.isEmpty || total == 0
            else { return false }
            part.bytes += data
            part.isDone = part.bytes.count == Int(total)
            return true
        }
    }

    /// - Returns: whether it was asked for by a reading.
    mutating func readingRefused(
        by id: NodeID,
        _ request: UInt64,
        _ code: RefusalCode,
        _ text: String
    ) -> Bool {
        guard code != .unknownName else {
            return change(id, request) { part in
                part.isDone = true
                part.isAbsent = true
                return true
            }
        }
        for (key, reading) in drift.readings {
            for part in [reading.standby, reading.production]
            where part.node == id && part.request == request {
                endReading(key, .refused(Refused(code, "node \(part.name): \(text)")))
                return true
            }
        }
        return false
    }

    /// - Parameter body: false when the node says what cannot be.
    /// - Returns: whether the node was asked this by a reading.
    @discardableResult
    private mutating func change(
        _ id: NodeID,
        _ request: UInt64,
        _ body: (inout FileReading.Part) -> Bool
    ) -> Bool {
        for key in drift.readings.keys {
            guard var reading = drift.readings[key] else { continue }
            let isGood: Bool
            if reading.standby.node == id, reading.standby.request == request {
                isGood = body(&reading.standby)
            } else if reading.production.node == id, reading.production.request == request {
                isGood = body(&reading.production)
            } else {
                continue
            }
            drift.readings[key] = reading
            if !isGood {
                endReading(key, .refused(Refused(.badLine, "a node has told pieces of no text")))
            } else if reading.standby.isDone, reading.production.isDone {
                finish(key, reading)
            }
            return true
        }
        return false
    }

    private mutating func finish(_ key: RequestID, _ reading: FileReading) {
        let standby = reading.standby
        let production = reading.production
        guard !standby.isAbsent || !production.isAbsent else {
            let text = "neither \(standby.name) nor \(production.name) has such a file in the set"
            return endReading(key, .refused(Refused(.unknownName, text, mend: "muster site drift")))
        }
        endReading(
            key,
            .texts(
                FileTexts(
                    standby: standby.name,
                    production: production.name,
                    standbyText: standby.isAbsent ? nil : standby.bytes,
                    productionText: production.isAbsent ? nil : production.bytes
                )
            )
        )
    }

    mutating func endReading(_ request: RequestID, _ outcome: Reply.Outcome) {
        drift.readings[request] = nil
        reply(request, outcome)
    }

    mutating func settleReadings() {
        for (key, reading) in drift.readings where now.instant >= reading.deadline {
            let silent = [reading.standby, reading.production].filter { !$0.isDone }
                .map(\.name.text).joined(separator: " and ")
            endReading(key, .refused(Refused(.tooSlow, "no answer from \(silent) in time")))
        }
    }
}
