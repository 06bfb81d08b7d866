import API
import ArgumentParser
import Foundation
import Glibc
import Host
import Identity
import Model

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Get a credential with an operator's token, and make a context of it.",
        discussion: """
            The token (mot1…, from `muster operator add`) is asked for, or read from standard \
            input when that is not a terminal; it is never an argument, where others could see \
            it. The key is made here and never leaves this machine.
            """
    )

    @Option(help: "What the context shall be called (default: the cluster's name).")
    var name: String?

    @Option(
        help: ArgumentHelp("Ask this controller instead of the token's.", valueName: "url")
    )
    var server: [String] = []

    @Option(help: "Read the token from this file.", completion: .file())
    var tokenFile: String?

    @Flag(help: "Replace a context of this name.")
    var replace = false

    @OptionGroup var colour: ColourOption

    func run() async throws {
        let token = try readToken()
        guard token.kind == .operator else {
            throw ConsoleError(
                .usage,
                "this is a node's token",
                hint: "it is for `muster-agent join`; an operator's comes from"
                    + " `muster operator add`"
            )
        }
        var servers: [String] = []
        for text in server { servers.append(try Context.server(text)) }
        if servers.isEmpty { servers = token.addresses.map { "https://\($0)" } }
        let store = try ContextStore.standard()
        // Before the token is used up.
        if let name, !Context.isName(name) {
            throw ConsoleError(.usage, "\(name) is not a name for a context", hint: "--name NAME")
        }
        _ = try store.load()
        let root = try await Enrolment.root(servers, pinnedTo: token.pin)
        let directory = CredentialDirectory(path: store.credentialFolder(".login-\(token.id)"))
        try store.makeFolder(directory.path)
        let certificate = try await Enrolment.enrol(token, servers, root, directory)
        let context = try keep(certificate, servers, directory, store)
        Terminal.writeLine(
            "you are \(certificate.operatorName) (\(certificate.role)) of"
                + " \(certificate.cluster.name); the context is \(context.name)"
        )
        let end = NodeWords.until(
            certificate.notAfter,
            at: WallTime(iso8601: certificate.asOf) ?? TimeText.now()
        )
        Terminal.writeErrorLine(
            "the credential ends \(end) and is renewed whenever you use it; try"
                + " \(colour.errorStyle.paint("muster status", .accent))"
        )
    }

    private func readToken() throws(ConsoleError) -> JoinToken {
        let text: String?
        if let tokenFile {
            text = try ContextStore.readText(ContextStore.absolute(tokenFile))
        } else {
            text = SecretInput.readLine(prompt: "Token: ")
        }
        guard let text, !text.isEmpty else {
            throw ConsoleError(.usage, "there is no token", hint: "pipe it in, or type it")
        }
        do {
            return try JoinToken(text)
        } catch {
            throw ConsoleError(.usage, "\(error)")
        }
    }

    /// Puts the new credential in place under the context's name, and makes the context current
    /// when it is the first.
    private func keep(
        _ certificate: OperatorCertificate,
        _ asked: [String],
        _ directory: CredentialDirectory,
        _ store: ContextStore
    ) throws -> Context {
        var file = try store.load()
        let wanted = freeName(certificate, file)
        let folder = store.credentialFolder(wanted)
        var servers = certificate.servers.isEmpty ? asked : certificate.servers
        servers = try servers.map { text throws(ConsoleError) in try Context.server(text) }
        let context = Context(name: wanted, servers: servers, credential: folder)
        try store.makeFolder(folder)
        let target = CredentialDirectory(path: folder)
        if let roots = try directory.roots(), let credential = try directory.credential() {
            try target.replaceRoots(roots)
            try target.replace(credential)
        }
        let description = CredentialDescription(name: wanted, servers: servers)
        try store.write(description.yaml, to: "\(folder)/\(ContextStore.descriptionName)")
        try? FileManager.default.removeItem(atPath: directory.path)
        file.put(context)
        if file.current == nil || file.contexts.count == 1 { file.current = wanted }
        try store.save(file)
        return context
    }

    /// The name that was asked for, or the cluster's. The token is used up by now: where that is another
    /// context's, or no name, the credential is kept under the next one that is free.
    private func freeName(_ certificate: OperatorCertificate, _ file: ContextFile) -> String {
        func mayTake(_ wanted: String) -> Bool {
            guard Context.isName(wanted) else { return false }
            guard let known = file.context(named: wanted) else { return true }
            return replace || isSame(known, certificate)
        }
        let first = name ?? certificate.cluster.name
        if mayTake(first) { return first }
        let base = Context.isName(first) ? first : "cluster"
        for number in 2... {
            let next = "\(base)-\(number)"
            if mayTake(next) { return next }
        }
        return base
    }

    private func isSame(_ known: Context, _ certificate: OperatorCertificate) -> Bool {
        let directory = CredentialDirectory(path: known.credential)
        guard let identity = try? directory.credential()?.identity else { return true }
        return identity.cluster.text == certificate.cluster.id
            && identity.holder.name == certificate.operatorName
    }
}

/// First contact with a cluster.
enum Enrolment {
    /// Fetches the root over a connection that proves nothing, and believes it only if it is the
    /// one the token pins. Nothing of ours is sent.
    static func root(_ servers: [String], pinnedTo pin: TrustPin) async throws -> [UInt8] {
        let client = try Client(servers: servers, identity: ClientIdentity())
        let answer: Answer<Authority>
        do {
            answer = try await client.get(Route.getAuthority.path)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
        guard let der = Data(base64Encoded: answer.value.root),
            let found = try? TrustPin(ofCertificateDER: Array(der)), found == pin
        else {
            throw ConsoleError(
                .refused,
                "the controller's root certificate is not the one the token pins",
                hint: "this is not the controller that made the token, or someone is between;"
                    + " nothing was sent"
            )
        }
        return Array(der)
    }

    /// Shows the token to a server that proved itself, and stores the credential.
    static func enrol(
        _ token: JoinToken,
        _ servers: [String],
        _ root: [UInt8],
        _ directory: CredentialDirectory
    ) async throws -> OperatorCertificate {
        let key = try directory.pendingKey()
        let request = EnrolRequest(
            tokenID: token.id.text,
            secret: token.secretText,
            signingRequest: Data(try SigningRequest.make(for: key)).base64EncodedString()
        )
        let client = try Client(servers: servers, identity: ClientIdentity(roots: [root]))
        let answer: Answer<OperatorCertificate>
        do {
            answer = try await client.send(.enrolOperator, nil, request)
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
        try directory.replaceRoots([root])
        try directory.replace(try answer.value.credential(for: key))
        return answer.value
    }
}
