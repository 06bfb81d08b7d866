import API
import Model

@testable import Console

enum NotifySamples {
    static let rules = NotifyRulesView(
        receivers: [
            NotifyReceiverView(name: "ops", mail: ["ops@example.com", "b@example.com"]),
            NotifyReceiverView(name: "chat", webhooks: ["team"]),
        ],
        routes: [
            NotifyRouteView(
                kinds: ["site.*", "run.*"],
                sites: ["a"],
                severity: .critical,
                receivers: ["chat"],
                continues: true,
                groupWaitMilliseconds: 0,
                repeatIntervalMilliseconds: 0,
                planned: true,
                resolved: false
            ), NotifyRouteView(receivers: ["ops"]),
        ],
        thresholds: [
            NotifyThresholdRule(
                name: "dr",
                site: "a",
                minimum: 1,
                forMilliseconds: 120_000,
                action: "propose"
            )
        ],
        templates: [NotifyTemplate(kind: "node.offline", subject: "{{label}} {{text}}")],
        undeliverable: ["chat"],
        pages: "muster notify explain {kind}"
    )

    static let failing = NotifyDelivery(
        number: 12,
        notice: 11,
        receiver: "ops",
        destination: "mail to ops@example.com",
        state: "pending",
        severity: .critical,
        subject: "[prod] CRITICAL Node a-3 is Offline",
        attempts: 3,
        queuedAt: Samples.ago(90),
        nextAt: Samples.ago(-40),
        error: "smtp.example.com:587: connection refused"
    )

    static let arrived = NotifyDelivery(
        number: 10,
        notice: 9,
        receiver: "chat",
        destination: "webhook team",
        state: "delivered",
        severity: .info,
        subject: "[prod] TEST",
        attempts: 1,
        queuedAt: Samples.ago(900),
        endedAt: Samples.ago(899)
    )

    static let refused = NotifyDelivery(
        number: 8,
        notice: 7,
        receiver: "ops",
        destination: "mail to a.rather.long.name@operations.example.com",
        state: "refused",
        severity: .critical,
        subject: "[prod] CRITICAL Node a-2 is Offline",
        attempts: 1,
        queuedAt: Samples.ago(3_000),
        endedAt: Samples.ago(2_999),
        error:
            "mail server smtp.example.com:587 said, after RCPT TO: 550 5.1.1 no such user; it does "
            + "not take mail to a.rather.long.name@operations.example.com"
    )

    static let silence = NotifySilence(
        number: 7,
        kinds: ["node.*"],
        sites: ["b"],
        subject: "b-1",
        owner: "alice",
        reason: "switch exchange",
        by: "bob",
        at: Samples.ago(600),
        until: Samples.ago(-3_600)
    )

    static let thresholds = [
        NotifyThresholdStatus(
            rule: NotifyThresholdRule(name: "minimum", site: "a", minimum: 2),
            online: 3,
            total: 3,
            firesAtLoss: 2
        ),
        NotifyThresholdStatus(
            rule: rules.thresholds[0],
            online: 3,
            total: 3,
            firesAtLoss: 3
        ),
        NotifyThresholdStatus(
            rule: NotifyThresholdRule(name: "minimum", site: "b", minimum: 4),
            online: 3,
            total: 4,
            firesAtLoss: 0,
            since: Samples.ago(120)
        ),
    ]

    static let alarms: [NotifyAlarm] = {
        func alarm(_ number: UInt64, _ change: (inout NotifyAlarm) -> Void) -> NotifyAlarm {
            var alarm = NotifyAlarm(
                number: number,
                kind: "node.offline",
                severity: .critical,
                site: "b",
                subject: "b-\(number)",
                text: "Node b-\(number) is Offline.",
                cause: "no heartbeat",
                since: Samples.ago(120)
            )
            change(&alarm)
            return alarm
        }
        return [
            alarm(1) { $0.told = ["ops", "chat"] }, alarm(2) { $0.covered = true },
            alarm(3) { $0.silence = 7 }, alarm(4) { $0.planned = true }, alarm(5) { _ in },
            alarm(6) { $0.waiting = ["ops"] },
        ]
    }()

    static let status: NotifyStatus = {
        NotifyStatus(
            asOf: Samples.ago(0),
            version: 3,
            by: "alice",
            at: Samples.ago(86_400),
            rules: rules,
            channels: NotifyChannelNames(mail: true, webhooks: ["team"]),
            thresholds: thresholds,
            open: alarms,
            silences: [silence],
            pendingCount: 101,
            pending: [failing],
            recent: [arrived]
        )
    }()

    static let notice = Notice(
        asOf: Samples.ago(0),
        number: 9,
        receiver: "chat",
        messageID: "n.9.c0ffee",
        state: "test",
        severity: .info,
        at: Samples.ago(900),
        subject: "[prod] TEST",
        lines: ["A test."],
        deliveries: [arrived]
    )
}
