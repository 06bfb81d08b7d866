import Model
import Protocol

// Connections and sessions: who may speak, under which identity, and what ends it.

extension ControllerMachine {
    /// A node whose credential is not accepted, or that has connections enough, is turned away
    /// before its first line.
    mutating func connect(_ connection: ConnectionID, _ peer: Peer, address: String) {
        connections[connection] = Connection(peer: peer, address: address)
        guard case .node(let id, let key) = peer else { return }
        // Those of a certificate that is not the node's take no place from the node itself.
        let isOther = nodes[id].map { !$0.record.accepts(key) } ?? false
        let open = connections.values.count { other in
            guard case .node(id, let shown) = other.peer else { return false }
            return isOther == (nodes[id].map { !$0.record.accepts(shown) } ?? false)
        }
        if open > (isOther ? 1 : Limits.connectionsPerNodeMax) {
            dismiss(connection, .tooFast, "this node has connections enough")
        } else if let record = nodes[id]?.record, record.membership == .removed {
            dismiss(
                connection,
                .removed,
                "this node was removed from the cluster; to come back it must be added again"
            )
        } else if isOther, settling == nil {
            // A store that was restored may be older than the certificate: what its node has seen is heard
            // first.
            dismiss(connection, .badCertificate, Self.otherCertificate)
        }
    }

    mutating func receive(
        _ message: AgentMessage,
        from connection: ConnectionID,
        fresh: String
    ) {
        guard let known = connections[connection] else { return }
        if case .hello(let hello) = message {
            guard !known.isGreeted else {
                return dismiss(connection, .badVerb, "HELLO was said already")
            }
            connections[connection]?.isGreeted = true
            return greet(hello, connection, known, fresh: fresh)
        }
        guard known.isGreeted else {
            return dismiss(connection, .badVerb, "the first line must be HELLO")
        }
        guard let id = known.node, let member = nodes[id], let link = member.link,
            link.connection == connection
        else {
            return dismiss(connection, .badVerb, "this verb needs a session")
        }
        if link.phase == .welcomed {
            guard case .ready(let nonce) = message else {
                return dismiss(connection, .badVerb, "the answer to WELCOME is READY")
            }
            return becomeReady(id, connection, nonce: nonce)
        }
        report(message, from: id, connection)
    }

    private mutating func greet(
        _ hello: Hello,
        _ connection: ConnectionID,
        _ known: Connection,
        fresh: String
    ) {
        let ours = WireLimits.versions
        guard hello.versionMin <= ours.upperBound, hello.versionMax >= ours.lowerBound else {
            return dismiss(
                connection,
                .version,
                "this controller speaks versions \(ours.lowerBound) to \(ours.upperBound)"
            )
        }
        switch (known.peer, hello.speaker) {
        case (.stranger, .agent):
            dismiss(connection, .noCertificate, "an agent's session needs a certificate")
        case (.stranger, .stranger), (.node, .stranger):
            // The shell answers a stranger with the authority's certificate; it is no decision.
            break
        case (.node(let id, let key), .agent):
            welcome(hello, connection, node: id, key: key, address: known.address, fresh: fresh)
        }
    }

    private mutating func welcome(
        _ hello: Hello,
        _ connection: ConnectionID,
        node id: NodeID,
        key: KeyFingerprint,
        address: String,
        fresh: String
    ) {
        guard let member = nodes[id] else {
            // Not "removed", upon which a node stops what it runs: it can as well be that our
            // store is older than the node, after a restore.
            judgeStranger(hello, id)
            tellStranger(id)
            return dismiss(
                connection,
                .badCertificate,
                "this node is not known here; if the controller's store was restored, it joined "
                    + "after the backup and must join again"
            )
        }
        let record = member.record
        guard record.membership == .joined || record.membership == .removing else {
            return dismiss(
                connection,
                .removed,
                "this node was removed from the cluster; to come back it must be added again"
            )
        }
        guard record.accepts(key) else {
            judgeStranger(hello, id)
            return dismiss(connection, .badCertificate, Self.otherCertificate)
        }
        if let conflict = record.conflict {
            return dismiss(connection, .conflicted, "held: \(conflict)")
        }
        guard !isBehind(hello, member, connection) else { return }
        guard !isUnsaid else {
            return dismiss(
                connection,
                .notActive,
                "the controller's store was restored, and which site is active has not been said"
            )
        }
        // The nonce first: who cannot show it is not believed about epochs either.
        guard judgeNonce(hello, connection, member, address: address) else { return }
        guard !isSetBack(hello, member, connection) else { return }
        guard !isEarly(hello, connection, member) else { return }
        guard judgeAge(of: hello, connection, record) else { return }
        let isOfTwin =
            record.isUnwelcomed && hello.highest.epoch.generation == cluster.epoch.generation
        if isOfTwin {
            // Its numbers of tasks, attempts and orders may have been given already.
            doubtAuthority(shown: hello.highest.epoch, by: record.name, .ofTwin)
            return dismiss(
                connection,
                .notActive,
                "another store was raised to this controller's generation before"
            )
        }
        if hello.highest.epoch > cluster.epoch {
            doubtAuthority(shown: hello.highest.epoch, by: record.name)
        }

        if let old = member.link {
            connections[old.connection]?.node = nil
            dismiss(old.connection, .replaced, "a newer session of this node has taken over")
        }
        amend(id) {
            $0.previousNonce = hello.nonce
            $0.nonce = fresh
            $0.isNonceConfirmed = false
            $0.isNonceOpen = false
            $0.isUnwelcomed = false
            $0.incarnation = hello.incarnation
            $0.machine = hello.machine
        }
        connections[connection]?.node = id
        let version = min(hello.versionMax, WireLimits.versions.upperBound)
        touch(id) { [now] in
            $0.link = Member.Link(
                connection: connection,
                key: key,
                address: address,
                software: hello.software,
                bootID: hello.bootID,
                machineID: hello.machineID,
                version: version,
                incarnation: hello.incarnation,
                since: now,
                phase: .welcomed,
                lastSequence: 0
            )
            $0.staleShown = 0
        }
        // It is there: that is no time to count it as off.
        withdrawFence(of: id, isSilenceOver: false)
        if let link = nodes[id]?.link { expect(by: tellingEnd(link)) }
        touch(id) { [revision] in $0.toldRevision = revision }
        send(welcomeMessage(for: id, version: version, nonce: fresh), to: connection)
    }

    private func welcomeMessage(
        for id: NodeID,
        version: UInt16,
        nonce: String
    ) -> ControllerMessage {
        guard let record = nodes[id]?.record else { preconditionFailure("no node \(id)") }
        return .welcome(
            Welcome(
                version: version,
                cluster: cluster.id,
                node: id,
                name: record.name,
                site: record.site,
                role: role(of: record.site),
                drill: runs.drill(of: record.site),
                drains: record.drains,
                token: token(of: record),
                nonce: nonce,
                heartbeatInterval: settings.lease.heartbeatInterval,
                loadInterval: settings.loadInterval,
                spread: spread,
                wall: now.wall,
                revision: revision
            )
        )
    }

    /// The ratchet: a node shows the nonce it was given last, or the one before it when its READY
    /// never arrived. Anything else means that somebody else holds the same identity, or that the
    /// node was set back to an old state.
    ///
    /// One case only looks like it: an agent gave a connection up and made another, and the HELLO
    /// of the first arrives after the READY of the second. It comes from the same boot, of this or an
    /// earlier incarnation, and never twice; it is turned away without a verdict.
    private mutating func judgeNonce(
        _ hello: Hello,
        _ connection: ConnectionID,
        _ member: Member,
        address: String
    ) -> Bool {
        let record = member.record
        if record.isNonceOpen { return true }
        let isCurrent = hello.nonce == record.nonce
        let isPredecessor = !record.isNonceConfirmed && hello.nonce == record.previousNonce
        if isCurrent || isPredecessor, hello.incarnation >= record.incarnation { return true }

        if let link = member.link, link.incarnation >= hello.incarnation,
            link.bootID == hello.bootID, link.machineID == hello.machineID, member.staleShown == 0
        {
            touch(record.id) { $0.staleShown += 1 }
            dismiss(connection, .replaced, "this nonce was used; reconnect with the last one given")
            return false
        }
        hold(member, connection, hello, address: address)
        return false
    }

    private mutating func hold(
        _ member: Member,
        _ connection: ConnectionID,
        _ hello: Hello,
        address: String
    ) {
        let record = member.record
        let other = member.link.map { "the one at \($0.address)" } ?? "an earlier one"
        let told =
            "a machine at \(address) (machine \(short(hello.machineID)), boot "
            + "\(short(hello.bootID))) showed a used credential state; \(other) holds the current"
        let conflict = kept(told, bytesMax: Limits.textBytesMax)
        amend(record.id) {
            $0.conflict = conflict
            // Work of either machine carries an older session from now on.
            $0.session += 1
            $0.drains = nil
        }
        if let link = member.link {
            dismiss(link.connection, .conflicted, "held: \(conflict)")
            unlink(record.id)
        }
        dismiss(connection, .conflicted, "held: \(conflict)")
        touch(record.id) {
            $0.reachability = .unreachable
            $0.lossCause = "held, its identity was seen twice"
        }
        expect(by: leaseEnd(of: member))
        tell(
            .nodeConflicted,
            .critical,
            record.name.text,
            "Two machines present the identity of \(record.name); both are held.",
            cause: conflict,
            consequence: "stop the copy, then: muster node release \(record.name)"
        )
        auditOwn("node.hold", record.name.text, reason: conflict)
    }

    private func short(_ text: String) -> String {
        // By scalars: one character may be as long as a line.
        text.isEmpty ? "unknown" : String(text.unicodeScalars.prefix(8))
    }

    private mutating func becomeReady(_ id: NodeID, _ connection: ConnectionID, nonce: String) {
        guard let member = nodes[id], nonce == member.record.nonce else {
            return dismiss(connection, .badLine, "READY shows another nonce than WELCOME gave")
        }
        amend(id) {
            $0.isNonceConfirmed = true
            $0.previousNonce = ""
            if member.link?.key == $0.key { $0.previousKeys = [] }
        }
        touch(id) {
            $0.link?.phase = .telling
            // Whatever was known of the node is told anew.
            $0.services = OrderedTable()
            $0.handlers = OrderedTable()
            $0.sets = OrderedTable()
            $0.dataSets = OrderedTable()
            $0.checks = OrderedTable()
            $0.disks = []
            $0.clock = nil
            $0.floor = nil
            $0.wholeFloor = nil
            $0.configurationVersion = nil
        }
        abandonDrift(of: id)
        unsettle(id)
        hear(id)
        sendConfiguration(to: id, connection)
    }

    /// A sign of life of a node with a session.
    mutating func hear(_ id: NodeID) {
        guard let member = nodes[id] else { return }
        let returns = member.reachability == .unreachable
        let isExcused = member.isLossExcused
        touch(id) { [now] in
            if returns || !$0.wasHeard {
                $0.detector.forgive(at: now.instant)
            } else {
                $0.detector.heard(at: now.instant)
            }
            $0.reachability = .reachable
            $0.wasHeard = true
            $0.isFarewell = false
            $0.isFenceTold = false
            $0.isSilenceOurs = false
            $0.isLossExcused = false
        }
        if returns, !isExcused { considerHold(of: id) }
        if let deadline = nodes[id]?.detector.suspectAt { expect(by: deadline) }
    }

    mutating func disconnect(_ connection: ConnectionID, _ reason: DisconnectReason) {
        guard let known = connections[connection] else { return }
        connections[connection] = nil
        guard let id = known.node, let link = nodes[id]?.link, link.connection == connection else {
            return
        }
        let cause: String
        var isLoss = true
        switch (link.farewell, reason) {
        case (let farewell?, _):
            cause = "its agent said it is \(farewell.rawValue)"
            isLoss = false
        case (nil, .closedByPeer): cause = "its session was reset"
        case (nil, .closedByUs(let code)): cause = "its session was closed: \(code.rawValue)"
        case (nil, .timedOut): cause = "its session timed out"
        }
        unlink(id)
        lose(id, cause: cause, isLoss: isLoss)
        touch(id) { $0.isFarewell = link.farewell != nil }
    }

    /// The session is over; orders under way wait for the next one.
    mutating func unlink(_ id: NodeID) {
        guard let member = nodes[id], let link = member.link else { return }
        connections[link.connection]?.node = nil
        touch(id) { $0.link = nil }
        for order in member.pendingOrders.values where orders[order]?.state == .sent {
            orders[order]?.state = .waiting
        }
        failPreflights(of: id)
        abandonDrift(of: id)
    }

    /// The node can not be reached any more. Showing that is all that happens here: taking work
    /// away follows other rules (safety rule 8).
    mutating func lose(_ id: NodeID, cause: String, isLoss: Bool) {
        guard let member = nodes[id] else { return }
        let connection = member.link?.connection
        // Nodes end their sessions with a controller that is frozen: that is no flapping of theirs.
        let isExcused = tiltUntil != nil || member.isSilenceOurs
        unlink(id)
        if let connection {
            dismiss(connection, .tooSlow, "no heartbeat in time; reconnect")
        }
        touch(id) { [now] in
            $0.reachability = .unreachable
            $0.lossCause = cause
            $0.isLossExcused = isExcused
            if isLoss, !isExcused { $0.losses.append(now.instant) }
        }
        endHold(of: id, by: "it was lost again")
        expect(by: leaseEnd(of: member))
    }

    mutating func sayGoodbye() {
        settleTallies(isLast: true)
        for member in nodes.values {
            guard let link = member.link else { continue }
            send(.bye(reason: .restarting, retry: spread), to: link.connection)
            effects.closes.append(Close(connection: link.connection, code: .notActive))
        }
    }
}
