import API
import ControllerCore
import Foundation
import HTTPTypes
import Host
import Hummingbird
import Model
import NIOCore
import Protocol

// Server-sent events: cluster events as they become durable, and what the live views show.

extension ConsoleRoutes {
    /// How often the views are compared with what was sent last.
    private static let pulseInterval: Duration = .seconds(1)

    /// How old the views may be that are compared: pulses do not come together.
    private static let pulseAge: Duration = .milliseconds(250)

    private enum Tick: Sendable {
        case event(ClusterEvent)
        case pulse
    }

    func streamEvents(_ request: ConsoleRequest) async throws -> Response {
        let filter = try EventQuery(request)
        let caller = caller(request)
        let lastID = request.request.headers[HTTPField.Name("Last-Event-ID")!]
            .flatMap { UInt64($0) }
        let after =
            lastID == nil && request.query("after") == nil
            ? nil : try lastID ?? request.query("after", in: 0...UInt64(Int64.max), default: 0)
        guard let place = server.ownStreams.enter(caller.name) else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail:
                    "\(caller.name) follows the events \(server.ownStreams.max) times already, as "
                    + "many as one account may",
                mend: "end one of them, or muster event list for what there is"
            )
        }
        guard let events = server.driver.feed.follow() else {
            throw API.Failure(
                code: RefusalCode.tooFast.rawValue,
                detail: "\(EventFeed.followersMax) followers are connected already"
            )
        }
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        headers[HTTPField.Name("X-Accel-Buffering")!] = "no"
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody { writer in
                // Given back when the answer is no more, written or not.
                defer { withExtendedLifetime(place) {} }
                do {
                    try await follow(events, after: after, filter, caller, &writer)
                } catch {
                    // The reader has gone, or its account was removed: the stream ends.
                }
                try await writer.finish(nil)
            }
        )
    }

    @concurrent private func follow(
        _ events: AsyncStream<ClusterEvent>,
        after: UInt64?,
        _ filter: EventQuery,
        _ caller: Caller,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        var shown = LiveView()
        var last = after
        if let after { last = try await catchUp(after, filter, &writer) }
        try await sendChanges(&shown, asOf: BootClock.now(), caller, &writer)
        for await tick in ticks(events) {
            switch tick {
            case .event(let event):
                if let last, event.sequence <= last { continue }
                last = event.sequence
                if filter.matches(event) { try await write(event, &writer) }
                try await sendChanges(&shown, asOf: BootClock.now(), caller, &writer)
            case .pulse:
                let moment = BootClock.now() - Self.pulseAge
                try await sendChanges(&shown, asOf: moment, caller, &writer)
                try await sendPulse(&writer)
            }
        }
    }

    private func ticks(_ events: AsyncStream<ClusterEvent>) -> AsyncStream<Tick> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Tick.self,
            bufferingPolicy: .bufferingNewest(EventFeed.bufferMax)
        )
        let reader = Task {
            for await event in events { continuation.yield(.event(event)) }
            continuation.finish()
        }
        let timer = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.pulseInterval)
                continuation.yield(.pulse)
            }
        }
        continuation.onTermination = { _ in
            reader.cancel()
            timer.cancel()
        }
        return stream
    }

    @concurrent private func catchUp(
        _ after: UInt64,
        _ filter: EventQuery,
        _ writer: inout any ResponseBodyWriter
    ) async throws -> UInt64 {
        var last = after
        while true {
            let page = try await listing(limit: EventPage.limitMax, filter).page(after: last)
            for event in page.events { try await write(event, &writer) }
            last = page.next
            if !page.isCut { return last }
        }
    }

    @concurrent private func sendChanges(
        _ shown: inout LiveView,
        asOf moment: Instant,
        _ caller: Caller,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        let account = try await account(of: caller)
        guard let shared else { preconditionFailure("a stream of routes that share nothing") }
        let views = try await shared.views(notBefore: moment)
        var status = views.status
        status.you = Myself(account)
        for change in shown.changes(status: status, nodes: views.nodes) {
            try await write(StreamEventName.change, try ConsoleAnswer.text(change), &writer)
        }
    }

    @concurrent private func sendPulse(_ writer: inout any ResponseBodyWriter) async throws {
        let pulse = await views { views in
            var nodes: [String: UInt64] = [:]
            var sites: [String: UInt64] = [:]
            for member in views.machine.nodes.values where member.link != nil {
                let age = views.age(member.detector.lastHeard)
                nodes[member.record.name.text] = age
                let site = member.record.site.text
                sites[site] = max(sites[site] ?? 0, age)
            }
            return StreamPulse(
                asOf: views.asOf,
                work: views.work,
                run: views.liveRun,
                nodeHeartbeatAgesMilliseconds: nodes,
                siteHeartbeatAgesMilliseconds: sites
            )
        }
        try await write(StreamEventName.pulse, try ConsoleAnswer.text(pulse), &writer)
    }

    @concurrent private func write(
        _ event: ClusterEvent,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        try await write(API.Event(event), &writer)
    }

    @concurrent private func write(_ event: API.Event, _ writer: inout any ResponseBodyWriter)
        async throws
    {
        let text = try ConsoleAnswer.text(event)
        try await write(StreamEventName.event, text, id: event.sequence, &writer)
    }

    @concurrent private func write(
        _ name: String,
        _ data: String,
        id: UInt64? = nil,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        var text = id.map { "id: \($0)\n" } ?? ""
        text += "event: \(name)\ndata: \(data)\n\n"
        try await writer.write(ByteBuffer(string: text))
    }
}

/// What a follower has been shown, so that only differences are sent. Ages grow all the time and
/// are no difference.
struct LiveView: Sendable {
    private var status: ClusterStatus?
    private var nodes: [String: NodeSummary] = [:]

    mutating func changes(status next: ClusterStatus, nodes list: [NodeSummary]) -> [StreamChange] {
        var changes: [StreamChange] = []
        let bare = Self.withoutAges(next)
        if status != bare {
            status = bare
            changes.append(StreamChange(status: next))
        }
        var names: Set<String> = []
        for node in list {
            names.insert(node.name)
            let bare = Self.withoutAges(node)
            guard nodes[node.name] != bare else { continue }
            nodes[node.name] = bare
            changes.append(StreamChange(node: node))
        }
        for name in nodes.keys.sorted() where !names.contains(name) {
            nodes[name] = nil
            changes.append(StreamChange(removedNode: name))
        }
        return changes
    }

    private static func withoutAges(_ status: ClusterStatus) -> ClusterStatus {
        var status = status
        status.asOf = ""
        status.controller.uptimeMilliseconds = 0
        // Figures of tasks change all the time: the pulse shows them.
        status.work = nil
        // What a run waits for may change each second: the pulse shows that, too.
        status.run?.text = ""
        status.run?.needs = []
        status.sites = status.sites.map {
            var site = $0
            site.heartbeatAgeMilliseconds = nil
            return site
        }
        status.expiringCertificates = status.expiringCertificates.map {
            var certificate = $0
            certificate.remainingMilliseconds = 0
            return certificate
        }
        // Whoever shows how long a hold still lasts counts down by himself.
        status.automatic = status.automatic.map {
            var automatic = $0
            automatic.asOf = ""
            automatic.belowMilliseconds = automatic.belowMilliseconds.map { _ in 0 }
            automatic.remainingMilliseconds = automatic.remainingMilliseconds.map { _ in 0 }
            return automatic
        }
        // A canary comes each second. What counts is how far behind it is, in seconds.
        status.dataSets = status.dataSets?.map { dataSet in
            var dataSet = dataSet
            dataSet.canary = nil
            dataSet.sites = dataSet.sites.map { Self.withoutAges($0) }
            return dataSet
        }
        // A problem that is told "since now" is the same one a second later.
        status.problems = status.problems.map {
            var problem = $0
            problem.since = ""
            return problem
        }
        return status
    }

    private static func withoutAges(_ copy: DataSetAtSite) -> DataSetAtSite {
        var copy = copy
        copy.text = ""
        copy.canary = nil
        copy.sampleAgeMilliseconds = nil
        copy.lagMilliseconds = copy.lagMilliseconds.map { $0 / 1_000 }
        copy.replicatorLagMilliseconds = copy.replicatorLagMilliseconds.map { $0 / 1_000 }
        copy.replicatorLagBytes = nil
        return copy
    }

    private static func withoutAges(_ node: NodeSummary) -> NodeSummary {
        var node = node
        node.asOf = ""
        node.heartbeatAgeMilliseconds = nil
        node.roundTripMicroseconds = nil
        node.clockOffsetMilliseconds = nil
        node.load?.ageMilliseconds = 0
        // They change with every task; each load report brings them along.
        node.tasksAssigned = nil
        node.tasksStarted = nil
        return node
    }
}
