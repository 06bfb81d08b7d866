import API
import Foundation
import Host
import Hummingbird
import Identity
import NIOCore
import NIOSSL

/// What is known of one request before it is routed.
struct ConsoleContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Each route has a limit of its own, and none a higher one.
    var maxUploadSize: Int { TaskRequest.batchBytesMax }

    /// The operator's certificate, as TLS has verified it; nil when none was shown.
    func peer() async -> PeerIdentity? {
        guard let certificate = try? await channel.nioSSL_peerCertificate().get(),
            let der = try? certificate.toDERBytes()
        else { return nil }
        // A connection may outlive the certificate it was opened with, and a resumed one was never
        // looked at.
        guard let identity = try? PeerIdentity(certificateDER: der) else { return nil }
        let now = WallClock.now()
        return identity.notBefore <= now && now < identity.notAfter ? identity : nil
    }

    var source: String {
        guard let address = channel.remoteAddress, let host = address.ipAddress else {
            return "unknown"
        }
        let port = address.port.map { ":\($0)" } ?? ""
        return host.contains(":") ? "[\(host)]\(port)" : "\(host)\(port)"
    }
}
