import AgentCore
import Glibc
import Host
import Model
import Protocol
import Testing

@testable import Agent

/// What a handler has written, read while it runs.
@Suite(.serialized) struct LiveOutputTests {
    private let stage: TaskStage

    init() throws {
        stage = try TaskStage()
    }

    /// Waits until there is a file of this name in the stage's folder.
    private func waiting(_ name: String) -> String {
        "while [ ! -e \(stage.folder.path)/\(name) ]; do sleep 0.02; done"
    }

    private func make(_ name: String) throws {
        try DurableFile.replace("\(stage.folder.path)/\(name)", with: "")
    }

    private func shell(_ script: String, keeping bytes: Int? = nil) throws -> TaskAttempt {
        let attempt = stage.launch(["/bin/sh", "-c", script]) {
            if let bytes { $0.outputBytesMax = bytes }
        }
        _ = try stage.started(attempt)
        return attempt
    }

    private func text(_ piece: OutputPiece) -> String {
        String(decoding: piece.bytes, as: UTF8.self)
    }

    @Test func `what is written is read as it comes, from where the reader stands`() throws {
        let attempt = try shell("echo one; \(waiting("go")); echo two; \(waiting("end"))")
        var piece = OutputPiece(place: 0, bytes: [])
        #expect(
            try stage.awaitRead {
                piece = try stage.readOutput(attempt)
                return !piece.bytes.isEmpty
            }
        )
        #expect(piece.place == 0 && text(piece) == "one\n")
        #expect(try stage.readOutput(attempt, from: 4) == OutputPiece(place: 4, bytes: []))
        try make("go")
        #expect(
            try stage.awaitRead {
                piece = try stage.readOutput(attempt, from: 4)
                return !piece.bytes.isEmpty
            }
        )
        #expect(piece.place == 4 && text(piece) == "two\n")
        #expect(text(try stage.readOutput(attempt)) == "one\ntwo\n")
        try make("end")
        #expect(try stage.finish(attempt).outputTail == Array("one\ntwo\n".utf8))
        // Nothing is left to be read, and that is said.
        #expect(try stage.readOutput(attempt) == OutputPiece(place: 0, bytes: []))
    }

    @Test func `both files of a log are read, and the last bytes of a long one`() throws {
        let print = "head -c 3000 /dev/zero | tr '\\0'"
        let script = "\(print) a; \(print) b; \(waiting("go")); \(print) c; \(waiting("end"))"
        let attempt = try shell(script, keeping: 4_096)
        var piece = OutputPiece(place: 0, bytes: [])
        #expect(
            try stage.awaitRead {
                piece = try stage.readOutput(attempt, from: 3_000)
                return piece.place + UInt64(piece.bytes.count) == 6_000
            }
        )
        #expect(piece.place == 3_000)
        #expect(piece.bytes == [UInt8](repeating: UInt8(ascii: "b"), count: 3_000))
        try make("go")
        #expect(
            try stage.awaitRead {
                piece = try stage.readOutput(attempt)
                return piece.place + UInt64(piece.bytes.count) == 9_000
            }
        )
        #expect(piece.place == 9_000 - 4_096)
        let expected =
            [UInt8](repeating: UInt8(ascii: "b"), count: 1_096)
            + [UInt8](repeating: UInt8(ascii: "c"), count: 3_000)
        #expect(piece.bytes == expected)
        try make("end")
        _ = try stage.finish(attempt)
    }

    /// Each sixteen bytes say where they stand: fast machines write more than seven digits' worth.
    @Test func `what is read while files are begun and filled stands where it is said to stand`()
        throws
    {
        let script = """
            import os, sys
            number = 0
            while not os.path.exists('\(stage.folder.path)/end'):
                lines = b''.join(b'%015d\\n' % (number + index) for index in range(300))
                number += 300
                sys.stdout.buffer.write(lines)
                sys.stdout.buffer.flush()
            """
        let attempt = stage.launch(["/usr/bin/python3", "-c", script]) {
            $0.outputBytesMax = 16_384
        }
        _ = try stage.started(attempt)
        var places: Set<UInt64> = []
        #expect(
            try stage.awaitRead {
                let piece = try stage.readOutput(attempt)
                guard !piece.bytes.isEmpty else { return false }
                let first = piece.place / 16
                let last = (piece.place + UInt64(piece.bytes.count) + 15) / 16
                let lines = (first..<last).map { number -> String in
                    let digits = "\(number)"
                    return String(repeating: "0", count: 15 - digits.count) + digits + "\n"
                }
                let expected = Array(lines.joined().utf8).dropFirst(Int(piece.place % 16))
                    .prefix(piece.bytes.count)
                guard Array(expected) == piece.bytes else {
                    throw TestFault("\(piece.place): \(text(piece).prefix(40))")
                }
                places.insert(piece.place)
                return places.count >= 40
            }
        )
        try make("end")
        _ = try stage.finish(attempt)
    }

    @Test func `a leash that stands still answers when it goes on, and nobody waits for it`() throws
    {
        let attempt = try shell("echo one; \(waiting("end"))")
        let process = try #require(stage.keeper?.processIDs.first { isLeash($0) })
        kill(process, SIGSTOP)
        stage.perform(.readOutput(attempt, from: 0))
        let other = try shell("echo two; \(waiting("end"))")
        #expect(try stage.awaitRead { !(try stage.readOutput(other)).bytes.isEmpty })
        #expect(stage.pieces(attempt).isEmpty)
        kill(process, SIGCONT)
        #expect(stage.await { stage.pieces(attempt).count == 1 })
        try make("end")
        _ = try stage.finish(attempt)
        _ = try stage.finish(other)
    }

    private func isLeash(_ process: Int32) -> Bool {
        SystemFiles().text("/proc/\(process)/comm")?.hasPrefix("muster-leash") == true
    }

    @Test func `what is not there, or not any more, is answered with nothing`() throws {
        let unknown = TaskAttempt(task: TaskID(999), attempt: 1)
        #expect(try stage.readOutput(unknown, from: 7) == OutputPiece(place: 7, bytes: []))
        let attempt = try shell("echo one; \(waiting("end"))")
        stage.perform(.readOutput(attempt, from: 0))
        stage.perform(.destroy(attempt))
        #expect(stage.await { stage.pieces(attempt).count == 1 })
        _ = try stage.finish(attempt)
    }

    // MARK: The reader alone

    @Test func `a file that was begun meanwhile is not taken for the one that was asked about`()
        throws
    {
        let path = "\(stage.folder.path)/log"
        func write(_ text: String, _ flags: Int32) throws {
            let file = try Descriptor.open(path, flags: O_WRONLY | O_CREAT | flags, mode: 0o600)
            try file.writeAll(Array(text.utf8))
        }
        try write("0123456789", O_EXCL)
        var reader = OutputReader(path)
        #expect(
            reader.read(from: 0, limit: 99, LeashOutput(bytes: 10, newestFileBytes: 10)) == nil,
            "it was not begun"
        )
        reader.begin()
        rename(path, path + ".1")
        try write("abc", O_EXCL)
        #expect(reader.read(from: 0, limit: 99, LeashOutput(bytes: 10, newestFileBytes: 10)) == nil)
        reader.begin()
        // More was written since the leash has answered: it is for the next time.
        try write("def", O_APPEND)
        let told = LeashOutput(bytes: 113, newestFileBytes: 3)
        func read(_ from: UInt64, _ limit: Int = 99) -> String? {
            reader.read(from: from, limit: limit, told).map { "\($0.place) \(text($0))" }
        }
        #expect(read(0) == "100 0123456789abc")
        #expect(read(105) == "105 56789abc")
        #expect(read(111) == "111 bc")
        #expect(read(113) == "113 " && read(999) == "999 ")
        #expect(read(0, 5) == "108 89abc")
        #expect(read(0, 0) == "0 ")
        // Cut short by somebody: nothing is said of what cannot be placed.
        truncate(path, 1)
        #expect(read(0) == "0 ")
    }

    @Test func `the end of what comes in pieces is kept, and all of it counted`() {
        var tail = OutputTail(bytesMax: 4)
        #expect(tail.piece(from: 0, limit: 9) == OutputPiece(place: 0, bytes: []))
        for byte in UInt8(0)..<20 { tail.append([byte]) }
        #expect(tail.total == 20 && tail.kept == [16, 17, 18, 19])
        #expect(tail.piece(from: 0, limit: 9) == OutputPiece(place: 16, bytes: [16, 17, 18, 19]))
        #expect(tail.piece(from: 18, limit: 9) == OutputPiece(place: 18, bytes: [18, 19]))
        #expect(tail.piece(from: 0, limit: 1) == OutputPiece(place: 19, bytes: [19]))
        #expect(tail.piece(from: 20, limit: 9) == OutputPiece(place: 20, bytes: []))
        var none = OutputTail(bytesMax: 0)
        none.append([1, 2])
        #expect(none.kept.isEmpty && none.total == 2)
    }
}

extension TaskStage {
    /// What was answered to those who read.
    func pieces(_ wanted: TaskAttempt) -> [OutputPiece] {
        told.compactMap { event in
            guard case .taskOutput(let attempt, let place, let bytes) = event, attempt == wanted
            else { return nil }
            return OutputPiece(place: place, bytes: bytes)
        }
    }

    /// Asks once, and awaits the answer.
    func readOutput(_ attempt: TaskAttempt, from: UInt64 = 0) throws -> OutputPiece {
        let before = pieces(attempt).count
        perform(.readOutput(attempt, from: from))
        guard `await`({ pieces(attempt).count > before }) else {
            throw TestFault("no answer: \(news(attempt))")
        }
        return pieces(attempt)[before]
    }

    /// Again and again until it holds.
    func awaitRead(_ condition: () throws -> Bool) throws -> Bool {
        let deadline = MonotonicDeadline(after: .seconds(30))
        while !(try condition()) {
            if deadline.hasPassed { return false }
            attend()
        }
        return true
    }
}
