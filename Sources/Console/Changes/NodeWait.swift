import API
import Model

/// Follows nodes until what was asked of them has come about.
enum NodeWait {
    /// What of a node is still missing; nil when it is as wanted.
    typealias Look = (NodeDetail?) throws -> String?

    /// Looks at each node until nothing is missing of any. A node that is no member is nil.
    static func wait(
        _ names: [String],
        _ session: Session,
        timeoutMilliseconds: UInt64,
        lookAgain: String,
        _ look: Look
    ) async throws {
        var open = names
        let waiting = Waiting(
            session: session,
            timeoutMilliseconds: timeoutMilliseconds,
            lookAgain: lookAgain
        )
        try await waiting.until {
            var texts: [String] = []
            for name in open {
                if let text = try look(try await detail(name, session)) {
                    texts.append("\(name): \(text)")
                } else {
                    open.removeAll { $0 == name }
                }
            }
            guard let first = texts.first else { return nil }
            return first + (texts.count > 1 ? " (and \(texts.count - 1) more nodes)" : "")
        }
    }

    private static func detail(_ name: String, _ session: Session) async throws -> NodeDetail? {
        do {
            let answer: Answer<NodeDetail> = try await session.client.get(
                Route.showNode.path(name)
            )
            return answer.value
        } catch let error as ConsoleError where error.code == "unknown-name" {
            return nil
        }
    }

    /// What a drain still waits for.
    static func drain(_ detail: NodeDetail?) throws -> String? {
        guard let detail else {
            throw ConsoleError(.failed, "the node was removed meanwhile")
        }
        if detail.node.marks.contains(.drained) || detail.drain?.finished == true { return nil }
        guard detail.drain != nil || detail.maintenance != nil else {
            throw ConsoleError(.failed, "\(detail.node.name): the drain was ended by someone else")
        }
        let ended = [ServiceState.stopped.rawValue, ServiceState.failed.rawValue]
        let running = detail.services.filter { !ended.contains($0.state) }
        let names = running.map(\.name).joined(separator: ", ")
        guard let drain = detail.drain else {
            // A maintenance has no record of its own end: the node is empty when nothing runs.
            return names.isEmpty || detail.maintenance?.keepServices == true
                ? nil : "still to stop: \(names)"
        }
        let what = names.isEmpty ? "draining" : "still to stop: \(names)"
        return drain.overdue ? "\(what); the deadline has passed" : what
    }

    /// What a removal still waits for.
    static func removal(_ detail: NodeDetail?) -> String? {
        guard let detail, detail.node.membership != Membership.removed.rawValue else { return nil }
        let running = detail.services.filter { $0.state == ServiceState.running.rawValue }
        return running.isEmpty
            ? "being removed" : "still to stop: \(running.map(\.name).joined(separator: ", "))"
    }
}
