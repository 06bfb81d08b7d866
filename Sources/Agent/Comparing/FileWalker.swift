import AgentCore
import CHost
import Glibc
import Host
import Model
import Protocol

/// What a walk has found under one name.
struct FoundFile {
    /// Below the root, parted by slashes.
    var path: [UInt8]
    /// The folder it is in, to open it without following anything.
    var folder: Descriptor
    var name: [UInt8]
    var status: stat
}

/// Walks what the patterns of a set name, from its root. Symbolic links are found and never followed;
/// what vanishes while it walks was not there.
///
/// In the order of names, so that two nodes that come to a limit come to it at the same place.
struct FileWalker {
    let set: ComparedSet
    let limits: LookLimits
    private(set) var problems = LookProblems()
    private var names = 0

    init(_ set: ComparedSet, limits: LookLimits) {
        self.set = set
        self.limits = limits
    }

    /// - Parameter visit: false when it has enough.
    mutating func walk(_ visit: (FoundFile) -> Bool) {
        // The root itself may be reached through links: the configuration names it.
        let number = muster_open(set.root, O_RDONLY | O_DIRECTORY, 0)
        guard number >= 0 else {
            problems.add("\(set.root) cannot be opened: \(HostError.text(of: errno))")
            return
        }
        _ = enter(
            Descriptor(owning: number),
            path: [],
            set.paths.map(\.start),
            visit
        )
    }

    private mutating func enter(
        _ folder: Descriptor,
        path: [[UInt8]],
        _ matches: [PathMatch],
        _ visit: (FoundFile) -> Bool
    ) -> Bool {
        guard path.count < limits.depthMax else {
            problems.add("\(text(path)) is deeper than \(limits.depthMax) folders")
            return true
        }
        guard let entries = candidates(in: folder, path, matches) else { return true }
        for name in entries {
            names += 1
            guard names <= limits.namesMax else {
                problems.add("more than \(limits.namesMax) names below \(set.root) were looked at")
                return false
            }
            let here = path + [name]
            let inner = matches.map { $0.entering(name) }.filter { !$0.isDead }
            guard !inner.isEmpty, !set.ignored.contains(where: { $0.ignores(here) }) else {
                continue
            }
            var status = stat()
            guard fstatat(folder.number, cString(name), &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                if errno != ENOENT {
                    problems.add("\(text(here)): \(HostError.text(of: errno))")
                }
                continue
            }
            if status.st_mode & S_IFMT == S_IFDIR {
                guard inner.contains(where: \.maySucceedBelow) else { continue }
                guard let next = open(name, in: folder, here) else { continue }
                guard enter(next, path: here, inner, visit) else { return false }
            } else if inner.contains(where: \.isComplete) {
                let found = FoundFile(
                    path: Array(here.joined(separator: [UInt8(ascii: "/")])),
                    folder: folder,
                    name: name,
                    status: status
                )
                guard visit(found) else { return false }
            }
        }
        return true
    }

    private mutating func open(
        _ name: [UInt8],
        in folder: Descriptor,
        _ path: [[UInt8]]
    ) -> Descriptor? {
        let number = muster_open_at(
            folder.number,
            cString(name),
            O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
            0
        )
        if number >= 0 { return Descriptor(owning: number) }
        // Something else has taken its name, or nothing: it is not there as it was.
        if errno != ENOENT, errno != ENOTDIR, errno != ELOOP {
            problems.add("\(text(path)) cannot be opened: \(HostError.text(of: errno))")
        }
        return nil
    }

    /// The names in a folder, or those that alone can match: a folder that may be entered but not read
    /// is no obstacle then.
    private mutating func candidates(
        in folder: Descriptor,
        _ path: [[UInt8]],
        _ matches: [PathMatch]
    ) -> [[UInt8]]? {
        let only = matches.map(\.onlyNames)
        if !only.contains(nil) {
            var wanted: [[UInt8]] = []
            for name in only.compactMap({ $0 }).joined() where !wanted.contains(name) {
                wanted.append(name)
            }
            return wanted.sorted { $0.lexicographicallyPrecedes($1) }
        }
        let copy = muster_open_at(folder.number, ".", O_RDONLY | O_DIRECTORY, 0)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let reason = HostError.text(of: errno)
            if copy >= 0 { close(copy) }
            problems.add("\(text(path)) cannot be read: \(reason)")
            return nil
        }
        defer { closedir(stream) }
        var found: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) else { continue }
            guard found.count < limits.namesMax else { break }
            found.append(name)
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private func text(_ path: [[UInt8]]) -> String {
        path.isEmpty
            ? set.root : PathText.escaped(path.joined(separator: [UInt8(ascii: "/")]))
    }

    /// Opens a file of the set by its path, without following a link anywhere below the root.
    static func open(_ path: [UInt8], below root: String) throws(HostError) -> Descriptor {
        let names = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = names.allSatisfy { name in
            !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
                && !name.contains(0)
        }
        guard isPlain, let last = names.last else {
            throw HostError("open", path: root, reason: "not a path of a file below it")
        }
        var folder = try Descriptor.open(root, flags: O_RDONLY | O_DIRECTORY)
        for name in names.dropLast() {
            folder = try open(Array(name), in: folder, O_RDONLY | O_DIRECTORY)
        }
        return try open(Array(last), in: folder, O_RDONLY | O_NONBLOCK)
    }

    private static func open(
        _ name: [UInt8],
        in folder: Descriptor,
        _ flags: Int32
    ) throws(HostError) -> Descriptor {
        let number = muster_open_at(folder.number, cString(name), flags | O_NOFOLLOW, 0)
        guard number >= 0 else {
            throw HostError("open", path: PathText.escaped(name), code: errno)
        }
        return Descriptor(owning: number)
    }
}

/// A name as the system takes it.
func cString(_ name: [UInt8]) -> [CChar] {
    name.map { CChar(bitPattern: $0) } + [0]
}
