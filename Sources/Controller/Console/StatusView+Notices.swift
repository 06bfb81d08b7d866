import API
import ControllerCore
import Model

// Notices that do not arrive, and what somebody does not want to hear: the one is told by no other way
// when all ways fail, the other must not be forgotten.

extension StatusView {
    func addNoticeProblems(_ add: AddProblem) {
        for alarm in machine.notify.alarms.values
        where alarm.kind == .noticeUndeliverable && alarm.state == .firing {
            add(
                .critical,
                "notices",
                "notices do not arrive: \(alarm.subject): \(alarm.cause)",
                alarm.since,
                "muster notify pending"
            )
        }
        addWaiting(add)
        for silence in machine.notify.silences.values where silence.draft.until > now.wall {
            add(
                .info,
                "silence \(silence.number)",
                "silence \(silence.number) of \(silence.draft.owner) over "
                    + "\(silence.draft.matchers) until \(silence.draft.until.forPeople): "
                    + silence.reason,
                silence.at,
                "muster notify unsilence \(silence.number)"
            )
        }
    }

    /// A row for each server that has not taken something and is tried again: mails to everybody go
    /// through one.
    private func addWaiting(_ add: AddProblem) {
        var rows: [(place: String, count: Int, oldest: WallTime, last: DeliveryRecord)] = []
        for record in machine.notify.deliveries.values
        where record.state == .pending && !record.lastError.isEmpty {
            let place =
                if case .mail = record.destination { "mail" } else { record.destination.text }
            guard let index = rows.firstIndex(where: { $0.place == place }) else {
                rows.append((place, 1, record.queuedAt, record))
                continue
            }
            rows[index].count += 1
            rows[index].oldest = min(rows[index].oldest, record.queuedAt)
            rows[index].last = record
        }
        for row in rows {
            add(
                .warning,
                "notices",
                "\(counted(row.count, "notice")) could not be delivered yet by \(row.place): "
                    + row.last.lastError,
                row.oldest,
                "muster notify pending"
            )
        }
    }
}
