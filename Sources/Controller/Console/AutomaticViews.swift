import API
import ControllerCore
import Foundation
import Hummingbird
import Model

// Failovers that nobody orders, as the console's interface shows and changes them.

extension NodeViews {
    var automatic: AutomaticStatus {
        let cluster = machine.cluster
        let settings = machine.settings.failover
        let outlook = machine.failoverOutlook
        func milliseconds(_ duration: Duration) -> UInt64 {
            UInt64(max(0, duration.wholeMilliseconds))
        }
        var status = AutomaticStatus(
            asOf: asOf,
            mode: settings.mode.rawValue,
            authority: settings.authority.text,
            activeSite: cluster.activeSite.text,
            holdMilliseconds: milliseconds(settings.holdTime(machine.settings.lease)),
            belowMilliseconds: outlook.below.map(milliseconds),
            remainingMilliseconds: outlook.remaining.map(milliseconds),
            pause: cluster.automatic.pause.map {
                AutomaticPause(by: $0.by, reason: $0.reason, at: $0.at.iso8601)
            },
            brake: AutomaticBrake(
                on: outlook.obstacles.contains { $0.code == .brake },
                latched: cluster.automatic.isLatched,
                lengthMilliseconds: milliseconds(settings.brake),
                perDay: UInt32(settings.perDay),
                taken: cluster.automatic.taken.map(\.iso8601)
            ),
            obstacles: outlook.obstacles.map {
                AutomaticObstacle(code: $0.code.rawValue, text: $0.text, mend: $0.mend)
            },
            sticky: outlook.sticky.map(\.text)
        )
        status.proposedAt = machine.proposedSince?.iso8601
        return status
    }
}

extension StatusView {
    /// What a person has to know of failovers that nobody orders, where there could be any.
    func addAutomaticProblems(_ add: AddProblem) {
        let machine = views.machine
        guard machine.settings.failover.mode == .automatic else { return }
        let automatic = machine.cluster.automatic
        let outlook = machine.failoverOutlook
        let site = machine.cluster.activeSite
        if let pause = automatic.pause {
            add(
                .warning,
                "controller",
                "automatic failovers are paused by \(pause.by): \(pause.reason)",
                pause.at,
                "muster automatic resume"
            )
        }
        if automatic.isLatched {
            add(
                .warning,
                "controller",
                "the brake of automatic failovers is on until somebody lifts it",
                automatic.taken.last ?? views.now.wall,
                "muster automatic lift-brake --reason TEXT"
            )
        }
        if !outlook.sticky.isEmpty {
            let names = outlook.sticky.prefix(5).map(\.text).joined(separator: ", ")
            add(
                .warning,
                "site \(site)",
                "no failover from site \(site) is automatic while one of these is out of reach, whose "
                    + "exclusive services do not stop by themselves: \(names)",
                machine.startedAt.wall,
                "muster automatic show"
            )
        }
        guard let below = outlook.below, outlook.remaining == .zero else { return }
        add(
            .critical,
            "site \(site)",
            "site \(site) seems lost, and the controller does not fail over by itself: "
                + outlook.obstacles.map(\.text).joined(separator: "; "),
            views.now.wall + (.zero - below),
            "muster automatic show"
        )
    }
}

extension ConsoleRoutes {
    func showAutomatic(_ request: ConsoleRequest) async throws -> Response {
        try ConsoleAnswer.json(await views(\.automatic))
    }
}
