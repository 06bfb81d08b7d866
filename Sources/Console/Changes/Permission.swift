import API

/// Whether the one who asks may do something, before a question is put.
///
/// The controller decides; this only spares a person an answer that comes to nothing.
enum Permission {
    static func check(_ least: Route.Access, _ session: Session) async throws {
        let status: Answer<ClusterStatus> = try await session.client.get(Route.getStatus.path)
        try check(least, status.value.you)
    }

    /// A role that this version does not know is left to the controller.
    static func check(_ access: Route.Access, _ you: Myself) throws(ConsoleError) {
        let order = Route.Access.allCases
        guard let own = Route.Access(rawValue: you.role),
            let mine = order.firstIndex(of: own),
            let least = order.firstIndex(of: access), mine < least
        else { return }
        throw ConsoleError(
            .refused,
            "this is for the role \(access.rawValue) and up; \(you.name) is \(you.role);"
                + " nothing was done",
            hint: "ask an admin"
        )
    }
}
