import AgentCore
import Model
import Protocol
import Testing

struct MemoryTests {
    static var full: AgentMemory {
        var memory = AgentMemory()
        memory.node = "n-1"
        memory.cluster = "c-1"
        memory.incarnation = 41
        memory.nonce = "a b\"c"
        memory.highest = FencingToken(epoch: Epoch(generation: 1, counter: 3), session: 7)
        memory.role = .active
        memory.standing = .maintenance
        memory.wishes["db"] = AgentMemory.Wish(isWanted: true, token: memory.highest)
        memory.wishes["web"] = AgentMemory.Wish(isWanted: false, token: .zero)
        memory.settingsVersion = 9
        memory.settings["env.A"] = Setting(key: "env.A", value: "", scope: .node)
        memory.settings["x"] = Setting(key: "x", value: "line\nline", scope: .cluster)
        return memory
    }

    @Test func `what is stored is what is read`() throws {
        #expect(try AgentMemory(lines: Self.full.lines) == Self.full)
        #expect(try AgentMemory(lines: AgentMemory().lines) == AgentMemory())
    }

    @Test func `a memory that is cut anywhere is refused`() {
        let lines = Self.full.lines
        for count in 0..<lines.count {
            #expect(throws: AgentMemoryError.self) {
                try AgentMemory(lines: Array(lines.prefix(count)))
            }
        }
    }

    @Test(
        arguments: [
            "STATE format=2 incarnation=1 highest=0000.00000000.00000000 settings=0",
            "STATE format=1 incarnation=-1 highest=0000.00000000.00000000 settings=0",
            "STATE format=1 incarnation=1 settings=0", "WISH service=db", "END",
            "STATE format=1 incarnation=1 highest=0001.00000000.00000000 settings=0 role=both",
        ]
    )
    func `a damaged first line is refused with its place`(line: String) {
        let error = #expect(throws: AgentMemoryError.self) {
            try AgentMemory(lines: [line, "END"])
        }
        #expect(error?.line == 1)
    }
}
