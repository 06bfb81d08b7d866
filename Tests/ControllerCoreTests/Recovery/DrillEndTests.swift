import ControllerCore
import Model
import Protocol
import Testing

/// A drill has ended when nothing of it can act any more, and not before.
struct DrillEndTests {
    private static let session1 = FencingToken(
        epoch: Epoch(generation: 1, counter: 1),
        session: 1
    )

    /// Its service runs in isolation, and has stopped again.
    private func ending(
        isSelfFenced: Bool = false
    ) -> (Stage, production: ConnectionID, standby: ConnectionID) {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: isSelfFenced)
        stage.begin(.drill)
        for (state, isWanted) in [(ServiceState.running, true), (.stopped, false)] {
            stage.report(
                "db",
                state,
                isWanted: isWanted,
                isSelfFenced: isSelfFenced,
                on: standby
            )
        }
        return (stage, production, standby)
    }

    @Test func `a drill waits until its nodes say that no worker of a handler lives`() {
        var (stage, _, standby) = ending()
        #expect(stage.stepName == "end-drill")
        #expect(stage.run.state == .running)
        #expect(stage.run.text.contains("n2 is still stopping what it ran"))
        // What may be of before the end says nothing of what was started until then.
        stage.beat(standby, floor: FencingToken(epoch: Self.session1.epoch, session: 0))
        #expect(stage.run.state == .running)
        #expect(stage.machine.member(named: "n2")?.record.session == 2)
        #expect(stage.roles(standby).last == "standby 0001.00000001.00000002")
        stage.beat(standby, floor: Self.session1)
        #expect(stage.run.state == .done)
    }

    @Test func `the next controller waits for the same`() {
        var (stage, _, _) = ending()
        stage.restart()
        let again = stage.attach("n2", [.plain("db")], incarnation: 2)
        #expect(stage.run.state == .running)
        stage.beat(again, floor: Self.session1)
        #expect(stage.run.state == .done)
    }

    @Test func `a roll-back waits for its workers too`() {
        var (stage, _, standby) = Stage.twoSites()
        stage.begin(.drill)
        stage.ask(.abortRun(stage.run.id))
        #expect(stage.run.state == .rollingBack)
        #expect(
            stage.machine.drillRemains(of: stage.run)
                == ["n2 is still stopping what it ran, workers of its handlers too"]
        )
        stage.beat(standby, floor: Self.session1)
        #expect(stage.run.state == .aborted)
    }

    @Test func `a drainable service of the drill is waited for, and one of after it is not`() {
        var (stage, _, standby) = Stage.twoSites()
        stage.ask(.setSiteForm("b", isWarm: true))
        stage.report("sftp", .running, isWanted: true, isDrainable: true, on: standby)
        stage.begin(.drill)
        stage.report("db", .running, isWanted: true, on: standby)
        #expect(stage.stepName == "end-drill")
        stage.report("db", .stopped, isWanted: false, on: standby)
        stage.report("sftp", .stopping, isWanted: true, isDrainable: true, on: standby)
        stage.beat(standby, floor: nil, exclusiveFloor: Self.session1)
        #expect(stage.run.text == "still of the drill: sftp on n2")
        stage.report("sftp", .starting, isWanted: true, isDrainable: true, on: standby)
        #expect(stage.run.state == .done)
    }

    @Test func `of a lost node whose services stop by themselves the lease is the end`() {
        var (stage, production, standby) = ending(isSelfFenced: true)
        stage.step(.disconnected(standby, .closedByPeer))
        stage.live([production], for: 14)
        #expect(stage.run.state == .running)
        #expect(stage.run.text.contains("n2 cannot be reached"))
        #expect(stage.machine.personNeeds(of: stage.run).isEmpty)
        stage.live([production], for: 4)
        #expect(stage.run.state == .done)
    }

    @Test func `of any other a person decides, and a roll-back does not wait for it`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.begin(.drill)
        stage.report("db", .running, isWanted: true, on: standby)
        stage.step(.disconnected(standby, .closedByPeer))
        stage.live([production], for: 40)
        #expect(stage.run.state == .running)
        #expect(stage.run.text.contains("not all of its services stop by themselves"))
        let needs = stage.machine.personNeeds(of: stage.run)
        #expect(needs.first?.commands == ["muster run skip 1 --step end-drill --reason TEXT"])
        #expect(stage.told(.runWaiting) == 1)
        stage.restart()
        let again = stage.attach("n1", [.plain("db", .running, isWanted: true)])
        stage.live([again], for: 40)
        #expect(stage.told(.runWaiting) == 1)
        #expect(stage.run.askedSince != nil)
        var other = stage
        other.ask(.abortRun(other.run.id))
        #expect(other.run.state == .aborted)
        stage.ask(.skipStep(stage.run.id))
        #expect(stage.run.state == .done)
    }

    /// It is drainable, does not stop by itself, and the node was told to start it.
    @Test func `what a lost node was told to start is not stopped by what it said before`() {
        var (stage, production, standby) = Stage.twoSites(isSelfFenced: true)
        stage.report("sftp", .stopped, isWanted: false, isDrainable: true, on: standby)
        stage.begin(.drill)
        #expect(stage.openOrders(of: "n2").contains { $0.action == .start("sftp") })
        stage.step(.disconnected(standby, .closedByPeer))
        stage.ask(.skipStep(stage.run.id))
        while stage.stepName != "end-drill" { stage.ask(.skipStep(stage.run.id)) }
        stage.live([production], for: 20)
        #expect(stage.run.state == .running)
        #expect(stage.run.text.contains("not all of its services stop by themselves"))
        // Of one that has said since the end that nothing runs there, the end is known.
        let back = stage.attach(
            "n2",
            [
                .plain("db", isSelfFenced: true),
                .plain("sftp", .starting, isWanted: true, isDrainable: true),
            ],
            incarnation: 2
        )
        stage.report("sftp", .stopped, isWanted: false, isDrainable: true, on: back)
        stage.beat(back, floor: Self.session1)
        #expect(stage.run.state == .done)
    }
}
