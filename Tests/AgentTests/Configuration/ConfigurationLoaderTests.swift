import AgentCore
import Glibc
import Host
import Model
import Testing

@testable import Agent

@Suite struct ConfigurationLoaderTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func errors() -> [String] {
        do throws(ConfigurationErrors) {
            _ = try ConfigurationLoader.load(folder.path + "/agent.conf")
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    @Test func `services come in the order of starting, and other files are passed over`() throws {
        try folder.write("agent.conf", "[agent]\ncontrollers = c1\n")
        try folder.write("services.d/b.conf", "[service]\nstart = /bin/b\norder = 1")
        try folder.write("services.d/a.conf", "[service]\nstart = /bin/a\norder = 2")
        try folder.write("services.d/c.conf", "[service]\nunit = c.service\norder = 1")
        try folder.write("services.d/a.conf.dpkg-old", "rubbish")
        try folder.write("services.d/.hidden.conf", "rubbish")
        try folder.write("services.d/README", "rubbish")
        let configuration = try ConfigurationLoader.load(folder.path + "/agent.conf")
        #expect(configuration.services.map(\.name) == ["b", "c", "a"])
        #expect(configuration.controllers.map(\.host) == ["c1"])
    }

    @Test func `handlers come by name, and their mistakes with those of the services`() throws {
        try folder.write("agent.conf", "[agent]\ncontrollers = c1\n")
        try folder.write("handlers.d/push.conf", "[handler]\ntypes = PUSH\nprogram = /bin/b")
        try folder.write("handlers.d/pgp.conf", "[handler]\ntypes = PGP\nprogram = /bin/a")
        let configuration = try ConfigurationLoader.load(folder.path + "/agent.conf")
        #expect(configuration.handlers.map(\.name) == ["pgp", "push"])
        #expect(configuration.handlers.map(\.program) == [["/bin/a"], ["/bin/b"]])
        try folder.write("services.d/a.conf", "[service]\nstart = a")
        try folder.write("handlers.d/pull.conf", "[handler]\ntypes = PULL\nprogram = /bin/x | y")
        try folder.write("handlers.d/Bad.conf", "[handler]")
        let found = errors().map { $0.dropFirst(folder.path.count + 1).prefix { $0 != " " } }
        #expect(
            found == [
                "services.d/a.conf:2:9:", "handlers.d/Bad.conf:", "handlers.d/pull.conf:3:18:",
            ]
        )
    }

    @Test func `a handler's file that others may write is refused`() throws {
        try folder.write("agent.conf", "[agent]\n")
        let text = "[handler]\ntypes = PUSH\nprogram = /bin/b"
        let path = try folder.write("handlers.d/push.conf", text, mode: 0o666)
        #expect(errors().first?.hasPrefix("\(path): may be written by its group") == true)
    }

    @Test func `a node without services needs no directory, unless one is named`() throws {
        try folder.write("agent.conf", "[agent]\ncontrollers = c1\n")
        #expect(errors() == [])
        let other = folder.path + "/other.d"
        try folder.write("agent.conf", "[agent]\nservices-directory = \(other)\n")
        #expect(errors() == ["\(other): No such file or directory"])
    }

    @Test func `mistakes of all files are told at once`() throws {
        try folder.write("agent.conf", "[agent]\nname = X\n")
        try folder.write("services.d/b.conf", "[service]\nstart = b")
        try folder.write("services.d/a.conf", "[service]\nstart = a")
        try folder.write("services.d/Bad Name.conf", "[service]\nstart = /bin/a")
        let found = errors().map { $0.dropFirst(folder.path.count + 1).prefix { $0 != " " } }
        #expect(
            found == [
                "agent.conf:2:8:", "services.d/Bad", "services.d/a.conf:2:9:",
                "services.d/b.conf:2:9:",
            ]
        )
    }

    @Test func `a missing file says so`() {
        #expect(errors() == ["\(folder.path)/agent.conf: No such file or directory"])
    }

    @Test(arguments: [mode_t(0o664), 0o646, 0o666, 0o777])
    func `a file that others may write is refused with its mend`(_ mode: mode_t) throws {
        let path = try folder.write("agent.conf", "[agent]\n", mode: mode)
        let text = String(mode, radix: 8)
        #expect(
            errors() == [
                "\(path): may be written by its group or by others (mode 0\(text)): refused "
                    + "(chmod go-w \(path))"
            ]
        )
    }

    @Test func `a service file in a directory that others may write is refused`() throws {
        try folder.write("agent.conf", "[agent]\n")
        let path = try folder.write("services.d/a.conf", "[service]\nstart = /bin/a")
        chmod(folder.path + "/services.d", 0o777)
        #expect(errors().first?.hasPrefix("\(path): its directory may be written by") == true)
        // In a sticky directory nobody can replace the file of another.
        chmod(folder.path + "/services.d", 0o1777)
        #expect(errors() == [])
    }

    @Test(arguments: [
        (uid_t(0), uid_t(0), [UInt32](), true), (0, 5, [], true), (5, 5, [], true),
        (7, 5, [], false), (7, 0, [], false), (7, 5, [7], true), (8, 5, [7], false),
    ])
    func `root, we ourselves and trusted owners are believed`(
        _ owner: uid_t,
        _ own: uid_t,
        _ owners: [UInt32],
        _ isBelieved: Bool
    ) {
        let fault = TrustedFile.fault(
            owner: owner,
            mode: 0o100644,
            named: "f",
            own: own,
            owners: owners
        )
        #expect((fault == nil) == isBelieved)
    }

    @Test func `a file of a stranger is refused unless its owner is trusted`() throws {
        try folder.write("agent.conf", "[agent]\n")
        let path = try folder.write("services.d/a.conf", "[service]\nstart = /bin/a")
        // Only root can give a file away; the rule itself is tested above for everybody.
        guard chown(path, 4_242, 4_242) == 0 else { return }
        #expect(
            errors() == [
                "\(path): belongs to uid 4242, not to root: refused (chown root \(path))"
            ]
        )
        try folder.write("agent.conf", "[agent]\ntrusted-owners = 4242\n")
        #expect(errors() == [])
        // The file that says who is trusted is never believed of anybody but root and us.
        chown(folder.path + "/agent.conf", 4_242, 4_242)
        #expect(errors().first?.contains("belongs to uid 4242") == true)
    }

    @Test func `links, pipes and directories are no configuration files`() throws {
        let real = try folder.write("real.conf", "[agent]\n")
        let path = folder.path + "/agent.conf"
        symlink(real, path)
        #expect(errors() == ["\(path): is a symbolic link (name the file it leads to)"])
        unlink(path)
        mkfifo(path, 0o600)
        #expect(errors() == ["\(path): is not a regular file"])
        unlink(path)
        mkdir(path, 0o755)
        #expect(errors() == ["\(path): is not a regular file"])
    }

    @Test func `the documentation names every key and its example reads`() throws {
        let page = try repositoryText("docs/reference/agent-configuration.md")
        let keys =
            NodeConfiguration.sections.flatMap { $0.keys.map(\.name) }
            + ServiceDefinition.serviceKeys.map(\.name) + CheckDefinition.keys.map(\.name)
            + HandlerDefinition.handlerKeys.map(\.name) + DataSetDefinition.keys.map(\.name)
        for key in keys { #expect(page.contains("| `\(key)` |"), "\(key) has no row") }
        let blocks = page.split(separator: "```ini\n").dropFirst()
            .compactMap { $0.split(separator: "```").first.map(String.init) }
        #expect(blocks.count >= 5)
        for block in blocks {
            let text = block.replacingUsers
            let errors =
                block.contains("[service]")
                ? readService(text).errors
                : block.contains("[handler]")
                    ? readHandler(text).errors
                    : block.contains("[data]") ? readData(text).errors : readAgent(text).errors
            #expect(errors == [], "\(block)")
        }
    }
}

extension String {
    /// Accounts of the examples are not accounts of this machine.
    fileprivate var replacingUsers: String {
        split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in
                line.hasPrefix("user =")
                    ? "user = nobody"
                    : line.hasPrefix("trusted-owners =")
                        ? "trusted-owners = root"
                        : line.hasPrefix("group = muster-") ? "group = root" : line
            }
            .joined(separator: "\n")
    }
}

/// A file of this repository.
func repositoryText(_ path: String, from file: String = #filePath) throws -> String {
    var root = file.split(separator: "/")
    while let last = root.last, last != "Tests" { root.removeLast() }
    let whole = "/" + root.dropLast().joined(separator: "/") + "/" + path
    guard let text = SystemFiles().text(whole) else { throw TestFault("cannot read \(whole)") }
    return text
}
