import ControllerCore
import Model
import YAMLFiles

// The section `failover`: who decides that the active site is lost.

extension ControllerConfiguration {
    /// The lease is read before: the two depend on each other.
    mutating func readFailover(_ section: YAMLSection) {
        let standard = machine.failover
        let modes = FailoverMode.allCases.map(\.rawValue).joined(separator: " or ")
        machine.failover = FailoverSettings(
            mode: section.scalar("mode", expected: modes, default: standard.mode) {
                FailoverMode(rawValue: $0)
            },
            authority: section.scalar(
                "authority",
                expected: "outside, or the name of the site where the controller stands",
                default: standard.authority
            ) { $0 == "outside" ? .outside : SiteName($0).map { .site($0) } },
            hold: section.optionalScalar("hold", expected: "a duration such as 80s") {
                Duration(parsing: $0)
            },
            brake: section.duration("brake", default: standard.brake),
            perDay: section.scalar("per-day", expected: "1 or 2", default: standard.perDay) {
                UInt16($0).flatMap { (1...2).contains($0) ? $0 : nil }
            },
            preferred: section.optionalScalar("prefer", expected: "the name of a site") {
                SiteName($0)
            }
        )
        section.finish()
        for problem in machine.failover.problems(machine.lease) {
            section.note(": \(problem.text)", at: problem.key)
        }
    }
}
