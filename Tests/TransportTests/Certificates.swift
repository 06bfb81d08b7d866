import Glibc
import Identity
import Model
import Protocol
import Transport

/// Two clusters with certificates for everyone, made once: keys are dear.
struct Certificates: Sendable {
    static let ours = Certificates(cluster: "0b7e6f2a-5c1d-4e0f-9a3b-7d2c8e4f1a60")
    static let others = Certificates(cluster: "99999999-5c1d-4e0f-9a3b-7d2c8e4f1a60")

    let cluster: ClusterID
    let root: RootAuthority
    let authority: CertificateAuthority
    let controller: TransportCredentials
    let node: TransportCredentials

    static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(milliseconds: Int64(time.tv_sec) * 1_000)
    }

    init(cluster: ClusterID) {
        self.cluster = cluster
        let now = Self.now
        root = try! RootAuthority.create(cluster: cluster, at: now, key: KeyPair.make())
        authority = try! root.makeIssuing(at: now, key: KeyPair.make())
        controller = Self.credentials(.controller(id: "c-1", names: []), authority)
        node = Self.credentials(.node("n-1"), authority)
    }

    static func credentials(
        _ subject: CertificateAuthority.Subject,
        _ authority: CertificateAuthority
    ) -> TransportCredentials {
        let key = KeyPair.make()
        let issued = try! authority.issue(for: subject, publicKey: key.publicKey, at: now)
        let chain = [issued.der, authority.issuing, authority.root]
        return TransportCredentials(chainPEM: PEM.certificates(chain), keyPEM: key.pem)
    }

    var rootPEM: String { PEM.certificate(root.certificate) }

    var member: ClientMode { .member(node, rootPEM: rootPEM, cluster: cluster) }

    func member(_ credentials: TransportCredentials) -> ClientMode {
        .member(credentials, rootPEM: rootPEM, cluster: cluster)
    }

    /// Judges as a controller does.
    var judge: PeerJudge {
        { [root, cluster] chain in
            do throws(IdentityError) {
                let peer = try ChainVerifier.verify(
                    chain: chain,
                    roots: [root.certificate],
                    at: Self.now,
                    expecting: .node,
                    cluster: cluster
                )
                guard let node = NodeID(peer.holder.name) else {
                    return .refuse(code: .badCertificate, text: "no node")
                }
                return .accept(
                    NodeCredential(
                        cluster: peer.cluster,
                        node: node,
                        fingerprint: peer.fingerprint,
                        serial: peer.serial,
                        notAfter: peer.notAfter
                    )
                )
            } catch {
                return .refuse(code: .badCertificate, text: error.sentence)
            }
        }
    }
}
