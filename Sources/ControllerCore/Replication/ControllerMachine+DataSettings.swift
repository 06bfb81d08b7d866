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
}
