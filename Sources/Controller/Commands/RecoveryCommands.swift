import ArgumentParser
import ControllerCore
import Host
import Identity
import Model
import Store

/// Puts a backup in place of the store.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup in the place of the store.",
        discussion: """
            The controller must be stopped. The backup is verified first; a store that is replaced
            is kept beside it. The generation is raised, so that agents refuse whatever the old
            controller still says.

            Where there are several sites, the one that is active now must be said: the backup may
            be older than the last change. Nothing is started and no task is given out before every
            node has spoken, or has been silent for lease.wait.
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: "A file that `muster backup` has made.")
    var backup: String

    @Flag(help: "Replace the store that is there.")
    var replace = false

    @Option(help: "The least generation, when agents have seen a higher one.")
    var generation: UInt16 = 0

    @OptionGroup var word: SiteWord

    func run() throws {
        try Failing.run {
            let configuration = try common.configuration()
            let manifest = try SQLiteStore.verifyBackup(at: backup)
            let contents = try SQLiteStore.read(backup, leavingOut: JournalWriter.Section.unloaded)
            let writes = try word.writes(for: contents, taken: manifest.taken)
            let raised = try SQLiteStore.restore(
                from: backup,
                to: configuration.storeDirectory,
                machine: .ofThisMachine(),
                replacing: replace,
                options: configuration.storeOptions,
                generationMin: UInt64(generation),
                writing: writes
            )
            print("restored from \(backup); the generation is \(raised) now")
        }
    }
}

/// Makes a store that was copied or moved here this machine's own.
struct AdoptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Makes a copied or moved store this machine's own.",
        discussion: """
            Only when no other controller works with a copy of it: two would give orders. The
            generation is raised; agents that have met the new controller refuse the old one.

            Where there are several sites, the one that is active now must be said. Nothing is
            started and no task is given out before every node has spoken, or has been silent for
            lease.wait.
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "The least generation, when agents have seen a higher one.")
    var generation: UInt16 = 0

    @Flag(help: "I have made sure that no other controller works with a copy of this store.")
    var confirm = false

    @OptionGroup var word: SiteWord

    func run() throws {
        try Failing.run {
            guard confirm else {
                throw Failure(
                    "adopting is refused without --confirm",
                    hint: "make sure that no other controller works with a copy of this store",
                    code: 3
                )
            }
            let configuration = try common.configuration()
            let contents = try SQLiteStore.read(
                inDirectory: configuration.storeDirectory,
                leavingOut: JournalWriter.Section.unloaded
            )
            let raised = try SQLiteStore.adopt(
                directory: configuration.storeDirectory,
                machine: .ofThisMachine(),
                options: configuration.storeOptions,
                generationMin: UInt64(generation),
                writing: try word.writes(for: contents, taken: nil)
            )
            print("the store is this machine's own; the generation is \(raised) now")
        }
    }
}

/// Makes a new issuing key, signed by the root: once a year.
struct RenewAuthorityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew-authority",
        abstract: "Makes a new issuing key and certificate; needs the root's private key.",
        discussion: """
            The issuing certificate ends a year after it was made, and nothing can enrol or renew
            then. Certificates of nodes and operators that the old key has signed stay valid until
            they end by themselves. Restart the controller afterwards, and take the root's key away
            again.
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "The file with the root's private key; STATE/identity/root.pem if it is there.")
    var root: String?

    func run() throws {
        try Failing.run {
            let configuration = try common.configuration()
            let identity = CredentialDirectory(path: configuration.authorityDirectory)
            guard let old = try identity.authority() else {
                throw Failure("there is no cluster in \(configuration.stateDirectory)")
            }
            let path = root ?? identity.rootAuthorityPath
            let key = try RootAuthority(
                pem: String(decoding: try DurableFile.readSecret(path), as: UTF8.self)
            )
            guard key.certificate == old.root else {
                throw Failure(
                    "\(path) is not the root of this cluster",
                    hint: "it was written to \(identity.rootAuthorityPath) by init",
                    code: 3
                )
            }
            let authority = try key.makeIssuing(at: WallClock.now())
            try identity.replace(authority)
            print("the new issuing key is valid until \(authority.notAfter.iso8601)")
            print("Now: systemctl restart muster-controller")
        }
    }
}

/// A new credential for an admin, made on the controller's own host: for when the last one is lost.
struct CredentialCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential",
        abstract: "Makes a new credential for an operator, on this host.",
        discussion: """
            For when every admin's credential is lost or has expired. The controller must be
            stopped. An operator who is not there is added as admin; the credential that was in
            force before is no longer accepted. It is written to the audit log.
            """
    )

    @OptionGroup var common: CommonOptions

    @Argument(help: "The operator's name.")
    var name: String

    @Option(help: "Where the credential is written.")
    var directory: String

    @Option(help: "Why; it is written to the audit log.")
    var reason: String

    func run() throws {
        try Failing.run { try create() }
    }

    private func create() throws {
        guard let name = OperatorName(name) else {
            throw Failure("\(self.name) is not an operator's name", code: 64)
        }
        let configuration = try common.configuration()
        let identity = CredentialDirectory(path: configuration.authorityDirectory)
        guard let authority = try identity.authority() else {
            throw Failure("there is no cluster in \(configuration.stateDirectory)")
        }
        let store = try SQLiteStore.open(
            directory: configuration.storeDirectory,
            machine: .ofThisMachine(),
            options: configuration.storeOptions
        )
        defer { store.close() }
        let records = try JournalWriter.records(of: JournalWriter.load(store))
        var found: OperatorRecord?
        var clusterName = ""
        for record in records {
            switch record {
            case .operatorAccount(let account) where account.name == name: found = account
            case .cluster(let cluster): clusterName = cluster.name
            default: break
            }
        }
        let now = WallClock.now()
        let issued = try OperatorFolder.write(
            to: directory,
            cluster: authority.cluster,
            clusterName: clusterName,
            operatorName: name,
            authority: authority,
            lifetime: configuration.certificates.operatorAccount,
            servers: configuration.consoleURLs,
            at: now
        )
        var account =
            found
            ?? OperatorRecord(name: name, role: .admin, addedBy: "this host", addedAt: now)
        account.key = KeyFingerprint(issued.fingerprint)
        account.previousKey = nil
        account.serial = issued.serial
        account.notAfter = issued.notAfter
        let entries: [JournalEntry] = [
            .put(.operatorAccount(account)),
            .audit(
                ControllerCore.AuditRecord(
                    at: now,
                    actor: "this host",
                    source: "muster-controller credential",
                    verb: "operator.credential",
                    object: name.text,
                    reason: reason,
                    parameters: "role=\(account.role.rawValue)",
                    outcome: "done"
                )
            ),
        ]
        try store.commit([entries.map(JournalWriter.write)])
        print("the credential of \(name) is in \(directory)")
    }
}
