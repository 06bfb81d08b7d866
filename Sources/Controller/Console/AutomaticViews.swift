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
        return AutomaticStatus(
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
    }
}

extension StatusView {
    /// What a person has to know of failovers that nobody orders.
    func addAutomaticProblems(
        _ add: (API.Severity, String, String, WallTime, String) -> Void
    ) {
        let machine = views.machine
        let now = views.now
        let isAutomatic = machine.settings.failover.mode == .automatic
        let outlook = machine.failoverOutlook
        if isAutomatic, let pause = machine.cluster.automatic.pause {
            add(
                .warning,
                "controller",
                "automatic failovers are paused by \(pause.by): \(pause.reason)",
                pause.at,
                "muster automatic resume"
            )
        }
        if isAutomatic, machine.cluster.automatic.isLatched {
            add(
                .warning,
                "controller",
                "the brake of automatic failovers is on until somebody lifts it",
                machine.cluster.automatic.taken.last ?? now.wall,
                "muster automatic lift-brake --reason TEXT"
            )
        }
        if isAutomatic, !outlook.sticky.isEmpty {
            let names = outlook.sticky.prefix(5).map(\.text).joined(separator: ", ")
            add(
                .warning,
                "site \(machine.cluster.activeSite)",
                "no failover is automatic while one of these is out of reach, whose exclusive services "
                    + "do not stop by themselves: \(names)",
                now.wall,
                "muster automatic show"
            )
        }
        guard let below = outlook.below, outlook.remaining == .zero else { return }
        let why = outlook.obstacles.map(\.text).joined(separator: "; ")
        add(
            .critical,
            "site \(machine.cluster.activeSite)",
            "site \(machine.cluster.activeSite) seems lost; no failover by itself: \(why)",
            now.wall + (.zero - below),
            "muster failover --to SITE --reason TEXT"
        )
    }
}

extension ConsoleRoutes {
    func showAutomatic(_ request: ConsoleRequest) async throws -> Response {
        try ConsoleAnswer.json(await views(\.automatic))
    }

    func changeAutomatic(
        _ request: ConsoleRequest,
        _ verb: Command.Verb
    ) async throws -> Response {
        try await change(verb, try request.body(as: PlainChange.self), request)
    }
}
