import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// The journal of tasks on a real file system.
@Suite struct TaskJournalFileTests {
    private static let attempt = TaskAttempt(task: TaskID(7), attempt: 1)
    private static let owner = TaskJournalEntry.owner(cluster: "c-1", node: "n-1")
    private static let start = TaskJournalEntry.start(attempt, token: .zero, handler: "push")
    private static let end = TaskJournalEntry.end(attempt, AttemptResult(outcome: .done))

    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/tasks" }

    init() throws {
        folder = try TemporaryFolder()
    }

    private func read() throws -> TaskJournal { try TaskJournalFile(path).open() }

    private var text: String { SystemFiles().text(path) ?? "" }

    @Test func `what was appended is read, and what was replaced is gone`() throws {
        let file = TaskJournalFile(path)
        #expect(try file.open().lineCount == 0)
        try file.append([Self.owner, Self.start])
        try file.append([Self.end])
        #expect(try read().ended.keys == [Self.attempt])
        #expect(text.split(separator: "\n").count == 3)
        try file.replace([Self.owner, Self.end])
        #expect(try read().ended.keys == [Self.attempt])
        #expect(text.split(separator: "\n").count == 2)
        try file.append([.forget(Self.attempt)])
        #expect(try read().ended.isEmpty)
        #expect(try read().node == "n-1")
    }

    @Test func `a journal that is cut at any byte is read as far as it is whole`() throws {
        let whole = [Self.owner, Self.start, Self.end].map { $0.line + "\n" }.joined()
        let bytes = Array(whole.utf8)
        for count in 0...bytes.count {
            let cut = bytes.prefix(count)
            try folder.write("tasks", String(decoding: cut, as: UTF8.self), mode: 0o600)
            let file = TaskJournalFile(path)
            let journal = try file.open()
            let lines = cut.count { $0 == 10 }
            #expect(journal.lineCount == lines)
            #expect(journal.started.count == (lines == 2 ? 1 : 0))
            // What is appended afterwards stands on a line of its own.
            guard lines == 2 else { continue }
            try file.append([Self.end])
            #expect(try read().ended.keys == [Self.attempt])
        }
    }

    @Test func `a last line that cannot be read is cut off`() throws {
        try folder.write(
            "tasks",
            Self.owner.line + "\n" + Self.start.line + "\nSTA\u{0}\u{0}\n",
            mode: 0o600
        )
        let file = TaskJournalFile(path)
        #expect(try file.open().tornLine == 3)
        try file.append([Self.end])
        #expect(text == [Self.owner, Self.start, Self.end].map { $0.line + "\n" }.joined())
    }

    @Test(
        arguments: [
            ["OWNER format=1 cluster=c node=n", "rubbish", "START task=1 attempt=1 token=x"],
            ["OWNER format=1 cluster=c node=n", "", "FORGET task=1 attempt=1"],
            ["START task=1 attempt=1 token=0000.00000000.00000000 handler=h", "x", "y"],
            [
                "OWNER format=1 cluster=c node=n", "FORGET task=1 attempt=1",
                "FORGET task=2 attempt=1",
            ],
            ["OWNER format=2 cluster=c node=n"],
        ]
    )
    func `a damaged journal stops the start, with its line and the mend`(lines: [String]) throws {
        try folder.write("tasks", lines.map { $0 + "\n" }.joined(), mode: 0o600)
        let error = #expect(throws: CommandFailure.self) { try read() }
        let line = lines.count == 1 || lines[0].hasPrefix("START") ? 1 : 2
        #expect(
            error?.sentence.hasPrefix("\(path):\(line): ") == true,
            "\(String(describing: error))"
        )
        #expect(error?.mend.contains("move the file away") == true)
        // Nothing of it was touched.
        #expect(text == lines.map { $0 + "\n" }.joined())
    }

    @Test func `what is no file is not taken for a journal`() throws {
        mkfifo(path, 0o600)
        #expect(throws: CommandFailure.self) { try read() }
        unlink(path)
        symlink("/dev/null", path)
        #expect(throws: CommandFailure.self) { try read() }
    }

    @Test func `on a full disk the journal fails, and is written anew when there is room`() throws {
        let disk = "\(folder.path)/disk"
        mkdir(disk, 0o700)
        // Only root can mount one.
        guard mount("tmpfs", disk, "tmpfs", 0, "size=64k") == 0 else { return }
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let file = TaskJournalFile("\(disk)/tasks")
        _ = try file.open()
        try file.append([Self.owner, Self.start])
        try folder.write("disk/ballast", String(repeating: "x", count: 60_000))
        var error: HostError?
        for number in 100...3_000 where error == nil {
            let attempt = TaskAttempt(task: TaskID(UInt64(number)), attempt: 1)
            do throws(HostError) {
                try file.append([.start(attempt, token: .zero, handler: "push")])
            } catch let found {
                error = found
            }
        }
        #expect(error?.code == ENOSPC)
        #expect(throws: HostError.self) { try file.append([Self.end]) }
        unlink("\(disk)/ballast")
        // Still refused: what the failed write has left is not known.
        #expect(throws: HostError.self) { try file.append([Self.end]) }
        try file.replace([Self.owner, Self.end])
        try file.append([.forget(Self.attempt)])
        let journal = try TaskJournalFile("\(disk)/tasks").open()
        #expect(journal.ended.isEmpty && journal.started.isEmpty && journal.lineCount == 3)
    }

    @Test func `what is asked for while one sync goes on is written with the next`() throws {
        let inbox = try DriverInbox()
        let file = TaskJournalFile(path)
        _ = try file.open()
        let writer = TaskJournalWriter(file, inbox: inbox)
        #expect(writer.begin())
        writer.put(.append(TaskJournalWrite(sequence: 1, entries: [Self.owner])))
        for number in 2...500 {
            let attempt = TaskAttempt(task: TaskID(UInt64(number)), attempt: 1)
            let entry = TaskJournalEntry.start(attempt, token: .zero, handler: "push")
            writer.put(.append(TaskJournalWrite(sequence: UInt64(number), entries: [entry])))
        }
        let answers = answers(of: inbox, until: .taskJournaled(upTo: 500))
        #expect(answers.last == .taskJournaled(upTo: 500))
        #expect(try read().started.count == 499)
        writer.put(.append(TaskJournalWrite(sequence: 501, entries: [Self.end])))
        writer.put(.replace(TaskJournalWrite(sequence: 502, entries: [Self.owner])))
        writer.put(.append(TaskJournalWrite(sequence: 503, entries: [Self.start])))
        #expect(self.answers(of: inbox, until: .taskJournaled(upTo: 503)).last != nil)
        #expect(try read().started.keys == [Self.attempt])
    }

    @Test func `a journal that cannot be written says so, and can be again`() throws {
        let inbox = try DriverInbox()
        let place = "\(folder.path)/there"
        mkdir(place, 0o700)
        let file = TaskJournalFile("\(place)/tasks")
        _ = try file.open()
        let writer = TaskJournalWriter(file, inbox: inbox)
        #expect(writer.begin())
        rename(place, "\(folder.path)/away")
        writer.put(.replace(TaskJournalWrite(sequence: 1, entries: [Self.owner])))
        writer.put(.append(TaskJournalWrite(sequence: 2, entries: [Self.start])))
        let told = firstAnswer(of: inbox)
        guard case .taskJournalFailed(let reason)? = told else {
            Issue.record("\(String(describing: told))")
            return
        }
        #expect(reason.contains("\(place)"))
        rename("\(folder.path)/away", place)
        writer.put(.append(TaskJournalWrite(sequence: 3, entries: [Self.start])))
        writer.put(.replace(TaskJournalWrite(sequence: 4, entries: [Self.owner, Self.end])))
        #expect(answers(of: inbox, until: .taskJournaled(upTo: 4)).last == .taskJournaled(upTo: 4))
        #expect(try TaskJournalFile("\(place)/tasks").open().ended.keys == [Self.attempt])
    }

    private func firstAnswer(of inbox: DriverInbox) -> AgentEvent? {
        var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
        poll(&wanted, 1, 20_000)
        guard case .event(let event)? = inbox.take().first else { return nil }
        return event
    }

    private func answers(of inbox: DriverInbox, until last: AgentEvent) -> [AgentEvent] {
        var found: [AgentEvent] = []
        let deadline = MonotonicDeadline(after: .seconds(20))
        while found.last != last, !deadline.hasPassed {
            var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
            poll(&wanted, 1, deadline.pollMilliseconds)
            for case .event(let event) in inbox.take() { found.append(event) }
        }
        return found
    }
}
