import ControllerCore
import Foundation
import Model
import Store
import Testing

@testable import Controller

/// What the machine decides is read back from a real store as it was.
@Suite struct JournalWriterTests {
    private static let at = WallTime(milliseconds: 1_795_000_000_123)

    private var records: [Record] {
        get throws {
            var node = NodeRecord(
                id: NodeID("0af2c1d4-6c1b-4e0a-9f5e-1b7d1a6c2e33"),
                name: NodeName("node-1"),
                site: SiteName("north"),
                membership: .joined,
                address: "[2001:db8::1]:7",
                addedBy: "a \"quoted\" operator\nwith a line",
                addedAt: Self.at
            )
            node.cordon = NodeRecord.Cordon(by: "ops", reason: "é — ü", at: Self.at)
            node.nonce = "00ff"
            node.isNonceOpen = true
            node.incarnation = .max
            let token = TokenRecord(
                id: JoinTokenID("t-1"),
                secretHash: String(repeating: "0f", count: 32),
                purpose: .node,
                site: SiteName("north"),
                node: node.id,
                createdBy: "admin",
                createdAt: Self.at,
                expiresAt: Self.at + .seconds(900)
            )
            let setting = SettingRecord(
                scope: .node(node.name),
                key: "env.PATH",
                value: " \\ \" \t= ",
                version: 12,
                by: "admin",
                reason: "",
                at: Self.at
            )
            return try World.founding() + [.node(node), .token(token), .setting(setting)]
        }
    }

    @Test func `records, events and audit entries come back from a store as they were`() throws {
        let folder = NSTemporaryDirectory() + "muster-journal-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let options = StoreOptions(freeSpaceMin: 1 << 20, reserveBytes: 0)
        let machine = StoreMachine("a test")
        try SQLiteStore.create(
            directory: folder,
            cluster: ClusterID("6f1d1c1e-6d0b-4f0a-9d8e-2b7a5c3e1f90"),
            machine: machine,
            options: options
        )
        let store = try SQLiteStore.open(directory: folder, machine: machine, options: options)
        defer { store.close() }
        let event = ClusterEvent(
            sequence: 1,
            at: Self.at,
            kind: .nodeOffline,
            severity: .critical,
            subject: "node-1",
            text: "Node node-1 is Offline.",
            cause: "no \"heartbeat\"\nfor 3.5s",
            consequence: "0 of 1"
        )
        let audit = ControllerCore.AuditRecord(
            at: Self.at,
            actor: "admin",
            key: KeyFingerprint("abc").text,
            source: "127.0.0.1:1",
            verb: "site.add",
            object: "south",
            reason: "why\nnot",
            parameters: "value=x",
            outcome: "done"
        )
        let entries = try records.map { JournalEntry.put($0) } + [.event(event), .audit(audit)]
        try store.commit([entries.map(JournalWriter.write)])

        let loaded = try JournalWriter.records(of: store.load())
        let wanted = try records
        #expect(loaded.count == wanted.count)
        for record in wanted { #expect(loaded.contains(record), "\(record)") }

        let events = try store.events(after: 0, limit: 10, matching: EventFilter())
        #expect(events.compactMap(JournalWriter.event) == [event])
        let audited = try #require(try store.audit(from: 1, limit: 10).first)
        #expect(audited.entry.verb == "site.add" && audited.entry.object == "south")
        #expect(audited.entry.actor.contains("admin") && audited.entry.outcome == "done")
        #expect(audited.entry.wall == Self.at)

        let key = Record.site(SiteRecord(name: SiteName("north"))).key
        try store.commit([[JournalWriter.write(.delete(table: .site, key: key))]])
        #expect(try JournalWriter.records(of: store.load()).count == wanted.count - 1)
    }

    @Test func `no text of an audit entry is longer than what every store takes`() throws {
        let long = String(repeating: "\u{301}", count: 20_000)
        let record = ControllerCore.AuditRecord(
            at: Self.at,
            actor: "admin",
            key: KeyFingerprint("abc").text,
            source: long,
            verb: "node.remove",
            object: long,
            reason: long,
            parameters: long,
            outcome: "invalid"
        )
        guard case .audit(let entry) = JournalWriter.write(.audit(record)) else {
            Issue.record("an audit record is written as something else")
            return
        }
        for text in [entry.source, entry.object, entry.reason, entry.parameters, entry.actor] {
            #expect(text.utf8.count <= StoreLimits.auditFieldBytesMax)
        }
    }
}
