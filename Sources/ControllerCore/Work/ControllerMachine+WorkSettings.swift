import Model
import Protocol

// The settings below `task.`: how work is directed.

extension ControllerMachine {
    /// Reads all of them anew. What was accepted once is valid, so that nothing is thrown here but
    /// by a store that somebody else has written; such a value is passed over.
    mutating func readWorkSettings() {
        var rules = WorkRules()
        rules.lossGrace = settings.lease.heartbeatInterval
        for setting in settingRecords.values
        where setting.scope == .cluster && setting.key.hasPrefix(WorkSetting.prefix)
            && !WorkSetting.nodeKeys.contains(setting.key)
        {
            try? WorkSetting.apply(setting.key, setting.value, to: &rules)
        }
        work.use(rules)
        touched += nodes.keys
    }

    /// A node's own values over its site's over the cluster's.
    public func preferences(of record: NodeRecord) -> NodePreferences {
        var preferences = NodePreferences()
        for setting in effectiveSettings(for: record)
        where WorkSetting.nodeKeys.contains(setting.key) {
            try? WorkSetting.apply(
                setting.key,
                setting.value,
                to: &preferences,
                declared: work.rules.declaredAttributes
            )
        }
        return preferences
    }

    /// Turns away a key that nothing reads: a slip of the finger would be taken for a setting.
    func checkKnown(_ key: String) throws(Refused) {
        let prefixes = [
            WorkSetting.prefix, SettingKey.environmentPrefix, SettingKey.ownPrefix,
            ReplicationRules.prefix, ActiveValue.prefix, Self.drillPrefix,
        ]
        guard !prefixes.contains(where: { key.hasPrefix($0) && key != $0 }) else { return }
        var near = NearestName.to(key, among: WorkSetting.clusterKeys + WorkSetting.nodeKeys)
        if near == nil, let dot = key.firstIndex(of: ".") {
            let prefix = String(key[...dot])
            near = NearestName.to(prefix.lowercased(), among: prefixes).map {
                $0 + key[key.index(after: dot)...]
            }
        }
        throw Refused(
            .invalid,
            "there is no setting \(key)",
            mend: near.map { "did you mean \($0)?" }
                ?? "env.NAME goes to what nodes run; a key of your own begins with "
                + SettingKey.ownPrefix
        )
    }

    /// Turns away a key or a value that directs no work.
    func checkWorkSetting(
        _ scope: SettingScope,
        _ key: String,
        _ value: String
    ) throws(Refused) {
        if key.hasPrefix(ReplicationRules.prefix) {
            return try checkReplicationSetting(scope, key, value)
        }
        guard key.hasPrefix(WorkSetting.prefix) else { return }
        do throws(WorkSetting.Problem) {
            if WorkSetting.nodeKeys.contains(key) {
                var preferences = NodePreferences()
                try WorkSetting.apply(
                    key,
                    value,
                    to: &preferences,
                    declared: work.rules.declaredAttributes
                )
                return
            }
            guard scope == .cluster else {
                throw WorkSetting.Problem(
                    text: "it holds for the whole cluster",
                    mend: "set it without --node and --site"
                )
            }
            var rules = WorkRules()
            try WorkSetting.apply(key, value, to: &rules)
        } catch {
            throw Refused(.invalid, "\(key): \(error.text)", mend: error.mend)
        }
    }

    /// A declaration that nodes still refer to stays.
    func checkUnsetting(_ key: String) throws(Refused) {
        guard key.hasPrefix(WorkSetting.attributePrefix) else { return }
        let name = String(key.dropFirst(WorkSetting.attributePrefix.count))
        let user = settingRecords.values.first { setting in
            setting.key == "task.prefer"
                && setting.value.split(separator: ",").contains { part in
                    part.drop { $0 == " " }.hasPrefix(name + "=")
                }
        }
        guard let user else { return }
        throw Refused(
            .notNow,
            "\(user.storeKey) refers to the attribute \(name)",
            mend: "change that first: \(user.value)"
        )
    }
}

extension WorkMachine {
    mutating func use(_ rules: WorkRules) {
        guard rules != self.rules else { return }
        self.rules = rules
        placeAnew()
    }
}
