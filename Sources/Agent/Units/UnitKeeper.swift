import AgentCore
import Glibc
import Host
import Model

/// Every systemd unit that this agent supervises. Lives on the driver's thread; what the units do
/// comes through the inbox.
final class UnitKeeper {
    private let parent: String
    private let inbox: DriverInbox
    private var runners: [LaunchID: UnitRunner] = [:]

    init(runFolder: String, inbox: DriverInbox) throws(HostError) {
        parent = runFolder + "/units"
        self.inbox = inbox
        try DurableFile.makeFolder(parent, mode: 0o700)
    }

    func holds(_ launch: LaunchID) -> Bool { runners[launch] != nil }

    func launch(_ launch: LaunchID, _ what: Launch, unit: String) {
        guard !what.definition.isSelfFenced else {
            let text = "a systemd unit cannot be self-fenced: name its program with start ="
            return inbox.put(.leash(launch, .notStarted(reason: text)))
        }
        let record = "\(what.token) \(unit)\n"
        do throws(HostError) {
            try DurableFile.replace("\(parent)/\(launch)", with: record)
        } catch {
            return inbox.put(.leash(launch, .notStarted(reason: "\(error)")))
        }
        run(launch, unit, startTimeout: what.definition.startTimeout, isRunning: false)
    }

    func stop(_ launch: LaunchID, timeout: Duration) {
        runners[launch]?.stop(timeout: timeout)
    }

    /// The launch has ended for good.
    func forget(_ launch: LaunchID) {
        guard runners[launch] != nil else { return }
        runners[launch] = nil
        unlink("\(parent)/\(launch)")
    }

    /// Finds the units that an earlier agent had started.
    func adopt() -> [AdoptedLeash] {
        var adopted: [AdoptedLeash] = []
        for (launch, _) in LeashFolder.all(in: parent) {
            let path = "\(parent)/\(launch)"
            let text = (try? DurableFile.readText(path, limit: 4_096)) ?? ""
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            guard words.count == 2, let token = FencingToken(String(words[0])) else {
                unlink(path)
                continue
            }
            let unit = String(words[1])
            let state = UnitRunner.look(Self.control(unit))
            run(launch, unit, startTimeout: .zero, isRunning: true)
            adopted.append(
                AdoptedLeash(
                    launch: launch,
                    token: token,
                    processID: state?.isActive ?? true
                        ? UInt32(clamping: state?.mainProcessID ?? 0) : nil
                )
            )
        }
        return adopted
    }

    private func run(
        _ launch: LaunchID,
        _ unit: String,
        startTimeout: Duration,
        isRunning: Bool
    ) {
        let runner = UnitRunner(startTimeout: startTimeout, control: Self.control(unit)) {
            [inbox] news in
            inbox.put(.leash(launch, news))
        }
        runners[launch] = runner
        if !runner.begin(isRunning: isRunning) {
            inbox.put(.leash(launch, .notStarted(reason: "no room for a thread")))
        }
    }

    private static func control(_ unit: String) -> UnitRunner.Control {
        { verb, timeout in
            try? ProgramRun(
                SystemdUnit.arguments(verb, unit),
                until: MonotonicDeadline(after: timeout)
            )
        }
    }
}
