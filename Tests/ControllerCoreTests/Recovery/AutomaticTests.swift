import ControllerCore
import Model
import Protocol
import Testing

/// Failovers that nobody orders: taken when everything is as it must be, and explained when not.
struct AutomaticTests {
    /// Site `a` with n1, site `b` with n2; the hold time is 60 s.
    private static func stage(
        mode: FailoverMode = .automatic,
        isSelfFenced: Bool = true,
        prefers site: SiteName? = nil,
        brake: Duration = .seconds(3_600)
    ) -> (Stage, production: ConnectionID, standby: ConnectionID) {
        var settings = ControllerSettings()
        settings.channels = Stage.channels
        settings.failover = FailoverSettings(
            mode: mode,
            authority: .outside,
            brake: brake,
            preferred: site
        )
        var stage = Stage(settings: settings)
        stage.ask(.addSite("b"))
        let production = stage.online(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: isSelfFenced)]
        )
        let standby = stage.online("n2", [.plain("db", isSelfFenced: isSelfFenced)], site: "b")
        stage.live([production, standby], for: 3)
        return (stage, production, standby)
    }

    private static func lose(_ stage: inout Stage, _ connection: ConnectionID) {
        stage.step(.disconnected(connection, .closedByPeer))
    }

    private static func refusals(_ stage: Stage) -> [String] {
        stage.events.filter { $0.kind == .automaticRefused }.map(\.cause)
    }

    @Test func `a minimum above what the site has moves nothing`() {
        var (stage, production, standby) = Self.stage()
        stage.ask(.setSiteMinimum("a", 2), force: true)
        stage.live([production, standby], for: 90)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(stage.machine.failoverOutlook.remaining == nil)
    }

    @Test func `a site that is lost for the whole hold time is failed over`() {
        var (stage, production, standby) = Self.stage()
        Self.lose(&stage, production)
        stage.live([standby], for: 59)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(stage.machine.failoverOutlook.remaining == .seconds(1))
        let before = stage.store
        stage.live([standby], for: 2)
        #expect(stage.run.kind == .failover)
        #expect(stage.run.by == "controller")
        #expect(stage.run.reason.contains("0 of 1 nodes of site a are Online"))
        #expect(stage.run.isForced == false)
        #expect(stage.told(.automaticTaken) == 1)
        #expect(stage.audits.contains { $0.verb == "run.failover" && $0.actor == "controller" })
        // X is over long since: the node has stopped by itself.
        #expect(stage.machine.runs.fences(of: stage.run.id).map(\.proof) == [.waited])
        #expect(stage.machine.cluster.activeSite == "b")
        #expect(before["cluster/cluster"] != stage.store["cluster/cluster"])
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        #expect(stage.run.state == .done)
    }

    @Test func `the decision, the brake and the run are one transaction`() {
        var (stage, production, standby) = Self.stage()
        Self.lose(&stage, production)
        stage.live([standby], for: 59)
        stage.advance(.seconds(1))
        let effects = stage.machine.step(.deadlineReached, at: stage.now)
        var kinds: [String] = []
        for entry in effects.journal {
            switch entry {
            case .put(.run): kinds.append("run")
            case .put(.cluster(let cluster)) where !cluster.automatic.taken.isEmpty:
                kinds.append("brake")
            case .event(let event) where event.kind == .automaticTaken: kinds.append("event")
            case .audit(let audit) where audit.verb == "run.failover": kinds.append("audit")
            default: break
            }
        }
        for kind in ["run", "brake", "event", "audit"] { #expect(kinds.contains(kind)) }
    }

    @Test func `a loss that is interrupted is waited for anew`() {
        var (stage, production, standby) = Self.stage()
        Self.lose(&stage, production)
        stage.live([standby], for: 50)
        var again = stage.attach(
            "n1",
            [.plain("db", .running, isWanted: true, isSelfFenced: true)],
            incarnation: 2
        )
        #expect(stage.status("n1") == .online)
        stage.live([standby, again], for: 2)
        Self.lose(&stage, again)
        stage.live([standby], for: 58)
        #expect(stage.machine.runs.runs.isEmpty)
        again = standby
        stage.live([again], for: 4)
        #expect(stage.told(.automaticTaken) == 1)
    }

    @Test func `a controller that was frozen, or has just started, waits anew`() {
        var (stage, production, standby) = Self.stage()
        Self.lose(&stage, production)
        stage.live([standby], for: 50)
        stage.advance(.seconds(9))
        stage.step(.deadlineReached)
        stage.live([standby], for: 55)
        #expect(stage.machine.runs.runs.isEmpty)
        stage.restart()
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)])
        stage.live([back], for: 55)
        #expect(stage.machine.runs.runs.isEmpty)
        stage.live([back], for: 10)
        #expect(stage.told(.automaticTaken) == 1)
    }

    @Test func `a node that does not stop by itself forbids it, and that is told once`() {
        var (stage, production, standby) = Self.stage(isSelfFenced: false)
        #expect(
            stage.machine.readiness(of: "b").contains {
                $0.topic == "automatic" && $0.level == .warning && $0.text.contains("n1")
            }
        )
        Self.lose(&stage, production)
        stage.live([standby], for: 300)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(Self.refusals(stage).count == 1)
        #expect(Self.refusals(stage)[0].contains("not known to stop by themselves"))
        #expect(stage.audits.count { $0.verb == "automatic.refuse" } == 1)
    }

    @Test func `a site that is not ready is no target, and one that becomes ready is`() {
        var (stage, production, standby) = Self.stage()
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        Self.lose(&stage, production)
        stage.live([standby], for: 70)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(Self.refusals(stage).count == 1)
        #expect(Self.refusals(stage)[0].contains("service db of standby node n2 is running"))
        stage.report("db", .stopped, isWanted: false, isSelfFenced: true, on: standby)
        stage.live([standby], for: 2)
        #expect(stage.told(.automaticTaken) == 1)
    }

    @Test func `of two sites that are ready the preferred one is taken, and without one none`() {
        for preferred in [nil, "c"] as [SiteName?] {
            var (stage, production, standby) = Self.stage(prefers: preferred)
            stage.ask(.addSite("c"))
            let third = stage.online("n3", [.plain("db", isSelfFenced: true)], site: "c")
            Self.lose(&stage, production)
            stage.live([standby, third], for: 62)
            if preferred == nil {
                #expect(Self.refusals(stage)[0].contains("several sites could take over"))
            } else {
                #expect(stage.run.to == "c")
            }
        }
    }

    @Test func `in manual mode a failover is proposed, once, with what to type`() {
        var (stage, production, standby) = Self.stage(mode: .manual)
        Self.lose(&stage, production)
        stage.live([standby], for: 59)
        #expect(stage.told(.failoverProposed) == 0)
        stage.live([standby], for: 100)
        let proposals = stage.events.filter { $0.kind == .failoverProposed }
        #expect(proposals.count == 1)
        #expect(proposals[0].consequence.hasPrefix("muster site readiness b; "))
        let advice = stage.machine.notify.alarms.values.filter { $0.kind == .failoverProposed }
            .map(\.advice)
        #expect(advice.count == 1)
        #expect(advice.first?.contains("; muster failover --to b --dry-run; ") == true)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(stage.told(.automaticRefused) == 0)
    }

    @Test func `what was proposed is not asked any more when the site is back or a run moves it`() {
        for isBack in [true, false] {
            var (stage, production, standby) = Self.stage(mode: .manual)
            stage.ask(.setNotifyRules(.ops { $0.kinds = [KindPattern("failover.*")] }))
            Self.lose(&stage, production)
            stage.live([standby], for: 70)
            #expect(stage.openAlarms.contains("failover.proposed a"))
            #expect(stage.messages.map(\.state) == [.firing])
            let since = stage.machine.proposedSince
            #expect(since != nil)
            // A new controller goes on with it, and asks nobody twice.
            stage.restart()
            #expect(stage.machine.proposedSince == since)
            let again = stage.attach("n2", [.plain("db", isSelfFenced: true)])
            stage.live([again], for: 100)
            #expect(stage.told(.failoverProposed) == 1)
            #expect(stage.openAlarms.contains("failover.proposed a"))
            if isBack {
                let n1 = stage.attach("n1", [.plain("db", .running, isWanted: true)])
                stage.live([again, n1], for: 30)
            } else {
                let request = RunRequest(kind: .failover, to: "b")
                stage.ask(.startRun(request), reason: "lost", force: true)
                stage.live([again], for: 30)
            }
            #expect(stage.told(.failoverWithdrawn) == 1)
            #expect(!stage.openAlarms.contains("failover.proposed a"))
            #expect(stage.machine.proposedSince == nil)
            #expect(stage.messages.map(\.state) == [.firing, .resolved])
        }
    }

    @Test func `nodes that an operator has taken out are not lost`() {
        var (stage, production, standby) = Self.stage()
        stage.ask(.drain("n1", within: .seconds(30), keepServices: false))
        Self.lose(&stage, production)
        stage.live([standby], for: 100)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(stage.told(.automaticRefused) == 0)
    }

    @Test func `a pause holds until it is ended, over restarts, and is for everybody to order`() {
        var (stage, production, standby) = Self.stage()
        stage.ask(.pauseAutomatic, reason: "")
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.pauseAutomatic, reason: "network work")
        #expect(stage.lastRefusal == nil)
        stage.restart()
        _ = production
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)])
        stage.live([back], for: 70)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(Self.refusals(stage).count == 1)
        #expect(Self.refusals(stage)[0].contains("network work"))
        stage.ask(.resumeAutomatic)
        stage.live([back], for: 2)
        #expect(stage.told(.automaticTaken) == 1)
        _ = standby
        #expect(Authorization.least(for: "automatic.pause") == .operator)
        #expect(Authorization.least(for: "automatic.resume") == .admin)
        #expect(Authorization.least(for: "automatic.lift-brake") == .admin)
    }

    /// One automatic failover to b, done, and n1 back as a standby.
    private static func taken() -> (Stage, ConnectionID, ConnectionID) {
        var (stage, production, standby) = stage()
        lose(&stage, production)
        stage.live([standby], for: 62)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        stage.live([standby], for: 2)
        let back = stage.attach("n1", [.plain("db", isSelfFenced: true)], incarnation: 2)
        stage.live([standby, back], for: 5)
        return (stage, standby, back)
    }

    @Test func `the second within the hour waits for the brake, and a lifted brake is none`() {
        var (stage, production, standby) = Self.taken()
        #expect(stage.run.state == .done)
        // Nothing goes back by itself.
        stage.live([production, standby], for: 200)
        #expect(stage.machine.runs.runs.count == 1)
        Self.lose(&stage, production)
        stage.live([standby], for: 200)
        #expect(stage.machine.runs.runs.count == 1)
        #expect(Self.refusals(stage).count == 1)
        #expect(Self.refusals(stage)[0].contains("the brake is on"))
        stage.ask(.liftBrake, reason: "")
        #expect(stage.lastRefusal == .invalid)
        stage.ask(.liftBrake, reason: "looked at")
        stage.live([standby], for: 2)
        #expect(stage.machine.runs.runs.count == 2)
        #expect(stage.run.to == "a")
        #expect(stage.run.kind == .failover)
    }

    @Test func `a set clock and another controller do not loosen the brake`() {
        var (stage, production, standby) = Self.taken()
        Self.lose(&stage, production)
        stage.live([standby], for: 5)
        // An hour later by the clock on the wall alone.
        let shown = stage.now.wall
        stage.now.wall = shown + .seconds(3_700)
        stage.step(.deadlineReached)
        #expect(stage.machine.failoverOutlook.obstacles.map(\.code) == [.brake])
        stage.restart()
        stage.now.wall = shown + .seconds(3_700)
        let back = stage.attach("n1", [.plain("db", isSelfFenced: true)], incarnation: 2)
        stage.live([back], for: 100)
        #expect(stage.machine.runs.runs.count == 1)
    }

    @Test func `the second in a day is the last until somebody lifts the brake`() {
        var (stage, production, standby) = Self.taken()
        stage.live([production, standby], for: 3_700)
        Self.lose(&stage, production)
        stage.live([standby], for: 62)
        #expect(stage.machine.runs.runs.count == 2)
        #expect(stage.machine.cluster.automatic.isLatched)
        stage.report("db", .running, isWanted: true, isSelfFenced: true, on: standby)
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 3)
        stage.live([standby, back], for: 4_000)
        Self.lose(&stage, standby)
        stage.live([back], for: 100)
        #expect(stage.machine.runs.runs.count == 2)
        #expect(Self.refusals(stage)[0].contains("until somebody lifts it"))
    }

    @Test func `a restart and a clock that is far ahead together do not loosen the brake`() {
        var (stage, _, _) = Self.taken()
        stage.wallOffset = .seconds(172_800)
        stage.restart()
        let back = stage.attach("n1", [.plain("db", isSelfFenced: true)], incarnation: 2)
        stage.live([back], for: 3_500)
        #expect(stage.machine.runs.runs.count == 1)
        #expect(stage.machine.failoverOutlook.obstacles.map(\.code) == [.brake])
        stage.live([back], for: 200)
        // The day is not over either: it is the second one.
        #expect(stage.machine.runs.runs.count == 2)
        #expect(stage.machine.cluster.automatic.taken.count == 2)
        #expect(stage.machine.cluster.automatic.isLatched)
    }

    @Test func `after a restore nothing is automatic until somebody resumes`() {
        var (stage, _, _) = Self.stage()
        stage.restart(generation: 2)
        #expect(stage.machine.cluster.automatic.pause?.by == "restore")
        guard case .cluster(let kept) = stage.store["cluster/cluster"] else {
            Issue.record("there is no cluster in the store")
            return
        }
        #expect(kept.automatic.pause != nil && kept.epoch.generation == 2)
        let back = stage.attach("n2", [.plain("db", isSelfFenced: true)], incarnation: 2)
        stage.stateFloor(of: "n2", on: back)
        stage.live([back], for: 120)
        #expect(stage.machine.runs.runs.isEmpty)
        #expect(Self.refusals(stage).contains { $0.contains("paused by restore") })
        stage.ask(.resumeAutomatic)
        #expect(stage.machine.cluster.automatic.pause == nil)
    }

    @Test func `settings that could not be safe are named with their key`() {
        let lease = LeaseTerms()
        func keys(_ settings: FailoverSettings) -> [String] {
            settings.problems(lease).map(\.key)
        }
        #expect(keys(FailoverSettings()) == [])
        #expect(keys(FailoverSettings(mode: .automatic)) == ["mode"])
        #expect(keys(FailoverSettings(mode: .automatic, authority: .site("a"))) == ["authority"])
        #expect(keys(FailoverSettings(mode: .automatic, authority: .outside)) == [])
        #expect(keys(FailoverSettings(hold: .seconds(59))) == ["hold"])
        #expect(keys(FailoverSettings(brake: .seconds(3_599))) == ["brake"])
        #expect(keys(FailoverSettings(perDay: 3)) == ["per-day"])
        var long = LeaseTerms(length: .seconds(60), stopTime: .seconds(10), pauseTime: .seconds(5))
        long.wait = .seconds(80)
        #expect(long.problems == [])
        #expect(FailoverSettings().holdTime(long) == .seconds(80))
        #expect(FailoverSettings(hold: .seconds(79)).problems(long).map(\.key) == ["hold"])
        let hasty = LeaseTerms(length: .seconds(6), wait: .seconds(10))
        let automatic = FailoverSettings(mode: .automatic, authority: .outside)
        #expect(automatic.problems(hasty).map(\.key) == ["mode"])
    }

    @Test func `readiness says where the controller stands`() {
        for (authority, level) in [
            (.outside, .fine), (.unsaid, .warning), (.site("a"), .warning), (.site("b"), .fine),
        ] as [(FailoverAuthority, ReadinessFinding.Level)] {
            var settings = ControllerSettings()
            settings.failover.authority = authority
            var stage = Stage(settings: settings)
            stage.ask(.addSite("b"))
            let finding = stage.machine.readiness(of: "b").first { $0.topic == "authority" }
            #expect(finding?.level == level)
        }
    }
}
