import NIOCore
import NIOPosix
import NIOSSL

extension TransportError {
    /// What an error of connecting or of the handshake says, in words an operator can use.
    init(connecting endpoint: Endpoint, _ error: any Error) {
        switch error {
        case let error as NIOConnectionError: self.init(connecting: endpoint, error)
        case ChannelError.connectTimeout:
            self.init(.timeout, "\(endpoint) does not answer: is a firewall between?")
        case let error as IOError where error.errnoCode == Errno.connectionRefused:
            self.init(
                .refused,
                "Nobody listens at \(endpoint): is the controller running, and is this its port?"
            )
        case let error as IOError where error.errnoCode == Errno.timedOut:
            self.init(.timeout, "\(endpoint) does not answer: is a firewall between?")
        case let error as IOError:
            self.init(.unreachable, "\(endpoint) cannot be reached: \(error).")
        case NIOSSLError.handshakeFailed(let error):
            self.init(.tls, "The TLS handshake with \(endpoint) failed: \(error.words).")
        default:
            self.init(.tls, "The TLS handshake with \(endpoint) failed: \(error).")
        }
    }

    /// Of a name's addresses the first that failed speaks for all.
    private init(connecting endpoint: Endpoint, _ error: NIOConnectionError) {
        if let first = error.connectionErrors.first {
            self.init(connecting: endpoint, first.error)
        } else {
            self.init(
                .nameUnresolvable,
                "No address was found for \(endpoint.host): correct the name, or write an address."
            )
        }
    }
}

extension BoringSSLError {
    /// `certificate verify failed` out of the library's number, file and line.
    fileprivate var words: String {
        guard case .sslError(let stack) = self, let first = stack.first else { return "\(self)" }
        let parts = first.description.split(separator: "OPENSSL_internal:", maxSplits: 1)
        guard parts.count == 2 else { return first.description }
        let name = parts[1].prefix { $0 != " " }
        return name.lowercased().split(separator: "_").joined(separator: " ")
    }
}
