import API
import ControllerCore
import HummingbirdCore
import Identity
import Model
import Protocol

/// Has what was refused at the door written to the audit log. Nobody must fill the disk by it: over a
/// rate of each account, and one of all strangers, they are counted only, and the next record of the
/// same tells how many.
final class RefusalRecorder: Sendable {
    private let driver: Driver
    private let gates: RateGates<OperatorName?>

    init(driver: Driver, every interval: Duration = .seconds(1), burst: Int = 100) {
        self.driver = driver
        gates = RateGates(every: interval, burst: burst)
    }

    func record(_ failure: API.Failure, _ request: ConsoleRequest, to route: Route) {
        guard let missed = gates.take(request.caller?.name) else { return }
        let more = missed == 0 ? "" : "; \(missed) more before it were refused and not recorded"
        let code = RefusalCode(rawValue: failure.code) ?? .forbidden
        driver.put(
            .turnedAway(
                TurnedAway(
                    actor: request.caller?.name.text ?? "stranger",
                    key: KeyFingerprint(request.peer?.fingerprint ?? ""),
                    source: request.context.source,
                    verb: route.rawValue,
                    object: request.request.uri.path,
                    refused: Refused(code, failure.detail + more)
                )
            )
        )
    }
}
