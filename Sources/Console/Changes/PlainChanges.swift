import API

extension ChangeOptions {
    /// Makes a change that needs nothing but the name of what is changed, and says what was done; of
    /// several names one after the other.
    func send(_ route: Route, _ names: String..., over connection: ConnectionOptions) async throws {
        try await send(route, names, over: connection)
    }

    func send(_ route: Route, _ names: [String], over connection: ConnectionOptions) async throws {
        try await Session.run(connection) { session in
            for name in names {
                let answer: Answer<ChangeDone> = try await session.client.send(
                    route,
                    route.path(name),
                    PlainChange(reason: reason, force: forced)
                )
                Terminal.writeLine(answer.value.text)
            }
        }
    }

    /// Makes a change that needs nothing but to be said.
    func sendAlone(_ route: Route, over connection: ConnectionOptions) async throws {
        try await Session.run(connection) { session in
            let answer: Answer<ChangeDone> = try await session.client.send(
                route,
                nil,
                PlainChange(reason: reason, force: forced)
            )
            Terminal.writeLine(answer.value.text)
        }
    }
}
