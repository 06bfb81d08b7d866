import ControllerCore
import Model
import Protocol

// What the controller's shell adds to tasks: payloads out of the store, and what the store knows of
// an idempotency key.

extension ControllerHost {
    /// RUN leaves the machine without its payload: that is read when the order is sent, from what is
    /// durable then. The order of a task that has ended meanwhile is not sent.
    func run(_ order: RunOrder, to connection: Connection) {
        let id = order.attempt.task
        guard case .task(let task)? = store.record(.task, id.storeKey) else { return }
        var order = order
        let isInline = task.payloadBytes <= WorkLimits.inlineBytesMax
        if isInline { order.payload = task.inlinePayload }
        send(.run(order), to: connection)
        guard !isInline, let payload = store.payloads[id] else { return }
        var parts = stride(from: 0, to: payload.count, by: WorkLimits.partBytesMax).map { at in
            let end = min(at + WorkLimits.partBytesMax, payload.count)
            return ControllerWorkMessage.part(
                order.attempt,
                at: UInt32(at),
                data: Array(payload[at..<end])
            )
        }
        // Parts that come out of their order: the attempt is given back.
        if world.plan.has(.staleLines), !world.isCalm, world.happens(perMille: 200) {
            parts.swapAt(0, parts.count - 1)
        }
        for part in parts { send(part, to: connection) }
    }

    private func send(_ message: ControllerWorkMessage, to connection: Connection) {
        let message = ControllerMessage.work(message)
        let bytes = message.line.bytes
        world.checks.controllerSends(message, bytes, to: connection)
        world.send(.line(bytes), connection, toServer: false)
    }

    /// SUBMIT waits for the store's answer about its key, and the pieces of its payload behind it
    /// do; other lines of the connection overtake them.
    func offer(_ message: AgentMessage, _ connection: Connection) {
        lookups[connection.id, default: []].append(message)
        if lookups[connection.id]?.count == 1 { lookUp(connection) }
    }

    private func lookUp(_ connection: Connection) {
        guard let first = lookups[connection.id]?.first else { return }
        guard case .work(.submit(let submission)) = first else {
            return deliver(first, known: nil, connection)
        }
        let known = submission.task.idempotencyKey.flatMap { store.taskKeys[$0] }
        let life = process.life
        world.after(lookupTime()) { world in
            self.process.run(in: world, life: life) { _ in
                self.deliver(first, known: known, connection)
            }
        }
    }

    private func deliver(
        _ message: AgentMessage,
        known: TaskKeyRecord?,
        _ connection: Connection
    ) {
        lookups[connection.id]?.removeFirst()
        if lookups[connection.id]?.isEmpty ?? false { lookups[connection.id] = nil }
        if connection.isOpenAtServer {
            if case .work(.submit(let submission)) = message {
                step(.offered(connection.id, submission, known: known))
            } else {
                step(.received(connection.id, message, fresh: world.text("f")))
            }
        }
        lookUp(connection)
    }

    /// How long the store takes to answer.
    func lookupTime() -> Int64 {
        let isSlow = world.plan.has(.slowLookup) && !world.isCalm && world.happens(perMille: 300)
        return world.between(50_000, isSlow ? 4 * second : 5 * millisecond)
    }
}
