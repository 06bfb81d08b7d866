import ControllerCore
import Model
import Protocol
import Testing

/// A question of a run is told once, whichever controller asks it.
struct QuestionTests {
    private let certify = "muster run certify 1 n1 --reason TEXT"

    /// A failover that waits for what somebody knows of n1; n4 has a session.
    private func asking() -> (Stage, standby: ConnectionID, other: ConnectionID) {
        var (stage, production, standby) = Stage.twoSites()
        let other = stage.online("n4", [.plain("db", .running, isWanted: true)], site: "a")
        stage.step(.disconnected(production, .timedOut))
        stage.live([standby, other], for: 5)
        stage.begin(.failover)
        stage.live([standby, other], for: 5)
        return (stage, standby, other)
    }

    private func asked(_ stage: Stage) -> [ClusterEvent] {
        stage.events.filter { $0.kind == .runWaiting }
    }

    @Test func `what the controller before has asked is neither asked again nor taken back`() {
        var (stage, _, _) = asking()
        #expect(asked(stage).map(\.consequence) == [certify])
        #expect(stage.run.questions == [certify])
        let since = stage.run.askedSince
        for _ in 0..<2 {
            stage.restart()
            let nodes = ["n2", "n4"].map {
                stage.attach(NodeName($0)!, [.plain("db", .running, isWanted: $0 == "n4")])
            }
            stage.live(nodes, for: 30)
        }
        #expect(asked(stage).count == 1)
        #expect(stage.run.askedSince == since)
        stage.ask(.certifyNode(stage.run.id, "n1"))
        #expect(stage.run.askedSince == nil)
        #expect(stage.run.questions.isEmpty)
    }

    @Test func `what is new while no controller runs is asked by the next one`() {
        var (stage, _, _) = asking()
        stage.restart()
        let standby = stage.attach("n2", [.plain("db")])
        stage.live([standby], for: 30)
        #expect(asked(stage).count == 2)
        #expect(asked(stage).last?.text.contains("node n4 ") ?? false)
        #expect(stage.run.questions == [certify, "muster run certify 1 n4 --reason TEXT"])
        stage.restart()
        let again = stage.attach("n2", [.plain("db")])
        stage.live([again], for: 30)
        #expect(asked(stage).count == 2)
    }

    /// The first look of the controller finds both.
    @Test func `beside a question that stands a new one is not overlooked`() {
        var (stage, _, _) = asking()
        let both = stage.run.questions + ["muster run certify 1 n4 --reason TEXT"]
        stage.restart()
        let standby = stage.attach("n2", [.plain("db")])
        stage.live([standby], for: 30)
        #expect(stage.run.questions == both)
        // As a store would have it whose controller ended before n4 was lost.
        for (key, record) in stage.store {
            guard case .run(let run) = record else { continue }
            var line = Record.run(run).line
            line.fields.removeAll { $0.key == "questions" }
            line.fields.append(Line.Field(key: "questions", value: certify))
            stage.store[key] = try? Record(table: .run, line: line)
        }
        stage.restart()
        let again = stage.attach("n2", [.plain("db")])
        stage.live([again], for: 30)
        #expect(asked(stage).count == 3)
        #expect(stage.run.questions == both)
    }

    @Test func `an answer in the first second of a controller is an answer`() {
        var (stage, _, other) = asking()
        stage.report("db", .stopped, isWanted: false, on: other)
        stage.stateFloor(of: "n4", on: other)
        stage.restart()
        #expect(stage.run.askedSince != nil)
        stage.ask(.certifyNode(stage.run.id, "n1"))
        #expect(stage.run.isActivated)
        #expect(stage.run.askedSince == nil)
    }

    @Test func `who is back and lost again is asked about again`() {
        var (stage, _, other) = asking()
        let back = stage.attach("n1", [.plain("db", .running, isWanted: true)])
        stage.live([other, back], for: 3)
        #expect(stage.run.questions.isEmpty)
        stage.step(.disconnected(back, .timedOut))
        stage.live([other], for: 30)
        #expect(asked(stage).map(\.consequence) == [certify, certify])
    }

    @Test func `what an older version has asked is not known, and is asked once more`() {
        var (stage, _, _) = asking()
        for (key, record) in stage.store {
            guard case .run(let run) = record else { continue }
            var line = Record.run(run).line
            line.fields.removeAll { $0.key == "questions" }
            stage.store[key] = try? Record(table: .run, line: line)
        }
        stage.restart()
        let nodes = ["n2", "n4"].map { stage.attach(NodeName($0)!, [.plain("db")]) }
        stage.live(nodes, for: 30)
        #expect(asked(stage).count == 2)
        #expect(stage.run.questions == [certify])
    }

    @Test func `what was asked is read back as it was written`() throws {
        var (stage, _, _) = asking()
        stage.restart()
        let standby = stage.attach("n2", [.plain("db")])
        stage.live([standby], for: 30)
        #expect(stage.run.questions.count == 2)
        let line = try Line.parse(Record.run(stage.run).line.bytes.dropLast(), limits: .record)
        #expect(try Record(table: .run, line: line) == .run(stage.run))
    }

    @Test func `a question of the plan is told once over a restart`() {
        var (stage, _, _) = Stage.twoSites()
        stage.ask(.setPlan(.around(before: [PlanStep(name: "sure", act: .ask("sure?"))])))
        stage.begin()
        stage.restart()
        let nodes = [
            stage.attach("n1", [.plain("db", .running, isWanted: true)]),
            stage.attach("n2", [.plain("db")]),
        ]
        stage.live(nodes, for: 30)
        #expect(asked(stage).map(\.text) == ["Run 1 asks: sure?"])
        stage.ask(.answerRun(stage.run.id, isYes: true))
        #expect(stage.run.questions.isEmpty)
    }
}
