import YAMLFiles

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
    /// - Throws: a ``ConsoleError`` with path, line and column of every mistake.
    init(yaml text: String, path: String) throws(ConsoleError) {
        let reader = YAMLReader(path: path)
        if let top = reader.document(text) {
            current = top.text("current")
            if let all = top.subsection("contexts") {
                contexts = all.keys.compactMap { Self.context($0, in: all, reader) }
            }
            top.finish()
        }
        contexts.sort { $0.name < $1.name }
        try reader.check()
    }

    init() {}

    var yaml: String {
        var lines = ["# Written by muster; see `muster context --help`."]
        if let current { lines.append("current: \(current)") }
        lines.append(contexts.isEmpty ? "contexts: {}" : "contexts:")
        for context in contexts {
            lines.append("  \(context.name):")
            lines.append("    servers:")
            lines += context.servers.map { "      - \(quoted($0))" }
            lines.append("    credential: \(quoted(context.credential))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func context(
        _ name: String,
        in all: YAMLSection,
        _ reader: YAMLReader
    ) -> Context? {
        guard let section = all.subsection(name) else { return nil }
        guard Context.isName(name) else {
            section.note("is not a name for a context")
            return nil
        }
        let servers = section.servers
        let credential = section.text("credential")
        section.finish()
        guard !servers.isEmpty, let credential else {
            if reader.problems.isEmpty { section.note("needs servers and a credential") }
            return nil
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
        if let top = reader.document(text) {
            name = top.text("name") ?? ""
            servers = top.servers
            // For people: the certificate says both, and is believed.
            _ = top.text("cluster")
            _ = top.text("operator")
            top.finish()
        }
        try reader.check()
        guard !name.isEmpty, !servers.isEmpty else {
            throw ConsoleError(.failed, "\(path): name and servers are needed")
        }
    }

    var yaml: String {
        (["name: \(quoted(name))", "servers:"]
            + servers.map { "  - \(quoted($0))" }).joined(separator: "\n") + "\n"
    }
}

extension YAMLSection {
    fileprivate func text(_ key: String) -> String? {
        let text = scalar(key, expected: "a text", default: "") { $0.isEmpty ? nil : $0 }
        return text.isEmpty ? nil : text
    }

    fileprivate var servers: [String] {
        list("servers", expected: "an https address", default: []) { try? Context.server($0) }
    }
}

extension YAMLReader {
    fileprivate func check() throws(ConsoleError) {
        guard problems.isEmpty else {
            throw ConsoleError(.failed, "\(ConfigurationError(problems: problems))")
        }
    }
}

/// A scalar that every reader takes for a text.
private func quoted(_ text: String) -> String {
    let escaped = text.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : "\($0)" }.joined()
    return "\"\(escaped)\""
}
