import CHost
import Glibc

/// Sees to it that one process at a time uses a folder. The lock ends with the process, however
/// it ends.
public final class InstanceLock: Sendable {
    public let path: String
    private let file: Descriptor

    /// Takes the lock or says who holds it.
    ///
    /// - Parameter owner: one line for whoever finds the lock taken, such as `muster-agent pid 7`.
    public init(taking path: String, owner: String) throws(HostError) {
        self.path = path
        let file = try Descriptor.open(
            path,
            flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
            mode: 0o600
        )
        guard muster_lock_exclusive(file.number) == 0 else {
            let code = errno
            guard code == EAGAIN || code == EACCES else {
                throw HostError("lock", path: path, code: code)
            }
            let bytes = (try? file.readAll(limit: 4_096)) ?? []
            let holder = String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
            throw HostError(
                "lock",
                path: path,
                reason: "it is held by \(holder.isEmpty ? "another process" : holder)"
            )
        }
        self.file = file
        let text = owner.split(separator: "\n").joined(separator: " ").prefix(200) + "\n"
        guard ftruncate(file.number, 0) == 0 else {
            throw HostError("write", path: path, code: errno)
        }
        try file.writeAll(Array(text.utf8), path: path)
    }
}
