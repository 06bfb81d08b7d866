import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

@Suite struct SpoolFolderTests {
    private let folder: TemporaryFolder
    private let spool: SpoolFolder

    init() throws {
        folder = try TemporaryFolder()
        spool = SpoolFolder(path: "\(folder.path)/spool")
        _ = try spool.open()
    }

    private static func task(_ number: UInt64, bytes: Int = 0) -> SpooledTask {
        SpooledTask(
            number: number,
            task: TaskSubmission(type: .push, account: "acme", idempotencyKey: "k\(number)"),
            payload: (0..<bytes).map { UInt8(truncatingIfNeeded: $0) }
        )
    }

    @Test func `what is kept is read again, in order, to the last byte`() throws {
        let tasks = [Self.task(2, bytes: 1 << 20), Self.task(10), Self.task(11, bytes: 5)]
        for task in tasks.reversed() { try spool.keep(task) }
        let (read, damages) = try spool.open()
        #expect(read == tasks)
        #expect(damages == [])
        spool.remove(10)
        #expect(try spool.open().tasks.map(\.number) == [2, 11])
    }

    @Test func `one that is damaged is put aside and told, and the others are read`() throws {
        try spool.keep(Self.task(1, bytes: 9_000))
        try spool.keep(Self.task(2))
        let file = "\(folder.path)/spool/1.task"
        truncate(file, 8_000)
        let (read, damages) = try spool.open()
        #expect(read.map(\.number) == [2])
        #expect(damages.map(\.file) == ["\(file).damaged"])
        #expect(damages.first?.sentence.contains("1.task:") == true)
        #expect(access("\(file).damaged", F_OK) == 0)
        #expect(try spool.open().damages == [])
    }

    @Test func `a file under another's number is not believed`() throws {
        try spool.keep(Self.task(1))
        rename("\(folder.path)/spool/1.task", "\(folder.path)/spool/7.task")
        #expect(try spool.open().tasks == [])
    }

    @Test func `what was being written when the agent ended is taken away`() throws {
        let rest = try folder.write("spool/.1.task.99.abcd", "SPOOLED format=1")
        #expect(try spool.open().tasks == [])
        #expect(access(rest, F_OK) != 0)
    }

    @Test func `what cannot be written is told, and nothing of it is kept`() throws {
        let inbox = try DriverInbox()
        let writer = SpoolWriter(SpoolFolder(path: "\(folder.path)/none"), inbox: inbox)
        #expect(writer.begin())
        writer.put([.keep(Self.task(4))])
        var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
        #expect(poll(&wanted, 1, 20_000) == 1)
        guard case .event(.spoolFailed(4, let reason))? = inbox.take().first else {
            Issue.record("nothing was told")
            return
        }
        #expect(reason.contains("none"))
    }
}
