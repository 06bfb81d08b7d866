import AgentCore
import Model
import Protocol

/// The journal of tasks and the spool of one machine, as its disk holds them.
struct TaskDisk {
    /// Synced lines; the last may be the trace of a write that was cut off.
    var journal: [String] = []
    /// The last line has no line feed: the shell cuts it off before anybody reads it.
    var isCut = false
    var spool = OrderedTable<UInt64, [String]>()

    // Of the process that writes:
    var queue: [Write] = []
    var isWriting = false
    /// A write has failed: only one that replaces the file can mend it.
    var isBroken = false

    struct Write {
        var sequence: UInt64
        var entries: [TaskJournalEntry]
        var replaces: Bool
    }

    mutating func startProcess() {
        queue = []
        isWriting = false
        isBroken = false
    }
}

extension AgentHost {
    // MARK: Reading

    func readJournal() -> TaskJournal? {
        taskDisk.startProcess()
        if taskDisk.isCut { taskDisk.journal.removeLast() }
        taskDisk.isCut = false
        do throws(AgentMemoryError) {
            let journal = try TaskJournal(lines: taskDisk.journal)
            if let torn = journal.tornLine { taskDisk.journal.removeSubrange((torn - 1)...) }
            return journal
        } catch {
            world.fail("\(name): the journal of tasks is not read back: \(error.sentence)")
            return nil
        }
    }

    func readSpool() -> [SpooledTask] {
        var found: [SpooledTask] = []
        for lines in taskDisk.spool.values {
            do throws(AgentMemoryError) {
                found.append(try SpooledTask(lines: lines))
            } catch {
                world.fail("\(name): the spool is not read back: \(error.sentence)")
            }
        }
        return found
    }

    // MARK: The journal

    func write(_ write: TaskJournalWrite, replaces: Bool) {
        taskDisk.queue.append(
            TaskDisk.Write(sequence: write.sequence, entries: write.entries, replaces: replaces)
        )
        writeNextJournal()
    }

    private func writeNextJournal() {
        guard !taskDisk.isWriting, let next = taskDisk.queue.first else { return }
        taskDisk.isWriting = true
        let life = process.life
        world.after(world.between(50_000, persistTimeMax)) { world in
            guard self.process.isAlive, self.process.life == life else { return }
            self.taskDisk.isWriting = false
            self.taskDisk.queue.removeFirst()
            let fails =
                self.isDiskFull
                || (world.plan.has(.journalError) && !world.isCalm && world.happens(perMille: 8))
            let isLost = self.taskDisk.isBroken && !next.replaces
            if fails || isLost {
                // What became of it is not known.
                if fails, !isLost { self.leaveHalf(of: next) }
                self.taskDisk.isBroken = true
            } else {
                self.taskDisk.isBroken = false
                self.keep(next)
            }
            self.process.run(in: world, life: life) { _ in
                if fails || isLost {
                    self.step(.taskJournalFailed(reason: "input/output error"))
                } else {
                    self.step(.taskJournaled(upTo: next.sequence))
                }
                self.writeNextJournal()
            }
        }
    }

    private func keep(_ write: TaskDisk.Write) {
        let lines = write.entries.map(\.line)
        if write.replaces {
            taskDisk.journal = lines
            taskDisk.isCut = false
        } else {
            taskDisk.journal += lines
        }
        world.work?.checks.journals(self, write.entries)
    }

    /// A write that was cut off: none of it, some lines, or a line that is torn. A file is replaced
    /// as a whole or not at all.
    func leaveHalf(of write: TaskDisk.Write) {
        if write.replaces {
            if world.happens(perMille: 500) { keep(write) }
            return
        }
        let whole = Int(world.between(0, Int64(write.entries.count)))
        var kept = write
        kept.entries = Array(write.entries.prefix(whole))
        keep(kept)
        guard whole < write.entries.count, world.happens(perMille: 500) else { return }
        let bytes = Array(write.entries[whole].line.utf8)
        let torn = bytes.prefix(Int(world.between(1, Int64(bytes.count) - 1)))
        if world.happens(perMille: 700) {
            taskDisk.journal.append(String(decoding: torn, as: UTF8.self))
            taskDisk.isCut = true
        } else {
            // Its last block was written, the one before was not.
            taskDisk.journal.append(String(repeating: "\0", count: torn.count))
        }
        world.say(name, "tears a line of its journal")
    }

    /// The process is gone, or the power is.
    func cutJournal() {
        if taskDisk.isWriting, !taskDisk.isBroken, let first = taskDisk.queue.first {
            leaveHalf(of: first)
        }
        taskDisk.startProcess()
    }

    // MARK: The spool

    func keepSpooled(_ task: SpooledTask) {
        let life = process.life
        world.after(world.between(50_000, persistTimeMax)) { world in
            guard self.process.isAlive, self.process.life == life else { return }
            let fails = self.isDiskFull
            if !fails { self.taskDisk.spool[task.number] = task.lines }
            self.process.run(in: world, life: life) { _ in
                self.step(
                    fails
                        ? .spoolFailed(task.number, reason: "no space left on device")
                        : .spooled(task.number)
                )
            }
        }
    }

    func removeSpooled(_ number: UInt64) {
        let life = process.life
        world.after(world.between(50_000, persistTimeMax)) { _ in
            guard self.process.isAlive, self.process.life == life else { return }
            self.taskDisk.spool[number] = nil
        }
    }
}
