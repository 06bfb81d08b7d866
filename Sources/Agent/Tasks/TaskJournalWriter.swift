import AgentCore
import Host
import Meters
import Model
import Synchronization

/// Writes the journal of tasks on a thread of its own: everything that is asked for while one sync
/// goes on is written with the next.
final class TaskJournalWriter: Sendable {
    enum Request: Sendable {
        case append(TaskJournalWrite)
        case replace(TaskJournalWrite)
    }

    private let file: Mutex<TaskJournalFile>
    private let inbox: DriverInbox
    private let waiting = Monitor<[Request]>([])
    private let writes: Histogram?

    /// - Parameter writes: how long each write took.
    init(_ file: sending TaskJournalFile, inbox: DriverInbox, writes: Histogram? = nil) {
        self.file = Mutex(file)
        self.inbox = inbox
        self.writes = writes
    }

    /// - Returns: false when there is no room for the thread.
    func begin() -> Bool {
        startThread { [self] in
            while true { writeNext() }
        }
    }

    func put(_ request: Request) {
        waiting.change { $0.append(request) }
    }

    private func writeNext() {
        let requests = waiting.wait(while: \.isEmpty) { waiting in
            defer { waiting = [] }
            return waiting
        }
        let begunAt = BootClock.now()
        file.withLock { write(requests, to: $0) }
        writes?.observe(BootClock.now() - begunAt)
    }

    private func write(_ requests: [Request], to file: TaskJournalFile) {
        var requests = requests[...]
        do throws(HostError) {
            // A journal that is written anew holds everything that was asked for before.
            if let whole = requests.lastIndex(where: \.isWhole) {
                guard case .replace(let write) = requests[whole] else { return }
                try file.replace(write.entries)
                inbox.put(.taskJournaled(upTo: write.sequence))
                requests = requests[(whole + 1)...]
            }
            guard let last = requests.last else { return }
            try file.append(requests.flatMap(\.write.entries))
            inbox.put(.taskJournaled(upTo: last.write.sequence))
        } catch {
            inbox.put(.taskJournalFailed(reason: "\(error)"))
        }
    }
}

extension TaskJournalWriter.Request {
    fileprivate var isWhole: Bool {
        switch self {
        case .append: false
        case .replace: true
        }
    }

    fileprivate var write: TaskJournalWrite {
        switch self {
        case .append(let write), .replace(let write): write
        }
    }
}
