/// One line of `/proc/self/mountinfo`.
struct Mount: Hashable, Sendable {
    /// `major:minor` of the file system.
    var device: String
    /// The directory of the file system that is mounted here; not `/` for a bind mount of a part.
    var root: String
    var mountPoint: String
    var fileSystem: String
    var source: String
    var superOptions: [String]

    /// - Returns: nil when the line is not one of `mountinfo`.
    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count >= 9,
            let separator = fields[6...].firstIndex(of: "-"), separator + 2 < fields.count
        else { return nil }
        self.device = String(fields[2])
        self.root = unescaped(fields[3])
        self.mountPoint = unescaped(fields[4])
        self.fileSystem = String(fields[separator + 1])
        self.source = unescaped(fields[separator + 2])
        self.superOptions =
            separator + 3 < fields.count
            ? fields[separator + 3].split(separator: ",").map(String.init) : []
    }
}

/// What is mounted, and which of it is a disk.
struct MountTable: Hashable, Sendable {
    /// In the order of mounting; where one mount hides another, only the visible one is here.
    private(set) var mounts: [Mount] = []

    init(mountinfo text: String) {
        var places: [String: Int] = [:]
        for line in text.textLines {
            guard let mount = Mount(line) else { continue }
            if let place = places[mount.mountPoint] {
                mounts[place] = mount
            } else {
                places[mount.mountPoint] = mounts.count
                mounts.append(mount)
            }
        }
    }

    /// The mount that a path lies on.
    func mount(of path: String) -> Mount? {
        var best: Mount?
        for mount in mounts where isBelow(path, mount.mountPoint) {
            if mount.mountPoint.utf8.count >= best?.mountPoint.utf8.count ?? 0 { best = mount }
        }
        return best
    }

    /// Where each real local file system is mounted: one place for each, sorted.
    ///
    /// Of several places the whole file system is preferred to a bind mount of a part, then the
    /// shorter path. A file system of which only parts are mounted (the files that a container
    /// engine puts over `/etc/hosts`) is left out, unless it is the root.
    var localDisks: [String] {
        var best: [String: Mount] = [:]
        for mount in mounts where mount.isLocalDisk {
            let isPart = mount.root != "/" && mount.mountPoint != "/" && mount.fileSystem != "btrfs"
            if isPart { continue }
            guard let other = best[mount.device] else {
                best[mount.device] = mount
                continue
            }
            if rank(mount) < rank(other) { best[mount.device] = mount }
        }
        return best.values.map(\.mountPoint).sorted()
    }

    private func rank(_ mount: Mount) -> (Int, Int, String) {
        (mount.root == "/" ? 0 : 1, mount.mountPoint.utf8.count, mount.mountPoint)
    }
}

extension Mount {
    private static let diskTypes: Set<String> = [
        "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs",
        "ntfs3", "reiserfs", "ufs", "vfat", "xfs", "zfs",
    ]
    /// Read-only images: always full, and nothing can be done about it.
    private static let imageTypes: Set<String> = [
        "cramfs", "erofs", "iso9660", "squashfs", "udf",
    ]
    private static let memoryTypes: Set<String> = ["ramfs", "tmpfs", "devtmpfs"]

    /// A file system that fills up, and whose server is this machine.
    var isLocalDisk: Bool {
        if Self.imageTypes.contains(fileSystem) { return false }
        if Self.diskTypes.contains(fileSystem) { return true }
        // The root of a container.
        if fileSystem == "overlay" { return mountPoint == "/" }
        return source.hasPrefix("/dev/") && !isServedElsewhere
    }

    /// A question to it may hang for as long as its server is away.
    var mayHang: Bool {
        !Self.diskTypes.contains(fileSystem) && !Self.imageTypes.contains(fileSystem)
            && !Self.memoryTypes.contains(fileSystem) && fileSystem != "overlay"
    }

    /// Pseudo file systems and those of the network and of user programs.
    private var isServedElsewhere: Bool {
        fileSystem.hasPrefix("fuse") && fileSystem != "fuseblk"
            || ["devtmpfs", "devpts", "nfs", "nfs4", "cifs", "smb3"].contains(fileSystem)
    }
}

/// Whether a path is a directory or lies below it.
func isBelow(_ path: String, _ directory: String) -> Bool {
    directory == "/" || path == directory || path.hasPrefix(directory + "/")
}

/// Undoes the octal escapes of `mountinfo`: blank, tab, newline and backslash as `\040` and so on.
private func unescaped(_ text: Substring) -> String {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var at = 0
    while at < bytes.count {
        if bytes[at] == UInt8(ascii: "\\"), at + 3 < bytes.count,
            let value = UInt8(
                String(decoding: bytes[(at + 1)...(at + 3)], as: UTF8.self),
                radix: 8
            )
        {
            result.append(value)
            at += 4
        } else {
            result.append(bytes[at])
            at += 1
        }
    }
    return String(decoding: result, as: UTF8.self)
}
