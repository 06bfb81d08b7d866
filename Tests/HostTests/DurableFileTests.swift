import Glibc
import Host
import Testing

@Suite struct DurableFileTests {
    let folder = TemporaryFolder()

    @Test func `a file is replaced whole, with its mode, and nothing is left beside it`() throws {
        umask(0o022)
        try DurableFile.replace(folder["a"], with: "one", mode: 0o660)
        try DurableFile.replace(folder["a"], with: "two", mode: 0o666)
        #expect(try DurableFile.readText(folder["a"]) == "two")
        #expect(folder.names() == ["a"])
        var status = stat()
        #expect(stat(folder["a"], &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o666)
    }

    @Test func `replacing a symbolic link replaces the link and leaves its target alone`() throws {
        folder.write("target", "kept")
        #expect(symlink(folder["target"], folder["link"]) == 0)
        try DurableFile.replace(folder["link"], with: "new")
        #expect(folder.text("target") == "kept")
        #expect(folder.text("link") == "new")
    }

    @Test func `a failed replacement leaves the old content and no rubbish`() throws {
        #expect(mkdir(folder["a"], 0o700) == 0)
        #expect(throws: HostError.self) { try DurableFile.replace(folder["a"], with: "x") }
        #expect(folder.names() == ["a"])
    }

    @Test func `a symbolic link is not read`() {
        folder.write("target", "secret")
        symlink(folder["target"], folder["link"])
        #expect {
            try DurableFile.read(folder["link"])
        } throws: {
            "\($0)".contains("symbolic link")
        }
    }

    @Test func `a FIFO in the place of a file neither hangs nor is read`() {
        #expect(mkfifo(folder["pipe"], 0o600) == 0)
        #expect {
            try DurableFile.read(folder["pipe"])
        } throws: {
            "\($0)".contains("not a regular file")
        }
    }

    @Test func `a file of the limit is read, and one byte more is refused`() throws {
        folder.write("a", String(repeating: "x", count: 100))
        #expect(try DurableFile.read(folder["a"], limit: 100).count == 100)
        #expect {
            try DurableFile.read(folder["a"], limit: 99)
        } throws: {
            "\($0)".contains("larger than the 99 bytes")
        }
    }

    @Test func `a missing file is nil only when it was asked for so`() throws {
        #expect(try DurableFile.readIfPresent(folder["none"]) == nil)
        #expect {
            try DurableFile.read(folder["none"])
        } throws: {
            ($0 as? HostError)?.code == ENOENT
        }
    }

    @Test(arguments: [0o640, 0o604, 0o620] as [UInt32])
    func `a secret that others can read is refused with the command that mends it`(mode: UInt32) {
        folder.write("key", "k", mode: mode)
        #expect {
            try DurableFile.readSecret(folder["key"])
        } throws: {
            "\($0)".contains("chmod 600 \(folder["key"])")
        }
    }

    @Test(arguments: [0o600, 0o400] as [UInt32])
    func `a secret of our own is read`(mode: UInt32) throws {
        folder.write("key", "k", mode: mode)
        #expect(try DurableFile.readSecret(folder["key"]) == [107])
    }

    @Test func `folders are made with those above them`() throws {
        try DurableFile.makeFolder(folder["a/b/c"])
        try DurableFile.makeFolder(folder["a/b/c"])
        try DurableFile.replace(folder["a/b/c/file"], with: "x")
        try DurableFile.remove(folder["a/b/c/file"])
        try DurableFile.remove(folder["a/b/c/file"])
        #expect(throws: HostError.self) { try DurableFile.makeFolder("/proc/none/x") }
    }
}

@Suite struct DurableLogTests {
    let folder = TemporaryFolder()

    @Test func `records come back in order after opening again`() throws {
        var records: [String] = []
        let log = try DurableLog(opening: folder["log"], records: &records)
        #expect(records.isEmpty)
        try log.append("one")
        try log.append(["two", "three é"])
        _ = try DurableLog(opening: folder["log"], records: &records)
        #expect(records == ["one", "two", "three é"])
        #expect(log.byteCount == 17)
    }

    @Test func `a torn last line is cut off, and what follows it stands alone`() throws {
        folder.write("log", "one\ntwo\nthr")
        var records: [String] = []
        let log = try DurableLog(opening: folder["log"], records: &records)
        #expect(records == ["one", "two"])
        try log.append("four")
        #expect(folder.text("log") == "one\ntwo\nfour\n")
    }

    @Test func `what is not one line is no record`() throws {
        var records: [String] = []
        let log = try DurableLog(opening: folder["log"], records: &records)
        let tooLong = String(repeating: "x", count: DurableLog.recordLengthMax + 1)
        for record in ["", "two\nlines", tooLong] {
            #expect(throws: HostError.self) { try log.append(record) }
        }
        try log.append(String(repeating: "x", count: DurableLog.recordLengthMax))
    }

    @Test func `a log that is a symbolic link is refused`() {
        folder.write("target", "")
        symlink(folder["target"], folder["log"])
        var records: [String] = []
        #expect(throws: HostError.self) {
            try DurableLog(opening: folder["log"], records: &records)
        }
    }
}

@Suite struct InstanceLockTests {
    let folder = TemporaryFolder()

    @Test func `the second who locks is told who was first, until the first is gone`() throws {
        var first: InstanceLock? = try InstanceLock(taking: folder["lock"], owner: "agent pid 7")
        #expect {
            try InstanceLock(taking: folder["lock"], owner: "agent pid 8")
        } throws: {
            "\($0)".contains("it is held by agent pid 7")
        }
        withExtendedLifetime(first) {}
        first = nil
        // Another test's child holds all we have open until its exec.
        let isFree = eventually {
            (try? InstanceLock(taking: folder["lock"], owner: "agent\npid 9")) != nil
        }
        #expect(isFree)
        #expect(folder.text("lock") == "agent pid 9\n")
    }
}
