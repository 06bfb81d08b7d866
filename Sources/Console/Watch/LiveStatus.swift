import API
import Host
import Model

/// `muster status --watch`.
struct LiveStatus: LiveModel {
    var status: ClusterStatus?
    var at = Instant.origin
    var clock = ControllerClock()

    mutating func fetch(_ session: Session) async throws {
        let answer: Answer<ClusterStatus> = try await session.client.get(Route.getStatus.path)
        take(answer.value)
    }

    mutating func apply(_ update: StreamUpdate) -> Bool {
        switch update {
        case .change(let change, _):
            if let status = change.status { take(status) }
        case .pulse(let pulse):
            let now = BootClock.now()
            guard var status else { return true }
            status.controller.uptimeMilliseconds += UInt64(max(0, (now - at).wholeMilliseconds))
            status.asOf = pulse.asOf
            status.work = pulse.work ?? status.work
            status.run = pulse.run
            for index in status.sites.indices {
                status.sites[index].heartbeatAgeMilliseconds =
                    pulse.siteHeartbeatAgesMilliseconds[status.sites[index].name]
            }
            take(status)
        case .connected, .lost, .refused, .event: break
        }
        return false
    }

    private mutating func take(_ status: ClusterStatus) {
        self.status = status
        clock.set(status.asOf)
        at = BootClock.now()
    }

    func lines(_ frame: LiveFrame) -> [String] {
        guard let status else { return [] }
        return StatusScreen(
            status: status,
            style: frame.style,
            now: clock.now,
            width: frame.width,
            height: frame.height,
            ageMilliseconds: max(0, (BootClock.now() - at).wholeMilliseconds),
            connectionNote: frame.connectionNote
        ).lines()
    }

    func changes(by update: StreamUpdate, style: Style) -> [String] {
        guard case .change(let change, _) = update, let status = change.status else { return [] }
        let line = StatusCheck.line(status, hasFigures: false)
        if let before = self.status, StatusCheck.line(before, hasFigures: false) == line {
            return []
        }
        return ["\(TimeText.short(status.asOf, at: clock.now))  \(line)"]
    }
}
