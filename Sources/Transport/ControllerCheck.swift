import Model
import NIOSSL

/// Whether a certificate of our authority is a controller's: by its name, and by its purpose. A
/// node's certificate comes from the same authority and must not be able to play the controller.
enum ControllerCheck {
    /// DER of an extended key usage that is server authentication alone (1.3.6.1.5.5.7.3.1).
    private static let serverAuthentication: [UInt8] = [
        0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01,
    ]

    static func isController(_ leaf: NIOSSLCertificate, of cluster: ClusterID?) -> Bool {
        hasName(leaf, of: cluster) && hasPurpose(leaf)
    }

    private static func hasName(_ leaf: NIOSSLCertificate, of cluster: ClusterID?) -> Bool {
        let names = leaf._subjectAlternativeNames()
        let uris = names.filter { $0.nameType == .uri }.map { name in
            String(decoding: Array(name.contents), as: UTF8.self)
        }
        guard uris.count == 1, uris[0].utf8.count <= 256, uris[0].hasPrefix("muster://") else {
            return false
        }
        let parts = uris[0].dropFirst(9).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1] == "controller", !parts[2].isEmpty,
            let named = ClusterID(String(parts[0]))
        else { return false }
        return cluster == nil || cluster == named
    }

    private static func hasPurpose(_ leaf: NIOSSLCertificate) -> Bool {
        guard let identifier = NIOSSLObjectIdentifier("2.5.29.37") else { return false }
        let usages = leaf._extensions.filter { $0.objectIdentifier == identifier }
        return usages.count == 1 && Array(usages[0].data) == serverAuthentication
    }
}
