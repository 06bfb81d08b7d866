import Model
import Protocol

// Certificates: for a join token, for an operator's token, and for who has one that ends.

/// A certificate that was ordered and not handed out yet.
struct PendingCertificate: Hashable, Sendable {
    enum For: Hashable, Sendable {
        case joining(ConnectionID, JoinTokenID, NodeID, NodeName, SiteName, address: String)
        case renewing(ConnectionID, NodeID, usedKey: KeyFingerprint)
        case operatorJoining(RequestID, JoinTokenID, OperatorName)
        case operatorRenewing(RequestID, Caller)
    }

    var purpose: For
    var key: KeyFingerprint
}

extension ControllerMachine {
    mutating func sign(_ request: SigningRequest, for connection: ConnectionID?) {
        switch request.purpose {
        case .enrolNode(let token, let secretHash, let name, let fresh):
            guard let connection, let known = connections[connection] else { return }
            guard known.isGreeted else {
                return dismiss(connection, .badVerb, "the first line must be HELLO")
            }
            do {
                try enrolNode(
                    token: token,
                    secretHash: secretHash,
                    name: name,
                    fresh: fresh,
                    key: request.key,
                    connection,
                    address: known.address
                )
            } catch {
                auditEnrolment("node.enrol", token.text, key: request.key, known.address, error)
                tell(
                    .nodeRefused,
                    .warning,
                    name?.text ?? token.text,
                    "An enrolment from \(known.address) was refused.",
                    cause: error.text
                )
                dismiss(connection, error.code, error.text)
            }
        case .renewNode: renewNode(connection, key: request.key)
        case .enrolOperator(let id, let token, let secretHash):
            do {
                try enrolOperator(id, token: token, secretHash: secretHash, key: request.key)
            } catch {
                auditEnrolment("operator.enrol", token.text, key: request.key, "", error)
                reply(id, .refused(error))
            }
        case .renewOperator(let id, let caller):
            guard account(of: caller) != nil else {
                return refuseRenewal(
                    id,
                    caller,
                    Refused(.forbidden, "no operator \(caller.name) with this certificate")
                )
            }
            order(
                .operatorNamed(caller.name),
                key: request.key,
                .operatorRenewing(id, caller)
            )
        }
    }

    private mutating func enrolOperator(
        _ request: RequestID,
        token id: JoinTokenID,
        secretHash: String,
        key: KeyFingerprint
    ) throws(Refused) {
        let token = try admit(id, secretHash, purpose: .operatorAccount, key)
        if let issued = token.issued { return reply(request, .certificate(issued)) }
        guard let name = token.operatorName, operators[name] != nil else {
            throw Refused(.badToken, "the operator of this token was removed")
        }
        order(.operatorNamed(name), key: key, .operatorJoining(request, id, name))
    }

    private mutating func enrolNode(
        token id: JoinTokenID,
        secretHash: String,
        name: NodeName?,
        fresh: NodeID,
        key: KeyFingerprint,
        _ connection: ConnectionID,
        address: String
    ) throws(Refused) {
        let token = try admit(id, secretHash, purpose: .node, key)
        if let issued = token.issued {
            guard let member = nodes.values.first(where: { $0.record.key == key }) else {
                throw Refused(.removed, "the node of this token was removed")
            }
            return handOver(issued, to: member.record, connection)
        }
        if let other = nodes.values.first(where: { $0.record.accepts(key) })?.record {
            throw Refused(
                .duplicate,
                "this key is already the identity of node \(other.name) of site \(other.site)",
                mend: "make a new key: remove the state directory of the agent and join again"
            )
        }
        let node: NodeID
        let nodeName: NodeName
        let site: SiteName
        if let invited = token.node {
            guard let record = nodes[invited]?.record, record.membership == .invited else {
                throw Refused(.badToken, "the node of this token has joined or was removed")
            }
            guard name == nil || name == record.name else {
                throw Refused(.badToken, "this token is for the node \(record.name)")
            }
            (node, nodeName, site) = (invited, record.name, record.site)
        } else {
            guard let name else {
                throw Refused(
                    .invalid,
                    "this token names no node: a name is needed",
                    mend: "--name"
                )
            }
            try checkFree(name)
            guard nodes[fresh] == nil else { throw Refused(.duplicate, "this identity is taken") }
            (node, nodeName, site) = (fresh, name, token.site ?? cluster.activeSite)
        }
        try checkNodeLimit()
        order(
            .node(node),
            key: key,
            .joining(connection, id, node, nodeName, site, address: address)
        )
    }

    func checkFree(_ name: NodeName) throws(Refused) {
        guard let taken = nodeIDs[name].flatMap({ nodes[$0]?.record }) else { return }
        throw Refused(
            .duplicate,
            "the name \(name) is taken by node \(taken.id) of site \(taken.site)"
                + (taken.address.map { " at \($0)" } ?? ""),
            mend: "choose another name, or remove that node first: muster node remove \(name)"
        )
    }

    private func checkNodeLimit() throws(Refused) {
        guard let limit = settings.nodeLimit else { return }
        let joined = nodes.values.filter { $0.record.membership == .joined }.count
        guard joined < Int(limit) else {
            throw Refused(
                .nodeLimit,
                "the cluster has \(counted(joined, "node")), its limit is \(limit)",
                mend: "raise limits.nodes in controller.yaml, or remove a node"
            )
        }
    }

    private mutating func order(
        _ subject: CertificateOrder.Subject,
        key: KeyFingerprint,
        _ purpose: PendingCertificate.For
    ) {
        let id = CertificateOrderID(nextCertificateOrder)
        nextCertificateOrder += 1
        pendingCertificates[id] = PendingCertificate(purpose: purpose, key: key)
        effects.certificates.append(CertificateOrder(id: id, subject: subject, key: key))
    }

    private mutating func renewNode(_ connection: ConnectionID?, key: KeyFingerprint) {
        guard let connection, let id = connections[connection]?.node,
            let link = nodes[id]?.link, link.connection == connection
        else {
            if let connection { dismiss(connection, .badVerb, "RENEW needs a session") }
            return
        }
        guard mayRenew(id) else {
            // Unaudited: the audit log is what this limit protects.
            let text = "at most \(Limits.renewalsPerHourMax) renewals an hour"
            return send(.refused(verb: "RENEW", code: .tooFast, text: text), to: connection)
        }
        if let other = nodes.values.first(where: { $0.record.accepts(key) && $0.record.id != id }) {
            let text = "this key is the identity of node \(other.record.name)"
            return refuseRenewal(id, key: key, connection, Refused(.duplicate, text))
        }
        order(.node(id), key: key, .renewing(connection, id, usedKey: link.key))
    }

    mutating func certificateIssued(_ id: CertificateOrderID, _ issued: IssuedCertificate) {
        guard let pending = pendingCertificates[id] else { return }
        pendingCertificates[id] = nil
        switch pending.purpose {
        case .joining(let connection, let token, let node, let name, let site, let address):
            join(
                node,
                name,
                site,
                token: token,
                key: pending.key,
                issued,
                connection,
                address: address
            )
        case .renewing(let connection, let node, let usedKey):
            guard nodes[node]?.record.membership == .joined else { return }
            amend(node) { [now] in
                $0.replaceKey(by: pending.key, inUse: usedKey)
                $0.serial = issued.serial
                $0.certificateNotAfter = issued.notAfter
                $0.certificateSince = now.wall
            }
            auditRenewal(of: node, key: pending.key, connection, "done")
            send(
                .renewed(certificate: issued.certificate, issuer: issued.issuer),
                to: connection
            )
            if let name = nodes[node]?.record.name {
                tell(
                    .nodeRenewed,
                    .info,
                    name.text,
                    "Node \(name) has a new certificate, valid until \(issued.notAfter.forPeople)."
                )
            }
        case .operatorJoining(let request, let token, let name):
            guard tokens[token]?.state == .open else {
                return reply(request, .refused(Refused(.badToken, "this token was used already")))
            }
            use(token, key: pending.key, issued)
            install(issued, key: pending.key, for: name, previous: nil)
            reply(request, .certificate(issued))
        case .operatorRenewing(let request, let caller):
            // The key that was shown stays accepted until the new one is used: a reply can be lost.
            guard account(of: caller) != nil else {
                let refused = Refused(.forbidden, "the operator was removed meanwhile")
                return refuseRenewal(request, caller, refused)
            }
            install(issued, key: pending.key, for: caller.name, previous: caller.key)
            reply(request, .certificate(issued))
        }
    }

    /// The authority could not sign: who waits is told, and nothing was changed.
    mutating func certificateFailed(_ id: CertificateOrderID) {
        guard let pending = pendingCertificates[id] else { return }
        pendingCertificates[id] = nil
        let refused = Refused(
            .notNow,
            "the authority cannot sign now; see the controller's log",
            mend: "on the controller's host: muster-controller renew-authority"
        )
        switch pending.purpose {
        case .joining(let connection, let token, _, _, _, let address):
            auditEnrolment("node.enrol", token.text, key: pending.key, address, refused)
            dismiss(connection, refused.code, refused.text)
        case .renewing(let connection, let node, _):
            refuseRenewal(node, key: pending.key, connection, refused)
        case .operatorJoining(let request, let token, _):
            auditEnrolment("operator.enrol", token.text, key: pending.key, "", refused)
            reply(request, .refused(refused))
        case .operatorRenewing(let request, let caller):
            refuseRenewal(request, caller, refused)
        }
    }

    /// The token is consumed, the node is a member and its certificate is known, all in one
    /// transaction; what was true when the certificate was ordered is checked again.
    private mutating func join(
        _ node: NodeID,
        _ name: NodeName,
        _ site: SiteName,
        token: JoinTokenID,
        key: KeyFingerprint,
        _ issued: IssuedCertificate,
        _ connection: ConnectionID,
        address: String
    ) {
        let taken = nodeIDs[name]
        guard tokens[token]?.state == .open, taken == nil || taken == node else {
            return dismiss(connection, .badToken, "this join token or name was used meanwhile")
        }
        use(token, key: key, issued)
        if nodes[node] == nil {
            nodes[node] = Member(
                record: NodeRecord(
                    id: node,
                    name: name,
                    site: site,
                    membership: .joined,
                    addedBy: "token \(token)",
                    addedAt: now.wall
                ),
                interval: settings.lease.heartbeatInterval,
                start: now.instant,
                revision: revision
            )
        }
        nodeIDs[name] = node
        touch(node) {
            $0.reachability = .unreachable
            $0.lossCause = "its agent has enrolled and not connected yet"
            $0.isFenceTold = true
        }
        amend(node) { [now] in
            $0.membership = .joined
            $0.key = key
            $0.serial = issued.serial
            $0.certificateNotAfter = issued.notAfter
            $0.certificateSince = now.wall
            $0.statusSince = now.wall
        }
        tell(
            .nodeEnrolled,
            .info,
            name.text,
            "Node \(name) has joined site \(site).",
            cause: "join token \(token), from \(address)"
        )
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: name.text,
                    key: key.text,
                    source: address,
                    verb: "node.enrol",
                    object: name.text,
                    parameters: "token=\(token)",
                    outcome: "done"
                )
            )
        )
        if let record = nodes[node]?.record { handOver(issued, to: record, connection) }
    }

    private mutating func handOver(
        _ issued: IssuedCertificate,
        to record: NodeRecord,
        _ connection: ConnectionID
    ) {
        send(
            .enrolled(
                Enrolled(
                    node: record.id,
                    name: record.name,
                    site: record.site,
                    cluster: cluster.id,
                    certificate: issued.certificate,
                    issuer: issued.issuer
                )
            ),
            to: connection
        )
    }

    private mutating func install(
        _ issued: IssuedCertificate,
        key: KeyFingerprint,
        for name: OperatorName,
        previous: KeyFingerprint?
    ) {
        guard var account = operators[name] else { return }
        account.previousKey = previous
        account.key = key
        account.serial = issued.serial
        account.notAfter = issued.notAfter
        operators[name] = account
        put(.operatorAccount(account))
        effects.journal.append(
            .audit(
                AuditRecord(
                    at: now.wall,
                    actor: name.text,
                    key: key.text,
                    verb: previous == nil ? "operator.enrol" : "operator.renew",
                    object: name.text,
                    outcome: "done"
                )
            )
        )
    }

    private mutating func auditEnrolment(
        _ verb: String,
        _ object: String,
        key: KeyFingerprint,
        _ source: String,
        _ refused: Refused
    ) {
        auditRefusal(
            TurnedAway(
                actor: "stranger",
                key: key,
                source: source,
                verb: verb,
                object: object,
                refused: refused
            )
        )
    }

    mutating func reply(_ request: RequestID, _ outcome: Reply.Outcome) {
        effects.replies.append(Reply(request: request, outcome: outcome))
    }
}
