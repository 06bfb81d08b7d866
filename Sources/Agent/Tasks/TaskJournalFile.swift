import AgentCore
import Glibc
import Host

/// The file of the journal of tasks. Lives on the thread of its ``TaskJournalWriter``.
final class TaskJournalFile {
    /// The machine has it written anew long before.
    static let sizeMax = 256 << 20

    let path: String
    /// Nil after a write of unknown outcome, until the file is replaced.
    private var file: Descriptor?

    init(_ path: String) {
        self.path = path
    }

    /// Reads what is there, and cuts off the trace of a write that was not finished.
    ///
    /// - Throws: the line that cannot be read or contradicts another, with the mend.
    func open() throws(CommandFailure) -> TaskJournal {
        let file: Descriptor
        let bytes: [UInt8]
        do throws(HostError) {
            file = try append()
            bytes = try file.readAll(limit: Self.sizeMax, path: path)
        } catch {
            throw CommandFailure(ExitCode.failed, "\(error)")
        }
        let whole = bytes.lastIndex(of: 10).map { $0 + 1 } ?? 0
        let lines = bytes[..<whole].dropLast()
            .split(separator: 10, omittingEmptySubsequences: false)
        let journal = try journal(whole == 0 ? [] : lines)
        let kept = journal.tornLine.map { lines[$0 - 1].startIndex } ?? whole
        do throws(HostError) {
            if kept < bytes.count, ftruncate(file.number, off_t(kept)) != 0 {
                throw HostError("cut the torn line off", path: path, code: errno)
            }
            // What is built on it must not go away with a power cut.
            guard fsync(file.number) == 0 else { throw HostError("sync", path: path, code: errno) }
        } catch {
            throw CommandFailure(ExitCode.failed, "\(error)")
        }
        self.file = file
        return journal
    }

    private func journal(_ lines: [ArraySlice<UInt8>]) throws(CommandFailure) -> TaskJournal {
        do throws(AgentMemoryError) {
            return try TaskJournal(lines: lines.map { String(decoding: $0, as: UTF8.self) })
        } catch {
            throw CommandFailure(
                ExitCode.failed,
                "\(path):\(error.line): \(error.sentence)",
                mend: "this agent will not guess which tasks have run here: find out what those "
                    + "named from that line on have done, then move the file away and start "
                    + "again. Their results are lost, and a controller may give them again"
            )
        }
    }

    private func append() throws(HostError) -> Descriptor {
        let file = try Descriptor.open(
            path,
            flags: O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK,
            mode: 0o600
        )
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw HostError("open", path: path, reason: "it is not a regular file")
        }
        return file
    }

    /// Appends, and syncs once. After an error it is not known what of it is durable, and every
    /// further append is refused.
    func append(_ entries: [TaskJournalEntry]) throws(HostError) {
        guard let file else {
            throw HostError("append to", path: path, reason: "an earlier write has failed")
        }
        self.file = nil
        try file.writeAll(Self.text(entries), path: path)
        guard fdatasync(file.number) == 0 else { throw HostError("sync", path: path, code: errno) }
        self.file = file
    }

    /// Replaces the whole file: what was there, or what is asked for, is there afterwards.
    func replace(_ entries: [TaskJournalEntry]) throws(HostError) {
        file = nil
        try DurableFile.replace(path, with: Self.text(entries))
        file = try append()
    }

    private static func text(_ entries: [TaskJournalEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes += entry.line.utf8
            bytes.append(10)
        }
        return bytes
    }
}
