import API
import ControllerCore
import Model

// Sites as the console's interface shows them.

extension NodeViews {
    /// The active site first.
    var sites: [SiteStatus] {
        let active = machine.cluster.activeSite
        let names =
            machine.sites.keys.filter { $0 == active }
            + machine.sites.keys.filter { $0 != active }
        return names.map(site)
    }

    private func site(_ name: SiteName) -> SiteStatus {
        let members = machine.nodes.values.filter { $0.record.site == name }
        let joined = members.filter { $0.record.membership == .joined }
        let ages = joined.filter { $0.link != nil }.map { age($0.detector.lastHeard) }
        let record = machine.sites[name]
        var site = SiteStatus(
            name: name.text,
            role: machine.role(of: name).rawValue,
            online: UInt32(joined.filter { machine.assess($0).status == .online }.count),
            total: UInt32(joined.count),
            invited: UInt32(members.filter { $0.record.membership == .invited }.count),
            inMaintenance: UInt32(joined.filter { $0.record.maintenance != nil }.count),
            minimum: record?.minimum ?? 0,
            heartbeatAgeMilliseconds: ages.max()
        )
        site.thresholds = thresholds(of: name)
        let run = machine.runs.liveRun
        let isFencing = run.map { $0.isFenced && !$0.isActivated && $0.from == name } ?? false
        site.form = record?.isWarm == true ? "warm" : "cold"
        site.fencing = isFencing ? true : nil
        site.drilling = run.map { $0.isDrilling && $0.to == name } == true ? true : nil
        if name == machine.cluster.activeSite, !isFencing {
            site.epoch = "\(machine.cluster.epoch)"
        }
        return site
    }
}
