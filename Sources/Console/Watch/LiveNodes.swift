import API
import Host
import Model

/// `muster node list --watch`.
struct LiveNodes: LiveModel {
    /// A node and when what is known of it came.
    struct Entry: Sendable {
        var node: NodeSummary
        var at: Instant
    }

    var filter: NodeFilter
    var options: ListOptions
    var entries: [Entry] = []
    var clock = ControllerClock()

    mutating func fetch(_ session: Session) async throws {
        let answer: Answer<NodeList> = try await session.client.get(
            Route.listNodes.path,
            query: filter.query
        )
        let now = BootClock.now()
        clock.set(answer.value.asOf)
        entries = answer.value.nodes.map { Entry(node: $0, at: now) }
    }

    mutating func apply(_ update: StreamUpdate) -> Bool {
        let now = BootClock.now()
        switch update {
        case .change(let change, _):
            if let name = change.removedNode { entries.removeAll { $0.node.name == name } }
            guard let node = change.node else { return false }
            clock.set(node.asOf)
            if let index = entries.firstIndex(where: { $0.node.name == node.name }) {
                entries[index] = Entry(node: node, at: now)
                return false
            }
            // The controller knows where a new one stands in the order.
            return true
        case .pulse(let pulse):
            clock.set(pulse.asOf)
            for index in entries.indices {
                guard
                    let age = pulse.nodeHeartbeatAgesMilliseconds[entries[index].node.name]
                else { continue }
                entries[index].refresh(at: now, heartbeatAgeMilliseconds: age)
            }
            return false
        case .connected, .lost, .refused, .event: return false
        }
    }

    func lines(_ frame: LiveFrame) -> [String] {
        let now = BootClock.now()
        let nodes = entries.map { $0.aged(at: now) }.filter(filter.admits)
        let online = nodes.count { $0.status == NodeStatus.online.rawValue }
        let head = frame.head("\(online) of \(nodes.count) Online", at: clock.now)
        let table = try? NodeListing.listing(
            style: frame.style,
            at: clock.now,
            isWide: options.output.format == .wide
        ).table(
            nodes,
            isWide: options.output.format == .wide,
            hasHeader: !options.noHeaders,
            sortBy: options.sortBy
        )
        let rows = table?.lines(style: frame.style, width: frame.width) ?? []
        return [head, ""] + Self.fitted(rows, to: frame.height.map { $0 - 2 })
    }

    static func fitted(_ rows: [String], to height: Int?) -> [String] {
        guard let height, rows.count > height, height > 1 else { return rows }
        return rows.prefix(height - 1) + ["+\(rows.count - height + 1) more rows"]
    }

    func changes(by update: StreamUpdate, style: Style) -> [String] {
        guard case .change(let change, _) = update else { return [] }
        let time = TimeText.short(change.node?.asOf ?? clock.now.iso8601, at: clock.now)
        if let name = change.removedNode { return ["\(time)  \(name)  removed"] }
        guard let node = change.node, filter.admits(node) else { return [] }
        let before = entries.first { $0.node.name == node.name }?.node
        let isSame =
            before?.status == node.status && before?.marks == node.marks
            && before?.reason == node.reason
        guard !isSame else { return [] }
        let words = [
            time, node.name, NodeWords.statusWord(node.status),
            node.marks.map(\.rawValue).joined(separator: ","), node.reason,
        ]
        return [words.filter { !$0.isEmpty }.joined(separator: "  ")]
    }
}

extension LiveNodes.Entry {
    /// With its ages as they are now.
    func aged(at now: Instant) -> NodeSummary {
        let more = UInt64(max(0, (now - at).wholeMilliseconds))
        var node = node
        node.heartbeatAgeMilliseconds = node.heartbeatAgeMilliseconds.map { $0 + more }
        node.load?.ageMilliseconds += more
        return node
    }

    mutating func refresh(at now: Instant, heartbeatAgeMilliseconds age: UInt64) {
        node = aged(at: now)
        node.heartbeatAgeMilliseconds = age
        at = now
    }
}
