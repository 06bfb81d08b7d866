public import Model
import Protocol

// What in a plan cannot be carried out as the cluster is now: found at the gate, and not beyond the
// point of no return.

extension ControllerMachine {
    /// Steps that would find nothing to do what they say with, as sentences. What a failover does at
    /// the old site is not asked for: that is lost.
    public func planObstacles(
        _ steps: [PlanStep],
        _ kind: RunKind,
        from: SiteName,
        to: SiteName
    ) -> [String] {
        steps.compactMap { step in
            // Then it is left out, as the plan says.
            if step.onFailure == .skip, step.act.maySkip { return nil }
            switch step.act {
            case .start(let groups, let scope):
                guard !groups.isEmpty, startOutlook(of: to, groups, scope).isEmpty else {
                    return nil
                }
                return "step \(step.name): no service of site \(to) is in group "
                    + groups.map(\.text).joined(separator: " or ") + nearestGroup(to: groups)
            case .hook(let name, let place), .check(let name, let place):
                guard place != .controller, !(kind == .failover && place.isOfOldSite),
                    hookOutlook(name, place, from: from, to: to).isEmpty
                else { return nil }
                return "step \(step.name): no node that can be reached has a handler of type "
                    + TaskType(hook: name).text
            default: return nil
            }
        }
    }

    private func nearestGroup(to groups: [GroupName]) -> String {
        var known: [String] = []
        for member in nodes.values where member.record.membership == .joined {
            for service in member.services.values where !known.contains(service.report.group.text) {
                known.append(service.report.group.text)
            }
        }
        let near = groups.lazy.compactMap { NearestName.to($0.text, among: known) }.first
        return near.map { "; did you mean \($0)?" } ?? ""
    }
}
