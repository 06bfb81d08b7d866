/// What became of a task that the old site had when it was fenced, or that was taken from one of its
/// nodes after that was lost and before anybody ordered the run.
public struct LedgerEntry: Codable, Hashable, Sendable {
    public var task: UInt64
    public var type: String
    public var account: String
    /// The attempt that the old site had, and where.
    public var attempt: UInt16
    public var node: String
    public var started: Bool
    /// `ended`: by that attempt, there. `given-again`: a later attempt had or has it. `unknown`: it
    /// may have been done, and must not be done twice. `open`: it waits. `forgotten`: it has ended,
    /// and its history is not kept any more.
    public var fate: String
    /// How it stands now, for people.
    public var text: String
    /// Of the attempt that counts now.
    public var attemptNow: UInt16?
    public var nodeNow: String?
    /// When it was taken from the node, where that was before the fence.
    public var takenAt: String?
    /// The run lets the attempt end at the old site: its handler is drainable. Left out of all others.
    public var drains: Bool?
    /// When it was cut, because that had taken too long.
    public var cutAt: String?

    public init(
        task: UInt64,
        type: String,
        account: String,
        attempt: UInt16,
        node: String,
        started: Bool,
        fate: String,
        text: String
    ) {
        self.task = task
        self.type = type
        self.account = account
        self.attempt = attempt
        self.node = node
        self.started = started
        self.fate = fate
        self.text = text
    }
}

/// How many tasks of the ledger have which fate.
public struct LedgerCounts: Codable, Hashable, Sendable {
    public var tasks: UInt64
    public var ended: UInt64
    public var givenAgain: UInt64
    public var unknown: UInt64
    public var open: UInt64
    public var forgotten: UInt64

    public init(_ entries: [LedgerEntry]) {
        func count(_ fate: String) -> UInt64 { UInt64(entries.count { $0.fate == fate }) }
        tasks = UInt64(entries.count)
        ended = count("ended")
        givenAgain = count("given-again")
        unknown = count("unknown")
        open = count("open")
        forgotten = count("forgotten")
    }
}

/// The answer to `GET /runs/{run}/ledger`.
///
/// Query: `after` (a task's number), `limit` (1 to 10 000, 1 000 when left out). It is of now: late
/// news of nodes that return changes it.
public struct RunLedger: Codable, Hashable, Sendable {
    public var asOf: String
    public var run: UInt64
    /// Of the entries in this answer.
    public var counts: LedgerCounts
    public var entries: [LedgerEntry]
    /// Ask for those after this one; left out when there are no more.
    public var next: UInt64?

    public static let limitDefault = 1_000
    public static let limitMax = 10_000

    public init(asOf: String, run: UInt64, entries: [LedgerEntry], next: UInt64? = nil) {
        self.asOf = asOf
        self.run = run
        counts = LedgerCounts(entries)
        self.entries = entries
        self.next = next
    }
}

/// Where the time of a run went. The parts are of all attempts of its steps, without what was waited
/// for a person within them; pauses between attempts are in none.
public struct RunTimes: Codable, Hashable, Sendable {
    /// From its begin to its end; of a live run to now.
    public var totalMilliseconds: UInt64
    /// RTO as measured: from its begin until the new site was started and verified; left out when it
    /// was not.
    public var rtoMilliseconds: UInt64?
    /// From the first stop (or the fence) at the old site until the same moment.
    public var outageMilliseconds: UInt64?
    /// Gate, drain and stops before the point of no return.
    public var stopMilliseconds: UInt64
    public var fenceMilliseconds: UInt64
    /// Activation, starts and verification.
    public var startMilliseconds: UInt64
    /// Hooks and checks.
    public var hooksMilliseconds: UInt64
    /// Sessions of the old site that ended after the new one was active.
    public var lingerMilliseconds: UInt64
    /// Waiting for a person: to answer, to have a step tried again or left out, to say that a node is
    /// off.
    public var personMilliseconds: UInt64

    public init(
        totalMilliseconds: UInt64,
        stopMilliseconds: UInt64 = 0,
        fenceMilliseconds: UInt64 = 0,
        startMilliseconds: UInt64 = 0,
        hooksMilliseconds: UInt64 = 0,
        lingerMilliseconds: UInt64 = 0,
        personMilliseconds: UInt64 = 0
    ) {
        self.totalMilliseconds = totalMilliseconds
        self.stopMilliseconds = stopMilliseconds
        self.fenceMilliseconds = fenceMilliseconds
        self.startMilliseconds = startMilliseconds
        self.hooksMilliseconds = hooksMilliseconds
        self.lingerMilliseconds = lingerMilliseconds
        self.personMilliseconds = personMilliseconds
    }
}

/// The answer to `GET /runs/{run}/report`. With the query `format=markdown` the same is said in
/// Markdown, as `text/markdown`.
public struct RunReport: Codable, Hashable, Sendable {
    public var asOf: String
    /// `passed`, `failed`, or `under-way`.
    public var verdict: String
    /// Why, for people: steps that were left out, an abort.
    public var verdictText: String
    public var cluster: String
    public var run: RunSummary
    public var times: RunTimes
    public var steps: [RunStep]
    public var fences: [RunFence]
    /// By data set; empty when none is watched, and before the point of no return.
    public var data: [RunDataLoss]
    public var counts: LedgerCounts
    /// The first ``RunLedger/limitMax``.
    public var ledger: [LedgerEntry]
    /// There are more than these.
    public var ledgerCut: Bool
    /// Of an ended run: canonical JSON of what does not change any more (the run, its steps with every
    /// attempt, its fences, what each data set has lost; not the ledger). Left out before.
    public var sealed: String?
    /// SHA-256 of ``sealed``, hexadecimal: the `parametersDigest` of the audit's entry `run.report` of
    /// this run.
    public var digest: String?

    public init(
        asOf: String,
        verdict: String,
        verdictText: String,
        cluster: String,
        run: RunSummary,
        times: RunTimes,
        steps: [RunStep],
        fences: [RunFence],
        data: [RunDataLoss] = [],
        ledger: [LedgerEntry],
        ledgerCut: Bool = false
    ) {
        self.asOf = asOf
        self.verdict = verdict
        self.verdictText = verdictText
        self.cluster = cluster
        self.run = run
        self.times = times
        self.steps = steps
        self.fences = fences
        self.data = data
        counts = LedgerCounts(ledger)
        self.ledger = ledger
        self.ledgerCut = ledgerCut
    }
}
