public import Model
import Protocol

/// Tasks of a drill: the standby site's nodes run them in isolation, so that its handlers are tried as
/// well as its services.
public struct SandboxWork: Hashable, Sendable {
    public static let countRange: ClosedRange<UInt16> = 1...200
    public static let accountBytesMax = 128
    public static let payloadBytesMax = 512

    public var type: TaskType
    /// How many; they are spread over the nodes that have a handler for the type.
    public var count: UInt16
    public var account: String
    /// What each of them gets on its standard input.
    public var payload: String

    public init(type: TaskType, count: UInt16, account: String = "", payload: String = "") {
        self.type = type
        self.count = count
        self.account = account
        self.payload = payload
    }

    /// What is wrong with it, for people.
    var problems: [String] {
        var found: [String] = []
        if type.isHook { found.append("a sandbox task is of a type of work, not a hook") }
        if !Self.countRange.contains(count) {
            found.append(
                "a drill has \(Self.countRange.lowerBound) to \(Self.countRange.upperBound) "
                    + "sandbox tasks in a step"
            )
        }
        if payload.utf8.count > Self.payloadBytesMax {
            found.append("a payload in a plan has at most \(Self.payloadBytesMax) bytes")
        }
        if !Self.mayBeAccount(account) {
            found.append("an account has at most \(Self.accountBytesMax) bytes of plain text")
        }
        return found
    }

    public static func mayBeAccount(_ text: String) -> Bool {
        (try? TaskSubmission(type: .push, account: text).check()) != nil
    }

    var submission: TaskSubmission {
        TaskSubmission(
            type: type,
            account: account,
            priority: TaskSubmission.priorityMax,
            attemptsMax: 1
        )
    }

    init(_ fields: FieldReader) throws(MessageError) {
        guard let type = TaskType(try fields.text("type")) else {
            throw .bad(key: "type", expected: "a type such as PUSH")
        }
        self.init(
            type: type,
            count: try fields.number("count"),
            account: fields.optionalText("account") ?? "",
            payload: fields.optionalText("payload") ?? ""
        )
    }

    func put(to writer: inout LineWriter) {
        writer.put("type", type.text)
        writer.put("count", count)
        writer.put("account", account)
        writer.put("payload", payload)
    }
}

extension ControllerMachine {
    /// Nodes of a drill's site that could run tasks of a type now, by name.
    public func sandboxNodes(_ work: SandboxWork, of site: SiteName) -> [NodeName] {
        sandboxMembers(work, of: site).map(\.record.name)
    }

    private func sandboxMembers(_ work: SandboxWork, of site: SiteName) -> [Member] {
        members(of: site).filter { member in
            member.isSynced && member.record.isAdmitted && member.record.conflict == nil
                && member.knowsDrills
                && member.handlers.values.contains { $0.types.contains(work.type) }
        }
    }

    mutating func giveSandboxTasks(
        _ sandbox: SandboxWork,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) {
        let able = sandboxMembers(sandbox, of: run.to)
        guard run.isDrilling, !able.isEmpty else { return }
        let tasks = (0..<Int(sandbox.count)).map { number in
            let member = able[number % able.count]
            let task = work.acceptOfRun(
                sandbox.submission,
                payload: Array(sandbox.payload.utf8),
                on: member.record.id,
                by: "run/\(run.id)"
            )
            return RunStepRecord.HookTask(
                node: member.record.name,
                task: task,
                isDone: nil,
                text: ""
            )
        }
        amendStep(record) { $0.hooks = tasks }
    }

    /// The verdict: every one of them has ended well.
    mutating func lookAtSandbox(
        _ sandbox: SandboxWork,
        _ record: RunStepRecord,
        _ run: RunRecord
    ) -> StepProgress {
        guard !record.hooks.isEmpty else {
            giveSandboxTasks(sandbox, record, run)
            return .waiting("no node of site \(run.to) has a handler for \(sandbox.type)")
        }
        let open = record.hooks.filter { $0.isDone == nil }.count
        let failed = record.hooks.filter { $0.isDone == false }
        let done = record.hooks.count - open - failed.count
        guard open == 0 else {
            return .waiting("\(done) of \(record.hooks.count) sandbox tasks are done")
        }
        guard failed.isEmpty else {
            let texts = short(failed.map { "\($0.node): \($0.text)" })
            return .failed(
                "\(failed.count) of \(record.hooks.count) sandbox tasks failed: \(texts)"
            )
        }
        // Once each, however many it ran.
        let nodes = record.hooks.reduce(into: [String]()) { names, hook in
            if !names.contains(hook.node.text) { names.append(hook.node.text) }
        }
        return .done("\(done) sandbox tasks of type \(sandbox.type) are done on \(short(nodes))")
    }
}
