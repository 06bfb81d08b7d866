import Model
public import Protocol

// Join tokens, operators, sites and settings.

extension ControllerMachine {
    func checkSeed(_ seed: TokenSeed) throws(Refused) {
        guard tokens[seed.id] == nil else { throw Refused(.duplicate, "this token exists") }
        guard seed.lifetime >= .seconds(1), seed.lifetime <= .seconds(86_400) else {
            throw Refused(.invalid, "a token lives from 1 second to 24 hours")
        }
    }

    func checkSite(_ site: SiteName) throws(Refused) {
        guard sites[site] == nil else { return }
        throw Refused(
            .unknownName,
            "there is no site \(site)",
            mend: NearestName.to(site.text, among: sites.keys.map(\.text))
                .map { "did you mean \($0)?" } ?? "muster site list"
        )
    }

    mutating func makeToken(
        _ seed: TokenSeed,
        purpose: TokenRecord.Purpose,
        site: SiteName? = nil,
        node: NodeID? = nil,
        operatorName: OperatorName? = nil,
        by: String
    ) {
        let token = TokenRecord(
            id: seed.id,
            secretHash: seed.secretHash,
            purpose: purpose,
            site: site,
            node: node,
            operatorName: operatorName,
            createdBy: by,
            createdAt: now.wall,
            expiresAt: now.wall + seed.lifetime
        )
        forgetOldTokens()
        tokens[seed.id] = token
        put(.token(token))
        tell(
            .tokenCreated,
            .info,
            seed.id.text,
            "Join token \(seed.id) was made by \(by), valid for \(seed.lifetime.forPeople)."
        )
    }

    /// Tokens that ended a week ago are of no use to anybody.
    private mutating func forgetOldTokens() {
        for token in tokens.values where now.wall - token.expiresAt > .seconds(7 * 86_400) {
            tokens[token.id] = nil
            effects.journal.append(.delete(table: .token, key: token.id.text))
        }
    }

    mutating func createToken(
        _ seed: TokenSeed,
        _ site: SiteName?,
        _ node: NodeName?,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        try checkSeed(seed)
        var invited: NodeID?
        var site = site
        if let node {
            let id = try id(of: node)
            guard nodes[id]?.record.membership == .invited else {
                throw Refused(
                    .duplicate,
                    "node \(node) is a member already",
                    mend: "remove it first: muster node remove \(node)"
                )
            }
            invited = id
            site = nodes[id]?.record.site
        }
        if let site { try checkSite(site) }
        makeToken(seed, purpose: .node, site: site, node: invited, by: by)
        return .done("token \(seed.id)", orders: [])
    }

    mutating func revokeToken(_ id: JoinTokenID, by: String) throws(Refused) -> Reply.Outcome {
        guard var token = tokens[id] else {
            throw Refused(.unknownName, "there is no token \(id)", mend: "muster token list")
        }
        guard token.state == .open else {
            return .done("token \(id) is \(token.state.rawValue) already", orders: [])
        }
        token.state = .revoked
        tokens[id] = token
        put(.token(token))
        tell(.tokenRevoked, .info, id.text, "Join token \(id) was revoked by \(by).")
        return .done("token \(id) is revoked", orders: [])
    }

    mutating func addOperator(
        _ name: OperatorName,
        _ role: OperatorRole,
        _ seed: TokenSeed,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        guard operators[name] == nil else {
            throw Refused(
                .duplicate,
                "there is an operator \(name) already",
                mend: "remove it first: muster operator remove \(name)"
            )
        }
        try checkSeed(seed)
        let account = OperatorRecord(name: name, role: role, addedBy: by, addedAt: now.wall)
        operators[name] = account
        put(.operatorAccount(account))
        makeToken(seed, purpose: .operatorAccount, operatorName: name, by: by)
        tell(
            .operatorAdded,
            .info,
            name.text,
            "Operator \(name) was added as \(role.rawValue) by \(by)."
        )
        return .done("operator \(name) is added", orders: [])
    }

    mutating func removeOperator(_ name: OperatorName, by: String) throws(Refused) -> Reply.Outcome
    {
        guard let account = operators[name] else {
            throw Refused(
                .unknownName,
                "there is no operator \(name)",
                mend: "muster operator list"
            )
        }
        let admins = operators.values.filter { $0.role == .admin && $0.key != nil }
        guard account.role != .admin || admins.contains(where: { $0.name != name }) else {
            throw Refused(
                .notNow,
                "\(name) is the last admin",
                mend: "add another admin first: muster operator add NAME --role admin"
            )
        }
        operators[name] = nil
        effects.journal.append(.delete(table: .operators, key: name.text))
        for token in tokens.values where token.operatorName == name && token.state == .open {
            var changed = token
            changed.state = .revoked
            tokens[token.id] = changed
            put(.token(changed))
        }
        tell(.operatorRemoved, .info, name.text, "Operator \(name) was removed by \(by).")
        return .done("operator \(name) is removed", orders: [])
    }

    mutating func addSite(_ name: SiteName, by: String) throws(Refused) -> Reply.Outcome {
        guard sites[name] == nil else {
            throw Refused(.duplicate, "there is a site \(name) already", mend: "muster site list")
        }
        guard sites.count < Limits.sitesMax else {
            throw Refused(.invalid, "a cluster has at most \(Limits.sitesMax) sites")
        }
        let site = SiteRecord(name: name)
        sites[name] = site
        put(.site(site))
        tell(.siteAdded, .info, name.text, "Site \(name) was added as a standby by \(by).")
        return .done("site \(name) is added as a standby", orders: [])
    }

    mutating func removeSite(_ name: SiteName, by: String) throws(Refused) -> Reply.Outcome {
        try checkSite(name)
        guard name != cluster.activeSite else {
            throw Refused(.notNow, "site \(name) is the active one")
        }
        let members = nodes.values.filter {
            $0.record.site == name && $0.record.membership != .removed
        }
        guard members.isEmpty else {
            throw Refused(
                .notNow,
                "site \(name) has \(counted(members.count, "node"))",
                mend: "remove them first: muster node list --site \(name)"
            )
        }
        sites[name] = nil
        for token in tokens.values where token.site == name && token.state == .open {
            var changed = token
            changed.state = .revoked
            tokens[token.id] = changed
            put(.token(changed))
        }
        effects.journal.append(.delete(table: .site, key: name.text))
        closeAlarms(ofRemoved: name)
        tell(.siteRemoved, .info, name.text, "Site \(name) was removed by \(by).")
        return .done("site \(name) is removed", orders: [])
    }

    mutating func setMinimum(
        _ name: SiteName,
        _ minimum: UInt32,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        try checkSite(name)
        let standing = standing(of: name)
        amendSite(name) { $0.minimum = minimum }
        let own = NotifyThreshold(name: NotifyThreshold.own, site: name, minimum: minimum)
        let losses = lossesUntil(own)
        let text =
            minimum == 0
            ? "site \(name) has no minimum"
            : "the minimum of site \(name) is \(minimum); with \(standing.online) of "
                + "\(standing.total) Online it is "
                + (losses == 0 ? "below it now" : "told at the loss of \(losses) more")
        return .done(text, orders: [])
    }

    // MARK: Settings

    mutating func set(
        _ scope: SettingScope,
        _ key: String,
        _ value: String,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        guard SettingKey.isValid(key) else {
            throw Refused(
                .invalid,
                "\(key) is not a setting's key",
                mend: "a key is 1 to 64 of a-z A-Z 0-9 . _ - and begins with a letter, such as "
                    + "env.REGION"
            )
        }
        guard value.utf8.count <= SettingKey.valueBytesMax else {
            throw Refused(.invalid, "a value has at most \(SettingKey.valueBytesMax) bytes")
        }
        try checkScope(scope)
        try checkKnown(key)
        try checkWorkSetting(scope, key, value)
        try checkDrillSetting(scope, key, value)
        try checkActiveValue(scope, key)
        let storeKey = "\(scope.text)/\(key)"
        let before = settingRecords[storeKey]?.value
        guard before != value else {
            return .done("\(storeKey) is \(value) already", orders: [])
        }
        guard settingRecords.count < Limits.settingsMax || before != nil else {
            throw Refused(.invalid, "a cluster has at most \(Limits.settingsMax) settings")
        }
        let bytes = settingRecords.values.reduce(key.utf8.count + value.utf8.count) {
            $0 + $1.key.utf8.count + $1.value.utf8.count
        }
        guard bytes <= Limits.settingsBytesMax else {
            throw Refused(
                .invalid,
                "all settings together have at most \(Limits.settingsBytesMax) bytes"
            )
        }
        cluster.configurationVersion += 1
        put(.cluster(cluster))
        let record = SettingRecord(
            scope: scope,
            key: key,
            value: value,
            version: cluster.configurationVersion,
            by: by,
            reason: reason,
            at: now.wall
        )
        settingRecords[storeKey] = record
        put(.setting(record))
        tellSetting(storeKey, before: before, after: value, by: by, reason: reason)
        let remark = key.hasPrefix(ReplicationRules.prefix) ? remarkOnReplicationSetting(key) : nil
        return .done(
            "\(storeKey) is \(value), version \(cluster.configurationVersion)"
                + (remark.map { "; \($0)" } ?? ""),
            orders: []
        )
    }

    mutating func unset(
        _ scope: SettingScope,
        _ key: String,
        by: String
    ) throws(Refused) -> Reply.Outcome {
        let storeKey = "\(scope.text)/\(key)"
        guard let before = settingRecords[storeKey]?.value else {
            throw Refused(.unknownName, "\(storeKey) is not set", mend: "muster config list")
        }
        try checkUnsetting(key)
        cluster.configurationVersion += 1
        put(.cluster(cluster))
        settingRecords[storeKey] = nil
        effects.journal.append(.delete(table: .setting, key: storeKey))
        tellSetting(storeKey, before: before, after: nil, by: by, reason: "")
        return .done("\(storeKey) is unset", orders: [])
    }

    private func checkScope(_ scope: SettingScope) throws(Refused) {
        switch scope {
        case .cluster: return
        case .site(let site): try checkSite(site)
        case .node(let node): _ = try id(of: node)
        }
    }

    private mutating func tellSetting(
        _ key: String,
        before: String?,
        after: String?,
        by: String,
        reason: String
    ) {
        tell(
            .settingChanged,
            .info,
            key,
            "\(key) was changed by \(by) from \(before ?? "unset") to \(after ?? "unset").",
            cause: reason,
            consequence: "configuration version \(cluster.configurationVersion)"
        )
        readWorkSettings()
        readReplicationSettings()
        sendConfigurations()
    }

    mutating func sendConfigurations() {
        for (id, member) in nodes {
            guard let link = member.link, link.phase != .welcomed else { continue }
            sendConfiguration(to: id, link.connection)
        }
    }

    /// The values that hold for one node: its own over its site's, over the active site's, over the
    /// cluster's.
    public func effectiveSettings(for record: NodeRecord) -> [Setting] {
        var merged = OrderedTable<String, Setting>()
        func merge(_ wanted: SettingScope, as scope: Setting.Scope) {
            for setting in settingRecords.values
            where setting.scope == wanted && ActiveValue.name(of: setting.key) == nil {
                merged[setting.key] = Setting(
                    key: setting.key,
                    value: setting.value,
                    scope: scope
                )
            }
        }
        merge(.cluster, as: .cluster)
        for value in activeValues { merged[value.key] = value }
        merge(.site(record.site), as: .site)
        merge(.node(record.name), as: .node)
        return merged.values
    }

    mutating func sendConfiguration(to id: NodeID, _ connection: ConnectionID) {
        guard let record = nodes[id]?.record else { return }
        let values = effectiveSettings(for: record)
        send(
            .config(version: cluster.configurationVersion, count: UInt32(values.count)),
            to: connection
        )
        for value in values { send(.set(value), to: connection) }
    }
}

enum SettingKey {
    static let valueBytesMax = 2_048
    /// `env.NAME` goes to what nodes run.
    static let environmentPrefix = "env."
    /// Keys of the operators' own, which nothing here reads.
    static let ownPrefix = "x."

    static func isValid(_ key: String) -> Bool {
        guard let first = key.utf8.first, key.utf8.count <= 64 else { return false }
        func isLetter(_ byte: UInt8) -> Bool {
            (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90)
        }
        return isLetter(first)
            && key.utf8.allSatisfy {
                isLetter($0) || ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 46 || $0 == 95
            }
    }
}
