import ControllerCore
import Model
import Protocol

/// Stands before those who show a token and ask for a first certificate. They are strangers, so what they
/// cause is bounded; and whose token is good waits for nobody who guesses.
///
/// What the machine refuses it writes to the audit log, and tells. Over a rate it is refused here instead, in
/// the same words, and counted, and the next one that is written down tells how many.
final class EnrolmentGate: Sendable {
    private let driver: Driver
    /// Tokens that let nobody in, of each kind.
    private let recorded: RateGates<TokenRecord.Purpose>
    /// Tokens that may let somebody in: what they ask for may be refused all the same.
    private let tries = RateGates<JoinTokenID>(every: .seconds(1), burst: 20)

    init(driver: Driver, every interval: Duration = .seconds(60), burst: Int = 20) {
        self.driver = driver
        recorded = RateGates(every: interval, burst: burst)
    }

    /// - Returns: why the request does not come before the machine; nil when it does, which judges the token
    ///   once more.
    func refusal(
        of token: JoinTokenID,
        secretHash: String,
        purpose: TokenRecord.Purpose,
        source: String
    ) async -> Refused? {
        let refused = await driver.read { machine, now in
            machine.refusal(of: token, secretHash: secretHash, purpose: purpose, at: now.wall)
        }
        guard let refused else {
            guard tries.take(token) == nil else { return nil }
            return Refused(
                .tooFast,
                "this join token is shown again and again",
                mend: "try again in a few seconds"
            )
        }
        guard let missed = recorded.take(purpose) else { return refused }
        if missed > 0 {
            let text = "\(missed) more before it were refused and not recorded"
            driver.put(
                .turnedAway(
                    TurnedAway(
                        actor: "stranger",
                        key: KeyFingerprint(""),
                        source: source,
                        verb: purpose == .node ? "node.enrol" : "operator.enrol",
                        object: token.text,
                        refused: Refused(refused.code, text)
                    )
                )
            )
        }
        return nil
    }
}
