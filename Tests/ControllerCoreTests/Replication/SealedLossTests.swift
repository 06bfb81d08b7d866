import Model
import Protocol
import Testing

@testable import ControllerCore

/// What a run has lost is a part of its sealed report.
struct SealedLossTests {
    /// A failover with canaries that never arrived.
    private func lost() -> DataStage {
        var data = DataStage()
        data.live(5)
        data.isReplicating = false
        data.live(3)
        data.loseProduction()
        data.live(4)
        _ = data.begin(.failover, acceptsLoss: true)
        data.isWritable = false
        data.finishFailover()
        for _ in 0..<60 where !data.stage.run.state.isEnded { data.live(1) }
        return data
    }

    private func audited(_ data: DataStage) -> String? {
        data.stage.audits.last { $0.verb == ControllerMachine.reportVerb }?.parameters
    }

    @Test func `losses are sealed as they were at the run's end`() {
        var data = lost()
        let id = data.stage.run.id
        #expect(data.stage.run.state == .done)
        let losses = data.stage.machine.losses(of: id)
        #expect(losses.count == 1)
        #expect(losses.first?.lost ?? 0 >= 2)
        let text = data.stage.machine.sealedReport(of: id) ?? ""
        #expect(text == audited(data))
        for part in [
            "\"acceptsDataLoss\":true", "\"form\":2", "\"data\":[{\"acknowledged\":",
            "\"dataSet\":\"orders\"", "\"lost\":\(losses.first?.lost ?? 0)",
            "\"canary\":\"\(losses.first?.canary.map { "\($0)" } ?? "none")\"",
        ] { #expect(text.contains(part), "\(part): \(text)") }
        // What arrives afterwards is said of the data set, and does not change what was sealed.
        data.replica = losses.first?.acknowledged
        data.live(2)
        #expect(data.stage.machine.forks(of: id).first?.lost == 0)
        #expect(data.stage.machine.losses(of: id) == losses)
        #expect(data.stage.machine.sealedReport(of: id) == text)
        data.stage.restart()
        #expect(data.stage.machine.sealedReport(of: id) == text)
    }

    @Test func `any change of what was lost changes what is sealed`() {
        let data = lost()
        let id = data.stage.run.id
        let text = data.stage.machine.sealedReport(of: id)
        let changes: [(inout ForkRecord) -> Void] = [
            { $0.canary = $0.acknowledged }, { $0.acknowledged = $0.canary },
            { $0.lossMilliseconds = 0 }, { $0.objectiveMilliseconds = 1 },
            { $0.dataSet = "other" }, { $0.at = $0.at + .seconds(1) },
        ]
        for change in changes {
            var machine = data.stage.machine
            machine.runs.runs.update(id) { change(&$0.losses![0]) }
            #expect(machine.sealedReport(of: id) != text)
        }
        var machine = data.stage.machine
        machine.runs.runs.update(id) { $0.losses = [] }
        #expect(machine.sealedReport(of: id) != text)
        machine.runs.runs.update(id) { $0.acceptsLoss = false }
        #expect(machine.sealedReport(of: id) != text)
    }

    /// Its digest was made before, and must be found again.
    @Test func `a run of before is sealed as it was`() throws {
        let data = lost()
        let id = data.stage.run.id
        var machine = data.stage.machine
        machine.runs.runs.update(id) { $0.losses = nil }
        let text = machine.sealedReport(of: id) ?? ""
        #expect(text.hasPrefix("{\"by\":"))
        #expect(text.contains("\"form\":1,"))
        #expect(!text.contains("\"data\":"))
        // In the report the losses are those that are known, as before.
        #expect(machine.losses(of: id) == machine.forks(of: id))
        let old = try #require(machine.runs.runs[id])
        #expect(try RunRecord(FieldReader(old.line)) == old)
        let new = data.stage.run
        #expect(try RunRecord(FieldReader(new.line)) == new)
        var none = new
        none.losses = []
        #expect(try RunRecord(FieldReader(none.line)) == none)
    }
}
