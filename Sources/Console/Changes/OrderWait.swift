import API

/// Follows orders to their ends.
enum OrderWait {
    /// Waits for all of them and tells how each ended.
    ///
    /// - Throws: `failed` or `refused` when one did not end well, `timedOut`.
    static func wait(
        _ ids: [UInt64],
        _ session: Session,
        _ options: WaitOptions,
        lookAgain: String
    ) async throws {
        guard !ids.isEmpty else { return }
        if options.detach {
            let list = ids.map { "\($0)" }.joined(separator: ", ")
            Terminal.writeErrorLine(
                "not waiting for order\(ids.count == 1 ? "" : "s") \(list);"
                    + " look with `\(lookAgain)`"
            )
            return
        }
        var orders: [UInt64: Order] = [:]
        let waiting = Waiting(
            session: session,
            timeoutMilliseconds: options.timeout?.milliseconds ?? Waiting.timeoutDefault,
            lookAgain: lookAgain
        )
        try await waiting.until {
            for id in ids where orders[id]?.state.isFinal != true {
                orders[id] = try await order(id, session)
            }
            let open = ids.compactMap { orders[$0] }.filter { !$0.state.isFinal }
            guard let first = open.first else { return nil }
            let others = open.count > 1 ? " and \(open.count - 1) more" : ""
            return "waiting for \(sentence(first))\(others)"
        }
        try report(ids.compactMap { orders[$0] }, session.style)
    }

    /// - Throws: `failed` when the controller does not know it any more: orders that are on their
    ///   way when a controller ends are not remembered by the next.
    private static func order(_ id: UInt64, _ session: Session) async throws -> Order {
        do {
            let answer: Answer<Order> = try await session.client.get(Route.showOrder.path("\(id)"))
            return answer.value
        } catch let error as ConsoleError where error.code == "unknown-name" {
            throw ConsoleError(
                .failed,
                "the controller does not know order \(id) any more: how it ended is not known",
                hint: "was the controller restarted? Look with `muster service list`"
            )
        }
    }

    private static func report(_ orders: [Order], _ style: Style) throws {
        for order in orders {
            let tone: Tone = order.state == .done ? .good : .bad
            Terminal.writeLine("\(style.paint(style.symbol(tone), tone)) \(sentence(order))")
        }
        if orders.contains(where: { $0.state == .failed || $0.state == .superseded }) {
            throw QuietExit(status: .failed)
        }
        if orders.contains(where: { $0.state == .refused }) { throw QuietExit(status: .refused) }
    }

    /// `db-3: stop tm: done (exited with status 0)`.
    static func sentence(_ order: Order) -> String {
        let service = order.service.map { " \($0)" } ?? ""
        let text = order.text.isEmpty ? "" : " (\(order.text))"
        return "\(order.node): \(order.action)\(service): \(order.state.rawValue)\(text)"
    }
}
