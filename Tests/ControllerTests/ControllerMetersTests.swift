import ControllerCore
import Foundation
import Host
import Meters
import Model
import Protocol
import Testing
import Transport

@testable import Controller

@Suite struct ControllerMetersTests {
    private func lines(_ meters: ControllerMeters) -> [String] {
        String(decoding: meters.registry.page(.text), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    @Test func `the page of the documentation and the families agree`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(
            contentsOf: root.appendingPathComponent("docs/metrics.md"),
            encoding: .utf8
        )
        let heads = ControllerMeters().registry.heads
        #expect(heads.count > 50)
        for head in heads {
            let labels = head.labels.map { "`\($0)`" }.joined(separator: ", ")
            let row = "| `\(head.name)` | \(head.kind.rawValue) | \(labels) | \(head.help) |\n"
            #expect(page.contains(row), "\(row)")
        }
        let told = page.split(separator: "\n").filter {
            $0.hasPrefix("| `muster_") && !$0.hasPrefix("| `muster_agent_")
        }
        #expect(told.count == heads.count { $0.name.hasPrefix("muster_") })
        for bounds in [Histogram.Bounds.quick, .long, .many] {
            let row = "| \(bounds.texts.dropLast().joined(separator: ", ")) | "
            #expect(page.contains(row), "\(row)")
        }
    }

    @Test func `what is decided is counted, and shown when it is looked at`() async throws {
        let world = try World()
        #expect(await world.addSite("south") == "done south")
        let meters = world.driver.meters
        #expect(meters.journalCommit.count >= 1)
        #expect(meters.journalBatch.count >= 1)
        #expect(meters.journalQueue.value == 0)
        meters.cluster.show(
            await world.driver.views(),
            authorityNotAfter: WallTime(milliseconds: 0)
        )
        let page = lines(meters)
        #expect(page.contains("muster_site_active{site=\"north\"} 1"))
        #expect(page.contains("muster_site_active{site=\"south\"} 0"))
        #expect(page.contains("muster_site_ready{site=\"south\"} 0"))
        #expect(page.contains("muster_nodes{site=\"south\",state=\"online\"} 0"))
        #expect(page.contains("muster_epoch 1"))
        #expect(page.contains("muster_events_total{kind=\"site.added\"} 1"))
        #expect(page.contains("muster_run_under_way{kind=\"failover\"} 0"))
        #expect(
            page.contains {
                $0.hasPrefix("muster_certificate_remaining_seconds{kind=\"authority\"")
            }
        )
        await world.driver.stop()
    }

    @Test func `what has gone is not shown any more`() async throws {
        let world = try World()
        #expect(await world.addSite("south") == "done south")
        let meters = world.driver.meters
        let before = await world.driver.views()
        meters.cluster.show(before, authorityNotAfter: WallTime(milliseconds: 0))
        _ = await world.driver.perform(Command(.removeSite(SiteName("south"))), by: World.admin)
        meters.cluster.show(
            await world.driver.views(),
            authorityNotAfter: WallTime(milliseconds: 0)
        )
        #expect(!lines(meters).contains { $0.contains("site=\"south\"") })
        await world.driver.stop()
    }

    @Test func `the lag of heartbeats counts from one interval after the one before`() async throws
    {
        let world = try World()
        let meters = ControllerMeters()
        var driver = DriverMeters(meters)
        let (machine, _) = await world.driver.read { machine, _ in (machine, 0) }
        let beat = AgentMessage.beat(
            Beat(sequence: 1, sent: 0, wall: WallTime(milliseconds: 0), health: .healthy)
        )
        let interval = machine.settings.lease.heartbeatInterval
        var now = Moment(instant: Instant(nanoseconds: 0), wall: WallTime(milliseconds: 0))
        func beats(after pause: Duration, on connection: UInt64 = 1) {
            now.instant += pause
            driver.stepped(
                .received(ConnectionID(connection), beat, fresh: ""),
                ControllerEffects(),
                machine,
                at: now
            )
        }
        beats(after: .zero)
        beats(after: interval - .milliseconds(50))
        beats(after: interval + .milliseconds(40))
        // A session of its own is not late, whatever another one was.
        beats(after: .seconds(60), on: 2)
        driver.stepped(
            .disconnected(ConnectionID(1), .closedByPeer),
            ControllerEffects(),
            machine,
            at: now
        )
        beats(after: .seconds(60))
        let page = lines(meters)
        #expect(page.contains("muster_heartbeats_total 5"))
        #expect(page.contains("muster_heartbeat_lag_seconds_count 2"))
        #expect(page.contains("muster_heartbeat_lag_seconds_sum 0.04"))
        await world.driver.stop()
    }

    @Test func `a notice is counted by those who deliver it`() {
        let meters = ControllerMeters()
        let mail = Destination.mail(to: "a@example.com", among: [])
        meters.notified(mail, .failed("nobody listens"), took: .seconds(1))
        meters.notified(mail, .delivered, took: .seconds(2))
        meters.notificationsPending(4)
        let page = lines(meters)
        #expect(page.contains("muster_notifications_total{channel=\"mail\",outcome=\"failed\"} 1"))
        #expect(page.contains("muster_notification_delivery_seconds_sum{channel=\"mail\"} 3"))
        #expect(page.contains("muster_notifications_pending 4"))
    }

    @Test func `nothing is observed unless an address is given`() throws {
        #expect(try ControllerConfiguration.parse("", path: "x").observeListen.isEmpty)
        let given = try ControllerConfiguration.parse(
            "observe: {listen: [127.0.0.1, \"[::1]:9000\"]}",
            path: "x"
        )
        #expect(given.observeListen.map(\.description) == ["127.0.0.1:7480", "[::1]:9000"])
        #expect(throws: (any Error).self) {
            try ControllerConfiguration.parse("observe: {listen: [7480]}", path: "x")
        }
    }
}
