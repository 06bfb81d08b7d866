import Model
import Protocol

// Nodes of this cluster whom the store does not know: it may be older than they are.

extension ControllerMachine {
    static let otherCertificate = "this certificate is not the node's own"
    private static let strangersToldMax = 64

    /// A node that shows a certificate of this cluster and is not known, or has another one by the store:
    /// after a restore it says how old the store is, as any other does, and has no nonce to prove it by. The
    /// word of an operator on the active site ends what it can say of the time before.
    mutating func judgeStranger(_ hello: Hello, _ id: NodeID) {
        guard settling != nil, doubt == nil,
            let name = nodes[id]?.record.name ?? NodeName(id.text)
        else { return }
        let shown = hello.highest.epoch
        if shown > cluster.epoch {
            // That another controller is the later one its own nodes show with their nonces; without one
            // it is believed for as long as nobody has confirmed what this one knows.
            guard !nodes.values.contains(where: \.wasHeard) else { return }
            doubtAuthority(shown: shown, by: name)
        } else if shown.generation >= cluster.restoring.wholeFrom, isOfBefore(shown),
            shown.counter > cluster.epoch.counter
        {
            cluster.restoring.evidence = shown
            put(.cluster(cluster))
            doubtAuthority(shown: shown, by: name)
        }
    }

    /// Told once for each in the life of a controller.
    mutating func tellStranger(_ id: NodeID) {
        guard !strangersTold.contains(id), strangersTold.count < Self.strangersToldMax else {
            return
        }
        strangersTold.append(id)
        tell(
            .nodeRefused,
            .warning,
            id.text,
            "A node that has a certificate of this cluster is not known here: \(id).",
            cause: "it joined after the backup that was restored, or it was forgotten",
            consequence:
                "what of it does not fence itself runs on until it is stopped there, or has joined "
                + "again",
            advice: "muster token create"
        )
    }
}
