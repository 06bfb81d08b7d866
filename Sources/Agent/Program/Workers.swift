import AgentCore
import Glibc
import Host
import Model

/// Takes samples of load and disks on a thread of its own: a file system may hang.
final class SampleWorker: Sendable {
    private let inbox: DriverInbox
    private let disks: [String]
    private let isWanted = Monitor(false)

    init(disks: [String], inbox: DriverInbox) {
        self.disks = disks
        self.inbox = inbox
    }

    func begin() -> Bool {
        startThread { [self] in
            var load = LoadSampler()
            var disk = DiskSampler(disks: disks)
            while true {
                isWanted.wait(while: { !$0 }) { $0 = false }
                let sample = load.sample(at: BootClock.now())
                inbox.put(.sampled(sample, disks: disk.sample().disks))
            }
        }
    }

    func ask() {
        isWanted.change { $0 = true }
    }
}

/// Renews the node's certificate with the help of `muster-agent-enroll`.
struct RenewalWorker: Sendable {
    /// Of one run of it.
    private static let timeout: Duration = .seconds(30)

    let state: StateFolder
    let inbox: DriverInbox

    func perform(_ command: RenewalCommand) {
        let hasBegun = startThread {
            switch command {
            case .makeRequest:
                let (isDone, text) = Self.run(["renew", "--state", state.path])
                inbox.put(
                    .renewal(isDone ? .requested(signingRequest: text) : .failed(reason: text))
                )
            case .install(let certificate, let issuer):
                let (isDone, text) = Self.run([
                    "install", "--state", state.path, "--certificate", certificate, "--issuer",
                    issuer,
                ])
                inbox.put(.renewal(isDone ? .installed : .failed(reason: text)))
                if isDone, let life = state.certificateLife(at: WallClock.now()) {
                    inbox.put(.certificateMeasured(remaining: life.remaining, life: life.life))
                }
            }
        }
        if !hasBegun { inbox.put(.renewal(.failed(reason: "no room for a thread"))) }
    }

    private static func run(_ arguments: [String]) -> (isDone: Bool, text: String) {
        do {
            let run = try ProgramRun(
                [ProgramFolder.enroll] + arguments,
                until: MonotonicDeadline(after: timeout)
            )
            return (run.isSuccess, run.text)
        } catch {
            return (false, "\(error)")
        }
    }
}
