import CHost
import Glibc

/// Small files that are either what they were or what they were meant to become, whatever fails.
public enum DurableFile {
    /// The most that ``read(_:limit:)`` takes unless told otherwise: 1 MiB.
    public static let readLimit = 1 << 20

    /// Replaces a file: a temporary one beside it is written, synced and renamed, and the folder
    /// synced. When this returns the content survives a power cut; when it throws, the old content
    /// or the new one is there, never a part.
    ///
    /// - Parameter mode: the whole mode of the file; the umask takes nothing from it.
    public static func replace(
        _ path: String,
        with bytes: [UInt8],
        mode: UInt32 = 0o600
    ) throws(HostError) {
        let (folderPath, name) = split(path)
        let folder = try Descriptor.open(folderPath, flags: O_RDONLY | O_DIRECTORY)
        let temporary = ".\(name).\(getpid()).\(Hex.encode(RandomBytes.take(4)))"
        let number = muster_open_at(
            folder.number,
            temporary,
            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
            0o600
        )
        guard number >= 0 else {
            throw HostError("create a file beside", path: path, code: errno)
        }
        let file = Descriptor(owning: number)
        do throws(HostError) {
            try file.writeAll(bytes, path: path)
            guard fchmod(number, mode) == 0 else {
                throw HostError("set the mode of", path: path, code: errno)
            }
            // The mode and the length are metadata of a new file: fdatasync would do for the
            // length, fsync takes the mode as well.
            guard fsync(number) == 0 else { throw HostError("sync", path: path, code: errno) }
            guard renameat(folder.number, temporary, folder.number, name) == 0 else {
                throw HostError("rename to", path: path, code: errno)
            }
        } catch {
            unlinkat(folder.number, temporary, 0)
            throw error
        }
        guard fsync(folder.number) == 0 else {
            throw HostError("sync the folder of", path: path, code: errno)
        }
    }

    /// As ``replace(_:with:mode:)-(_,[UInt8],_)``, with text.
    public static func replace(
        _ path: String,
        with text: String,
        mode: UInt32 = 0o600
    ) throws(HostError) {
        try replace(path, with: Array(text.utf8), mode: mode)
    }

    /// Reads a regular file whole. A symbolic link, a device and a larger file are refused.
    public static func read(
        _ path: String,
        limit: Int = readLimit
    ) throws(HostError) -> [UInt8] {
        try openRegular(path).readAll(limit: limit, path: path)
    }

    /// As ``read(_:limit:)``, and nil when there is no such file.
    public static func readIfPresent(
        _ path: String,
        limit: Int = readLimit
    ) throws(HostError) -> [UInt8]? {
        do throws(HostError) {
            return try read(path, limit: limit)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    /// Reads text that must be UTF-8.
    public static func readText(
        _ path: String,
        limit: Int = readLimit
    ) throws(HostError) -> String {
        let bytes = try read(path, limit: limit)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw HostError("read", path: path, reason: "it is not UTF-8 text")
        }
        return text
    }

    /// Reads a key or a password. It must belong to root or to us, and nobody else may read it.
    public static func readSecret(
        _ path: String,
        limit: Int = 65_536
    ) throws(HostError) -> [UInt8] {
        let file = try openRegular(path)
        let status = try file.status(path: path)
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw HostError(
                "read secret",
                path: path,
                reason: "it belongs to user \(status.st_uid); run: chown \(geteuid()) \(path)"
            )
        }
        guard status.st_mode & 0o077 == 0 else {
            throw HostError(
                "read secret",
                path: path,
                reason: "others may read it (mode \(octal(status.st_mode))); run: chmod 600 \(path)"
            )
        }
        return try file.readAll(limit: limit, path: path)
    }

    /// Removes a file and syncs its folder. That it is not there is no error.
    public static func remove(_ path: String) throws(HostError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw HostError("remove", path: path, code: errno)
        }
        try syncFolder(of: path)
    }

    /// Makes a folder with exactly this mode, and those above it that are missing.
    public static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(HostError) {
        let parent = split(path).folder
        if mkdir(path, mode) == 0 {
            // The umask takes nothing from the mode that was asked for.
            guard chmod(path, mode) == 0 else {
                throw HostError("set the mode of", path: path, code: errno)
            }
            return
        }
        let code = errno
        if code == EEXIST {
            _ = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY)
            return
        }
        // Where the parent is there and yet the folder cannot be made, making it again would not
        // help.
        guard code == ENOENT, parent != path, access(parent, F_OK) != 0 else {
            throw HostError("make folder", path: path, code: code)
        }
        try makeFolder(parent, mode: mode)
        try makeFolder(path, mode: mode)
    }

    static func syncFolder(of path: String) throws(HostError) {
        let folder = try Descriptor.open(split(path).folder, flags: O_RDONLY | O_DIRECTORY)
        guard fsync(folder.number) == 0 else {
            throw HostError("sync the folder of", path: path, code: errno)
        }
    }

    // O_NONBLOCK, so that a FIFO put in the place of a file cannot hold us.
    private static func openRegular(_ path: String) throws(HostError) -> Descriptor {
        let number = muster_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0)
        guard number >= 0 else {
            let code = errno
            if code == ELOOP {
                throw HostError("open", path: path, reason: "it is a symbolic link; name the file")
            }
            throw HostError("open", path: path, code: code)
        }
        let file = Descriptor(owning: number)
        guard try file.status(path: path).st_mode & S_IFMT == S_IFREG else {
            throw HostError("open", path: path, reason: "it is not a regular file")
        }
        return file
    }
}

func octal(_ mode: UInt32) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
