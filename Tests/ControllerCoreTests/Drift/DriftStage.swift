import ControllerCore
import Model
import Protocol

/// Two paired nodes on a stage, n1 (production, site a) and n2 (standby, site b), that have files and
/// answer what they are asked of them.
struct DriftStage {
    var stage: Stage
    var production: ConnectionID
    var standby: ConnectionID
    /// By connection: what each node lists of its sets.
    private var files = OrderedTable<UInt64, OrderedTable<ComparedSetName, [FileEntry]>>()
    private var texts = OrderedTable<UInt64, OrderedTable<String, [UInt8]>>()
    private var answered = 0
    /// Requests for lists that were answered.
    var lists = 0

    init() {
        (stage, production, standby) = Stage.twoSites()
        stage.ask(.pairNodes(standby: "n2", production: "n1"))
        answered = stage.sent.count
    }

    static func digest(of entries: [FileEntry]) -> String {
        var state: UInt64 = 0
        for byte in entries.map(\.digestLine).joined(separator: "\n").utf8 {
            var generator = SeededGenerator(seed: state ^ UInt64(byte))
            state = generator.next()
        }
        let part = String(state, radix: 16)
        let padded = String(repeating: "0", count: 16 - part.count) + part
        return String(repeating: padded, count: 4)
    }

    static func file(
        _ path: String,
        _ content: String = "",
        mode: UInt16 = 0o644,
        owner: String = "root:root"
    ) -> FileEntry {
        let name = FileEntry(path: content.isEmpty ? "-" : content, kind: .file)
        return FileEntry(
            path: path,
            kind: .file,
            mode: mode,
            owner: owner,
            size: UInt64(content.utf8.count),
            digest: digest(of: [name])
        )
    }

    /// The node has looked at the set.
    mutating func look(
        _ connection: ConnectionID,
        _ set: ComparedSetName,
        _ entries: [FileEntry],
        kind: ComparedKind = .files,
        definition: String = "0123456789abcdef",
        interval: Duration = .seconds(60),
        isRequired: Bool = false,
        isShown: Bool = true,
        problem: String = ""
    ) {
        let entries = entries.sorted { PathText.precedes($0.path, $1.path) }
        var sets = files[connection.number] ?? OrderedTable()
        sets[set] = entries
        files[connection.number] = sets
        let report = SetReport(
            name: set,
            kind: kind,
            digest: entries.isEmpty && kind == .files ? "" : Self.digest(of: entries),
            definition: definition,
            entries: UInt32(entries.count),
            age: .zero,
            interval: interval,
            isRequired: isRequired,
            isShown: isShown,
            problem: problem
        )
        stage.say(.comparing(.compared(report)), on: connection)
    }

    mutating func have(_ text: String?, at path: String, _ connection: ConnectionID) {
        var known = texts[connection.number] ?? OrderedTable()
        known[path] = text.map { Array($0.utf8) }
        texts[connection.number] = known
    }

    /// Answers everything that was asked, until nothing is.
    mutating func answer(upTo requestsMax: Int = .max) {
        var count = 0
        while answered < stage.sent.count, count < requestsMax {
            let (connection, message) = stage.sent[answered]
            answered += 1
            guard case .comparing(let asked) = message else { continue }
            count += 1
            switch asked {
            case .list(let list): answer(list, connection)
            case .show(let show): answer(show, connection)
            }
        }
    }

    private mutating func answer(_ list: ListRequest, _ connection: ConnectionID) {
        lists += 1
        let entries = files[connection.number]?[list.set] ?? []
        guard Self.digest(of: entries) == list.digest else {
            let stale = AgentComparingMessage.unlisted(
                request: list.request,
                code: .notNow,
                text: "it has changed since"
            )
            return stage.say(.comparing(stale), on: connection)
        }
        let end = min(entries.count, Int(list.from + ComparingLimits.entriesPerPartMax))
        for entry in entries[Int(list.from)..<end] {
            stage.say(.comparing(.entry(request: list.request, entry)), on: connection)
        }
        let next = end < entries.count ? UInt32(end) : nil
        stage.say(.comparing(.listed(request: list.request, next: next)), on: connection)
    }

    private mutating func answer(_ show: ShowRequest, _ connection: ConnectionID) {
        guard let text = texts[connection.number]?[show.path] else {
            let none = AgentComparingMessage.unlisted(
                request: show.request,
                code: .unknownName,
                text: "no such file"
            )
            return stage.say(.comparing(none), on: connection)
        }
        let total = UInt32(text.count)
        var at = 0
        repeat {
            let end = min(at + 10, text.count)
            let piece = AgentComparingMessage.text(
                request: show.request,
                at: UInt32(at),
                total: total,
                data: Array(text[at..<end])
            )
            stage.say(.comparing(piece), on: connection)
            at = end
        } while at < text.count
    }

    /// Both nodes go on living.
    mutating func live(for seconds: Int) {
        stage.live([production, standby], for: seconds)
    }

    // MARK: Looking

    var views: [DriftView] { stage.machine.driftPairs(of: "b").flatMap(\.sets) }

    func view(_ set: ComparedSetName) -> DriftView? { views.first { $0.set == set } }

    /// `only-standby bin/a`, in their order.
    func differences(_ set: ComparedSetName) -> [String] {
        view(set)?.differences.map { difference in
            difference.aspects.map(\.rawValue).joined(separator: ",") + " " + difference.path
        } ?? []
    }

    func findings(_ topic: String = "drift") -> [ReadinessFinding] {
        stage.machine.readiness(of: "b").filter { $0.topic == topic }
    }
}
