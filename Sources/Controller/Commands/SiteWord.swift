import ArgumentParser
import ControllerCore
import Host
import Model
import Protocol
import Store

/// What an operator says of the sites before a store that may be old is used.
///
/// A backup, or a store that was kept or copied, may be older than the last change of the active site.
/// With several sites nobody but an operator knows which of them is active.
struct SiteWord: ParsableArguments {
    @Option(
        help: """
            The site that is active now. Needed where there are several sites. You say with it that \
            nothing exclusive acts at any other site.
            """
    )
    var active: String?

    @Option(help: "How that is known; it is written to the audit log.")
    var reason: String?

    private static let refusedCode: Int32 = 3

    /// Tells what the store says, and checks the word against it.
    ///
    /// - Parameters:
    ///   - contents: of the backup, or of the store that is adopted.
    ///   - taken: when the backup was made; nil for a store.
    /// - Returns: what is to be written in one transaction with the raised generation; nothing where
    ///   nobody has to say anything.
    func writes(for contents: StoreContents, taken: WallTime?) throws -> [StoreWrite] {
        let records = try JournalWriter.records(of: contents)
        var found: ClusterRecord?
        var sites: [SiteName] = []
        var members: [SiteName: Int] = [:]
        for record in records {
            switch record {
            case .cluster(let record): found = record
            case .site(let site): sites.append(site.name)
            case .node(let node) where node.membership == .joined || node.membership == .removing:
                members[node.site, default: 0] += 1
            default: break
            }
        }
        guard var cluster = found else { throw Failure("there is no cluster in it") }
        sites.sort()
        let nodes = sites.map { "\($0) (\(counted(members[$0] ?? 0, "node")))" }
        let what = taken.map { "the backup of \($0.iso8601)" } ?? "the store"
        print(
            "\(what) says: site \(cluster.activeSite) is active under epoch \(cluster.epoch); sites: "
                + nodes.joined(separator: ", ")
        )
        guard let active else {
            guard reason == nil else {
                throw refusal("--reason is of --active SITE, which is missing")
            }
            // A site without nodes in a backup may have got some since, and have been made active.
            guard sites.count > 1 else { return [] }
            throw refusal(
                "which site is active now was not said: \(what) may be older than the last change",
                "make sure that nothing exclusive acts at any other site, then add: --active SITE "
                    + "--reason 'how that is known'"
            )
        }
        guard let site = SiteName(active), sites.contains(site) else {
            throw refusal(
                "there is no site \(active) in it",
                "its sites: \(sites.map(\.text).joined(separator: ", "))"
            )
        }
        let isEmpty = members[site] == nil && !members.isEmpty
        guard !isEmpty || taken != nil else {
            throw refusal("site \(site) has no nodes, and nothing can be active there")
        }
        if isEmpty {
            print(
                "\(what) has no node of site \(site): those that joined since have to join anew before "
                    + "anything is started there"
            )
        }
        guard let reason, !reason.isEmpty else {
            throw refusal(
                "how it is known that site \(site) is the active one must be said",
                "--reason 'muster status of this morning; site x is without power'"
            )
        }
        let others = sites.filter { $0 != site && members[$0] != nil }
        if !others.isEmpty {
            print(
                "taken as said: site \(site) is active, and nothing exclusive acts at "
                    + others.map(\.text).joined(separator: ", ")
            )
        }
        let before = cluster
        cluster.say(site, reason: reason, isOld: taken != nil)
        return [
            .put(.cluster(cluster)),
            .audit(
                ControllerCore.AuditRecord(
                    at: WallClock.now(),
                    actor: "this host",
                    source: taken == nil ? "muster-controller adopt" : "muster-controller restore",
                    verb: "site.say-active",
                    object: site.text,
                    reason: reason,
                    parameters: "before=\(before.activeSite) epoch=\(before.epoch)",
                    outcome: "done"
                )
            ),
        ].map(JournalWriter.write)
    }

    private func refusal(_ text: String, _ hint: String = "") -> Failure {
        Failure(text, hint: hint, code: Self.refusedCode)
    }
}
