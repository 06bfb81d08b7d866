public import Model
import Protocol

// Join tokens: what must hold of one, and its one use.

extension ControllerMachine {
    /// Why a token lets nobody in, whatever the key; nil when it may. Nothing is changed by the question.
    ///
    /// What is shown within the time of a lost answer is left to who knows the key.
    public func refusal(
        of id: JoinTokenID,
        secretHash: String,
        purpose: TokenRecord.Purpose,
        at wall: WallTime
    ) -> Refused? {
        // One sentence for "no such token" and "wrong secret": who guesses learns nothing.
        let unknown = Refused(
            .badToken,
            "this join token is not valid",
            mend: purpose.newToken(nil)
        )
        guard let token = tokens[id], token.purpose == purpose, token.secretHash == secretHash
        else { return unknown }
        switch token.state {
        case .open: break
        case .used:
            if let usedAt = token.usedAt, wall - usedAt <= settings.enrolmentReplay { return nil }
            return Self.usedAlready(token)
        case .revoked, .burnt: return unknown
        }
        guard wall < token.expiresAt else {
            return Refused(
                .badToken,
                "this join token expired \((wall - token.expiresAt).forPeople) ago",
                mend: purpose.newToken(token.operatorName)
            )
        }
        return nil
    }

    private static func usedAlready(_ token: TokenRecord) -> Refused {
        Refused(
            .badToken,
            "this join token was used already",
            mend: token.purpose.newToken(token.operatorName)
        )
    }

    /// Everything that must hold of a token before it may be used with a key.
    mutating func admit(
        _ id: JoinTokenID,
        _ secretHash: String,
        purpose: TokenRecord.Purpose,
        _ key: KeyFingerprint
    ) throws(Refused) -> TokenRecord {
        if let refused = refusal(of: id, secretHash: secretHash, purpose: purpose, at: now.wall) {
            noteWrongSecret(id, secretHash, purpose)
            throw refused
        }
        guard let token = tokens[id] else {
            preconditionFailure("a token that is not there is good")
        }
        guard token.state == .open || token.usedBy == key else { throw Self.usedAlready(token) }
        return token
    }

    /// Counted for people, and that is all: a secret of 256 bits is not found by trying, and a token
    /// that wrong ones ended could be ended by everybody who has seen its number.
    private mutating func noteWrongSecret(
        _ id: JoinTokenID,
        _ secretHash: String,
        _ purpose: TokenRecord.Purpose
    ) {
        guard var token = tokens[id], token.purpose == purpose, token.state == .open,
            token.secretHash != secretHash, token.wrongSecrets < .max
        else { return }
        token.wrongSecrets += 1
        tokens[id] = token
        put(.token(token))
    }

    mutating func use(
        _ id: JoinTokenID,
        key: KeyFingerprint,
        _ issued: IssuedCertificate
    ) {
        guard var token = tokens[id] else { return }
        token.state = .used
        token.usedAt = now.wall
        token.usedBy = key
        token.issued = issued
        tokens[id] = token
        put(.token(token))
    }
}

extension TokenRecord.Purpose {
    /// How another token is made, to be told to whoever has shown one that is no good.
    ///
    /// - Parameter name: of the operator, where the token's secret was right.
    fileprivate func newToken(_ name: OperatorName?) -> String {
        switch self {
        case .node: "make a new one: muster token create"
        case .operatorAccount:
            name.map {
                "an admin makes a new one: muster operator remove \($0), then muster operator add \($0)"
            } ?? "an admin makes a new one: muster operator add NAME"
        }
    }
}
