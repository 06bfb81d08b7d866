import Model
import Protocol

// A run that waits because of what it would lose need not be begun anew: who may order it may say, with a
// reason, that the loss is accepted.

extension ControllerMachine {
    mutating func acceptLoss(
        _ id: RunID,
        acceptsLoss: Bool,
        divergence: UInt64?,
        by: String,
        reason: String
    ) throws(Refused) -> Reply.Outcome {
        let run = try liveRun(id)
        try checkAcceptance(run, reason)
        guard acceptsLoss || divergence != nil else {
            throw Refused(
                .invalid,
                "what is accepted must be said",
                mend: "--accept-data-loss, --accept-divergence N"
            )
        }
        let late = acceptsLoss ? dataInTheWay(of: run.kind, to: run.to, in: run) : []
        let names = late.filter { !run.acceptsLoss(of: $0) }
        // The answer may have been lost.
        let divergence = isAccepted(divergence, in: run) ? nil : divergence
        if names.isEmpty, divergence == nil {
            guard !acceptsLoss || run.acceptsLoss else {
                throw Refused(
                    .notNow,
                    "no data set stands in the way of run \(id) now: there is nothing to accept",
                    mend: "muster run show \(id)"
                )
            }
            return .done("run \(id): that data may be lost was accepted before", orders: [])
        }
        if divergence != nil {
            try checkDivergence(
                RunRequest(
                    kind: run.kind,
                    to: run.to,
                    acceptsLoss: acceptsLoss,
                    acceptedDivergence: divergence
                ),
                by: by
            )
            acceptDivergence(of: run.to, by: by, run: id)
        }
        if !names.isEmpty {
            amendRun(id) {
                $0.lossAcceptedOf = ($0.acceptsLoss ? $0.lossAcceptedOf ?? [] : []) + names
                $0.acceptsLoss = true
            }
            auditAcceptedLoss(of: names, by: by, run: id)
        }
        let words = [
            names.isEmpty ? nil : "data may be lost of \(short(names.map(\.text)))",
            divergence.map { "\($0) canaries of site \(run.to) are given up" },
        ].compactMap { $0 }.joined(separator: ", ")
        if let record = runs.stepRecords[.init(run: id, index: run.step)] {
            note(record, .acceptedLoss, words, by: by, reason: reason)
            amendStep(record) { _ in }
        }
        let next = run.state == .asking ? "; then: muster run retry \(id)" : ""
        return .done("run \(id): \(words), by \(by)\(next)", orders: [])
    }

    /// The audit's entry of the command has its words; these say what they were about.
    mutating func auditAcceptedLoss(of names: [DataSetName], by: String, run: RunID) {
        for name in names {
            auditOwn(
                "data.accept-loss",
                name.text,
                reason: "data may be lost, accepted by \(by) with run \(run)"
            )
        }
    }

    /// So many canaries of the new site were given up in the run, and no others are asked for.
    private func isAccepted(_ count: UInt64?, in run: RunRecord) -> Bool {
        guard let count, openDivergences(of: run.to).isEmpty else { return false }
        let accepted = replication.entries.values.compactMap { $0.divergences[run.to] }
            .filter { $0.acceptedIn == run.id }
        return !accepted.isEmpty && accepted.reduce(0) { $0 + $1.count } == count
    }

    private func checkAcceptance(_ run: RunRecord, _ reason: String) throws(Refused) {
        guard run.kind != .drill else {
            throw Refused(.invalid, "a drill loses nothing: run \(run.id) is one")
        }
        guard run.state != .rollingBack else {
            throw Refused(.notNow, "run \(run.id) is being rolled back")
        }
        guard !run.isActivated else {
            throw Refused(
                .notNow,
                "run \(run.id) is beyond its point of no return: what is lost is lost",
                mend: "muster run report \(run.id)"
            )
        }
        guard !reason.isEmpty else {
            throw Refused(
                .invalid,
                "why a loss of data is accepted must be said",
                mend: "--reason TEXT"
            )
        }
    }

    /// What may be typed where a run waits because of a loss.
    func lossNeeds(of run: RunRecord) -> [PersonNeed] {
        guard run.state == .running, !run.isActivated, run.kind != .drill else { return [] }
        let record = runs.stepRecords[.init(run: run.id, index: run.step)]
        guard let record, record.state == .running else { return [] }
        switch record.step.act {
        case .gate, .activate: break
        default: guard record.step.act.isFence, !run.isFenced else { return [] }
        }
        var needs: [PersonNeed] = []
        func need(_ text: String, _ words: String) {
            needs.append(
                PersonNeed(
                    text: text,
                    commands: [
                        "muster run accept \(run.id) \(words) --reason TEXT",
                        "muster run abort \(run.id)",
                    ]
                )
            )
        }
        let losses = unacceptedLosses(run)
        if !losses.isEmpty { need(losses.joined(separator: "; "), "--accept-data-loss") }
        let open = openDivergences(of: run.to)
        if !open.isEmpty {
            let total = open.reduce(0) { $0 + $1.count }
            need(
                open.map { text(of: $0) }.joined(separator: "; "),
                "--accept-divergence \(total)"
            )
        }
        return needs
    }
}
