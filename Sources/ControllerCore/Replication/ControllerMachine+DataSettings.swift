import Model
import Protocol

// The settings below `data.`: what operators demand of data sets.

extension ControllerMachine {
    /// Reads all of them anew; what was accepted once is valid.
    mutating func readReplicationSettings() {
        var rules = ReplicationRules()
        for setting in settingRecords.values
        where setting.scope == .cluster && setting.key.hasPrefix(ReplicationRules.prefix) {
            try? rules.apply(setting.key, setting.value)
        }
        replicationRules = rules
    }

    func checkReplicationSetting(
        _ scope: SettingScope,
        _ key: String,
        _ value: String
    ) throws(Refused) {
        do throws(WorkSetting.Problem) {
            guard scope == .cluster else {
                throw WorkSetting.Problem(
                    text: "it holds for the whole cluster",
                    mend: "set it without --node and --site"
                )
            }
            var rules = ReplicationRules()
            try rules.apply(key, value)
        } catch {
            throw Refused(.invalid, "\(key): \(error.text)", mend: error.mend)
        }
    }

    /// What is valid, and probably not meant: a data set that no node defines, and an objective that no
    /// failover to a site that stays silent could meet.
    func remarkOnReplicationSetting(_ key: String) -> String? {
        guard let name = ReplicationRules.parts(of: key)?.dataSet else { return nil }
        let known = replication.entries.keys.map(\.text)
        guard known.contains(name.text) else {
            let near = NearestName.to(name.text, among: known).map { ": did you mean \($0)?" }
            return "no node defines a data set \(name) yet" + (near ?? "")
        }
        // A site that cannot be asked may have written until its last lease was over.
        guard let objective = replicationRules.objectives[name], objective <= settings.lease.wait
        else { return nil }
        return
            "a site that cannot be reached is off for sure \(settings.lease.wait.forPeople) "
            + "(lease.wait) after it was last heard: a failover from it can only be made with "
            + "--accept-data-loss"
    }
}
