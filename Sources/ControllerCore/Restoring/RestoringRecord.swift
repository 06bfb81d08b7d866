public import Model
import Protocol

/// What is durable of a store that was restored from a backup or adopted; part of the cluster's record.
///
/// Such a store may be older than what the nodes were told last: another site may have become the active
/// one since, and tasks may run that it knows nothing of.
public struct RestoringRecord: Hashable, Sendable {
    /// What an operator has said of the sites, on the controller's host, for the next start.
    public struct Word: Hashable, Sendable {
        public var reason: String
        /// The active site and the epoch as the store had them.
        public var from: SiteName
        public var epoch: Epoch
        /// The store may be older than the last change of the active site, and the word stands all the
        /// same.
        public var isOld: Bool
    }

    /// From the start on such a store until everything that may still act by older orders has spoken, or
    /// has surely ended. Nothing is started and no task is given out meanwhile.
    public struct Settling: Hashable, Sendable {
        /// When the controller started on it first. What fell due until then is left out.
        public var at: WallTime
        /// The active site and the epoch as the store had them.
        public var from: SiteName
        public var epoch: Epoch
        /// Why the active site is the active one; empty when nobody had to say.
        public var reason: String
        /// There are several sites, and nobody has said which of them is active.
        public var isUnsaid: Bool
        /// The epoch with the highest counter that a node has shown; nil while none was above the
        /// store's.
        public var shown: Epoch?
    }

    public internal(set) var word: Word?
    public internal(set) var settling: Settling?
    /// Tokens of lower generations say nothing of how old the store is: an operator has said since which
    /// site is active.
    public internal(set) var wholeFrom: UInt16 = 0
    /// A node has shown that the store is older than the last change of the active site, and nobody has
    /// said since which site is active. Of the store's own generation where it has shown that the store
    /// was set back.
    public internal(set) var evidence: Epoch?
    /// Attempts of tasks of before have at least this number: lower ones may have been used.
    public internal(set) var attemptFloor: UInt16 = 0

    init() {}

    init(_ fields: FieldReader) throws(MessageError) {
        if fields.optionalText("word-epoch") != nil {
            word = Word(
                reason: fields.optionalText("word-reason") ?? "",
                from: try fields.name("word-from"),
                epoch: try fields.epoch("word-epoch"),
                isOld: try fields.flag("word-old")
            )
        }
        if let at = try fields.optionalTime("restored") {
            settling = Settling(
                at: at,
                from: try fields.name("restored-from"),
                epoch: try fields.epoch("restored-epoch"),
                reason: fields.optionalText("restored-reason") ?? "",
                isUnsaid: try fields.flag("restored-unsaid"),
                shown: try Self.epoch("restored-shown", fields)
            )
        }
        wholeFrom = try fields.optionalNumber("whole-from") ?? 0
        evidence = try Self.epoch("evidence", fields)
        attemptFloor = try fields.optionalNumber("attempts") ?? 0
    }

    private static func epoch(
        _ key: String,
        _ fields: FieldReader
    ) throws(MessageError) -> Epoch? {
        fields.optionalText(key) == nil ? nil : try fields.epoch(key)
    }

    func put(to writer: inout LineWriter) {
        if let word {
            writer.put("word-reason", word.reason)
            writer.put("word-from", word.from)
            writer.put("word-epoch", word.epoch)
            writer.put("word-old", word.isOld)
        }
        if let settling {
            writer.put("restored", settling.at)
            writer.put("restored-from", settling.from)
            writer.put("restored-epoch", settling.epoch)
            writer.put("restored-reason", settling.reason)
            writer.put("restored-unsaid", settling.isUnsaid)
            writer.put("restored-shown", settling.shown)
        }
        if wholeFrom > 0 { writer.put("whole-from", wholeFrom) }
        writer.put("evidence", evidence)
        if attemptFloor > 0 { writer.put("attempts", attemptFloor) }
    }
}

extension ClusterRecord {
    /// An operator says, on the controller's host and while no controller runs, which site is active and
    /// that nothing exclusive acts at any other. The next start on a raised generation takes it up.
    ///
    /// - Parameters:
    ///   - reason: how that is known.
    ///   - isOld: the store is a backup. One that was only moved is held to be whole, unless another site
    ///     is said than it has, or a node has shown a later epoch: then it is old, too.
    public mutating func say(_ site: SiteName, reason: String, isOld: Bool) {
        let before = restoring.word
        let isKnownOld = before?.isOld ?? false
        let isOld = isOld || isKnownOld || site != activeSite || restoring.evidence != nil
        restoring.word = RestoringRecord.Word(
            reason: kept(reason, bytesMax: ControllerMachine.Limits.textBytesMax),
            from: before?.from ?? activeSite,
            epoch: before?.epoch ?? epoch,
            isOld: isOld
        )
        if isOld {
            // Above all that was seen. What was not is of a lower generation all the same.
            epoch.counter = max(epoch.counter, restoring.evidence?.counter ?? 0)
            epoch.counter = epoch.counter == .max ? .max : epoch.counter + 1
        }
        activeSite = site
        restoring.evidence = nil
    }
}
