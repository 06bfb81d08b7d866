import API
import Model

/// One command's dealings with a cluster.
struct Session: Sendable {
    var context: Context
    var client: Client
    var options: ConnectionOptions
    /// For standard output.
    var style: Style

    /// Opens a session, does the work, and closes it; renews the credential afterwards when it is
    /// past two thirds of its life.
    static func run<Result>(
        _ options: ConnectionOptions,
        _ work: (Session) async throws -> Result
    ) async throws -> Result {
        let now = TimeText.now()
        var context = try ContextStore.standard().resolve(options.context)
        if !options.server.isEmpty {
            var servers: [String] = []
            for text in options.server { servers.append(try Context.server(text)) }
            context.servers = servers
        }
        let identity = try ClientIdentity.load(context, at: now)
        let client = try Client(servers: context.servers, identity: identity)
        let session = Session(
            context: context,
            client: client,
            options: options,
            style: options.colour.outputStyle
        )
        do {
            let result = try await work(session)
            await Renewal.renewIfDue(session, identity, at: now)
            await client.shutdown()
            return result
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Columns to lay a table out for; nil when the output is not a terminal.
    var width: Int? { Terminal.isOutput ? Terminal.size.columns : nil }
}
