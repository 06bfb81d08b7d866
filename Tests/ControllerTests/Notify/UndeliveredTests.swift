import API
import ControllerCore
import Logging
import Model
import Testing

@testable import Controller
@testable import ControllerCore

/// What did not arrive, as it is listed, shown under WRONG NOW and logged.
@Suite struct UndeliveredTests {
    private static let start = Moment(
        instant: .origin,
        wall: WallTime(milliseconds: 1_795_666_200_000)
    )
    private static let mail = Destination.mail(to: "ops@example.org", among: ["ops@example.org"])

    private static func record(
        _ number: UInt64,
        _ state: DeliveryRecord.State,
        to destination: Destination = mail,
        ago seconds: Int64 = 60,
        error: String = "no route to host"
    ) -> DeliveryRecord {
        var record = DeliveryRecord(
            number: number,
            notice: number - 1,
            receiver: "ops",
            destination: destination,
            severity: .critical,
            queuedAt: start.wall + .seconds(-seconds - 10)
        )
        record.state = state
        record.attempts = 1
        record.lastError = state == .delivered ? "" : error
        let isPending = state == .pending
        record.nextAt = isPending ? start.wall + .seconds(30) : nil
        record.endedAt = isPending ? nil : start.wall + .seconds(-seconds)
        return record
    }

    private static func views(
        _ records: [DeliveryRecord],
        tests: Set<UInt64> = []
    ) throws -> NodeViews {
        let notices = records.map { record in
            Record.notice(
                NoticeRecord(
                    number: record.notice,
                    receiver: "ops",
                    group: "",
                    isAboutDeliveries: false,
                    message: Notices.notice(state: tests.contains(record.number) ? .test : .firing)
                )
            )
        }
        let (machine, _) = ControllerMachine.started(
            settings: ControllerSettings(),
            records: try World.founding() + notices + records.map { .delivery($0) },
            generation: 1,
            lastEventSequence: 0,
            seed: 7,
            at: start
        )
        return NodeViews(machine: machine, now: start)
    }

    @Test func `beside what waits it is listed what was refused and given up lately`() throws {
        let week: Int64 = 7 * 86_400
        let list = try Self.views([
            Self.record(2, .pending), Self.record(4, .refused, ago: 500),
            Self.record(6, .givenUp, ago: 100), Self.record(8, .refused, ago: week + 1),
            Self.record(10, .delivered), Self.record(12, .dropped),
        ]).deliveries(limit: 10, isPending: true, receiver: nil)
        #expect(list.deliveries.map(\.number) == [2])
        #expect(list.undelivered?.map(\.number) == [6, 4])
        let other = try Self.views([Self.record(4, .refused)])
        #expect(other.deliveries(limit: 10, isPending: true, receiver: "x").undelivered == [])
        #expect(other.deliveries(limit: 10, isPending: false, receiver: nil).undelivered == nil)
    }

    @Test func `a refused test is not listed any more when its place has taken something`() throws {
        func numbers(_ taken: DeliveryRecord) throws -> [UInt64]? {
            let records = [
                Self.record(2, .refused, ago: 50), Self.record(4, .refused, ago: 50), taken,
            ]
            return try Self.views(records, tests: [2])
                .deliveries(limit: 10, isPending: true, receiver: nil).undelivered?.map(\.number)
        }
        #expect(try numbers(Self.record(6, .delivered, ago: 40)) == [4])
        #expect(try numbers(Self.record(6, .delivered, ago: 60)) == [4, 2])
        #expect(try numbers(Self.record(6, .delivered, to: .webhook("x"), ago: 40)) == [4, 2])
    }

    @Test func `a first failed attempt is under WRONG NOW, a row for each server`() throws {
        let other = Destination.mail(to: "b@example.org", among: [])
        let status = StatusView(
            views: try Self.views([
                Self.record(2, .pending, ago: 90), Self.record(4, .pending, to: other),
                Self.record(6, .pending, to: .webhook("chat"), error: "webhook chat said 503"),
                Self.record(8, .pending, to: .command("page"), error: ""),
            ]),
            account: nil,
            lastEvents: [],
            authorityNotAfter: Self.start.wall + .seconds(1_000 * 86_400)
        ).status
        let rows = status.problems.filter { $0.subject == "notices" }
        #expect(
            rows.map(\.text) == [
                "2 notices could not be delivered yet by mail: no route to host",
                "1 notice could not be delivered yet by webhook chat: webhook chat said 503",
            ]
        )
        #expect(rows.first?.since == (Self.start.wall + .seconds(-100)).iso8601)
        #expect(rows.allSatisfy { $0.severity == .warning && $0.mend == "muster notify pending" })
    }

    // MARK: The log

    private func failing(_ number: UInt64, attempt: UInt32) -> DeliveryRecord {
        var record = Self.record(number, .pending)
        record.attempts = attempt
        return record
    }

    private func second(_ seconds: Int64) -> Instant { Instant.origin + .seconds(seconds) }

    @Test func `a failed attempt is logged once, later ones now and then, the end always`() {
        var log = DeliveryLog()
        #expect(log.told(failing(2, attempt: 1), at: second(0)) == .failed(leftOut: 0))
        // An operator hurries it: no attempt has failed.
        #expect(log.told(failing(2, attempt: 1), at: second(1)) == nil)
        var begun = failing(2, attempt: 2)
        begun.nextAt = nil
        #expect(log.told(begun, at: second(70)) == nil)
        #expect(log.told(failing(2, attempt: 2), at: second(71)) == .failed(leftOut: 0))
        #expect(log.told(failing(2, attempt: 3), at: second(200)) == nil)
        #expect(log.told(failing(2, attempt: 4), at: second(300)) == .failed(leftOut: 1))
        #expect(log.told(Self.record(2, .givenUp), at: second(301)) == .givenUp)
        #expect(log.told(Self.record(4, .refused), at: second(301)) == .refused)
        #expect(log.told(Self.record(6, .delivered), at: second(302)) == nil)
    }

    @Test func `a thousand messages to a server that is down are not a thousand lines`() {
        var log = DeliveryLog()
        let told = (1...1_000).compactMap {
            log.told(failing(UInt64($0) * 2, attempt: 1), at: second(0))
        }
        #expect(told == [.failed(leftOut: 0)])
        #expect(log.told(failing(5_000, attempt: 1), at: second(60)) == .failed(leftOut: 999))
        #expect(log.told(Self.record(2, .delivered), at: second(61)) == .delivered)
        // What comes after is told anew.
        #expect(log.told(failing(6_000, attempt: 1), at: second(62)) == .failed(leftOut: 0))
    }

    @Test func `a line has the place's name, what it said and when it is tried next`() {
        let lines = LogLines()
        var log = DeliveryLog()
        log.note(failing(2, attempt: 1), at: second(0), to: lines.log)
        log.note(Self.record(2, .refused, error: "550 no"), at: second(1), to: lines.log)
        #expect(
            lines.all == [
                "warning: A notice was not taken and is tried again: attempt=1 delivery=2 "
                    + "error=no route to host next=\((Self.start.wall + .seconds(30)).iso8601) "
                    + "receiver=ops to=mail to ops@example.org",
                "warning: A notice was refused for good: attempt=1 delivery=2 error=550 no "
                    + "receiver=ops to=mail to ops@example.org",
            ]
        )
    }
}
