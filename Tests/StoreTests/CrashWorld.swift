import Digests
import CCrashVFS
import Foundation
import Glibc
import Model
import Testing

@testable import Store

/// A folder whose every write is traced, and from which what a power cut could have left is built.
final class CrashWorld {
    enum Operation {
        case write(offset: Int, bytes: [UInt8])
        case truncate(Int)
        case sync
        case delete
        case create
    }

    /// How much of what was not synced has reached the disk all the same.
    enum Survivors: CaseIterable {
        case none
        case all
        /// Each write by itself, or not, by the toss of a coin.
        case some
        case others
        /// All writes, the last of them up to a sector in its middle.
        case torn
    }

    let scratch: Scratch
    private let folder: OpaquePointer
    /// The files as they were, durably, before the trace began.
    private var base: [String: [UInt8]] = [:]

    /// Watches a folder, which holds a closed store or nothing.
    init() throws {
        scratch = try Scratch()
        folder = try #require(crash_watch(scratch.path))
    }

    deinit { crash_unwatch(folder) }

    /// What is in the folder now is durable; the trace is read from here.
    func begin() throws {
        base = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path) {
            let path = scratch.file(name)
            base[name] = try readFile(path, limit: Int(fileSize(path) ?? 0))
        }
        start = count
    }

    private var start = 0

    /// Operations traced so far.
    var count: Int { Int(crash_count(folder)) }

    var crashPoints: ClosedRange<Int> { start...count }

    func fail(_ fault: crash_fault, after skip: Int = 0, sticky: Bool = false) {
        crash_set_fault(folder, fault, Int64(skip), sticky ? 1 : 0)
    }

    func heal() { crash_set_fault(folder, CRASH_FAULT_NONE, 0, 0) }

    var faultsHit: Int { Int(crash_faults_hit(folder)) }

    private func operation(_ index: Int) -> (name: String, operation: Operation) {
        let record = crash_get(folder, Int64(index))
        let operation: Operation =
            switch record.operation {
            case CRASH_WRITE:
                .write(
                    offset: Int(record.offset),
                    bytes: Array(
                        UnsafeBufferPointer(start: record.bytes, count: Int(record.count))
                    )
                )
            case CRASH_TRUNCATE: .truncate(Int(record.offset))
            case CRASH_SYNC: .sync
            case CRASH_DELETE: .delete
            default: .create
            }
        return (String(cString: record.name), operation)
    }

    /// One file of the model: what is durable, and what was done since.
    private struct File {
        /// nil: the file's name may not be there after a crash.
        var durable: [UInt8]?
        var pending: [Operation] = []

        /// What is left after a crash; nil when the file is not there.
        func afterCrash(_ survivors: Survivors, _ generator: inout SeededGenerator) -> [UInt8]? {
            var content = durable
            for (index, operation) in pending.enumerated() {
                let isLast = index == pending.count - 1
                switch survivors {
                case .none: continue
                case .some, .others: if generator.next() & 1 == 0 { continue }
                case .all, .torn: break
                }
                switch operation {
                case .write(let offset, var bytes):
                    if survivors == .torn, isLast {
                        bytes = Array(bytes.prefix(bytes.count / 2 / 512 * 512))
                    }
                    var old = content ?? []
                    if old.count < offset + bytes.count {
                        old += [UInt8](repeating: 0, count: offset + bytes.count - old.count)
                    }
                    old.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                    content = old
                case .truncate(let size):
                    var old = content ?? []
                    if old.count < size {
                        old += [UInt8](repeating: 0, count: size - old.count)
                    }
                    content = Array(old.prefix(size))
                case .delete: content = nil
                case .create: content = content ?? []
                case .sync: break
                }
            }
            return content
        }
    }

    /// Makes a folder as it could be found after the power went at `point`: after that many
    /// operations.
    func crash(at point: Int, _ survivors: Survivors, seed: UInt64) throws -> Scratch {
        var files = base.mapValues { File(durable: $0) }
        for index in start..<point {
            let (name, operation) = operation(index)
            // Shared memory is rebuilt after a crash.
            if name.hasSuffix("-shm") { continue }
            var file = files[name] ?? File(durable: nil)
            file.pending.append(operation)
            if case .sync = operation {
                var generator = SeededGenerator(seed: 0)
                file = File(durable: file.afterCrash(.all, &generator))
            }
            files[name] = file
        }
        var generator = SeededGenerator(seed: seed)
        let result = try Scratch(in: Scratch.memory)
        for name in files.keys.sorted() where !name.hasSuffix("-shm") {
            guard let content = files[name]?.afterCrash(survivors, &generator) else { continue }
            let path = result.file(name)
            try makeFile(path)
            try Data(content).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
        }
        return result
    }
}
