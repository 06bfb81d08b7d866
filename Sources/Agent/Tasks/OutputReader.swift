import AgentCore
import Glibc
import Host

/// A piece of an output, and where it stands within all of it.
struct OutputPiece: Hashable, Sendable {
    var place: UInt64
    var bytes: [UInt8]
}

/// Reads what an attempt has written while its leash goes on writing it down.
///
/// The leash keeps two files: when the newest is full it is renamed, and another begun. What the leash
/// says of the newest file holds of the one that is read here only if that was the newest before the
/// leash was asked, and is when it has answered. It is held open meanwhile, so that its number on the
/// disk is not another's.
struct OutputReader {
    private let path: String
    private var newest: Descriptor?

    init(_ path: String) {
        self.path = path
    }

    /// Right before the leash is asked how it stands.
    mutating func begin() {
        newest = try? Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
    }

    /// - Parameters:
    ///   - wanted: the first byte that is asked for.
    ///   - limit: of bytes; the last ones are read.
    ///   - written: as the leash has answered.
    /// - Returns: nil when another file was begun since ``begin()``: the leash must be asked again.
    func read(from wanted: UInt64, limit: Int, _ written: LeashOutput) -> OutputPiece? {
        guard let newest, isNewest(newest) else { return nil }
        let end = written.bytes
        let first = end - written.newestFileBytes
        let start = max(wanted, end - min(end, UInt64(max(0, limit))))
        guard start < end else { return OutputPiece(place: wanted, bytes: []) }
        var bytes: [UInt8] = []
        if start < first {
            bytes = older(Int(first - start))
            guard isNewest(newest) else { return nil }
        }
        let offset = max(start, first) - first
        let count = Int(written.newestFileBytes - offset)
        let fresh = Self.read(newest, at: off_t(offset), count)
        // Cut short by somebody else: what is there cannot be placed.
        guard fresh.count == count else { return OutputPiece(place: wanted, bytes: []) }
        bytes += fresh
        return OutputPiece(place: end - UInt64(bytes.count), bytes: bytes)
    }

    private func isNewest(_ file: Descriptor) -> Bool {
        var held = stat()
        var found = stat()
        return fstat(file.number, &held) == 0 && lstat(path, &found) == 0
            && held.st_ino == found.st_ino && held.st_dev == found.st_dev
    }

    /// The last bytes of the file before the newest, at most so many.
    private func older(_ count: Int) -> [UInt8] {
        guard let file = try? Descriptor.open(path + ".1", flags: O_RDONLY | O_NOFOLLOW) else {
            return []
        }
        let size = lseek(file.number, 0, SEEK_END)
        guard size > 0 else { return [] }
        let from = max(0, size - off_t(count))
        return Self.read(file, at: from, Int(size - from))
    }

    /// - Returns: fewer bytes where the file ends before, or cannot be read.
    private static func read(_ file: Descriptor, at place: off_t, _ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    file.number,
                    buffer.baseAddress! + done,
                    count - done,
                    place + off_t(done)
                )
            }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            done += got
        }
        return Array(bytes.prefix(done))
    }
}

/// The end of an output that comes in pieces, and how much there was in all.
struct OutputTail: Hashable, Sendable {
    let bytesMax: Int
    private(set) var total: UInt64 = 0
    private(set) var bytes: [UInt8] = []

    init(bytesMax: Int) {
        self.bytesMax = max(0, bytesMax)
    }

    mutating func append(_ more: some Collection<UInt8>) {
        total += UInt64(more.count)
        bytes += more
        // Not with each piece: that would move all of it each time.
        if bytes.count > 2 * bytesMax { bytes.removeFirst(bytes.count - bytesMax) }
    }

    var kept: ArraySlice<UInt8> { bytes.suffix(bytesMax) }

    /// The last bytes from `wanted` on, at most `limit`.
    func piece(from wanted: UInt64, limit: Int) -> OutputPiece {
        let missing = total - min(total, wanted)
        let piece = kept.suffix(Int(clamping: min(missing, UInt64(max(0, limit)))))
        return OutputPiece(place: max(wanted, total) - UInt64(piece.count), bytes: Array(piece))
    }
}
