import ControllerCore
import Model
import Protocol
import Testing

/// Ages that are kept over a restart, where the clock on the wall was wrong.
struct WrongClockTests {
    @Test func `how old the last drill is is not known when it seems to end later than now`() {
        var (stage, _, standby) = Stage.twoSites()
        stage.wallOffset = .seconds(400 * 86_400)
        stage.advance(.seconds(1))
        stage.begin(.drill)
        stage.report("db", .running, isWanted: true, on: standby)
        stage.report("db", .stopped, isWanted: false, on: standby)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .done)
        stage.wallOffset = .zero
        stage.restart()
        let finding = stage.machine.readiness(of: "b").first { $0.topic == "drill" }
        #expect(finding?.level == .warning)
        #expect(finding?.text.contains("is not known") == true)
    }

    @Test func `a run that ends before it began says that its time is not known`() {
        var (stage, _, standby) = Stage.twoSites()
        stage.begin(.drill)
        stage.wallOffset = .seconds(-86_400)
        stage.restart()
        standby = stage.attach("n2", [.plain("db", .running, isWanted: true)], incarnation: 2)
        stage.report("db", .stopped, isWanted: false, on: standby)
        stage.stateFloor(of: "n2", on: standby)
        #expect(stage.run.state == .done)
        let ended = stage.events.last { $0.kind == .runEnded }
        #expect(ended?.consequence.contains("a time that is not known") == true)
    }
}
