import Digests
import Host
import Identity
import Logging
import Model
import Store

/// Tells the log where the audit chain stands, signed. A careful operator keeps the log elsewhere:
/// against it, a chain that was cut at its end can be told from a whole one.
struct AuditCheckpoints {
    private static let recordsMax: UInt64 = 1_000
    private static let interval: Duration = .seconds(600)

    private let store: SQLiteStore
    private let log: Logger
    private let seal: AuditSeal

    init(_ store: SQLiteStore, _ office: CertificateOffice, _ log: Logger) throws {
        self.store = store
        self.log = log
        seal = AuditSeal(key: try office.directory.auditKey(), cluster: office.cluster)
    }

    func run() async throws {
        var told: UInt64 = 0
        var toldAt: Instant?
        while true {
            let head = try store.checkpoint()
            let isDue =
                head.sequence >= told + Self.recordsMax
                || (toldAt.map { BootClock.now() - $0 >= Self.interval } ?? true)
            if isDue, head.sequence != told {
                try tell(head)
                told = head.sequence
                toldAt = BootClock.now()
            }
            try await Task.sleep(for: .seconds(10))
        }
    }

    private func tell(_ head: AuditCheckpoint) throws {
        let signature = try seal.sign(sequence: head.sequence, hash: head.hash.hex)
        log.notice(
            "Audit checkpoint",
            metadata: [
                "audit.sequence": "\(head.sequence)",
                "hash": "\(head.hash)",
                "signature": "\(Base64.encode(signature))",
            ]
        )
    }
}
