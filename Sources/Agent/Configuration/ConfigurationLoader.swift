import AgentCore
import Glibc
import Host
import Model
import Protocol

/// Reads `agent.conf`, and the services, handlers and data sets it leads to, from files that nobody else
/// could have written.
enum ConfigurationLoader {
    static let servicesMax = 256

    /// - Parameter path: of `agent.conf`.
    /// - Throws: every mistake of every file.
    static func load(_ path: String) throws(ConfigurationErrors) -> NodeConfiguration {
        let problems = ConfigurationProblems(file: path)
        guard let bytes = TrustedFile(path).read(problems) else {
            throw ConfigurationErrors(errors: problems.sorted)
        }
        var configuration = NodeConfiguration(bytes, problems: problems)
        var errors = problems.sorted
        configuration.services = services(configuration, beside: path, &errors)
        configuration.handlers = handlers(configuration, beside: path, &errors)
        configuration.dataSets = dataSets(configuration, beside: path, &errors)
        guard errors.isEmpty else { throw ConfigurationErrors(errors: errors) }
        return configuration
    }

    private static func services(
        _ configuration: NodeConfiguration,
        beside file: String,
        _ errors: inout [ConfigurationError]
    ) -> [ServiceDefinition] {
        let folder = Folder(
            path: configuration.servicesDirectory,
            standard: NodeConfiguration.directory(of: file) + "/services.d",
            owners: configuration.trustedOwners,
            noun: "service",
            countMax: servicesMax
        )
        return folder.read(&errors) { bytes, name, problems in
            ServiceDefinition(bytes, name: name, problems: problems)
        }
        .sorted { ($0.order, $0.name) < ($1.order, $1.name) }
    }

    private static func handlers(
        _ configuration: NodeConfiguration,
        beside file: String,
        _ errors: inout [ConfigurationError]
    ) -> [HandlerDefinition] {
        let folder = Folder(
            path: configuration.handlersDirectory,
            standard: NodeConfiguration.directory(of: file) + "/handlers.d",
            owners: configuration.trustedOwners,
            noun: "handler",
            countMax: WorkLimits.handlersPerNodeMax
        )
        return folder.read(&errors) { bytes, name, problems in
            HandlerDefinition(bytes, name: name, problems: problems)
        }
        .sorted { $0.name < $1.name }
    }

    private static func dataSets(
        _ configuration: NodeConfiguration,
        beside file: String,
        _ errors: inout [ConfigurationError]
    ) -> [DataSetDefinition] {
        let folder = Folder(
            path: configuration.dataDirectory,
            standard: NodeConfiguration.directory(of: file) + "/data.d",
            owners: configuration.trustedOwners,
            noun: "data set",
            countMax: DataLimits.dataSetsPerNodeMax
        )
        return folder.read(&errors) { bytes, name, problems in
            DataSetDefinition(bytes, name: name, problems: problems)
        }
        .sorted { $0.name < $1.name }
    }

    /// A folder of files of which each defines what its name says.
    private struct Folder {
        var path: String
        /// Where it is without other word: there it may be missing.
        var standard: String
        var owners: [UInt32]
        /// What a file defines, for people.
        var noun: String
        var countMax: Int

        func read<Kind, Definition>(
            _ errors: inout [ConfigurationError],
            _ define: ([UInt8], Identifier<Kind>, ConfigurationProblems) -> Definition?
        ) -> [Definition] {
            guard let names = directoryEntries(path) else {
                if errno != ENOENT || path != standard {
                    let message = HostError.text(of: errno)
                    errors.append(ConfigurationError(file: path, message: message))
                }
                return []
            }
            let files = names.filter { $0.hasSuffix(".conf") && !$0.hasPrefix(".") }.sorted()
            guard files.count <= countMax else {
                let message = "has more than \(countMax) \(noun)s"
                errors.append(ConfigurationError(file: path, message: message))
                return []
            }
            var found: [Definition] = []
            for file in files {
                let problems = ConfigurationProblems(file: "\(path)/\(file)")
                if let name = name(of: file, as: Identifier<Kind>.self, problems),
                    let bytes = TrustedFile(problems.file, owners: owners).read(problems),
                    let definition = define(bytes, name, problems)
                {
                    found.append(definition)
                }
                errors += problems.sorted
            }
            return found
        }

        private func name<Kind>(
            of file: String,
            as type: Identifier<Kind>.Type,
            _ problems: ConfigurationProblems
        ) -> Identifier<Kind>? {
            if let name = Identifier<Kind>(String(file.dropLast(".conf".count))) { return name }
            problems.add(
                "the file's name is not the name of a \(noun) (a-z, 0-9, dot, hyphen, "
                    + "underscore, up to 63 characters, then .conf)"
            )
            return nil
        }
    }
}

extension NodeConfiguration {
    /// The directory that holds a file, without a slash at its end.
    static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "" : String(file[..<slash])
    }
}

/// - Returns: nil, with `errno` set, when the directory cannot be read.
private func directoryEntries(_ path: String) -> [String]? {
    guard let directory = opendir(path) else { return nil }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        names.append(name)
    }
    return names
}
