public import Model

extension ControllerMachine {
    /// What a new cluster's store holds first: the cluster, its first site, its first operator.
    public static func founding(
        cluster: ClusterRecord,
        operatorNamed name: OperatorName,
        key: KeyFingerprint,
        serial: String,
        notAfter: WallTime
    ) -> [JournalEntry] {
        var account = OperatorRecord(
            name: name,
            role: .admin,
            addedBy: "init",
            addedAt: cluster.createdAt
        )
        account.key = key
        account.serial = serial
        account.notAfter = notAfter
        return [
            .put(.cluster(cluster)),
            .put(.site(SiteRecord(name: cluster.activeSite))),
            .put(.operatorAccount(account)),
            .audit(
                AuditRecord(
                    at: cluster.createdAt,
                    actor: "init",
                    verb: "cluster.init",
                    object: cluster.id.text,
                    outcome: "done"
                )
            ),
        ]
    }
}
