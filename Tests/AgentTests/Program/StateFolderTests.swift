import AgentCore
import Glibc
import Host
import Model
import Testing

@testable import Agent

struct StateFolderTests {
    private static let record = MembershipRecord(
        identity: NodeIdentity(cluster: "c-1", node: "n-1", name: "node-1", site: "berlin"),
        controllers: ["192.0.2.7:7400", "[2001:db8::7]:7400", "controller.example:7400"]
    )

    @Test func `what the agent remembers is written and read`() throws {
        let folder = try TemporaryFolder()
        let state = StateFolder(path: folder.path)
        #expect(try state.memory() == AgentMemory())
        var memory = AgentMemory()
        memory.incarnation = 7
        memory.wishes["db"] = AgentMemory.Wish(isWanted: true, token: .zero)
        try state.write(memory)
        #expect(try state.memory() == memory)
    }

    @Test func `a node is a member when its credential is there, not before`() throws {
        let folder = try TemporaryFolder()
        let state = StateFolder(path: folder.path)
        #expect(try state.membership() == nil)
        let text = Self.record.lines.map { $0 + "\n" }.joined()
        try folder.write(MembershipRecord.fileName, text)
        #expect(try state.membership() == nil)
        try folder.write("credential.pem", "", mode: 0o600)
        #expect(try state.membership() == Self.record)
    }

    @Test func `a membership that is cut anywhere is refused`() {
        let lines = Self.record.lines
        for count in 0..<lines.count {
            #expect(throws: AgentMemoryError.self) {
                try MembershipRecord(lines: Array(lines.prefix(count)))
            }
        }
    }

    @Test(arguments: [true, false])
    func `what is written is said to be durable, and what is not is said with why`(
        isThere: Bool
    ) throws {
        let folder = try TemporaryFolder()
        let inbox = try DriverInbox()
        let path = isThere ? folder.path : "\(folder.path)/missing"
        let persister = Persister(state: StateFolder(path: path), inbox: inbox)
        #expect(persister.begin())
        persister.put(PersistRequest(revision: 3, memory: AgentMemory()))
        var wanted = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
        #expect(poll(&wanted, 1, 20_000) == 1)
        guard case .event(let event)? = inbox.take().first else {
            Issue.record("nothing was told")
            return
        }
        if isThere {
            #expect(event == .persisted(upTo: 3))
        } else {
            guard case .persistFailed(let reason) = event else {
                Issue.record("\(event)")
                return
            }
            #expect(reason.contains("missing"))
        }
    }

    @Test func `a credential that others may read is not used`() throws {
        let folder = try TemporaryFolder()
        try folder.write("credential.pem", "", mode: 0o644)
        try folder.write("ca.pem", "")
        let error = #expect(throws: HostError.self) {
            try StateFolder(path: folder.path).clientMode(cluster: "c-1")
        }
        #expect(error?.description.contains("chmod 600") == true)
    }

    @Test func `the key and the certificates of one file are told apart`() {
        let text = """
            -----BEGIN PRIVATE KEY-----
            AAAA
            -----END PRIVATE KEY-----
            -----BEGIN CERTIFICATE-----
            BBBB
            -----END CERTIFICATE-----
            -----BEGIN CERTIFICATE-----
            CCCC
            -----END CERTIFICATE-----
            """
        let blocks = PEMBlocks(text)
        #expect(blocks.keys.count == 1)
        #expect(blocks.certificates.count == 2)
        #expect(blocks.certificates.last?.contains("CCCC") == true)
    }
}
