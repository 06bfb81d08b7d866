import ControllerCore
import Model
import Protocol
import Testing

/// Since when something is wrong.
struct LossTests {
    private func ago(_ since: WallTime?, _ stage: Stage) -> Int64? {
        since.map { (stage.now.wall - $0).wholeSeconds }
    }

    @Test func `a site is lost since its last node was, also for the next controller`() {
        var (stage, production, standby) = Stage.twoSites()
        let second = stage.online("n3")
        stage.live([production, second, standby], for: 2)
        #expect(stage.machine.lostSince("a") == nil)
        stage.step(.disconnected(production, .timedOut))
        stage.live([second, standby], for: 60)
        #expect(stage.machine.lostSince("a") == nil)
        stage.step(.disconnected(second, .timedOut))
        stage.live([standby], for: 100)
        let since = stage.machine.lostSince("a")
        #expect((95...100).contains(ago(since, stage) ?? 0))
        stage.restart()
        // It does not know yet.
        #expect(stage.machine.lostSince("a") == nil)
        stage.pass(.seconds(60))
        #expect(stage.machine.lostSince("a") == since)
    }

    @Test func `why a node was lost is told by the next controller, too`() {
        var (stage, production, standby) = Stage.twoSites()
        stage.live([production, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.live([standby], for: 20)
        func reason(_ name: NodeName) -> String? {
            stage.machine.member(named: name).map { stage.machine.assess($0).reason }
        }
        let told = reason("n1")
        #expect(told?.hasPrefix("unreachable: ") == true)
        for _ in 1...2 {
            stage.restart()
            stage.pass(.seconds(60))
            #expect(reason("n1") == told)
            #expect(stage.machine.member(named: "n1")?.record.statusReason == told)
            // This one was Online, and nothing more is known of it.
            #expect(reason("n2") == "unreachable: not heard since the controller started")
        }
    }

    @Test func `a site is below its minimum since the node was lost that it could not spare`() {
        var (stage, production, standby) = Stage.twoSites()
        let second = stage.online("n3")
        stage.ask(.setSiteMinimum("a", 1))
        stage.live([production, second, standby], for: 2)
        stage.step(.disconnected(production, .timedOut))
        stage.live([second, standby], for: 60)
        #expect(stage.machine.belowMinimumSince("a") == nil)
        stage.step(.disconnected(second, .timedOut))
        stage.live([standby], for: 100)
        let since = stage.machine.belowMinimumSince("a")
        #expect((95...100).contains(ago(since, stage) ?? 0))
        stage.restart()
        #expect(stage.machine.belowMinimumSince("a") == since)
    }

    @Test func `a journal is late since it was first said`() {
        var (stage, production, _) = Stage.twoSites()
        stage.step(.journalLate(true))
        let since = stage.now.wall
        stage.advance(.seconds(9))
        stage.step(.journalLate(true))
        #expect(stage.machine.journalLateSince == since)
        stage.step(.journalLate(false))
        #expect(stage.machine.journalLateSince == nil)
        stage.beat(production)
        #expect(stage.machine.member(named: "n1")?.clockOffSince == nil)
    }

    @Test func `a queue is high since it came there`() {
        var stage = Stage()
        stage.ask(.set(.cluster, key: "task.queue.count", value: "10"))
        stage.submit(count: 7)
        #expect(stage.machine.work.queueHighSince == nil)
        stage.submit(count: 1)
        let since = stage.now.wall
        #expect(stage.machine.work.queueHighSince == since)
        stage.advance(.seconds(30))
        let ids = stage.submit(count: 1)
        #expect(stage.machine.work.queueHighSince == since)
        stage.ask(.cancelTasks(ids))
        #expect(stage.machine.work.queueHighSince == since)
        stage.ask(.cancelTasks([TaskID(1)]))
        #expect(stage.machine.work.queueHighSince == nil)
    }
}
