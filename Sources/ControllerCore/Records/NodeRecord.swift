public import Model
import Protocol

/// What is durable about one node. Heartbeats, load and service states are not.
public struct NodeRecord: Hashable, Sendable {
    public var id: NodeID
    public var name: NodeName
    public var site: SiteName
    public var membership: Membership
    /// The address an operator declared; unique among members.
    public var address: String?
    public var addedBy: String
    public var addedAt: WallTime
    public var removedAt: WallTime?

    /// The newest credential, and those given before it that the node may still hold: until the
    /// newest was used, nobody but the node knows which of them it has installed.
    public var key: KeyFingerprint?
    public var previousKeys: [KeyFingerprint]
    public var serial: String?
    public var certificateNotAfter: WallTime?
    /// When the newest was given; nil for one of an older store.
    public var certificateSince: WallTime?

    /// The node session of `safety.md` 3: raised before work is taken from the node.
    public var session: UInt32
    public var incarnation: UInt64
    /// Boot and machine of the last session; empty when it told none.
    public var machine: String
    /// A self-fenced service may run under a lease that it was granted: another boot or machine
    /// waits until that lease has ended. Yes where an older store does not say.
    public var mayRunFenced: Bool
    /// The last nonce given, and the one the node showed when it was given.
    public var nonce: String
    public var previousNonce: String
    /// The node has shown or acknowledged `nonce`: `previousNonce` is no longer accepted.
    public var isNonceConfirmed: Bool
    /// An operator has ended a conflict: the next nonce shown is believed, once.
    public var isNonceOpen: Bool
    /// Why the identity is held (it was seen twice); nil when it is not.
    public var conflict: String?

    /// Its preflight checks have passed once: it may get work.
    public var isAdmitted: Bool
    public var cordon: Cordon?
    public var drain: Drain?
    public var maintenance: Maintenance?
    /// Of a standby node: the production node whose local configuration it takes over.
    public var pair: NodeID?
    /// Every exclusive service that it told of last stops by itself with its lease; nil before it has
    /// told of any.
    public var fencesItself: Bool?
    /// Boot and machine on which exclusive services that do not stop by themselves may run: the one of
    /// the session that was told to start them, until it has told that they have stopped.
    public var stickyMachine: String?
    /// The store was restored, and the node has not been heard since: what it was given meanwhile is
    /// not known.
    public var isHistoryOpen = false
    /// The generation was raised, and the node has not been welcomed under it: if it shows it all the
    /// same, another store was raised to the same one.
    public var isUnwelcomed = false
    /// What it was given before the restore may still act: the controller waits for its word.
    public var isUnsettled = false
    /// Attempts of drainable handlers under this token or a later one may go on, though the node's
    /// session or the epoch was raised since: it was, by a planned run that lets them end. Nil with
    /// every other raise.
    public var drains: FencingToken?
    /// Services that an operator has stopped; they stay stopped until an operator starts them.
    public var stoppedServices: [ServiceName]

    /// The last status that was told, so that "since when" outlives the controller.
    public var status: NodeStatus
    public var statusSince: WallTime
    public var statusReason: String

    public struct Cordon: Hashable, Sendable {
        public var by: String
        public var reason: String
        public var at: WallTime

        public init(by: String, reason: String, at: WallTime) {
            self.by = by
            self.reason = reason
            self.at = at
        }
    }

    public struct Drain: Hashable, Sendable {
        public var by: String
        public var reason: String
        public var at: WallTime
        public var deadline: WallTime
        public var keepServices: Bool
        /// Everything was stopped and nothing is left.
        public var isFinished: Bool
        /// It was told that the deadline passed first.
        public var isOverdue: Bool

        public init(
            by: String,
            reason: String,
            at: WallTime,
            deadline: WallTime,
            keepServices: Bool
        ) {
            self.by = by
            self.reason = reason
            self.at = at
            self.deadline = deadline
            self.keepServices = keepServices
            isFinished = false
            isOverdue = false
        }
    }

    public struct Maintenance: Hashable, Sendable {
        public var owner: String
        public var reason: String
        public var at: WallTime
        public var until: WallTime
        public var keepServices: Bool

        public init(
            owner: String,
            reason: String,
            at: WallTime,
            until: WallTime,
            keepServices: Bool
        ) {
            self.owner = owner
            self.reason = reason
            self.at = at
            self.until = until
            self.keepServices = keepServices
        }
    }

    public init(
        id: NodeID,
        name: NodeName,
        site: SiteName,
        membership: Membership,
        address: String? = nil,
        addedBy: String,
        addedAt: WallTime
    ) {
        self.id = id
        self.name = name
        self.site = site
        self.membership = membership
        self.address = address
        self.addedBy = addedBy
        self.addedAt = addedAt
        previousKeys = []
        session = 1
        incarnation = 0
        machine = ""
        mayRunFenced = false
        nonce = ""
        previousNonce = ""
        isNonceConfirmed = true
        isNonceOpen = false
        isAdmitted = false
        stoppedServices = []
        status = .offline
        statusSince = addedAt
        statusReason = ""
    }
}

extension NodeRecord {
    /// More unused renewals than this, and the oldest but one is forgotten.
    static let previousKeysMax = 4

    func accepts(_ shown: KeyFingerprint) -> Bool {
        shown == key || previousKeys.contains(shown)
    }

    /// A certificate for another key was made. The key in use stays accepted, and so do those that
    /// were given since and may be installed.
    mutating func replaceKey(by new: KeyFingerprint, inUse: KeyFingerprint) {
        var accepted = previousKeys
        if let key { accepted.append(key) }
        accepted.removeAll { $0 == new || $0 == inUse }
        accepted = [inUse] + accepted.suffix(Self.previousKeysMax - 1)
        previousKeys = accepted.filter { $0 != new }
        key = new
    }

    init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            id: try fields.name("id"),
            name: try fields.name("name"),
            site: try fields.name("site"),
            membership: try fields.word("membership"),
            address: fields.optionalText("address"),
            addedBy: fields.optionalText("by") ?? "",
            addedAt: try fields.time("added")
        )
        removedAt = try fields.optionalTime("removed")
        key = fields.optionalText("key").map { KeyFingerprint($0) }
        previousKeys = (fields.optionalText("previous-keys") ?? "").split(separator: ",")
            .map { KeyFingerprint(String($0)) }
        serial = fields.optionalText("serial")
        certificateNotAfter = try fields.optionalTime("not-after")
        certificateSince = try fields.optionalTime("certificate-since")
        session = try fields.number("session")
        incarnation = try fields.number("incarnation")
        machine = fields.optionalText("machine") ?? ""
        mayRunFenced = !(try fields.flag("nothing-fenced"))
        nonce = fields.optionalText("nonce") ?? ""
        previousNonce = fields.optionalText("previous-nonce") ?? ""
        isNonceConfirmed = try fields.flag("nonce-confirmed")
        isNonceOpen = try fields.flag("nonce-open")
        conflict = fields.optionalText("conflict")
        isAdmitted = try fields.flag("admitted")
        for name in (fields.optionalText("stopped") ?? "").split(separator: ",") {
            guard let service = ServiceName(String(name)) else {
                throw .bad(key: "stopped", expected: "a list of service names")
            }
            stoppedServices.append(service)
        }
        pair = try fields.optionalName("pair")
        if fields.optionalText("fences-itself") != nil {
            fencesItself = fields.optionalText("fences-itself") == "yes"
        }
        stickyMachine = fields.optionalText("sticky-machine")
        isHistoryOpen = try fields.flag("history-open")
        isUnwelcomed = try fields.flag("unwelcomed")
        isUnsettled = try fields.flag("unsettled")
        drains = try fields.optionalToken("drains")
        status = try fields.word("status")
        statusSince = try fields.time("status-since")
        statusReason = fields.optionalText("status-reason") ?? ""
        try readWork(fields)
    }

    private mutating func readWork(_ fields: FieldReader) throws(MessageError) {
        if let at = try fields.optionalTime("cordon-at") {
            cordon = Cordon(
                by: fields.optionalText("cordon-by") ?? "",
                reason: fields.optionalText("cordon-reason") ?? "",
                at: at
            )
        }
        if let at = try fields.optionalTime("drain-at") {
            var drain = Drain(
                by: fields.optionalText("drain-by") ?? "",
                reason: fields.optionalText("drain-reason") ?? "",
                at: at,
                deadline: try fields.time("drain-deadline"),
                keepServices: try fields.flag("drain-keep")
            )
            drain.isFinished = try fields.flag("drain-finished")
            drain.isOverdue = try fields.flag("drain-overdue")
            self.drain = drain
        }
        if let at = try fields.optionalTime("maintenance-at") {
            maintenance = Maintenance(
                owner: fields.optionalText("maintenance-owner") ?? "",
                reason: fields.optionalText("maintenance-reason") ?? "",
                at: at,
                until: try fields.time("maintenance-until"),
                keepServices: try fields.flag("maintenance-keep")
            )
        }
    }

    var line: Line {
        var writer = LineWriter("NODE")
        writer.put("id", id)
        writer.put("name", name)
        writer.put("site", site)
        writer.put("membership", membership)
        writer.put("address", address)
        writer.put("by", addedBy)
        writer.put("added", addedAt)
        writer.put("removed", removedAt)
        writer.put("key", key?.text)
        writer.put("previous-keys", previousKeys.map(\.text).joined(separator: ","))
        writer.put("serial", serial)
        writer.put("not-after", certificateNotAfter)
        writer.put("certificate-since", certificateSince)
        writer.put("session", session)
        writer.put("incarnation", incarnation)
        writer.put("machine", machine)
        writer.put("nothing-fenced", !mayRunFenced)
        writer.put("nonce", nonce)
        writer.put("previous-nonce", previousNonce)
        writer.put("nonce-confirmed", isNonceConfirmed)
        writer.put("nonce-open", isNonceOpen)
        writer.put("conflict", conflict)
        writer.put("admitted", isAdmitted)
        writer.put("stopped", stoppedServices.map(\.text).joined(separator: ","))
        writer.put("pair", pair)
        writer.put("fences-itself", fencesItself.map { $0 ? "yes" : "no" })
        writer.put("sticky-machine", stickyMachine)
        writer.put("history-open", isHistoryOpen)
        writer.put("unwelcomed", isUnwelcomed)
        writer.put("unsettled", isUnsettled)
        writer.put("drains", drains)
        writer.put("status", status)
        writer.put("status-since", statusSince)
        writer.put("status-reason", statusReason)
        writeWork(to: &writer)
        return writer.line
    }

    private func writeWork(to writer: inout LineWriter) {
        writer.put("cordon-at", cordon?.at)
        writer.put("cordon-by", cordon?.by)
        writer.put("cordon-reason", cordon?.reason)
        writer.put("drain-at", drain?.at)
        writer.put("drain-by", drain?.by)
        writer.put("drain-reason", drain?.reason)
        writer.put("drain-deadline", drain?.deadline)
        writer.put("drain-keep", drain?.keepServices ?? false)
        writer.put("drain-finished", drain?.isFinished ?? false)
        writer.put("drain-overdue", drain?.isOverdue ?? false)
        writer.put("maintenance-at", maintenance?.at)
        writer.put("maintenance-owner", maintenance?.owner)
        writer.put("maintenance-reason", maintenance?.reason)
        writer.put("maintenance-until", maintenance?.until)
        writer.put("maintenance-keep", maintenance?.keepServices ?? false)
    }
}
