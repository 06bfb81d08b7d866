import ControllerCore
import Foundation
import Host
import Model
import Synchronization
import Transport

@testable import Controller

/// Notices for tests.
enum Notices {
    static let cluster = "c-0123456789abcdef"
    // 2026-11-26T04:10:00Z
    static let time = WallTime(milliseconds: 1_795_666_200_000)

    static let item = NoticeItem(
        state: .firing,
        kind: .siteBelowMinimum,
        severity: .critical,
        site: "a",
        subject: "a",
        text: "2 of 4 nodes of site a are Online; 3 is the minimum",
        cause: "no heartbeat of db-3 for 3.5s",
        consequence: "one more loss stops <work>",
        since: time,
        sequence: 41
    )

    static func notice(
        id: String = "n1-41",
        thread: String? = nil,
        state: NoticeState = .firing,
        severity: Severity = .critical,
        subject: String = "Site a is below its minimum",
        text: String = "Two of four.\nSee https://example.org/notice?a=1&b=2.\n",
        items: [NoticeItem] = [item],
        itemsLeftOut: Int = 0
    ) -> NoticeMessage {
        NoticeMessage(
            id: id,
            thread: thread,
            at: time,
            state: state,
            severity: severity,
            subject: subject,
            text: text,
            items: items,
            itemsLeftOut: itemsLeftOut
        )
    }

    static func delivery(
        _ number: UInt64,
        _ destination: Destination,
        id: String? = nil
    ) -> Delivery {
        Delivery(
            number: number,
            attempt: 1,
            destination: destination,
            message: notice(id: id ?? "n1-\(number)")
        )
    }

    static func mail(_ number: UInt64, to recipient: String) -> Delivery {
        delivery(number, .mail(to: recipient, among: [recipient]))
    }
}

/// What a notifier has answered.
final class Answers: Sendable {
    private let state = Mutex<[UInt64: DeliveryOutcome]>([:])
    private let order = Mutex<[UInt64]>([])

    var all: [UInt64: DeliveryOutcome] { state.withLock { $0 } }
    var numbers: [UInt64] { order.withLock { $0 } }

    func take(_ number: UInt64, _ outcome: DeliveryOutcome) {
        order.withLock { $0.append(number) }
        state.withLock { $0[number] = outcome }
    }

    /// What came of an attempt, when it is there.
    func outcome(of number: UInt64) async -> DeliveryOutcome? {
        _ = await eventually(within: .seconds(60)) { self.all[number] != nil }
        return all[number]
    }

    func notifier(_ settings: NotifySettings) throws -> Notifier {
        try Notifier(settings, cluster: Notices.cluster) { delivery, outcome, _ in
            self.take(delivery.number, outcome)
        }
    }
}

extension DeliveryOutcome {
    var failure: String? { if case .failed(let text) = self { text } else { nil } }
    var refusal: String? { if case .refused(let text) = self { text } else { nil } }
}

extension NotifySettings.Mail {
    /// For a peer on this machine.
    init(
        _ port: UInt16,
        tls: MailTLS = .starttls,
        authorityFile: String? = nil,
        passwordFile: String? = nil,
        timeout: Duration = .seconds(30)
    ) throws {
        guard let from = MailSender("muster@example.org") else { throw CancellationError() }
        self.init(
            server: Endpoint(host: "localhost", port: port),
            tls: tls,
            authorityFile: authorityFile,
            login: passwordFile.map { NotifySettings.Login(user: "muster", passwordFile: $0) },
            from: from,
            domain: "example.org",
            helo: "ctl1.example.org",
            timeout: timeout
        )
    }
}
