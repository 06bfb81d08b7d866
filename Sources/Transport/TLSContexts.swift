import NIOCore
import NIOSSL
import Protocol

/// The settings of TLS: version 1.3 alone, our protocol by ALPN, no old curve.
enum TLSContexts {
    static func server(
        _ credentials: TransportCredentials,
        closeTimeout: Duration
    ) throws(TransportError) -> NIOSSLContext {
        let (chain, key) = try read(credentials)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        // A certificate is asked for and not required: strangers enrol without one. What is
        // presented is judged by the owner, in place of the TLS library.
        configuration.certificateVerification = .optionalVerification
        configuration.trustRoots = .certificates([])
        return try context(configuration, closeTimeout: closeTimeout)
    }

    static func client(
        _ mode: ClientMode,
        closeTimeout: Duration
    ) throws(TransportError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // The server is known by its authority and by the name of a controller in its
        // certificate, not by the name or address under which it was reached.
        configuration.certificateVerification = .noHostnameVerification
        switch mode {
        case .member(let credentials, let rootPEM, _):
            let (chain, key) = try read(credentials)
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
            configuration.trustRoots = .certificates(try certificates(rootPEM, "the root"))
        case .stranger(let rootDER):
            configuration.trustRoots = .certificates([try certificate(rootDER)])
        case .pinOnly:
            configuration.trustRoots = .certificates([])
        }
        return try context(configuration, closeTimeout: closeTimeout)
    }

    private static func context(
        _ base: TLSConfiguration,
        closeTimeout: Duration
    ) throws(TransportError) -> NIOSSLContext {
        var configuration = base
        configuration.minimumTLSVersion = .tlsv13
        configuration.maximumTLSVersion = .tlsv13
        configuration.curves = [.x25519, .secp256r1, .secp384r1]
        configuration.applicationProtocols = [WireLimits.applicationProtocol]
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = TimeAmount(closeTimeout)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TransportError(
                .credentialsUnusable,
                "The private key does not belong to the certificate, or TLS cannot use them."
            )
        }
    }

    private static func read(
        _ credentials: TransportCredentials
    ) throws(TransportError) -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        let chain = try certificates(credentials.chainPEM, "the certificate chain")
        do {
            let key = try NIOSSLPrivateKey(bytes: Array(credentials.keyPEM.utf8), format: .pem)
            return (chain, key)
        } catch {
            throw TransportError(.credentialsUnusable, "The private key is not readable as PEM.")
        }
    }

    private static func certificates(
        _ pem: String,
        _ what: String
    ) throws(TransportError) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8))
            if !found.isEmpty { return found }
        } catch {
            // Said below: the library's own error is a number.
        }
        throw TransportError(.credentialsUnusable, "There is no certificate in PEM in \(what).")
    }

    private static func certificate(
        _ der: [UInt8]
    ) throws(TransportError) -> NIOSSLCertificate {
        do {
            return try NIOSSLCertificate(bytes: der, format: .der)
        } catch {
            throw TransportError(.credentialsUnusable, "The root certificate is not readable.")
        }
    }
}
