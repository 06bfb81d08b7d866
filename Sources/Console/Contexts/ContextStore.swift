import Glibc
import Host
import Identity

/// The folder with `contexts.yaml` and the credentials.
struct ContextStore: Sendable {
    var folder: String

    static let fileName = "contexts.yaml"
    static let descriptionName = "context.yaml"

    /// `$MUSTER_CONFIG_DIR`, else `$XDG_CONFIG_HOME/muster`, else `~/.config/muster`.
    static func standard(
        environment: (String) -> String? = Terminal.environment
    ) throws(ConsoleError) -> ContextStore {
        func value(_ name: String) -> String? {
            environment(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        if let folder = value("MUSTER_CONFIG_DIR") { return ContextStore(folder: absolute(folder)) }
        if let folder = value("XDG_CONFIG_HOME") {
            return ContextStore(folder: absolute(folder) + "/muster")
        }
        guard let home = value("HOME") else {
            throw ConsoleError(
                .failed,
                "there is no place for the contexts: HOME is not set",
                hint: "set MUSTER_CONFIG_DIR to a folder"
            )
        }
        return ContextStore(folder: absolute(home) + "/.config/muster")
    }

    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    var filePath: String { "\(folder)/\(Self.fileName)" }

    func credentialFolder(_ name: String) -> String { "\(folder)/credentials/\(name)" }

    func load() throws(ConsoleError) -> ContextFile {
        guard let text = try Self.readText(filePath) else { return ContextFile() }
        return try ContextFile(yaml: text, path: filePath)
    }

    func save(_ file: ContextFile) throws(ConsoleError) {
        try makeFolder(folder)
        try write(file.yaml, to: filePath)
    }

    /// What is meant: `name`, else `MUSTER_CONTEXT`, else the current one, else the only one.
    ///
    /// A name with a slash is a credential's folder with its `context.yaml`, as
    /// `muster-controller init` leaves it.
    func resolve(
        _ name: String?,
        environment: (String) -> String? = Terminal.environment
    ) throws(ConsoleError) -> Context {
        let asked = name ?? environment("MUSTER_CONTEXT").flatMap { $0.isEmpty ? nil : $0 }
        if let asked, asked.contains("/") {
            let folder = Self.absolute(asked)
            let description = try Self.description(in: folder)
            return Context(
                name: description.name,
                servers: description.servers,
                credential: folder
            )
        }
        let file = try load()
        let known = file.contexts.map(\.name).joined(separator: ", ")
        if let chosen = asked ?? file.current {
            if let context = file.context(named: chosen) { return context }
            throw ConsoleError(
                .failed,
                "there is no context \(chosen)",
                hint: known.isEmpty
                    ? "import one with `muster context import DIR`" : "there are: \(known)"
            )
        }
        if file.contexts.count == 1 { return file.contexts[0] }
        guard file.contexts.isEmpty else {
            throw ConsoleError(
                .failed,
                "several contexts and none is current: \(known)",
                hint: "choose one with `muster context use NAME` or --context NAME"
            )
        }
        throw ConsoleError(
            .failed,
            "this machine knows no cluster yet",
            hint: "`muster context import DIR` with the folder that `muster-controller init`"
                + " made, or `muster login` with an operator's token"
        )
    }

    static func description(in folder: String) throws(ConsoleError) -> CredentialDescription {
        let path = "\(folder)/\(descriptionName)"
        guard let text = try readText(path) else {
            throw ConsoleError(
                .failed,
                "\(path) does not exist",
                hint: "name the folder that `muster-controller init` made for the operator"
            )
        }
        return try CredentialDescription(yaml: text, path: path)
    }

    static func readText(_ path: String) throws(ConsoleError) -> String? {
        let bytes: [UInt8]?
        do {
            bytes = try DurableFile.readIfPresent(path)
        } catch {
            throw ConsoleError(.failed, "\(error)")
        }
        guard let bytes else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConsoleError(.failed, "\(path) is not text in UTF-8")
        }
        return text
    }

    func makeFolder(_ path: String) throws(ConsoleError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if access(made, F_OK) == 0 { continue }
            do {
                try DurableFile.makeFolder(made, mode: 0o700)
            } catch {
                throw ConsoleError(.failed, "\(error)")
            }
        }
    }

    func write(_ text: String, to path: String) throws(ConsoleError) {
        do {
            try DurableFile.replace(path, with: text)
        } catch {
            throw ConsoleError(.failed, "\(error)")
        }
    }
}

extension ContextStore {
    /// Deletes a credential that this store made; one that lies elsewhere is left alone.
    func deleteCredential(of context: Context) throws(ConsoleError) {
        guard context.credential == credentialFolder(context.name) else { return }
        let directory = CredentialDirectory(path: context.credential)
        let files = [
            directory.credentialPath, directory.rootsPath, directory.pendingKeyPath,
            "\(context.credential)/\(Self.descriptionName)",
            "\(context.credential)/.renewal-lock",
        ]
        for path in files {
            guard unlink(path) == 0 || errno == ENOENT else {
                throw ConsoleError(.failed, "delete \(path): \(HostError.text(of: errno))")
            }
        }
        rmdir(context.credential)
    }
}
