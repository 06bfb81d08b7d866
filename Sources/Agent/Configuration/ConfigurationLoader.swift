import AgentCore
import Glibc
import Host
import Model

/// Reads `agent.conf` and the services it leads to, from files that nobody else could have written.
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
        guard errors.isEmpty else { throw ConfigurationErrors(errors: errors) }
        return configuration
    }

    private static func services(
        _ configuration: NodeConfiguration,
        beside file: String,
        _ errors: inout [ConfigurationError]
    ) -> [ServiceDefinition] {
        let path = configuration.servicesDirectory
        guard let names = directoryEntries(path) else {
            // A node without services needs no directory, unless somebody has said there is one.
            if errno != ENOENT || path != NodeConfiguration.directory(of: file) + "/services.d" {
                errors.append(ConfigurationError(file: path, message: HostError.text(of: errno)))
            }
            return []
        }
        let files = names.filter { $0.hasSuffix(".conf") && !$0.hasPrefix(".") }.sorted()
        guard files.count <= servicesMax else {
            let message = "has more than \(servicesMax) services"
            errors.append(ConfigurationError(file: path, message: message))
            return []
        }
        var services: [ServiceDefinition] = []
        for file in files {
            let problems = ConfigurationProblems(file: "\(path)/\(file)")
            if let service = service(file, owners: configuration.trustedOwners, problems) {
                services.append(service)
            }
            errors += problems.sorted
        }
        return services.sorted { ($0.order, $0.name) < ($1.order, $1.name) }
    }

    private static func service(
        _ file: String,
        owners: [UInt32],
        _ problems: ConfigurationProblems
    ) -> ServiceDefinition? {
        guard let name = ServiceName(String(file.dropLast(".conf".count))) else {
            problems.add(
                "the file's name is not the name of a service (a-z, 0-9, dot, hyphen, "
                    + "underscore, up to 63 characters, then .conf)"
            )
            return nil
        }
        guard let bytes = TrustedFile(problems.file, owners: owners).read(problems) else {
            return nil
        }
        return ServiceDefinition(bytes, name: name, problems: problems)
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
