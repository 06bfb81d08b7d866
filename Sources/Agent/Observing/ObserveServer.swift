import AgentCore
import Glibc
import Host
import Logging
import Model

/// Answers monitoring and load balancers, on a thread of its own: whatever comes in here, the thread
/// that decides is never waited for and never kept waiting.
final class ObserveServer: Sendable {
    /// At each address; one more takes the place of the one that is there for the longest time.
    static let connectionsMax = 64
    /// From its beginning to its end.
    static let connectionTimeout: Duration = .seconds(5)
    /// Between two tries to listen at an address that cannot be had.
    static let listenRetry: Duration = .seconds(5)

    private let settings: ObserveSettings
    private let figures: AgentMeters
    private let log: Logger
    private let poller: Poller

    init(
        _ settings: ObserveSettings,
        _ figures: AgentMeters,
        log: Logger
    ) throws(HostError) {
        self.settings = settings
        self.figures = figures
        self.log = log
        poller = try Poller()
    }

    /// - Returns: false when there is no room for the thread.
    func begin() -> Bool {
        startThread { [self] in
            let loop = ObserveLoop(settings, figures, log: log, poller: poller)
            while true { loop.turn() }
        }
    }
}

/// What the server's thread does.
final class ObserveLoop {
    /// An address, and its listener once it is had.
    private struct Place {
        let address: NetworkAddress
        let isAgentCheck: Bool
        var listener: Descriptor?
        var retryAt: Instant?
        var isProblemTold = false
        /// In the order in which they came.
        var connections: [UInt64] = []
    }

    private var places: [Place]
    private let figures: AgentMeters
    private let log: Logger
    private let poller: Poller
    private var connections: [UInt64: (connection: ObserveConnection, place: Int)] = [:]
    private var tags: UInt64

    init(_ settings: ObserveSettings, _ figures: AgentMeters, log: Logger, poller: Poller) {
        self.figures = figures
        self.log = log
        self.poller = poller
        places =
            settings.listen.map { Place(address: $0, isAgentCheck: false) }
            + settings.agentCheck.map { Place(address: $0, isAgentCheck: true) }
        // Listeners have the numbers of their places.
        tags = UInt64(places.count)
    }

    func turn() {
        listen(at: BootClock.now())
        let ready = poller.ready(within: patience(at: BootClock.now()))
        let now = BootClock.now()
        for tag in ready {
            if tag < UInt64(places.count) {
                accept(Int(tag), at: now)
            } else {
                attend(tag, at: now)
            }
        }
        for (tag, held) in connections where held.connection.deadline <= now { close(tag) }
    }

    private func patience(at now: Instant) -> Int32 {
        let deadlines = connections.values.map(\.connection.deadline) + places.compactMap(\.retryAt)
        guard let next = deadlines.min() else { return -1 }
        return Int32(clamping: max(0, (next - now).wholeMilliseconds + 1))
    }

    // MARK: Listening

    /// An address that is not there yet is no reason to have no agent: it is tried again.
    private func listen(at now: Instant) {
        for index in places.indices where places[index].listener == nil {
            guard places[index].retryAt.map({ $0 <= now }) ?? true else { continue }
            do throws(HostError) {
                let listener = try TCPListener.open(places[index].address)
                try poller.add(listener, tag: UInt64(index))
                places[index].listener = listener
                places[index].retryAt = nil
                places[index].isProblemTold = false
                log.info("listens to be observed", metadata: metadata(of: index))
            } catch {
                places[index].retryAt = now + ObserveServer.listenRetry
                guard !places[index].isProblemTold else { continue }
                places[index].isProblemTold = true
                var metadata = metadata(of: index)
                metadata["error"] = "\(error)"
                log.error(
                    "cannot listen to be observed; it is tried again",
                    metadata: metadata
                )
            }
        }
    }

    private func metadata(of index: Int) -> Logger.Metadata {
        [
            "address": "\(places[index].address)",
            "for": places[index].isAgentCheck ? "agent-check" : "metrics and health",
        ]
    }

    // MARK: Connections

    private func accept(_ index: Int, at now: Instant) {
        guard let listener = places[index].listener else { return }
        do throws(HostError) {
            // As many as were ready, and not for ever: others wait for their answer.
            for _ in 0..<ObserveServer.connectionsMax {
                guard let socket = try UnixSocket.accept(listener) else { return }
                admit(socket, index, at: now)
            }
        } catch {
            // Out of descriptors: it is listened anew in a while, and we do not spin on it.
            log.warning("no connection can be taken", metadata: ["error": "\(error)"])
            poller.remove(listener)
            places[index].listener = nil
            places[index].retryAt = now + ObserveServer.listenRetry
        }
    }

    private func admit(_ socket: Descriptor, _ index: Int, at now: Instant) {
        if places[index].connections.count >= ObserveServer.connectionsMax,
            let oldest = places[index].connections.first
        {
            close(oldest)
        }
        tags += 1
        let answer: (HTTPRequestHead) -> [UInt8] = { [figures] in
            ObservePages(figures).answer($0, at: BootClock.now())
        }
        let connection = ObserveConnection(
            socket,
            by: now + ObserveServer.connectionTimeout,
            answer: answer
        )
        guard (try? poller.add(socket, tag: tags)) != nil else { return }
        connections[tags] = (connection, index)
        places[index].connections.append(tags)
        if places[index].isAgentCheck {
            connection.say(Array((figures.traffic.checkLine(at: now) + "\n").utf8))
        }
        attend(tags, at: now)
    }

    private func attend(_ tag: UInt64, at now: Instant) {
        guard let connection = connections[tag]?.connection else { return }
        guard connection.proceed() else { return close(tag) }
        guard connection.wantsOutput != connection.isWatchedForOutput else { return }
        connection.isWatchedForOutput = connection.wantsOutput
        poller.remove(connection.socket)
        let isWatched: Void? = try? poller.add(
            connection.socket,
            tag: tag,
            forOutput: connection.wantsOutput
        )
        if isWatched == nil { close(tag) }
    }

    private func close(_ tag: UInt64) {
        guard let held = connections.removeValue(forKey: tag) else { return }
        places[held.place].connections.removeAll { $0 == tag }
        poller.remove(held.connection.socket)
    }
}
