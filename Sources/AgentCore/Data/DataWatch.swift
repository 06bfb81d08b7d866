import Model
import Protocol

/// The data sets of a node: looked at while a session stands, and marked when a controller says so.
struct DataWatch: Hashable, Sendable {
    /// What is known of one data set.
    struct Entry: Hashable, Sendable {
        var definition: DataSetDefinition
        /// The attempt that is under way.
        var read: UInt64?
        var lag: UInt64?
        var readDueAt: Instant
        var lagDueAt: Instant
        var reading: CanaryReading?
        var ownLag: ReplicatorLag?

        init(_ definition: DataSetDefinition, at now: Instant) {
            self.definition = definition
            readDueAt = now
            lagDueAt = now
        }
    }

    private(set) var entries: OrderedTable<DataSetName, Entry> = OrderedTable()
    /// Canaries that are being written: DataWatch+Writing.swift
    var writings: OrderedTable<TaskAttempt, Writing> = OrderedTable()
    /// What an earlier agent was writing and what is not proven gone; when its leash is killed.
    var leftovers: OrderedTable<TaskAttempt, Instant> = OrderedTable()
    var writingCount: UInt32 = 0
    private var attempts: UInt64 = 0
    /// The session that was told of them.
    private var link: UInt64?
    private var told: OrderedTable<DataSetName, DataSetReport> = OrderedTable()

    // Of the step under way.
    var sends: [AgentDataMessage] = []
    var runs: [DataRun] = []
    var commands: [TaskCommand] = []
    var notices: [AgentNotice] = []

    init(_ definitions: [DataSetDefinition], at now: Instant) {
        define(definitions, at: now)
    }

    /// One with problems is left out, and so is one too many.
    mutating func define(_ definitions: [DataSetDefinition], at now: Instant) {
        var next: OrderedTable<DataSetName, Entry> = OrderedTable()
        for definition in definitions.prefix(DataLimits.dataSetsPerNodeMax)
        where definition.problems.isEmpty {
            if let entry = entries[definition.name], entry.definition == definition {
                next[definition.name] = entry
            } else {
                next[definition.name] = Entry(definition, at: now)
            }
        }
        entries = next
    }

    var nextDeadline: Instant? { [lookDeadline, writingDeadline].compactMap(\.self).min() }

    /// Only while a session stands is there somebody to tell.
    private var lookDeadline: Instant? {
        guard link != nil else { return nil }
        return entries.values.flatMap { entry -> [Instant] in
            (entry.definition.read != nil && entry.read == nil ? [entry.readDueAt] : [])
                + (entry.definition.lag != nil && entry.lag == nil ? [entry.lagDueAt] : [])
        }.min()
    }

    // MARK: Telling and looking

    /// - Parameter link: of a session that knows of data sets and whose first report is being told or
    ///   was; nil when there is none.
    mutating func settle(link: UInt64?, at now: Instant) {
        if link != self.link {
            self.link = link
            told = OrderedTable()
            // Who comes back is told at once, and not what was seen long ago.
            for name in entries.keys {
                entries.update(name) {
                    $0.readDueAt = min($0.readDueAt, now)
                    $0.lagDueAt = min($0.lagDueAt, now)
                }
            }
        }
        guard link != nil else { return }
        for (name, report) in told where entries[name] == nil {
            told[name] = nil
            sends.append(
                .dataSet(DataSetReport(name: report.name, isWritable: false, isReadable: false))
            )
        }
        for (name, entry) in entries where told[name] != entry.definition.report {
            told[name] = entry.definition.report
            sends.append(.dataSet(entry.definition.report))
        }
        for name in entries.keys { look(at: name, now) }
    }

    private mutating func look(at name: DataSetName, _ now: Instant) {
        guard let entry = entries[name] else { return }
        if let program = entry.definition.read, entry.read == nil, entry.readDueAt <= now {
            let attempt = begin(.read, program, of: entry.definition)
            entries.update(name) {
                $0.read = attempt
                $0.readDueAt = now + $0.definition.interval
            }
        }
        if let program = entry.definition.lag, entry.lag == nil, entry.lagDueAt <= now {
            let attempt = begin(.lag, program, of: entry.definition)
            entries.update(name) {
                $0.lag = attempt
                $0.lagDueAt = now + $0.definition.lagInterval
            }
        }
    }

    private mutating func begin(
        _ kind: DataRunID.Program,
        _ program: [String],
        of definition: DataSetDefinition
    ) -> UInt64 {
        attempts += 1
        runs.append(
            DataRun(
                id: DataRunID(dataSet: definition.name, program: kind, attempt: attempts),
                definition: definition,
                program: program,
                timeout: definition.timeout
            )
        )
        return attempts
    }

    // MARK: What programs have said

    mutating func finished(_ id: DataRunID, _ outcome: DataOutcome, at now: Instant) {
        guard let entry = entries[id.dataSet] else { return }
        switch id.program {
        case .read:
            guard entry.read == id.attempt else { return }
            let reading = CanaryReading(outcome)
            entries.update(id.dataSet) {
                $0.read = nil
                $0.reading = reading
            }
            tell(.seen(id.dataSet, reading))
        case .lag:
            guard entry.lag == id.attempt else { return }
            let lag = ReplicatorLag(outcome)
            entries.update(id.dataSet) {
                $0.lag = nil
                $0.ownLag = lag
            }
            tell(.lag(id.dataSet, lag))
        }
    }

    /// Only who was told of the data set is told of what it shows.
    mutating func tell(_ message: AgentDataMessage) {
        guard link != nil, told[message.dataSet] != nil else { return }
        sends.append(message)
    }
}

extension AgentDataMessage {
    var dataSet: DataSetName {
        switch self {
        case .dataSet(let report): report.name
        case .seen(let name, _), .lag(let name, _), .written(let name, _),
            .unwritten(let name, _, _, _):
            name
        }
    }
}

extension CanaryReading {
    /// The last line that is a canary. Nothing at all is an answer, too; anything else is not.
    init(_ outcome: DataOutcome) {
        switch outcome {
        case .failed(let text): self = .failed(text.isEmpty ? "it has failed" : text)
        case .ended(let output):
            let lines = output.split(whereSeparator: \.isNewline).map { line in
                String(line.drop { $0 == " " || $0 == "\t" }.trimmingBlanks)
            }
            .filter { !$0.isEmpty }
            if let canary = lines.lazy.reversed().compactMap({ Canary($0) }).first {
                self = .canary(canary)
            } else if lines.isEmpty {
                self = .none
            } else {
                self = .failed("it printed no canary, but: \(lines[0])")
            }
        }
    }
}

extension ReplicatorLag {
    /// Lines `lag-seconds=1.5` and `lag-bytes=123`; others are passed over.
    init(_ outcome: DataOutcome) {
        self.init()
        switch outcome {
        case .failed(let text): problem = text.isEmpty ? "it has failed" : text
        case .ended(let output):
            for line in output.split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                let value = parts[1].trimmingBlanks
                switch parts[0].drop(while: { $0 == " " }) {
                case "lag-seconds": milliseconds = thousandths(value)
                case "lag-bytes":
                    bytes = UInt64(value).flatMap { $0 <= WireLimits.sizeMax ? $0 : nil }
                default: break
                }
            }
            if milliseconds == nil, bytes == nil {
                problem = "it printed neither lag-seconds= nor lag-bytes="
            }
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var text = self
        while let last = text.last, last == " " || last == "\t" || last == "\r" {
            text.removeLast()
        }
        return text
    }
}

/// `1.5` as 1 500; digits beyond the third are dropped. Nil for what is no such number.
private func thousandths(_ text: Substring) -> UInt64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first.flatMap({ UInt64($0) }),
        whole <= DataLimits.lagMillisecondsMax / 1_000
    else { return nil }
    guard parts.count == 2 else { return whole * 1_000 }
    let digits = parts[1].prefix(3)
    guard !digits.isEmpty, parts[1].allSatisfy({ $0.isASCII && $0.isNumber }),
        let fraction = UInt64(digits)
    else { return nil }
    return whole * 1_000 + fraction * [100, 10, 1][digits.count - 1]
}
