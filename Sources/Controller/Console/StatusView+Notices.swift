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
        for silence in machine.notify.silences.values where silence.draft.until > now.wall {
            add(
                .info,
                "silence \(silence.number)",
                "silence \(silence.number) of \(silence.draft.owner) over "
                    + "\(silence.draft.matchers) until \(silence.draft.until.iso8601): "
                    + silence.reason,
                silence.at,
                "muster notify unsilence \(silence.number)"
            )
        }
    }
}
