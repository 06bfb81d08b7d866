import AgentCore
import Model

/// Everything that `agent.conf`, `services.d`, `handlers.d` and `data.d` say, checked as a whole.
struct NodeConfiguration: Hashable, Sendable {
    /// Where the agent and its leashes put the services' processes.
    enum ControlGroup: Hashable, Sendable {
        /// A delegated cgroup if the agent runs in one, else process groups alone.
        case automatic
        case off
        /// An existing, writable cgroup directory.
        case path(String)
    }

    enum LogFormat: String, Hashable, Sendable, CaseIterable {
        case text
        case json
    }

    /// The levels of swift-log, by their names.
    enum LogLevel: String, Hashable, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// Tried in random order. Empty: the addresses that came with the join token.
    var controllers: [NetworkAddress] = []
    /// The name to join under; nil for the one the join token is bound to.
    var name: NodeName?
    var stateDirectory = "/var/lib/muster-agent"
    var runDirectory = "/run/muster-agent"
    var servicesDirectory = "/etc/muster/services.d"
    var handlersDirectory = "/etc/muster/handlers.d"
    var dataDirectory = "/etc/muster/data.d"
    /// The leash program; nil for `muster-leash` beside the agent's own program.
    var leash: String?
    var controlGroup = ControlGroup.automatic
    var logFormat = LogFormat.text
    var logLevel = LogLevel.info
    /// Whose files of services, handlers and data sets are believed besides root's and the agent's own.
    var trustedOwners: [UInt32] = []
    var load = LoadSettings()
    var preflight = PreflightSettings()
    var submit = SubmitSettings()
    var observe = ObserveSettings()
    /// What is compared with the node's pair, by name.
    var sets: [ComparedSet] = []
    /// In the order of starting: by ``ServiceDefinition/order``, then by name.
    var services: [ServiceDefinition] = []
    /// By name.
    var handlers: [HandlerDefinition] = []
    /// By name.
    var dataSets: [DataSetDefinition] = []

    /// Where programs of this node submit tasks; nil when they may not.
    var submitSocket: String? {
        switch submit.place {
        case .standard: "\(runDirectory)/submit.sock"
        case .path(let path): path
        case .off: nil
        }
    }
}

/// `[submit]`: how the node's programs submit tasks.
struct SubmitSettings: Hashable, Sendable {
    enum Place: Hashable, Sendable {
        /// `submit.sock` in the run directory.
        case standard
        case path(String)
        case off
    }

    var place = Place.standard
    /// Who may write the socket may submit.
    var mode: UInt32 = 0o660
    /// The number of the group that the socket is given to; nil for the agent's own.
    var group: UInt32?
}

/// `[load]`
struct LoadSettings: Hashable, Sendable {
    /// Between two samples.
    var interval = Duration.seconds(5)
    /// Mount points to report; empty for all real local file systems.
    var disks: [String] = []
}

/// `[preflight]`: what must hold on this node before it may work.
struct PreflightSettings: Hashable, Sendable {
    /// A TCP service that must answer, under the name people know it by.
    struct Endpoint: Hashable, Sendable {
        var name: CheckName
        var address: NetworkAddress
    }

    /// Bytes that must be free on the file system that holds `path`.
    struct FreeSpace: Hashable, Sendable {
        var path: String
        var bytes: UInt64
    }

    /// Must be mount points, writable, and the same on every node of the cluster.
    var sharedPaths: [String] = []
    var endpoints: [Endpoint] = []
    var freeSpace: [FreeSpace] = []
    /// Must be free, or held by a service of this agent.
    var ports: [UInt16] = []
    /// Host names that must resolve.
    var names: [String] = []
}
