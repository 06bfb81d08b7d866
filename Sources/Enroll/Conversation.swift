import Glibc
import NIOPosix
import Protocol
import Transport

/// One connection on which one side asks and the other answers.
final class Conversation: Sendable {
    /// What the controller showed of itself, leaf first.
    let chain: [[UInt8]]
    private let endpoint: Endpoint
    private let client: LineClient
    private let events: Events
    private let timeout: Duration

    private init(
        chain: [[UInt8]],
        endpoint: Endpoint,
        client: LineClient,
        events: Events,
        timeout: Duration
    ) {
        self.chain = chain
        self.endpoint = endpoint
        self.client = client
        self.events = events
        self.timeout = timeout
    }

    static func open(
        _ endpoint: Endpoint,
        _ mode: ClientMode,
        _ group: MultiThreadedEventLoopGroup,
        timeout: Duration
    ) async throws(Failure) -> Conversation {
        let context: ClientContext
        do throws(TransportError) {
            context = try ClientContext(mode)
        } catch {
            throw Failure(ExitCode.failed, error.sentence)
        }
        let events = Events()
        let client = LineClient.connect(to: endpoint, with: context, group: group) {
            events.put($0)
        }
        switch await events.next(within: timeout) {
        case .connected(let chain):
            return Conversation(
                chain: chain,
                endpoint: endpoint,
                client: client,
                events: events,
                timeout: timeout
            )
        case .failed(let error): throw Failure(ExitCode.unreachable, error.sentence)
        case .closed(let reason): throw Failure(ExitCode.unreachable, "closed: \(reason.rawValue)")
        case .line, nil:
            client.close()
            throw Failure(ExitCode.unreachable, "no answer within \(timeout)")
        }
    }

    func send(_ message: AgentMessage) {
        client.send([message.line])
    }

    func answer() async throws(Failure) -> ControllerMessage {
        switch await events.next(within: timeout) {
        case .line(let line):
            client.taken(1)
            do throws(MessageError) {
                return try ControllerMessage(line)
            } catch {
                throw Failure(
                    ExitCode.failed,
                    "\(endpoint) said what cannot be understood: \(error.sentence)"
                )
            }
        case .closed(let reason):
            throw Failure(ExitCode.unreachable, "the connection ended: \(reason.rawValue)")
        case .failed(let error): throw Failure(ExitCode.unreachable, error.sentence)
        case .connected, nil:
            throw Failure(ExitCode.unreachable, "no answer within \(timeout)")
        }
    }

    func close() {
        client.close()
    }
}

/// What happened on a connection, taken one by one, with patience that ends.
private final class Events: Sendable {
    private let stream: AsyncStream<ClientEvent>
    private let continuation: AsyncStream<ClientEvent>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(64))
    }

    func put(_ event: ClientEvent) {
        continuation.yield(event)
    }

    /// - Returns: nil when nothing happened in time.
    func next(within timeout: Duration) async -> ClientEvent? {
        await withTaskGroup(of: ClientEvent?.self) { group in
            group.addTask { [stream] in
                var iterator = stream.makeAsyncIterator()
                return await iterator.next()
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
