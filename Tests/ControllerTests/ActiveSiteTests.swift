import API
import ControllerCore
import Model
import Protocol
import Testing

@testable import Controller
@testable import ControllerCore

/// Which site is active, as balancers are answered.
@Suite struct ActiveSiteTests {
    private func answer(
        _ asked: String?,
        generation: UInt16 = 1,
        isStalled: Bool = false
    ) throws -> Result<ActiveSiteAnswer, API.Failure> {
        let (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding() + [.site(SiteRecord(name: "south"))],
            generation: generation,
            lastEventSequence: 0,
            seed: 7,
            at: Moment(instant: .origin, wall: WallTime(milliseconds: 1_700_000_000_000))
        )
        return HealthAnswers.activeSite(of: machine, isStalled: isStalled, asked: asked)
    }

    @Test func `the one that is active is said, whichever was asked about`() throws {
        let any = try answer(nil).get()
        #expect(any.site == "north" && any.asked == nil && any.status == "active")
        let north = try answer("north").get()
        #expect(north.site == "north" && north.asked == "north" && north.status == "active")
        let south = try answer("south").get()
        #expect(south.site == "north" && south.asked == "south")
        #expect(south.status == "site south is not active: north is")
    }

    @Test func `an unknown site is no site that is not active`() throws {
        guard case .failure(let failure) = try answer("sotuh") else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.status == 404 && failure.detail == "there is no site sotuh")
        #expect(failure.mend == "did you mean south?")
    }

    @Test func `nothing is named while it is not sure`() throws {
        let stalled = try answer("north", isStalled: true).get()
        #expect(stalled.site == nil && stalled.status.hasPrefix("not sure: the journal"))
        let restored = try answer(nil, generation: 2).get()
        #expect(restored.site == nil && restored.status.hasPrefix("not sure which site"))
    }
}
