import ControllerCore
import Model
import Testing

@testable import Controller
@testable import ControllerCore

/// A silence that matches nothing is taken, and it is said.
@Suite struct SilenceRemarkTests {
    private func remark(_ subject: String, sites: [SiteName] = []) throws -> String? {
        let now = Moment(instant: .origin, wall: WallTime(milliseconds: 1_700_000_000_000))
        let node = NodeRecord(
            id: "id-web",
            name: "web-1",
            site: "north",
            membership: .joined,
            addedBy: "x",
            addedAt: now.wall
        )
        let (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding() + [.site(SiteRecord(name: "south")), .node(node)],
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: now
        )
        let draft = SilenceDraft(
            sites: sites,
            subject: subject,
            owner: "x",
            until: now.wall + .seconds(60)
        )
        return NodeViews(machine: machine, now: now).remark(on: draft)
    }

    @Test func `a node and a site that are there need no remark`() throws {
        #expect(try remark("web-1") == nil)
        #expect(try remark("web-1", sites: ["north"]) == nil)
        #expect(try remark("south") == nil)
    }

    @Test func `what is not there, or of another site, does`() throws {
        #expect(
            try remark("web1")
                == "no node or site is called web1 today, and nothing has happened to one; did you "
                + "mean web-1?"
        )
        #expect(
            try remark("web-1", sites: ["south"])
                == "node web-1 is of site north: the silence matches nothing of it"
        )
    }
}
