public import Model
public import Protocol

/// A task that a node of the old site had when that was fenced, or when the node was lost before: what
/// became of it is in the task's own history.
public struct LedgerRecord: Hashable, Sendable {
    public var run: RunID
    public var task: TaskID
    public var attempt: UInt16
    public var node: NodeName
    public var isStarted: Bool
    /// When it was taken from the node, where that was before the fence.
    public var takenAt: WallTime?
    /// Its handler is drainable, and the run lets the attempt end at the old site.
    public var drains: Bool
    /// When it was told to end, because the drain had taken too long.
    public var cutAt: WallTime?

    init(
        run: RunID,
        task: TaskID,
        attempt: UInt16,
        node: NodeName,
        isStarted: Bool,
        takenAt: WallTime? = nil,
        drains: Bool = false,
        cutAt: WallTime? = nil
    ) {
        self.drains = drains
        self.cutAt = cutAt
        self.run = run
        self.task = task
        self.attempt = attempt
        self.node = node
        self.isStarted = isStarted
        self.takenAt = takenAt
    }

    var storeKey: String { "\(run.storeKey)/\(task.storeKey)" }

    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            run: RunID(try fields.number("run")),
            task: TaskID(try fields.number("task")),
            attempt: try fields.number("attempt"),
            node: try fields.name("node"),
            isStarted: try fields.flag("started"),
            takenAt: try fields.optionalTime("taken"),
            drains: try fields.flag("drains"),
            cutAt: try fields.optionalTime("cut")
        )
    }

    var line: Line {
        var writer = LineWriter("LEDGER")
        writer.put("run", run.number)
        writer.put("task", task.number)
        writer.put("attempt", attempt)
        writer.put("node", node)
        writer.put("started", isStarted)
        writer.put("taken", takenAt)
        writer.put("drains", drains)
        writer.put("cut", cutAt)
        return writer.line
    }
}

/// A task that was taken from a node that was lost, before anybody ordered a failover: the ledger of a
/// run that fences the node's site must tell of it.
///
/// Kept until the node tells what it has again, is removed, or its site has given its part up. A node
/// gets no tasks while it is lost, so there are never more of a node than it had at once.
public struct LossRecord: Hashable, Sendable {
    public var node: NodeID
    public var name: NodeName
    public var task: TaskID
    public var attempt: UInt16
    public var isStarted: Bool
    public var at: WallTime

    init(
        node: NodeID,
        name: NodeName,
        task: TaskID,
        attempt: UInt16,
        isStarted: Bool,
        at: WallTime
    ) {
        self.node = node
        self.name = name
        self.task = task
        self.attempt = attempt
        self.isStarted = isStarted
        self.at = at
    }

    var storeKey: String { "\(node)/\(task.storeKey)" }

    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            node: try fields.name("node"),
            name: try fields.name("name"),
            task: TaskID(try fields.number("task")),
            attempt: try fields.number("attempt"),
            isStarted: try fields.flag("started"),
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("LOSS")
        writer.put("node", node)
        writer.put("name", name)
        writer.put("task", task.number)
        writer.put("attempt", attempt)
        writer.put("started", isStarted)
        writer.put("at", at)
        return writer.line
    }
}

/// What a node said of an attempt that was not its any more: evidence, which counts for nothing. Of a
/// task the last such word is kept, as long as histories of tasks are.
public struct LateRecord: Hashable, Sendable {
    public var task: TaskID
    public var attempt: UInt16
    public var node: NodeName
    public var outcome: AttemptOutcome
    public var at: WallTime

    init(
        task: TaskID,
        attempt: UInt16,
        node: NodeName,
        outcome: AttemptOutcome,
        at: WallTime
    ) {
        self.task = task
        self.attempt = attempt
        self.node = node
        self.outcome = outcome
        self.at = at
    }

    public init(_ fields: FieldReader) throws(MessageError) {
        self.init(
            task: TaskID(try fields.number("task")),
            attempt: try fields.number("attempt"),
            node: try fields.name("node"),
            outcome: try fields.word("outcome"),
            at: try fields.time("at")
        )
    }

    var line: Line {
        var writer = LineWriter("LATE")
        writer.put("task", task.number)
        writer.put("attempt", attempt)
        writer.put("node", node)
        writer.put("outcome", outcome)
        writer.put("at", at)
        return writer.line
    }
}
