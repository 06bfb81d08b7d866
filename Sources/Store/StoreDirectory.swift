import CHost
import Digests
import Glibc
import Host

/// What may be set when a store is opened.
public struct StoreOptions: Sendable, Hashable {
    /// Open on NFS, CIFS, FUSE and their like all the same.
    public var allowNetworkFileSystem: Bool
    /// Bytes that must be free on the file system, beside the reserve, for the store to open.
    public var freeSpaceMin: UInt64
    /// Bytes kept occupied, to be given back by ``SQLiteStore/releaseReserve()`` when the disk is
    /// full.
    public var reserveBytes: UInt64

    public init(
        allowNetworkFileSystem: Bool = false,
        freeSpaceMin: UInt64 = 32 << 20,
        reserveBytes: UInt64 = 16 << 20
    ) {
        self.allowNetworkFileSystem = allowNetworkFileSystem
        self.freeSpaceMin = freeSpaceMin
        self.reserveBytes = reserveBytes
    }
}

/// Which machine this is, as a hash: the store does not say it to who reads a backup.
public struct StoreMachine: Sendable, Hashable {
    let digest: Digest

    public init(_ name: String) {
        digest = Digest(of: Array("muster machine 1 \(name)".utf8))
    }

    /// From `/etc/machine-id`; where there is none, from the host's name.
    public static func ofThisMachine() throws(StoreError) -> StoreMachine {
        do throws(HostError) {
            let identity = try MachineIdentity.current()
            return StoreMachine(identity.machineID ?? "host name \(identity.hostname)")
        } catch {
            throw StoreError(.unreadable, "the machine's identity: \(error)")
        }
    }
}

/// The directory of one store and the names of what is in it.
struct StoreDirectory: Sendable {
    let path: String

    var database: String { path + "/muster.db" }
    /// A database that is being made or restored; it takes its name when it is whole.
    var unfinished: String { path + "/muster.db.new" }
    var lock: String { path + "/muster.lock" }
    var secret: String { path + "/muster.instance" }
    var unfinishedSecret: String { path + "/muster.instance.new" }
    var reserve: String { path + "/reserve" }

    /// Keeps a second controller off the store. The kernel lets go with the process, however that
    /// ends, so there is no stale lock to clear away.
    ///
    /// - Throws: ``StoreError/Code/inUse``, with the holder as far as it is known.
    func takeLock() throws(StoreError) -> InstanceLock {
        // A process that is just being forked holds what its parent had open until it runs its
        // own program, even when the parent has closed it or was killed. That passes at once.
        for _ in 0..<Self.lockAttempts {
            do throws(HostError) {
                return try InstanceLock(taking: lock, owner: "process \(getpid())")
            } catch {
                guard error.code == 0 else { throw StoreError(.unreadable, "\(error)") }
            }
            usleep(Self.lockPauseMicroseconds)
        }
        do throws(HostError) {
            return try InstanceLock(taking: lock, owner: "process \(getpid())")
        } catch {
            throw StoreError(.inUse, "\(error)", mend: "stop the other controller first")
        }
    }

    private static let lockAttempts = 50
    private static let lockPauseMicroseconds: UInt32 = 10_000

    /// Makes the directory, for its owner alone, unless it is there.
    func make() throws(StoreError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw .system("mkdir \(path)")
        }
    }

    /// Refuses a directory or file that others may read or write.
    static func checkPrivate(_ path: String) throws(StoreError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT {
                throw StoreError(
                    .missing,
                    path,
                    mend: "make a cluster with: muster-controller init"
                )
            }
            throw .system("stat \(path)")
        }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        guard status.st_mode & 0o077 == 0 else {
            throw StoreError(
                .permissions,
                "\(path) has mode \(String(status.st_mode & 0o7777, radix: 8))",
                mend: "chmod \(isDirectory ? "700" : "600") \(path)"
            )
        }
        guard status.st_uid == geteuid() else {
            throw StoreError(
                .permissions,
                "\(path) belongs to user \(status.st_uid), not \(geteuid())",
                mend: "run as its owner, or chown \(geteuid()) \(path)"
            )
        }
    }

    /// Refuses file systems whose locks and syncs reach over a network, unless they are allowed,
    /// and disks that are nearly full.
    ///
    /// - Returns: the bytes that are free.
    @discardableResult
    func checkFileSystem(_ options: StoreOptions) throws(StoreError) -> UInt64 {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .system("open \(path)") }
        defer { Glibc.close(folder) }
        let magic = UInt32(truncatingIfNeeded: muster_filesystem_magic(folder))
        if let name = networkFileSystemName(magic: magic), !options.allowNetworkFileSystem {
            throw StoreError(
                .networkFileSystem,
                "\(path) is on \(name)",
                mend: "keep the state directory on a local disk, or force it"
            )
        }
        let free = freeBytes() ?? 0
        let held = fileSize(reserve) ?? 0
        guard free + held >= options.freeSpaceMin + min(held, options.reserveBytes) else {
            throw StoreError(
                .full,
                "\(path) has \(free >> 20) MiB free of \(options.freeSpaceMin >> 20) needed",
                mend: "free some space, or remove \(reserve), which holds \(held >> 20) MiB"
            )
        }
        return free
    }

    func freeBytes() -> UInt64? { room()?.free }

    /// Bytes of the file system that anybody may use, and in all; nil when it does not say.
    func room() -> (free: UInt64, total: UInt64)? {
        var information = statvfs()
        guard statvfs(path, &information) == 0 else { return nil }
        let block = UInt64(information.f_frsize)
        return (UInt64(information.f_bavail) * block, UInt64(information.f_blocks) * block)
    }

    /// Occupies the reserve, if there is room for it beside the space that must stay free.
    func holdReserve(_ options: StoreOptions, free: UInt64) throws(StoreError) {
        guard options.reserveBytes > 0, fileSize(reserve) ?? 0 < options.reserveBytes,
            free >= options.freeSpaceMin + options.reserveBytes
        else { return }
        let file = open(reserve, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(reserve)") }
        defer { close(file) }
        let outcome = posix_fallocate(file, 0, off_t(options.reserveBytes))
        guard outcome == 0 else {
            unlink(reserve)
            throw .system("allocate \(reserve)", outcome)
        }
    }

    /// - Returns: the secret's bytes; nil when there is no such file.
    func readSecret() throws(StoreError) -> [UInt8]? {
        guard fileSize(secret) != nil else { return nil }
        try Self.checkPrivate(secret)
        return try readFile(secret, limit: 4_096)
    }

    /// Writes the secret beside its place; ``acceptSecret()`` puts it there.
    func writeUnfinishedSecret(_ bytes: [UInt8]) throws(StoreError) {
        unlink(unfinishedSecret)
        let file = open(unfinishedSecret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(unfinishedSecret)") }
        defer { close(file) }
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw .system("write \(unfinishedSecret)")
        }
    }

    func acceptSecret() throws(StoreError) {
        try move(unfinishedSecret, to: secret)
    }

    /// Renames and makes the renaming durable.
    func move(_ from: String, to: String) throws(StoreError) {
        guard rename(from, to) == 0 else { throw .system("rename \(from) to \(to)") }
        try synchronize(path)
    }
}

/// - Returns: a name when the magic number of `statfs` is that of a file system which may be
///   shared with other machines, or served by a program.
func networkFileSystemName(magic: UInt32) -> String? {
    switch magic {
    case 0x6969: "NFS"
    case 0xFF53_4D42, 0xFE53_4D42, 0x517B: "CIFS"
    case 0x6573_5546: "FUSE"
    case 0x0102_1997: "9P"
    case 0x7375_7245: "Coda"
    case 0x5346_414F, 0x6B41_4653: "AFS"
    case 0x00C3_6400: "Ceph"
    case 0x0BD0_0BD0: "Lustre"
    case 0x1161_970: "GFS2"
    case 0x7461_636F: "OCFS2"
    default: nil
    }
}

extension StoreError {
    /// A system call failed. A full disk is told from the rest.
    static func system(_ call: String, _ number: Int32 = errno) -> StoreError {
        StoreError(
            number == ENOSPC || number == EDQUOT ? .full : .unreadable,
            "\(call): \(String(cString: strerror(number)))"
        )
    }
}

func fileSize(_ path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_size) : nil
}

func readFile(_ path: String, limit: Int) throws(StoreError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .system("open \(path)") }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = read(file, &bytes, limit)
    guard count >= 0 else { throw .system("read \(path)") }
    return Array(bytes.prefix(count))
}

/// Makes a file's content, or a directory's names, durable.
func synchronize(_ path: String) throws(StoreError) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .system("open \(path)") }
    defer { close(file) }
    guard fsync(file) == 0 else { throw .system("fsync \(path)") }
}

/// Makes an empty file for its owner alone.
func makeFile(_ path: String) throws(StoreError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
        throw errno == EEXIST ? StoreError(.exists, path) : .system("open \(path)")
    }
    close(file)
}
