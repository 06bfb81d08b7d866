import AgentCore
import CHost
import Glibc
import Host
import Model
import Protocol

/// Looks at compared sets on a thread of its own that gives way to everything else, and tells what was
/// found when it is asked.
final class ComparingKeeper: Sendable {
    private struct Work: Sendable {
        var set: ComparedSet
        var number: UInt64
    }

    private let inbox: DriverInbox
    private let values: NodeValues
    private let limits: LookLimits
    /// The machine asks for one look at a time.
    private let wanted = Monitor<Work?>(nil)
    private let found = Monitor<[ComparedSetName: FoundSet]>([:])

    init(values: NodeValues, limits: LookLimits = LookLimits(), inbox: DriverInbox) {
        self.values = values
        self.limits = limits
        self.inbox = inbox
    }

    func begin() -> Bool {
        startThread { [self] in
            muster_thread_give_way()
            while true {
                let work = wanted.wait(while: { $0 == nil }) { wanted -> Work? in
                    defer { wanted = nil }
                    return wanted
                }
                if let work { look(work) }
            }
        }
    }

    func perform(_ command: ComparingCommand) {
        switch command {
        case .look(let set, let number):
            wanted.change { $0 = Work(set: set, number: number) }
        case .forget(let name): found.change { $0[name] = nil }
        case .list(let ticket, let name, let digest, let from):
            // Only memory is read: at once.
            inbox.put(.listed(ticket, listing(of: name, digest: digest, from: from)))
        case .show(let ticket, let set, let path):
            // A file server may hang.
            let hasBegun = startThread { [self] in
                inbox.put(.shown(ticket, text(of: path, in: set)))
            }
            if !hasBegun {
                inbox.put(.shown(ticket, .refused(.busy, "no room for a thread")))
            }
        }
    }

    private func look(_ work: Work) {
        let before = found.read { $0[work.set.name] }
        var look = SetLook(work.set, limits: limits, values: values)
        let result = look.found(after: before)
        found.change { $0[work.set.name] = result }
        inbox.put(.looked(work.set.name, number: work.number, result.result))
    }

    func listing(of name: ComparedSetName, digest: String, from: UInt32) -> ListAnswer {
        found.read { found in
            guard let set = found[name], set.result.digest == digest, from <= set.entries.count
            else { return .stale }
            let end = min(Int(from + ComparingLimits.entriesPerPartMax), set.entries.count)
            let next = end < set.entries.count ? UInt32(end) : nil
            return .entries(Array(set.entries[Int(from)..<end]), next: next)
        }
    }

    /// Text of a file that the last look has found, as it is now, in the form in which it is compared.
    func text(of path: String, in set: ComparedSet) -> ShowAnswer {
        guard let known = found.read({ $0[set.name] }), known.set == set,
            let entry = known.entries.first(where: { $0.path.utf8.elementsEqual(path.utf8) })
        else {
            return .refused(.unknownName, "there is no such file in the set")
        }
        guard set.isShown else { return .refused(.forbidden, "it may not be shown") }
        let bytes: [UInt8]
        switch entry.kind {
        case .output: return shown(known.output)
        case .file:
            do throws(HostError) {
                bytes = try content(of: path, in: set)
            } catch {
                return .refused(error.code == ENOENT ? .unknownName : .invalid, "\(error)")
            }
        case .link, .fifo, .socket, .device: return .refused(.invalid, "it is not a file")
        }
        let normaliser = Normaliser(
            set.replacements,
            ignoredLines: set.ignoredLines,
            values: values
        )
        return shown(normaliser.normalised(bytes))
    }

    private func content(of path: String, in set: ComparedSet) throws(HostError) -> [UInt8] {
        guard let bytes = PathText.bytes(path) else {
            throw HostError("open", path: path, reason: "not a path")
        }
        let file = try FileWalker.open(bytes, below: set.root)
        var status = stat()
        guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw HostError("open", path: path, reason: "it is not a file any more")
        }
        return try file.readAll(limit: Int(ComparingLimits.textBytesMax), path: path)
    }

    private func shown(_ bytes: [UInt8]) -> ShowAnswer {
        guard bytes.count <= ComparingLimits.textBytesMax else {
            return .refused(.invalid, "it has more than \(ComparingLimits.textBytesMax) bytes")
        }
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            return .refused(.invalid, "it is not text")
        }
        return .text(bytes)
    }
}
