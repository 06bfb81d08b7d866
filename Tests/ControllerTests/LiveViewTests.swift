import API
import ControllerCore
import Model
import Testing

@testable import Controller

/// What is sent to who watches: differences, and not what only grows older.
@Suite struct LiveViewTests {
    private func machine() throws -> ControllerMachine {
        ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding(),
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: Self.moment(0)
        ).0
    }

    private static func moment(_ seconds: Int64) -> Moment {
        Moment(
            instant: Instant(nanoseconds: (100 + seconds) * 1_000_000_000),
            wall: WallTime(milliseconds: 1_795_000_000_000 + seconds * 1_000)
        )
    }

    private func changes(
        _ view: inout LiveView,
        _ machine: ControllerMachine,
        at moment: Moment
    ) throws -> [StreamChange] {
        let views = NodeViews(machine: machine, now: moment)
        let account = try #require(machine.operators[World.admin.name])
        let status = StatusView(
            views: views,
            account: account,
            lastEvents: [],
            authorityNotAfter: moment.wall + .seconds(400 * 86_400)
        ).status
        return view.changes(status: status, nodes: views.members().map(views.summary))
    }

    @Test func `the first look is all of it, and time alone is no change`() throws {
        var view = LiveView()
        let machine = try machine()
        #expect(try changes(&view, machine, at: Self.moment(1)).count == 1)
        for second in 2...5 {
            #expect(try changes(&view, machine, at: Self.moment(Int64(second))).isEmpty)
        }
    }

    @Test func `a node that comes, changes and goes is told each time, once`() throws {
        var view = LiveView()
        var machine = try machine()
        _ = try changes(&view, machine, at: Self.moment(1))
        let name = NodeName("node-1")
        let seed = TokenSeed(
            id: JoinTokenID("0af2c1d4-6c1b-4e0a-9f5e-1b7d1a6c2e33"),
            secretHash: "00"
        )
        let add = Command(.addNode(name, site: nil, address: nil, token: seed))
        _ = machine.step(.command(RequestID(1), World.admin, add), at: Self.moment(2))
        let came = try changes(&view, machine, at: Self.moment(2))
        #expect(came.compactMap(\.node?.name) == ["node-1"])
        #expect(came.contains { $0.status != nil })
        #expect(try changes(&view, machine, at: Self.moment(3)).isEmpty)

        let remove = Command(.removeNodes([name]), force: true)
        _ = machine.step(.command(RequestID(2), World.admin, remove), at: Self.moment(4))
        let went = try changes(&view, machine, at: Self.moment(4))
        #expect(went.compactMap(\.removedNode) == ["node-1"])
        #expect(try changes(&view, machine, at: Self.moment(5)).isEmpty)
    }
}
