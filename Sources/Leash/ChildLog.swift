import AgentCore
import Glibc
import Host
import Model
import Synchronization

/// Takes what a program writes and keeps at most twice a limit of it: `NAME` and `NAME.1`.
///
/// It has a thread of its own: a disk that hangs makes the program wait that writes too much, and
/// nobody else. What cannot be written is dropped: a full disk must not stop the program.
final class ChildLog: Sendable {
    /// What the program writes into.
    let writeEnd: Descriptor
    private let requests: Inbox<Void>
    private let answers: Inbox<Void>
    private let total: ByteCount
    private let place: LogPlace

    /// What the program has written and this has kept so far, and how much of that is in the newest
    /// file. Nil while the files are being changed: on a disk that hangs, for as long as it does; and
    /// while what is kept has a gap, left by a disk that was full.
    var written: LeashOutput? { place.value.withLockIfAvailable { $0 } ?? nil }

    /// All that the program has written so far, whether it could be kept or not.
    var totalByteCount: UInt64 { total.value.load(ordering: .relaxed) }

    init(_ path: String, byteCountMax: Int64) throws(HostError) {
        let place = LogPlace()
        self.place = place
        let file = try ChildLogFile(path, byteCountMax: byteCountMax, place: place)
        let pipe = try Descriptor.pipe()
        try pipe.read.setNonblocking()
        writeEnd = pipe.write
        let requests = try Inbox<Void>()
        let answers = try Inbox<Void>()
        self.requests = requests
        self.answers = answers
        let total = ByteCount()
        self.total = total
        let hasBegun = startThread {
            var reader = ChildLogReader(
                pipe.read,
                file,
                total: total,
                requests: requests,
                answers: answers
            )
            reader.run()
        }
        guard hasBegun else { throw HostError("start a thread", code: EAGAIN) }
    }

    /// Waits until what the program has written by now is kept, but no longer than this. For one
    /// thread at a time.
    func settle(within patience: Duration) {
        _ = answers.take()
        requests.put(())
        _ = answers.take(timeout: patience, takeOrdinary: true)
    }
}

/// Of what was read; written by one thread and looked at by another.
private final class ByteCount: Sendable {
    let value = Atomic<UInt64>(0)
}

/// Where the log stands. Changed together with the files, so that who sees it knows that the newest
/// file is the one that it speaks of.
private final class LogPlace: Sendable {
    let value = Mutex<LeashOutput?>(nil)
}

/// What the thread does.
private struct ChildLogReader {
    let readEnd: Descriptor
    var file: ChildLogFile
    let total: ByteCount
    let requests: Inbox<Void>
    let answers: Inbox<Void>

    init(
        _ readEnd: Descriptor,
        _ file: ChildLogFile,
        total: ByteCount,
        requests: Inbox<Void>,
        answers: Inbox<Void>
    ) {
        self.readEnd = readEnd
        self.file = file
        self.total = total
        self.requests = requests
        self.answers = answers
    }

    mutating func run() {
        while true {
            var watched = [readEnd.number, requests.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&watched, nfds_t(watched.count), -1) > 0 else { continue }
            let isAsked = !requests.take().isEmpty
            drain()
            if isAsked { answers.put(()) }
        }
    }

    /// Takes what is there. A program that writes without end cannot hold us: no more than 1 MiB
    /// is taken at a time.
    private mutating func drain() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        for _ in 0..<16 {
            let count = read(readEnd.number, &buffer, buffer.count)
            if count > 0 {
                total.value.wrappingAdd(UInt64(count), ordering: .relaxed)
                file.keep(buffer[0..<count])
            } else if count == 0 || errno != EINTR {
                return
            }
        }
    }
}

private struct ChildLogFile: Sendable {
    private let path: String
    private let byteCountMax: Int64
    private var file: Descriptor
    private var byteCount: Int64
    /// All that the program wrote, dropped bytes too.
    private var total: UInt64
    /// How many more files must be begun until no gap is within the two that are kept.
    private var filesUntilWhole = 0
    private let place: LogPlace

    init(_ path: String, byteCountMax: Int64, place: LogPlace) throws(HostError) {
        self.path = path
        self.byteCountMax = byteCountMax
        self.place = place
        file = try Self.open(path)
        byteCount = Int64(max(0, lseek(file.number, 0, SEEK_END)))
        // What an earlier program has written there counts as the beginning of it all.
        total = UInt64(byteCount)
        place.value.withLock { $0 = standing }
    }

    mutating func keep(_ bytes: ArraySlice<UInt8>) {
        // What twice the limit comes after would only be written to be thrown away.
        let most = byteCountMax < Int64(bytes.count) ? 2 * Int(byteCountMax) : bytes.count
        var rest = bytes.suffix(most)
        if rest.count < bytes.count { startAnew(after: UInt64(bytes.count - rest.count)) }
        while !rest.isEmpty {
            if byteCount >= byteCountMax { rotate() }
            let part = rest.prefix(Int(clamping: max(1, byteCountMax - byteCount)))
            do {
                try file.writeAll(Array(part))
            } catch {
                return drop(UInt64(rest.count))
            }
            byteCount += Int64(part.count)
            total += UInt64(part.count)
            place.value.withLock { $0 = standing }
            rest = rest.dropFirst(part.count)
        }
    }

    private var standing: LeashOutput? {
        filesUntilWhole == 0
            ? LeashOutput(bytes: total, newestFileBytes: UInt64(max(0, byteCount))) : nil
    }

    /// What could not be written leaves a gap: what follows in the files no longer stands where their
    /// lengths say.
    private mutating func drop(_ count: UInt64) {
        total += count
        filesUntilWhole = 2
        place.value.withLock { $0 = nil }
    }

    private mutating func rotate() {
        place.value.withLock { place in
            _ = rename(path, path + ".1")
            beginFile()
            place = standing
        }
    }

    /// So much is passed over that nothing of the files would be kept.
    private mutating func startAnew(after count: UInt64) {
        place.value.withLock { place in
            _ = unlink(path)
            _ = unlink(path + ".1")
            total += count
            filesUntilWhole = 0
            beginFile()
            place = standing
        }
    }

    private mutating func beginFile() {
        filesUntilWhole = max(0, filesUntilWhole - 1)
        if let next = try? Self.open(path) {
            file = next
        } else {
            // The same file, of which a reader cannot see that it is another's beginning.
            _ = ftruncate(file.number, 0)
            filesUntilWhole = 2
        }
        byteCount = 0
    }

    private static func open(_ path: String) throws(HostError) -> Descriptor {
        try Descriptor.open(
            path,
            flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK,
            mode: 0o640
        )
    }
}
