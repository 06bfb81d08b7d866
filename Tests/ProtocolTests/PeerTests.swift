import Foundation
import Testing

/// The agent in Python was written from docs/PROTOCOL.md alone. What it and we both believe is
/// what the page says.
struct PeerTests {
    private func run(_ script: String, _ arguments: String...) throws -> (Int32, String) {
        let path = repository.appendingPathComponent("Tests/EndToEndTests/Peers/" + script).path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-B", path] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }

    @Test func `another implementation reads and writes the golden lines and no bad one`() throws {
        let (status, output) = try run("agent.py", "--selftest")
        #expect(status == 0, "\(output)")
        let lines = GoldenTests.entries.count
        let bad = CorpusTests.entries("grammar.txt").count
        #expect(output == "\(lines) golden lines, \(bad) bad lines: as the page says\n")
    }

    @Test(.timeLimit(.minutes(2)))
    func `another implementation joins and keeps its sessions as the page says`() throws {
        let (status, output) = try run("test_agent.py")
        #expect(status == 0, "\(output)")
        #expect(output.contains("\nOK"), "\(output)")
    }
}
