import Model
import Protocol

/// A leash that an earlier incarnation left, and that no service here holds: its service is not defined
/// any more, or holds another one. It is being stopped.
struct StrayLeash: Hashable, Sendable {
    static let text = "an older run of it is not gone yet"
    static let stopTimeout: Duration = .seconds(30)

    var token: FencingToken
    var processID: UInt32?
    /// It ends with the lease.
    var isFenced: Bool
    /// Since when it is being stopped.
    var since: Instant
    private(set) var detail = StopCause.undefined.sentence

    init(_ leash: AdoptedLeash, at now: Instant) {
        token = leash.token
        processID = leash.processID
        isFenced = leash.hasDeadline
        since = now
    }

    mutating func learned(_ news: LeashNews) {
        switch news {
        case .unkillable(let processes): detail = "\(processes) processes do not die from SIGKILL"
        case .exited, .lost: processID = nil
        case .started, .notStarted, .leaseEnded, .emptied: break
        }
    }

    /// What is told of a service that is not defined: of which kind it was nobody knows, so it must not
    /// act twice.
    func report(of service: ServiceName, at now: Instant) -> ServiceReport {
        ServiceReport(
            name: service,
            group: "default",
            order: 0,
            isRequired: false,
            isSelfFenced: isFenced,
            state: .stopping,
            isWanted: false,
            processID: processID,
            restarts: 0,
            detail: detail,
            inStateMilliseconds: UInt64(max(0, (now - since).wholeMilliseconds))
        )
    }
}

extension AgentMachine {
    /// What is told of a service. An older run that is left of it counts as the service: the controller
    /// decides by it whether a node that is lost stops by itself.
    func report(of service: ServiceMachine, at now: Instant) -> ServiceReport {
        var report = service.report(isWanted: isExpected(service), at: now)
        for (launch, stray) in strays where launch.service == report.name {
            report.isSelfFenced = report.isSelfFenced && stray.isFenced
            report.isDrainable = false
            guard service.held == nil else { continue }
            report.state = .stopping
            report.processID = stray.processID
            report.detail = StrayLeash.text
        }
        return report
    }

    /// What an earlier incarnation left of services that are not defined.
    func strayReports(at now: Instant) -> [ServiceReport] {
        var reports: [ServiceReport] = []
        for (launch, stray) in strays where services[launch.service] == nil {
            let report = stray.report(of: launch.service, at: now)
            if reports.last?.name == report.name {
                reports[reports.count - 1].isSelfFenced =
                    reports[reports.count - 1].isSelfFenced && report.isSelfFenced
            } else {
                reports.append(report)
            }
        }
        return reports
    }
}
