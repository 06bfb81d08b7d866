import ControllerCore
import Logging
import Model
import Protocol
import Store

/// Gives the orders to run tasks their payloads, which the machine does not hold: at the moment in
/// which an order goes out, and what it rests on is durable.
struct PayloadSupply {
    let tasks: TaskStore
    let log: Logger
    var cache: PayloadCache

    init(tasks: TaskStore, log: Logger, cache: PayloadCache = PayloadCache()) {
        self.tasks = tasks
        self.log = log
        self.cache = cache
    }

    /// The sends as they go over the wire, in their order: a short payload in its RUN, the pieces
    /// of a longer one behind it.
    ///
    /// A payload that cannot be read ends its session, with the reason as the last line: the order
    /// before it stands, and nothing after it may overtake it. The order of a task that has ended
    /// in the meantime is left out.
    func supplied(_ sends: [Send]) -> (sends: [Send], closes: [Close]) {
        guard sends.contains(where: { $0.needsPayload }) else { return (sends, []) }
        var supplied: [Send] = []
        var closes: [Close] = []
        for send in sends where !closes.contains(where: { $0.connection == send.connection }) {
            guard send.needsPayload, case .work(.run(let order)) = send.message else {
                supplied.append(send)
                continue
            }
            do throws(StoreError) {
                guard let payload = try payload(of: order) else { continue }
                supplied += Self.orders(order, payload).map {
                    Send(connection: send.connection, message: .work($0))
                }
            } catch {
                log.critical(
                    "A task's payload cannot be read; the session of its node is ended",
                    metadata: ["task": "\(order.attempt.task)", "error": "\(error)"]
                )
                supplied.append(
                    Send(
                        connection: send.connection,
                        message: .error(
                            code: .storage,
                            text: "the payload of task \(order.attempt.task) cannot be read"
                        )
                    )
                )
                closes.append(Close(connection: send.connection, code: .storage))
            }
        }
        return (supplied, closes)
    }

    private func payload(of order: RunOrder) throws(StoreError) -> [UInt8]? {
        let task = order.attempt.task
        if let cached = cache[task], cached.count == Int(order.payloadBytes) { return cached }
        return try tasks.payload(of: task, count: order.payloadBytes)
    }

    private static func orders(_ order: RunOrder, _ payload: [UInt8]) -> [ControllerWorkMessage] {
        var order = order
        if payload.count <= WorkLimits.inlineBytesMax {
            order.payload = payload
            return [.run(order)]
        }
        var messages: [ControllerWorkMessage] = [.run(order)]
        var at = 0
        while at < payload.count {
            let end = min(at + WorkLimits.partBytesMax, payload.count)
            messages.append(
                .part(order.attempt, at: UInt32(at), data: Array(payload[at..<end]))
            )
            at = end
        }
        return messages
    }
}

extension Send {
    /// An order to run a task whose payload is not in it yet.
    fileprivate var needsPayload: Bool {
        guard case .work(.run(let order)) = message else { return false }
        return order.payloadBytes > 0 && order.payload.isEmpty
    }
}
