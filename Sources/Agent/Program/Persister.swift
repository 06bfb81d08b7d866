import AgentCore
import Glibc
import Host

/// Writes the agent's memory on a thread of its own, so that a slow disk delays what depends on it
/// and nothing else. Of several requests that wait, the newest is written: it contains the others.
final class Persister: Sendable {
    private let state: StateFolder
    private let inbox: DriverInbox
    private let waiting = Monitor<PersistRequest?>(nil)

    init(state: StateFolder, inbox: DriverInbox) {
        self.state = state
        self.inbox = inbox
    }

    /// - Returns: false when there is no room for the thread.
    func begin() -> Bool {
        startThread { [self] in
            while true { writeNext() }
        }
    }

    func put(_ request: PersistRequest) {
        waiting.change { $0 = request }
    }

    private func writeNext() {
        let request = waiting.wait(while: { $0 == nil }) { waiting -> PersistRequest? in
            defer { waiting = nil }
            return waiting
        }
        guard let request else { return }
        do throws(HostError) {
            try state.write(request.memory)
            inbox.put(.persisted(upTo: request.revision))
        } catch {
            // What an input or output error has left on the disk nobody knows. Whoever starts
            // next reads it; we must not go on as if we did.
            guard error.code != EIO else {
                complain("muster-agent: \(error): the state is not known any more, ending\n")
                exit(ExitCode.failed)
            }
            inbox.put(.persistFailed(reason: "\(error)"))
        }
    }
}
