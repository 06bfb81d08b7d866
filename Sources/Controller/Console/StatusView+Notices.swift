import API
import ControllerCore
import Model

// Notices that do not arrive, and what somebody does not want to hear: the one is told by no other way
// when all ways fail, the other must not be forgotten.

extension StatusView {
    func addNoticeProblems(_ add: AddProblem) {
        let missed = machine.notify.missed(at: now.wall)
        var failing: [String] = []
        for alarm in machine.notify.alarms.values
        where alarm.kind == .noticeUndeliverable && alarm.state == .firing {
            failing.append(alarm.subject)
            let count = missed.count { $0.destination.text == alarm.subject }
            add(
                .critical,
                "notices",
                "notices do not arrive: \(alarm.subject): \(alarm.cause)"
                    + (count > 1 ? "; \(count) messages are left" : ""),
                alarm.since,
                "muster notify pending"
            )
        }
        addMissed(missed.filter { !failing.contains($0.destination.text) }, add)
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

    /// Their places take messages again, and nobody has read these.
    private func addMissed(_ missed: [DeliveryRecord], _ add: AddProblem) {
        guard let oldest = missed.last else { return }
        var places: [String] = []
        for record in missed where !places.contains(record.destination.text) {
            places.append(record.destination.text)
        }
        let isOne = missed.count == 1
        add(
            .warning,
            "notices",
            "\(counted(missed.count, "message")) did not arrive and \(isOne ? "is" : "are") not tried "
                + "again: \(machine.short(places))",
            oldest.endedAt ?? oldest.queuedAt,
            "muster notify pending retry --all"
        )
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
