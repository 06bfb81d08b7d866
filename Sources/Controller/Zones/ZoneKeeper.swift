import Calendar
import ControllerCore
import Logging
import Model

/// Gives the machine the rules of the time zones that its schedules are in.
///
/// Before a command that needs a zone, at the start for every schedule there is, and again when the
/// tz database was updated: it is looked at once an hour and when the program is told to (SIGHUP).
/// The machine compares: rules that are the same change nothing. A zone that cannot be read any
/// more keeps the rules that it had: better by the rules of yesterday than not at all.
struct ZoneKeeper: Sendable {
    static let interval: Duration = .seconds(3_600)

    let driver: Driver
    let log: Logger
    var directory = ZoneDirectory()

    /// - Returns: nil when there is no such zone on this host.
    func rules(_ name: ZoneName) -> ZoneRules? { directory.rules(name) }

    /// Reads a zone and hands its rules over, ahead of what is asked of the machine next.
    ///
    /// - Returns: whether there is such a zone on this host.
    @discardableResult
    func load(_ name: ZoneName) -> Bool {
        guard let rules = directory.rules(name) else { return false }
        driver.learn(name, rules)
        return true
    }

    /// Every zone that a schedule is in.
    func loadAll() async {
        let names = await driver.read { machine, _ in
            Set(machine.schedules.entries.values.compactMap(\.record.draft.recurrence.zone))
        }
        for name in names.sorted() where !load(name) {
            log.error(
                "The time zone of a schedule cannot be read on this host",
                metadata: ["zone": "\(name)", "folder": "\(directory.path)"]
            )
        }
    }

    /// Until the task is cancelled.
    func run() async throws {
        while true {
            try await Task.sleep(for: Self.interval)
            await loadAll()
        }
    }
}
