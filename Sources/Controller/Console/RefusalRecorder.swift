import API
import ControllerCore
import HummingbirdCore
import Identity
import Model
import Protocol
import Synchronization

/// Has what was refused at the door written to the audit log. Strangers must not fill the disk by
/// it: over a rate they are counted only, and the next record tells how many.
final class RefusalRecorder: Sendable {
    private let driver: Driver
    private let gate = RateGate(perSecond: 1, burst: 100)
    private let unrecorded = Atomic<Int>(0)

    init(driver: Driver) {
        self.driver = driver
    }

    func record(_ failure: API.Failure, _ request: ConsoleRequest, to route: Route) {
        guard gate.take() else {
            unrecorded.wrappingAdd(1, ordering: .relaxed)
            return
        }
        let missed = unrecorded.exchange(0, ordering: .relaxed)
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
