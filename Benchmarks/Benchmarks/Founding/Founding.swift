import ControllerCore
import Model
import Protocol

/// What every benchmark of the controller's machine begins with.
public enum Founding {
    public static let admin = Caller(
        name: "root",
        key: KeyFingerprint("key-root"),
        source: "benchmark"
    )

    /// A cluster of one site and one admin, whose controller has just started.
    public static func machine(active: SiteName, at now: Moment) -> ControllerMachine {
        let cluster = ClusterRecord(
            id: "c-1",
            name: "benchmark",
            createdAt: now.wall,
            epoch: Epoch(generation: 1, counter: 1),
            activeSite: active
        )
        let founding = ControllerMachine.founding(
            cluster: cluster,
            operatorNamed: admin.name,
            key: admin.key,
            serial: "1",
            notAfter: now.wall + .seconds(1_000_000)
        )
        var records: [Record] = []
        for case .put(let record) in founding { records.append(record) }
        return ControllerMachine.started(
            settings: ControllerSettings(),
            records: records,
            generation: 1,
            lastEventSequence: 0,
            seed: 1,
            at: now
        ).0
    }

    /// The answer to an order for a certificate.
    public static func issued(_ order: CertificateOrder, at now: Moment) -> ControllerEvent {
        .certificateIssued(
            order.id,
            IssuedCertificate(
                serial: "1",
                notAfter: now.wall + .seconds(1_000_000),
                certificate: "c",
                issuer: "i"
            )
        )
    }
}
