import Model
import Synchronization

/// So many places for each account.
final class AccountGate: Sendable {
    let max: Int
    /// Those who hold a place; nobody is in it with none.
    private let held = Mutex<[OperatorName: Int]>([:])

    init(max: Int) {
        self.max = max
    }

    /// - Returns: nil when the account has all of its places taken.
    func enter(_ name: OperatorName) -> AccountPlace? {
        let isIn = held.withLock { held in
            guard held[name, default: 0] < max else { return false }
            held[name, default: 0] += 1
            return true
        }
        return isIn ? AccountPlace(of: name, in: self) : nil
    }

    fileprivate func leave(_ name: OperatorName) {
        held.withLock { held in
            let left = (held[name] ?? 1) - 1
            held[name] = left > 0 ? left : nil
        }
    }
}

/// A place of an account, for as long as somebody holds it.
final class AccountPlace: Sendable {
    private let name: OperatorName
    private let gate: AccountGate

    fileprivate init(of name: OperatorName, in gate: AccountGate) {
        self.name = name
        self.gate = gate
    }

    deinit { gate.leave(name) }
}
