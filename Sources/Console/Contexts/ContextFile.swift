import Host
import Yams

/// `contexts.yaml`: which clusters there are, and which of them is meant when none is named.
struct ContextFile: Hashable, Sendable {
    var current: String?
    /// By name.
    var contexts: [Context] = []

    func context(named name: String) -> Context? {
        contexts.first { $0.name == name }
    }

    mutating func put(_ context: Context) {
        contexts.removeAll { $0.name == context.name }
        contexts.append(context)
        contexts.sort { $0.name < $1.name }
    }

    /// Reads the text of the file.
    ///
    /// - Throws: a ``ConsoleError`` with path, line and column of the first mistake.
    init(yaml text: String, path: String) throws(ConsoleError) {
        let reader = YAMLReader(path: path)
        guard let root = try reader.compose(text) else { return }
        let pairs = try reader.mapping(root, allowed: ["current", "contexts"], what: "the file")
        for (key, value) in pairs {
            if key == "current" {
                current = try reader.text(value, "current")
            } else {
                for (name, node) in try reader.mapping(value, allowed: nil, what: "contexts") {
                    guard Context.isName(name) else {
                        throw reader.mistake(value, "\(name) is not a name for a context")
                    }
                    contexts.append(try Self.context(name, node, reader))
                }
            }
        }
        contexts.sort { $0.name < $1.name }
    }

    init() {}

    var yaml: String {
        var lines = ["# Written by muster; see `muster context --help`."]
        if let current { lines.append("current: \(current)") }
        lines.append(contexts.isEmpty ? "contexts: {}" : "contexts:")
        for context in contexts {
            lines.append("  \(context.name):")
            lines.append("    servers:")
            lines += context.servers.map { "      - \(YAMLReader.quoted($0))" }
            lines.append("    credential: \(YAMLReader.quoted(context.credential))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func context(
        _ name: String,
        _ node: Node,
        _ reader: YAMLReader
    ) throws(ConsoleError) -> Context {
        var servers: [String] = []
        var credential = ""
        let allowed = ["servers", "credential"]
        for (key, value) in try reader.mapping(node, allowed: allowed, what: "context \(name)") {
            if key == "servers" {
                servers = try reader.servers(value)
            } else {
                credential = try reader.text(value, "credential")
            }
        }
        guard !servers.isEmpty, !credential.isEmpty else {
            throw reader.mistake(node, "context \(name) needs servers and a credential")
        }
        return Context(name: name, servers: servers, credential: credential)
    }
}

/// `context.yaml` of a credential's folder, as `muster-controller init` and `muster login` write
/// it: the name proposed for the context and the servers.
struct CredentialDescription: Hashable, Sendable {
    var name: String
    var servers: [String]

    init(name: String, servers: [String]) {
        self.name = name
        self.servers = servers
    }

    init(yaml text: String, path: String) throws(ConsoleError) {
        let reader = YAMLReader(path: path)
        name = ""
        servers = []
        if let root = try reader.compose(text) {
            let allowed = ["name", "servers", "cluster", "operator"]
            for (key, value) in try reader.mapping(root, allowed: allowed, what: "the file") {
                switch key {
                case "name": name = try reader.text(value, "name")
                case "servers": servers = try reader.servers(value)
                // For people: the certificate says both, and is believed.
                default: break
                }
            }
        }
        guard !name.isEmpty, !servers.isEmpty else {
            throw ConsoleError(.failed, "\(path): name and servers are needed")
        }
    }

    var yaml: String {
        (["name: \(YAMLReader.quoted(name))", "servers:"]
            + servers.map { "  - \(YAMLReader.quoted($0))" }).joined(separator: "\n") + "\n"
    }
}
