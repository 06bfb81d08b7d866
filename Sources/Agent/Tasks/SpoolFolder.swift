import AgentCore
import Glibc
import Host

/// Submissions that wait for a controller: a file each, named by its number.
struct SpoolFolder: Sendable {
    /// A payload of 1 MiB in base64, with its lines.
    static let fileSizeMax = 2 << 20
    private static let ending = ".task"

    let path: String

    /// A submission that cannot be read: it is kept, under another name, for a person.
    struct Damage: Hashable, Sendable {
        var file: String
        var sentence: String
    }

    /// Reads what an earlier agent has kept, in order.
    func open() throws(HostError) -> (tasks: [SpooledTask], damages: [Damage]) {
        try DurableFile.makeFolder(path, mode: 0o700)
        var tasks: [SpooledTask] = []
        var damages: [Damage] = []
        for name in names() {
            let file = "\(path)/\(name)"
            // The trace of one that was being written when the agent ended: nobody was told.
            if name.hasPrefix(".") {
                unlink(file)
                continue
            }
            guard name.hasSuffix(Self.ending) else { continue }
            do throws(HostError) {
                tasks.append(try read(file, number: name.dropLast(Self.ending.count)))
            } catch {
                damages.append(Damage(file: "\(file).damaged", sentence: "\(error)"))
                _ = rename(file, "\(file).damaged")
            }
        }
        return (tasks.sorted { $0.number < $1.number }, damages)
    }

    private func read(_ file: String, number: Substring) throws(HostError) -> SpooledTask {
        let text = try DurableFile.readText(file, limit: Self.fileSizeMax)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let task: SpooledTask
        do throws(AgentMemoryError) {
            task = try SpooledTask(lines: lines.dropLast().map(String.init))
        } catch {
            throw HostError("read", path: "\(file):\(error.line)", reason: error.sentence)
        }
        guard "\(task.number)" == number else {
            throw HostError("read", path: file, reason: "it holds number \(task.number)")
        }
        return task
    }

    /// When this returns it survives a power cut; when it throws, nothing of it is kept.
    func keep(_ task: SpooledTask) throws(HostError) {
        let file = file(task.number)
        do throws(HostError) {
            try DurableFile.replace(file, with: task.lines.map { $0 + "\n" }.joined())
        } catch {
            unlink(file)
            throw error
        }
    }

    /// One that comes back after a power cut is delivered again, and known by its key.
    func remove(_ number: UInt64) {
        unlink(file(number))
    }

    private func file(_ number: UInt64) -> String { "\(path)/\(number)\(Self.ending)" }

    private func names() -> [String] {
        guard let listing = opendir(path) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// Writes the spool on a thread of its own.
final class SpoolWriter: Sendable {
    enum Request: Sendable {
        case keep(SpooledTask)
        case remove(UInt64)
    }

    private let folder: SpoolFolder
    private let inbox: DriverInbox
    private let waiting = Monitor<[Request]>([])

    init(_ folder: SpoolFolder, inbox: DriverInbox) {
        self.folder = folder
        self.inbox = inbox
    }

    /// - Returns: false when there is no room for the thread.
    func begin() -> Bool {
        startThread { [self] in
            while true {
                let requests = waiting.wait(while: \.isEmpty) { waiting in
                    defer { waiting = [] }
                    return waiting
                }
                for request in requests { perform(request) }
            }
        }
    }

    func put(_ requests: [Request]) {
        if !requests.isEmpty { waiting.change { $0 += requests } }
    }

    private func perform(_ request: Request) {
        switch request {
        case .keep(let task):
            do throws(HostError) {
                try folder.keep(task)
                inbox.put(.spooled(task.number))
            } catch {
                inbox.put(.spoolFailed(task.number, reason: "\(error)"))
            }
        case .remove(let number): folder.remove(number)
        }
    }
}
