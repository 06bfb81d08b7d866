import Glibc
import Host

/// A file that decides what this node runs, and that is therefore read only when nobody but root,
/// the agent's own account or a trusted owner can have written it.
struct TrustedFile {
    let path: String
    /// Accounts believed besides root and our own.
    let owners: [UInt32]

    init(_ path: String, owners: [UInt32] = []) {
        self.path = path
        self.owners = owners
    }

    /// - Returns: nil when the file cannot be read or must not be believed, which `problems` then
    ///   tell.
    func read(_ problems: ConfigurationProblems) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            problems.add(
                errno == ELOOP
                    ? "is a symbolic link (name the file it leads to)" : HostError.text(of: errno)
            )
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            problems.add(HostError.text(of: errno))
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            problems.add("is not a regular file")
            return nil
        }
        if let fault = fault(of: status, named: path) {
            problems.add(fault)
            return nil
        }
        guard isDirectoryTrusted(problems) else { return nil }
        return contents(descriptor, problems)
    }

    /// Who may write into the directory may put another file into this one's place. Where the
    /// sticky bit is set (`/tmp`) only its owner may.
    private func isDirectoryTrusted(_ problems: ConfigurationProblems) -> Bool {
        let directory = NodeConfiguration.directory(of: path)
        var status = stat()
        guard stat(directory.isEmpty ? "/" : directory, &status) == 0 else {
            problems.add(HostError.text(of: errno))
            return false
        }
        if status.st_mode & S_ISVTX != 0 { return true }
        guard let fault = fault(of: status, named: directory) else { return true }
        problems.add("its directory \(fault)")
        return false
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
    static func fault(
        owner: uid_t,
        mode: mode_t,
        named name: String,
        own: uid_t,
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

    private func contents(_ descriptor: Int32, _ problems: ConfigurationProblems) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        // One byte more than allowed is enough for the reader to see that the file is too large.
        while bytes.count <= ConfigurationDocument.sizeMax {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                problems.add(HostError.text(of: errno))
                return nil
            }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}
