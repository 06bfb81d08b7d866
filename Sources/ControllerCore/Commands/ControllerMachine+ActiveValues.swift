import Model
import Protocol

// Values of the active site: network zones, edges, endpoints. `active.env.EDGE` of a site is `env.EDGE` on
// every node of the cluster while that site is the active one, and nothing while it is not.

enum ActiveValue {
    static let prefix = "active."

    /// What it is called on the nodes; nil for a setting of another kind.
    static func name(of key: String) -> String? {
        key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : nil
    }
}

extension ControllerMachine {
    /// In the place between the cluster's values and a site's own.
    var activeValues: [Setting] {
        settingRecords.values.compactMap { record in
            guard record.scope == .site(cluster.activeSite),
                let name = ActiveValue.name(of: record.key)
            else { return nil }
            return Setting(key: name, value: record.value, scope: .site)
        }
    }

    /// What a hook of the controller's host is given of them: under the names that they have on the nodes,
    /// without the prefix `MUSTER_`, which every variable of a hook gets.
    var activeVariables: [HookCall.Variable] {
        activeValues.compactMap { setting in
            setting.environmentName.map {
                HookCall.Variable(name: String($0.dropFirst("MUSTER_".count)), value: setting.value)
            }
        }
    }

    func checkActiveValue(_ scope: SettingScope, _ key: String) throws(Refused) {
        guard let name = ActiveValue.name(of: key) else { return }
        guard SettingKey.isValid(name), name.hasPrefix("env.") else {
            throw Refused(
                .invalid,
                "\(key): only what programs are given can be the active site's",
                mend: "such as active.env.EDGE"
            )
        }
        guard case .site = scope else {
            throw Refused(
                .invalid,
                "\(key): it is the value of a site while that is the active one",
                mend: "set it with --site"
            )
        }
    }

    /// Another site is active: what nodes have of the one before is replaced before anything starts.
    mutating func followActiveSite() {
        let isUsed = settingRecords.values.contains { ActiveValue.name(of: $0.key) != nil }
        guard isUsed else { return }
        cluster.configurationVersion += 1
        put(.cluster(cluster))
        sendConfigurations()
    }
}
