import AgentCore
import Glibc
import Host

/// What stands in the folder of an attempt beside the files of every leash.
enum TaskFiles {
    /// The payload: the handler's standard input.
    static let payload = "payload"
    /// The newest part of what the handler has written; what stood before it is in ``output`` `.1`.
    static let output = "output"
    /// So small a limit would make a file of every line.
    static let outputPartMin = 4_096
}

extension LeashFolder {
    var payloadPath: String { "\(path)/\(TaskFiles.payload)" }
    var outputPath: String { "\(path)/\(TaskFiles.output)" }

    /// Makes the folder of an attempt. Nothing in it is synced: it must survive our own end, and not
    /// that of the machine.
    func make(_ spec: LeashSpec, payload: [UInt8]) throws(HostError) {
        guard mkdir(path, 0o700) == 0 else {
            throw HostError("make folder", path: path, code: errno)
        }
        try write(payload, to: payloadPath)
        try write(Array(spec.text.utf8), to: specPath)
    }

    private func write(_ bytes: [UInt8], to path: String) throws(HostError) {
        let file = try Descriptor.open(
            path,
            flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
            mode: 0o600
        )
        try file.writeAll(bytes, path: path)
    }

    /// The last bytes of the output, at most so many.
    func outputTail(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        let newest = Self.tail(outputPath, count)
        if newest.count == count { return newest }
        return Self.tail(outputPath + ".1", count - newest.count) + newest
    }

    private static func tail(_ path: String, _ count: Int) -> [UInt8] {
        guard let file = try? Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW) else { return [] }
        let size = lseek(file.number, 0, SEEK_END)
        guard size > 0, lseek(file.number, max(0, size - off_t(count)), SEEK_SET) >= 0 else {
            return []
        }
        return ((try? file.readAll(limit: count + TaskFiles.outputPartMin)) ?? []).suffix(count)
    }
}
