import AgentCore
import Glibc
import Host
import Identity
import Model
import Transport

/// Exit statuses, the same as those of the other programs.
enum ExitCode {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let refused: Int32 = 3
    static let unreachable: Int32 = 5
    static let usage: Int32 = 64
}

/// Why the program ends without having done what was asked: a sentence and what to do about it.
struct Failure: Error, Hashable, Sendable {
    var code: Int32
    var sentence: String
    var mend: String

    init(_ code: Int32, _ sentence: String, mend: String = "") {
        self.code = code
        self.sentence = sentence
        self.mend = mend
    }
}

/// `muster-agent-enroll join | renew | install`.
struct EnrollProgram {
    static let help = """
        usage: muster-agent-enroll join --state DIR [--name NAME] [--controller ADDRESS]...
                                        [--token-file FILE]
               muster-agent-enroll renew --state DIR
               muster-agent-enroll install --state DIR --certificate BASE64 --issuer BASE64

        Part of muster-agent, which calls it: `muster-agent join` is what you want.

          join      makes this node a member of the cluster that issued the token, which is read
                    from the standard input where no file is given
          renew     prints a signing request for a new key (DER in base64)
          install   stores the certificate that answers it, with its key

        Exit status: 0 done, 1 failed, 3 refused by the controller or by what is there already,
        5 no controller could be reached, 64 wrong arguments.

        """

    private let words: [String]

    init(_ words: [String]) {
        self.words = words
    }

    func run() async -> Int32 {
        if words.contains("--help") || words.contains("-h") || words.first == "help" {
            print(Self.help, terminator: "")
            return ExitCode.done
        }
        do throws(Failure) {
            try await perform()
            return ExitCode.done
        } catch {
            complain("muster-agent-enroll: \(error.sentence)\n")
            if !error.mend.isEmpty { complain("  \(error.mend)\n") }
            return error.code
        }
    }

    private func perform() async throws(Failure) {
        guard let command = words.first else {
            throw Failure(ExitCode.usage, "no command", mend: "see muster-agent-enroll --help")
        }
        let options = try Options(words.dropFirst())
        switch command {
        case "join": try await join(options)
        case "renew":
            let renewal = Renewal(directory: try directory(options))
            print(try renewal.request())
        case "install":
            let renewal = Renewal(directory: try directory(options))
            try renewal.install(
                certificate: try options.required("certificate"),
                issuer: try options.required("issuer")
            )
        default:
            throw Failure(
                ExitCode.usage,
                "unknown command \(command)",
                mend: "known are join, renew and install"
            )
        }
    }

    private func directory(_ options: Options) throws(Failure) -> CredentialDirectory {
        let path = try options.required("state")
        guard path.hasPrefix("/") else {
            throw Failure(ExitCode.usage, "--state must be an absolute path")
        }
        return CredentialDirectory(path: path)
    }

    private func join(_ options: Options) async throws(Failure) {
        let directory = try directory(options)
        let token: JoinToken
        do {
            token = try JoinToken(try tokenText(options))
        } catch let error as IdentityError {
            throw Failure(
                ExitCode.usage,
                error.sentence,
                mend: "copy the whole token as `muster token create` printed it"
            )
        } catch let error as Failure {
            throw error
        } catch {
            throw Failure(ExitCode.failed, "\(error)")
        }
        guard token.kind == .node else {
            throw Failure(
                ExitCode.usage,
                "this token lets in an operator, not a node",
                mend: "make one with: muster token create"
            )
        }
        var name: NodeName?
        if let text = options["name"] {
            guard let valid = NodeName(text) else {
                throw Failure(
                    ExitCode.usage,
                    "--name is not a name: 1 to 63 of a-z, 0-9, dot, underscore, hyphen"
                )
            }
            name = valid
        }
        var endpoints: [Endpoint] = []
        for text in options.controllers {
            do throws(TransportError) {
                endpoints.append(try Endpoint(parsing: text))
            } catch {
                throw Failure(ExitCode.usage, "--controller \(text): \(error.sentence)")
            }
        }
        if endpoints.isEmpty {
            endpoints = token.addresses.map { Endpoint(host: $0.host, port: $0.port) }
        }
        let enrolment = Joining(
            directory: directory,
            token: token,
            name: name,
            endpoints: endpoints
        )
        let record = try await enrolment.run()
        print(
            "This node is \(record.identity.name) of site \(record.identity.site) "
                + "in cluster \(record.identity.cluster)."
        )
    }

    private func tokenText(_ options: Options) throws(Failure) -> String {
        guard let path = options["token-file"] else {
            guard let token = SecretInput.readLine(prompt: "Token: "), !token.isEmpty else {
                throw Failure(
                    ExitCode.usage,
                    "there is no token",
                    mend: "pipe it in, type it, or give --token-file"
                )
            }
            return token
        }
        do throws(HostError) {
            return String(
                decoding: try DurableFile.readSecret(path, limit: JoinToken.textLengthMax + 2),
                as: UTF8.self
            )
        } catch {
            throw Failure(ExitCode.failed, "\(error)")
        }
    }
}

/// `--key value` words.
struct Options {
    private static let known = [
        "state", "token-file", "name", "controller", "certificate", "issuer",
    ]

    private var values: [String: String] = [:]
    private(set) var controllers: [String] = []

    init(_ words: ArraySlice<String>) throws(Failure) {
        var words = words
        while let word = words.popFirst() {
            var key = word
            var value: String?
            if let equals = word.firstIndex(of: "=") {
                key = String(word[..<equals])
                value = String(word[word.index(after: equals)...])
            }
            guard key.hasPrefix("--"), Self.known.contains(String(key.dropFirst(2))) else {
                throw Failure(
                    ExitCode.usage,
                    "unknown option \(key)",
                    mend: "see muster-agent-enroll --help"
                )
            }
            guard let text = value ?? words.popFirst(), !text.isEmpty else {
                throw Failure(ExitCode.usage, "\(key) needs a value")
            }
            if key == "--controller" { controllers.append(text) }
            values[String(key.dropFirst(2))] = text
        }
    }

    subscript(key: String) -> String? { values[key] }

    func required(_ key: String) throws(Failure) -> String {
        guard let value = values[key] else { throw Failure(ExitCode.usage, "--\(key) is missing") }
        return value
    }
}

func complain(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
