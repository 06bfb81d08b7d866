import Model

/// The program of one launch and what it has started.
final class ChildGroup {
    let processID: Int32
    var isMainAlive = true
    /// A grandchild that left its session.
    var isHelperAlive: Bool
    /// SIGTERM does nothing.
    let isStubborn: Bool
    /// Whether checks of it pass.
    var isHealthy = true
    var isBeingKilled = false
    var isBeingTerminated = false

    init(processID: Int32, hasHelper: Bool, isStubborn: Bool) {
        self.processID = processID
        isHelperAlive = hasHelper
        self.isStubborn = isStubborn
    }

    var isEmpty: Bool { !isMainAlive && !isHelperAlive }
    var count: UInt32 { (isMainAlive ? 1 : 0) + (isHelperAlive ? 1 : 0) }
}
