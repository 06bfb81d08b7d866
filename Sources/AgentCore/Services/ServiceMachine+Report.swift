import Model
import Protocol

extension ServiceMachine {
    /// What is told of the service. How it is fenced, and whether it may act twice, is told as it was
    /// launched: what runs does not change with its definition.
    func report(isWanted: Bool, at now: Instant) -> ServiceReport {
        ServiceReport(
            name: definition.name,
            group: definition.group,
            order: definition.order,
            isRequired: definition.isRequired,
            isSelfFenced: definition.isSelfFenced && (held?.isFenced ?? true),
            isDrainable: !isExclusive,
            state: state,
            isWanted: isWanted,
            processID: held?.processID,
            restarts: restarts,
            detail: detail,
            inStateMilliseconds: UInt64(max(0, (now - since).wholeMilliseconds))
        )
    }
}
