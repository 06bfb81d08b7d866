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

    /// An attempt whose order is left out, because its payload cannot be had.
    struct Missing: Hashable {
        var attempt: TaskAttempt
        var problem: PayloadProblem
    }

    /// What goes over the wire, and what does not.
    struct Supplied {
        /// In their order: a short payload in its RUN, the pieces of a longer one behind it.
        var sends: [Send] = []
        var missing: [Missing] = []
    }

    /// An order whose payload cannot be had is left out, and told to the machine; a wrong payload is
    /// never sent, and the session and everything else in it go on. The order of a task that has ended
    /// in the meantime is left out too.
    func supplied(_ sends: [Send]) -> Supplied {
        guard sends.contains(where: { $0.needsPayload }) else { return Supplied(sends: sends) }
        var supplied = Supplied()
        for send in sends {
            guard send.needsPayload, case .work(.run(let order)) = send.message else {
                supplied.sends.append(send)
                continue
            }
            do throws(StoreError) {
                guard let payload = try payload(of: order) else { continue }
                supplied.sends += Self.orders(order, payload).map {
                    Send(connection: send.connection, message: .work($0))
                }
            } catch {
                log.critical(
                    "A task's payload cannot be read; its order is not sent",
                    metadata: ["task": "\(order.attempt.task)", "error": "\(error)"]
                )
                supplied.missing.append(
                    Missing(attempt: order.attempt, problem: error.payloadProblem)
                )
            }
        }
        return supplied
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

extension StoreError {
    /// What the machine is told of it. Only damage is for ever.
    fileprivate var payloadProblem: PayloadProblem {
        code == .damaged ? .damaged(place) : .unreadable(description)
    }
}
