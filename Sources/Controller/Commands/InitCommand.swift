import ArgumentParser
import ControllerCore
import Host
import Identity
import Model
import Store

/// Makes a cluster: identity, authority, store, first operator.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes a new cluster and the first operator's credential.",
        discussion: """
            Refused where there is a cluster already. The root's private key is written to
            STATE/identity/root.pem: it signs a new issuing key once a year and is needed for
            nothing else; move it to a safe place.
            """
    )

    @OptionGroup var common: CommonOptions

    @Option(help: "What people call the cluster.")
    var name = "muster"

    @Option(help: "The first site; it is the active one.")
    var site = "main"

    @Option(help: "The first operator, an admin.")
    var `operator` = "admin"

    @Option(help: "Where the first operator's credential is written.")
    var operatorDirectory: String?

    func run() async throws {
        try Failing.run { try create() }
    }

    private func create() throws {
        let configuration = try common.configuration()
        // It becomes the name of contexts and stands in every notice.
        guard Identifier<ClusterKind>.isValid(name) else {
            throw Failure("\(name) is not a cluster's name", hint: Self.nameHint, code: 64)
        }
        guard let siteName = SiteName(site) else {
            throw Failure("\(site) is not a site's name", hint: Self.nameHint, code: 64)
        }
        guard let operatorName = OperatorName(`operator`) else {
            throw Failure("\(`operator`) is not an operator's name", hint: Self.nameHint, code: 64)
        }
        let identity = CredentialDirectory(path: configuration.authorityDirectory)
        if (try? identity.authority()) != nil {
            throw Failure(
                "there is a cluster in \(configuration.stateDirectory) already",
                hint: "to begin anew, remove that folder by hand",
                code: 3
            )
        }
        let now = WallClock.now()
        guard let cluster = ClusterID(UniqueID.make()) else { preconditionFailure("no UUID") }
        try DurableFile.makeFolder(configuration.stateDirectory, mode: 0o700)
        let root = try RootAuthority.create(cluster: cluster, at: now)
        let authority = try root.makeIssuing(at: now)
        let folder = operatorDirectory ?? configuration.stateDirectory + "/\(operatorName)"
        let issued = try OperatorFolder.write(
            to: folder,
            cluster: cluster,
            clusterName: name,
            operatorName: operatorName,
            authority: authority,
            lifetime: configuration.certificates.operatorAccount,
            servers: configuration.consoleURLs,
            at: now
        )
        try createStore(configuration, cluster, siteName, operatorName, issued, now)
        // The authority is written last: it is what says that there is a cluster.
        try identity.create()
        try identity.replace(root)
        try identity.replaceRoots([authority.root])
        try identity.replace(authority)
        print(
            """
            The cluster \(name) (\(cluster)) is made; its active site is \(siteName).
            The credential of \(operatorName) is in \(folder)

            Now: muster-controller run --config \(common.config)
            and: muster context import \(folder)
            Then move \(identity.rootAuthorityPath) to a safe place.
            """
        )
    }

    private func createStore(
        _ configuration: ControllerConfiguration,
        _ cluster: ClusterID,
        _ site: SiteName,
        _ operatorName: OperatorName,
        _ issued: Identity.IssuedCertificate,
        _ now: WallTime
    ) throws {
        let options = configuration.storeOptions
        let machine = try StoreMachine.ofThisMachine()
        try SQLiteStore.create(
            directory: configuration.storeDirectory,
            cluster: cluster,
            machine: machine,
            options: options
        )
        let store = try SQLiteStore.open(
            directory: configuration.storeDirectory,
            machine: machine,
            options: options
        )
        defer { store.close() }
        let generation = UInt16(clamping: try JournalWriter.load(store).generation)
        let entries = ControllerMachine.founding(
            cluster: ClusterRecord(
                id: cluster,
                name: name,
                createdAt: now,
                epoch: Epoch(generation: generation, counter: 1),
                activeSite: site
            ),
            operatorNamed: operatorName,
            key: KeyFingerprint(issued.fingerprint),
            serial: issued.serial,
            notAfter: issued.notAfter
        )
        try store.commit([entries.map(JournalWriter.write)])
    }

    private static let nameHint = "a name is 1 to 63 of a-z 0-9 . _ - and begins with a-z or 0-9"
}

/// The folder that an operator imports: credential, roots, and where the controllers are.
enum OperatorFolder {
    static func write(
        to path: String,
        cluster: ClusterID,
        clusterName: String,
        operatorName: OperatorName,
        authority: CertificateAuthority,
        lifetime: Duration,
        servers: [String],
        at now: WallTime
    ) throws -> Identity.IssuedCertificate {
        let key = KeyPair.make()
        let issued = try authority.issue(
            for: .operator(operatorName),
            publicKey: key.publicKey,
            at: now,
            lifetime: lifetime
        )
        let directory = CredentialDirectory(path: path)
        try directory.create()
        try directory.replaceRoots([authority.root])
        try directory.replace(Credential(key: key, chain: [issued.der, authority.issuing]))
        let lines =
            [
                "cluster: \(cluster)", "name: \(clusterName)", "operator: \(operatorName)",
                "servers:",
            ]
            + servers.map { "  - \($0)" }
        try DurableFile.replace(
            path + "/context.yaml",
            with: Array((lines.joined(separator: "\n") + "\n").utf8),
            mode: 0o600
        )
        return issued
    }
}
