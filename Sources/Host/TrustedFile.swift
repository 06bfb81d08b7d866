import Glibc

/// A file that decides what runs on a machine, and that is therefore read only when nobody but root, our
/// own account or a trusted owner can have written it.
public struct TrustedFile {
    /// Why it cannot be read or must not be believed, said of the file, with the mend.
    public struct Fault: Error, Hashable, Sendable {
        public var text: String
    }

    public let path: String
    /// Accounts believed besides root and our own.
    public let owners: [UInt32]

    public init(_ path: String, owners: [UInt32] = []) {
        self.path = path
        self.owners = owners
    }

    /// - Parameter limit: bytes; of a larger file one more than these is read, by which it is seen.
    public func read(limit: Int) throws(Fault) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Fault(
                text: errno == ELOOP
                    ? "is a symbolic link (name the file it leads to)" : HostError.text(of: errno)
            )
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Fault(text: HostError.text(of: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Fault(text: "is not a regular file") }
        if let fault = fault(of: status, named: path) { throw Fault(text: fault) }
        try checkFolder()
        return try contents(descriptor, limit: limit)
    }

    /// Who may write into the folder may put another file into this one's place. Where the sticky bit
    /// is set (`/tmp`) only its owner may.
    private func checkFolder() throws(Fault) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        var status = stat()
        guard stat(folder.isEmpty ? "/" : folder, &status) == 0 else {
            throw Fault(text: HostError.text(of: errno))
        }
        if status.st_mode & S_ISVTX != 0 { return }
        if let fault = fault(of: status, named: folder) {
            throw Fault(text: "its directory \(fault)")
        }
    }

    private func fault(of status: stat, named name: String) -> String? {
        Self.fault(
            owner: status.st_uid,
            mode: status.st_mode,
            named: name,
            own: geteuid(),
            owners: owners
        )
    }

    /// Why a file or directory must not be believed, with the mend; nil when it may be.
    ///
    /// - Parameters:
    ///   - own: our account.
    ///   - owners: accounts believed besides root and our own.
    public static func fault(
        owner: UInt32,
        mode: UInt32,
        named name: String,
        own: UInt32,
        owners: [UInt32]
    ) -> String? {
        if owner != 0, owner != own, !owners.contains(owner) {
            return "belongs to uid \(owner), not to root"
                + (own == 0 ? "" : " or uid \(own)")
                + ": refused (chown root \(name))"
        }
        if mode & 0o022 != 0 {
            return "may be written by its group or by others "
                + "(mode 0\(String(mode & 0o7777, radix: 8))): refused (chmod go-w \(name))"
        }
        return nil
    }

    private func contents(_ descriptor: Int32, limit: Int) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= limit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw Fault(text: HostError.text(of: errno))
            }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}
