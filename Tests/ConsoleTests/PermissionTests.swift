import API
import Testing

@testable import Console

@Suite struct `Asking for permission` {
    private func refusal(_ role: String, _ access: Route.Access) -> String? {
        do throws(ConsoleError) {
            try Permission.check(access, Myself(name: "vera", role: role))
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `who may not do it is told so before being asked`() {
        #expect(
            refusal("viewer", .admin)
                == "this is for the role admin and up; vera is viewer; nothing was done"
        )
        #expect(refusal("operator", .admin) != nil)
        #expect(refusal("viewer", Route.drainNode.access) != nil)
        #expect(refusal("operator", Route.drainNode.access) == nil)
        #expect(refusal("admin", .admin) == nil)
        // A role that is not known here is left to the controller.
        #expect(refusal("auditor", .admin) == nil)
    }
}
