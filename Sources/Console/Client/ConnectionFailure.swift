import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Why a server could not be spoken to, in words.
struct ConnectionFailure: Error {
    var text: String
    /// Whether the request may have reached the server, so that its outcome is not known.
    var mayHaveArrived: Bool
    /// Whether a mend is on this side: the credential, not the network.
    var isOurCredential = false

    init(_ text: String, mayHaveArrived: Bool, isOurCredential: Bool = false) {
        self.text = text
        self.mayHaveArrived = mayHaveArrived
        self.isOurCredential = isOurCredential
    }

    init(_ error: any Error) {
        switch error {
        case let error as HTTPClientError: self.init(client: error)
        case let error as NIOSSLError: self.init(tls: error)
        case let error as NIOConnectionError:
            let isNameless = error.dnsAError != nil || error.dnsAAAAError != nil
            let first = error.connectionErrors.first.map { Self.reason($0.error) }
            self.init(
                first ?? (isNameless ? "the name cannot be resolved" : "no connection"),
                mayHaveArrived: false
            )
        case let error as IOError:
            let before = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL]
            self.init(Self.reason(error), mayHaveArrived: !before.contains(error.errnoCode))
        case is HTTPParserError:
            self.init("it does not speak HTTP: is this the console's port?", mayHaveArrived: true)
        default:
            let words = "\(error)"
            if words.contains("HandshakeFailed") || words.contains("SSL") {
                self.init(handshake: words)
            } else {
                self.init(words, mayHaveArrived: true)
            }
        }
    }

    private init(client error: HTTPClientError) {
        switch error {
        case .connectTimeout:
            self.init("no answer to the connection attempt within 5s", mayHaveArrived: false)
        case .tlsHandshakeTimeout:
            self.init("no answer to the TLS handshake in time", mayHaveArrived: false)
        case .deadlineExceeded, .readTimeout, .writeTimeout:
            self.init("no answer in time", mayHaveArrived: true)
        case .remoteConnectionClosed:
            self.init("the server closed the connection", mayHaveArrived: true)
        default: self.init(error.shortDescription, mayHaveArrived: true)
        }
    }

    private init(tls error: NIOSSLError) {
        switch error {
        case .handshakeFailed(let inner): self.init(handshake: "\(inner)")
        case .uncleanShutdown: self.init("the connection was cut", mayHaveArrived: true)
        default: self.init(handshake: "\(error)")
        }
    }

    /// A server that speaks TLS 1.3 judges our certificate after it has let us in, so its refusal
    /// may come as the answer to the request; the request was not carried out then.
    private init(handshake words: String) {
        let folded = words.uppercased()
        func says(_ list: String...) -> Bool { list.contains { folded.contains($0) } }
        if says("CERTIFICATE_VERIFY_FAILED") {
            self.init(
                "its certificate is not one of this cluster, or not for this address",
                mayHaveArrived: false
            )
        } else if says(
            "CERTIFICATE_REQUIRED",
            "BAD_CERTIFICATE",
            "UNKNOWN_CA",
            "ACCESS_DENIED",
            "CERTIFICATE_EXPIRED",
            "CERTIFICATE_REVOKED",
            "CERTIFICATE_UNKNOWN"
        ) {
            self.init(
                "it does not accept this operator's certificate",
                mayHaveArrived: false,
                isOurCredential: true
            )
        } else if says("WRONG_VERSION_NUMBER", "HTTP_REQUEST") {
            self.init("it does not speak TLS", mayHaveArrived: false)
        } else {
            self.init("the TLS handshake failed (\(words))", mayHaveArrived: false)
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        switch error.errnoCode {
        case ECONNREFUSED: return "connection refused: nothing listens there"
        case EHOSTUNREACH, ENETUNREACH: return "there is no route to it"
        case ETIMEDOUT: return "no answer to the connection attempt"
        case ECONNRESET: return "the connection was reset"
        default: return String(cString: strerror(error.errnoCode))
        }
    }
}
