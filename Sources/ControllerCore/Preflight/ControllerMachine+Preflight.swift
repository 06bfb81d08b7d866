import Model
import Protocol

// Prerequisites: what each node checks by itself, what only the controller can compare, and the
// proof that a shared path is the same file system on every node.

extension ControllerMachine {
    mutating func preflight(_ names: [NodeName]) throws(Refused) -> Reply.Outcome {
        var ids: [NodeID] = []
        for name in names { ids.append(try joined(name)) }
        if names.isEmpty {
            ids = nodes.values.filter { $0.record.membership == .joined }.map(\.record.id)
        }
        guard !ids.isEmpty else {
            throw Refused(.notNow, "no node has joined yet", mend: "muster token create")
        }
        return .preflightStarted(startPreflight(of: sortedUnique(ids), isAutomatic: false))
    }

    @discardableResult
    mutating func startPreflight(of ids: [NodeID], isAutomatic: Bool) -> UInt64 {
        let number = nextOrder
        let deadline = now.instant + Limits.preflightDeadline
        var run = PreflightRun(
            id: number,
            isAutomatic: isAutomatic,
            startedAt: now.wall,
            deadline: deadline,
            nodes: OrderedTable(),
            stage: .asking
        )
        for id in ids {
            guard let member = nodes[id] else { continue }
            touch(id) { $0.preflightNotBefore = deadline + Limits.preflightRetry }
            let order = give(.preflight, to: id)
            var part = PreflightRun.Part(
                name: member.record.name,
                order: order,
                isAnswered: false,
                findings: comparisons(of: member, order: order)
            )
            if !member.isSynced || !mayAct {
                part.isAnswered = true
                part.findings.append(
                    Finding(
                        order: order,
                        check: "reachable",
                        outcome: .failed,
                        text: "the node has no session",
                        mend: "muster node show \(member.record.name)"
                    )
                )
                endOrder(order, of: id, .failed, text: "the node has no session")
            }
            run.nodes[id] = part
        }
        preflights[number] = run
        // One that is under way is not forgotten: as many nodes as like may join at once.
        var surplus = preflights.count - Limits.preflightsKept
        for (old, run) in preflights where surplus > 0 && run.isFinished {
            preflights[old] = nil
            surplus -= 1
        }
        expect(by: deadline)
        advance(number)
        return number
    }

    /// What the controller itself can tell of a node.
    private func comparisons(of member: Member, order: UInt64) -> [Finding] {
        var findings: [Finding] = []
        func add(_ check: String, _ isFine: Bool, _ text: String, mend: String) {
            findings.append(
                Finding(
                    order: order,
                    check: check,
                    outcome: isFine ? .passed : .failed,
                    text: text,
                    mend: isFine ? "" : mend
                )
            )
        }
        if let facts = member.facts, let other = reference(for: member) {
            let reference = other.facts
            add(
                "system",
                facts.operatingSystem == reference.operatingSystem
                    && facts.architecture == reference.architecture,
                "\(facts.operatingSystem) \(facts.architecture), node \(other.name) has "
                    + "\(reference.operatingSystem) \(reference.architecture)",
                mend: "the nodes of a cluster share operating-system family and architecture"
            )
            add(
                "install-path",
                facts.installPath == reference.installPath,
                "installed in \(facts.installPath), node \(other.name) in \(reference.installPath)",
                mend: "install the agent under the same path on every node"
            )
        }
        if let notAfter = member.record.certificateNotAfter {
            add(
                "certificate",
                notAfter > now.wall,
                "valid until \(notAfter.forPeople)",
                mend: "restart the agent; it renews its certificate when it can connect"
            )
        }
        return findings
    }

    /// The admitted node that joined first among those whose facts are known.
    private func reference(for member: Member) -> (name: NodeName, facts: Facts)? {
        var best: Member?
        for other in nodes.values {
            guard other.record.id != member.record.id, other.record.membership == .joined,
                other.record.isAdmitted, other.facts != nil
            else { continue }
            if let best, best.record.addedAt <= other.record.addedAt { continue }
            best = other
        }
        guard let best, let facts = best.facts else { return nil }
        return (best.record.name, facts)
    }

    mutating func note(_ finding: Finding, of id: NodeID) {
        for number in preflights.keys {
            guard let run = preflights[number], !run.isFinished else { continue }
            let isOfMarker = run.openProbes[finding.order] == id
            guard run.nodes[id]?.order == finding.order || isOfMarker else { continue }
            preflights.update(number) { run in
                run.nodes.update(id) {
                    if $0.findings.count < Limits.findingsPerNodeMax { $0.findings.append(finding) }
                }
            }
            return
        }
    }

    mutating func endPreflightOrder(
        _ order: UInt64,
        of id: NodeID,
        _ state: Order.State,
        text: String
    ) {
        for number in preflights.keys {
            guard let run = preflights[number], !run.isFinished else { continue }
            if run.nodes[id]?.order == order {
                preflights.update(number) { run in
                    run.nodes.update(id) { part in
                        part.isAnswered = true
                        if state != .done { part.fail(order, "preflight", text) }
                    }
                }
                return advance(number)
            }
            if run.openProbes[order] == id {
                endProbe(order, of: id, in: number, state, text: text)
                return
            }
        }
    }

    mutating func settlePreflights() {
        for number in preflights.keys {
            guard let run = preflights[number], !run.isFinished, now.instant >= run.deadline else {
                continue
            }
            var open: [(order: UInt64, node: NodeID)] = []
            for (id, part) in run.nodes where !part.isAnswered { open.append((part.order, id)) }
            for (order, id) in run.openProbes { open.append((order, id)) }
            for (order, id) in open { endOrder(order, of: id, .failed, text: "no answer in time") }
            // The end of the last open order goes on to the next stage: past the deadline, to none.
            if preflights[number]?.isFinished == false { finishPreflight(number) }
        }
    }

    /// A node whose session has ended will not answer what it was asked in it.
    mutating func failPreflights(of id: NodeID) {
        for number in preflights.keys {
            guard let run = preflights[number], !run.isFinished else { continue }
            if let part = run.nodes[id], !part.isAnswered {
                endOrder(part.order, of: id, .failed, text: "its session ended")
            }
            for (order, holder) in run.openProbes where holder == id {
                endOrder(order, of: id, .failed, text: "its session ended")
            }
        }
    }

    /// Goes to the next stage when the present one has all its answers.
    private mutating func advance(_ number: UInt64) {
        guard let run = preflights[number], !run.isFinished else { return }
        guard now.instant < run.deadline else { return }
        switch run.stage {
        case .asking:
            guard run.nodes.values.allSatisfy(\.isAnswered) else { return }
            testShared(run.sharedPaths, in: number)
        case .writing(let marker):
            guard marker.open.isEmpty else { return }
            probe(.read, marker.readers, marker, in: number)
        case .reading(let marker):
            guard marker.open.isEmpty else { return }
            probe(.remove, [marker.writer], marker, in: number)
        case .removing(let marker):
            guard marker.open.isEmpty else { return }
            testShared(marker.rest, in: number)
        case .finished: return
        }
    }

    private mutating func testShared(_ paths: [String], in number: UInt64) {
        guard let run = preflights[number] else { return }
        guard let path = paths.first else { return finishPreflight(number) }
        let holders = run.holders(of: path)
        guard holders.count >= 2, let writer = holders.first else {
            return testShared(Array(paths.dropFirst()), in: number)
        }
        let marker = PreflightRun.Marker(
            path: path,
            text: "muster\(number)x\(String(generator.next(), radix: 16))",
            writer: writer,
            readers: Array(holders.dropFirst()),
            open: OrderedTable(),
            rest: Array(paths.dropFirst())
        )
        probe(.write, [writer], marker, in: number)
    }

    private mutating func probe(
        _ action: Probe.Action,
        _ ids: [NodeID],
        _ marker: PreflightRun.Marker,
        in number: UInt64
    ) {
        var marker = marker
        marker.open = OrderedTable()
        for id in ids {
            guard let member = nodes[id], let link = member.link, link.phase == .synced else {
                continue
            }
            let order = give(.probe, to: id)
            orders[order]?.state = .sent
            marker.open[order] = id
            send(
                .probe(
                    Probe(
                        order: order,
                        token: token(of: member.record),
                        action: action,
                        path: marker.path,
                        marker: marker.text
                    )
                ),
                to: link.connection
            )
        }
        let stage: PreflightRun.Stage
        switch action {
        case .write: stage = .writing(marker)
        case .read: stage = .reading(marker)
        case .remove: stage = .removing(marker)
        }
        preflights.update(number) { $0.stage = stage }
        if marker.open.isEmpty { advance(number) }
    }

    private mutating func endProbe(
        _ order: UInt64,
        of id: NodeID,
        in number: UInt64,
        _ state: Order.State,
        text: String
    ) {
        preflights.update(number) { run in
            run.closeProbe(order)
            guard let path = run.markerPath else { return }
            let isReading = if case .reading = run.stage { true } else { false }
            run.nodes.update(id) { part in
                let check = "shared-path-same:\(path)"
                if state != .done {
                    part.fail(order, check, text.isEmpty ? "the marker was not found" : text)
                } else if isReading, !part.hasFailure(of: order) {
                    part.findings.append(
                        Finding(
                            order: order,
                            check: check,
                            outcome: .passed,
                            text: "another node's marker was read here"
                        )
                    )
                }
            }
        }
        advance(number)
    }

    /// At the end of a run and not at its beginning: a node's clock is known by its first beat,
    /// which comes before its answers.
    private mutating func noteClock(of id: NodeID, in number: UInt64) {
        guard let clock = nodes[id]?.clock else { return }
        let offset = max(clock.offset, .zero - clock.offset)
        let isFine = !clock.exceeds(settings.clockOffsetMax)
        let text =
            "the clock is \(offset.forPeople) off (± \(clock.uncertainty.forPeople)), "
            + "the limit is \(settings.clockOffsetMax.forPeople)"
        preflights.update(number) { run in
            run.nodes.update(id) { part in
                part.findings.append(
                    Finding(
                        order: part.order,
                        check: "clock",
                        outcome: isFine ? .passed : .failed,
                        text: text,
                        mend: isFine
                            ? "" : "start the node's time service: timedatectl set-ntp true"
                    )
                )
            }
        }
    }

    private mutating func finishPreflight(_ number: UInt64) {
        preflights.update(number) {
            $0.stage = .finished
            $0.endedAt = now.wall
        }
        for id in preflights[number]?.nodes.keys ?? [] { noteClock(of: id, in: number) }
        guard let run = preflights[number] else { return }
        for (id, part) in run.nodes {
            let failures = part.failures
            touch(id) { [now] in
                $0.preflightFailures = failures
                if let places = CheckedPlaces(part, at: now.wall) { $0.places = places }
                $0.preflightNotBefore = now.instant + Limits.preflightRetry
            }
            guard failures.isEmpty, nodes[id]?.record.isAdmitted == false else { continue }
            amend(id) { $0.isAdmitted = true }
            tell(
                .nodeAdmitted,
                .info,
                part.name.text,
                "Node \(part.name) has passed its checks and may work."
            )
        }
        guard !run.isAutomatic else { return }
        let failed = run.nodes.values.filter { !$0.failures.isEmpty }
        tell(
            .preflightFinished,
            failed.isEmpty ? .info : .warning,
            "preflight",
            failed.isEmpty
                ? "Preflight: \(counted(run.nodes.count, "node")) "
                    + "\(run.nodes.count == 1 ? "has" : "have") passed."
                : "Preflight: \(failed.count) of \(counted(run.nodes.count, "node")) "
                    + "\(failed.count == 1 ? "has" : "have") failed.",
            cause: failed.map(\.name.text).joined(separator: ", ")
        )
    }
}

extension PreflightRun {
    var openProbes: OrderedTable<UInt64, NodeID> {
        switch stage {
        case .writing(let marker), .reading(let marker), .removing(let marker): marker.open
        case .asking, .finished: OrderedTable()
        }
    }

    var markerPath: String? {
        switch stage {
        case .writing(let marker), .reading(let marker), .removing(let marker): marker.path
        case .asking, .finished: nil
        }
    }

    mutating func closeProbe(_ order: UInt64) {
        switch stage {
        case .writing(var marker):
            marker.open[order] = nil
            stage = .writing(marker)
        case .reading(var marker):
            marker.open[order] = nil
            stage = .reading(marker)
        case .removing(var marker):
            marker.open[order] = nil
            stage = .removing(marker)
        case .asking, .finished: break
        }
    }

    private static let sharedPrefix = "shared-path:"

    /// Paths that the nodes themselves list as shared and found usable, each once, in order.
    var sharedPaths: [String] {
        var paths: [String] = []
        for part in nodes.values {
            for finding in part.findings
            where finding.outcome != .failed && finding.check.hasPrefix(Self.sharedPrefix) {
                paths.append(String(finding.check.dropFirst(Self.sharedPrefix.count)))
            }
        }
        var unique: [String] = []
        for path in paths.sorted() where unique.last != path { unique.append(path) }
        return unique
    }

    func holders(of path: String) -> [NodeID] {
        nodes.filter { _, part in
            part.findings.contains {
                $0.check == Self.sharedPrefix + path && $0.outcome != .failed
            }
        }.map(\.0)
    }
}

extension PreflightRun.Part {
    func hasFailure(of order: UInt64) -> Bool {
        findings.contains { $0.order == order && $0.outcome == .failed }
    }

    mutating func fail(_ order: UInt64, _ check: String, _ text: String) {
        findings.append(
            Finding(
                order: order,
                check: check,
                outcome: .failed,
                text: text,
                mend: "muster node show \(name)"
            )
        )
    }
}
