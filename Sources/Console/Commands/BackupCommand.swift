import API
import AsyncHTTPClient
import ArgumentParser
import Crypto
import Glibc
import Host
import NIOCore
import NIOHTTP1

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Fetch a backup of the controller's store while it runs.",
        discussion: """
            The file holds everything the controller knows; it is written for its owner alone and \
            is there whole or not at all. `muster-controller restore` puts it back.
            """
    )

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var change: ChangeOptions

    @Argument(help: "The file to write on this machine.", completion: .file())
    var file: String

    @Flag(help: "Replace the file if it exists.")
    var overwrite = false

    func run() async throws {
        let path = ContextStore.absolute(file)
        guard overwrite || access(path, F_OK) != 0 else {
            throw ConsoleError(
                .refused,
                "\(path) exists already",
                hint: "name another file, or say --overwrite"
            )
        }
        try await Session.run(connection) { session in
            let body = try JSONLine.bytes(
                PlainChange(reason: change.reason, force: change.forced)
            )
            let response = try await session.client.open(
                .makeBackup,
                body: body,
                lasting: .hours(1)
            )
            let expected = response.headers.first(name: BackupAnswer.digestHeader)
            let size = try await Self.save(response.body, to: path, digest: expected)
            Terminal.writeLine("\(path): \(SizeText.bytes(size)), checked")
        }
    }

    /// Writes beside the file, compares the digest, and only then puts it in place.
    private static func save(
        _ body: some AsyncSequence<ByteBuffer, any Error>,
        to path: String,
        digest expected: String?
    ) async throws -> UInt64 {
        guard let expected else {
            throw ConsoleError(.failed, "the controller sent no digest with the backup")
        }
        let partial = "\(path).partial"
        var digest = SHA256()
        var size: UInt64 = 0
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", partial) }
        do {
            for try await buffer in body {
                let bytes = Array(buffer.readableBytesView)
                try write(bytes, to: descriptor, partial)
                digest.update(data: bytes)
                size += UInt64(bytes.count)
            }
            guard fsync(descriptor) == 0 else { throw failure("sync", partial) }
            close(descriptor)
            guard Hex.encode(digest.finalize()) == expected else {
                throw ConsoleError(
                    .failed,
                    "the backup arrived damaged: its digest is not the controller's",
                    hint: "try again"
                )
            }
            guard rename(partial, path) == 0 else { throw failure("rename", partial) }
        } catch {
            unlink(partial)
            throw error
        }
        return size
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    private static func failure(_ what: String, _ path: String) -> ConsoleError {
        ConsoleError(.failed, "cannot \(what) \(path): \(HostError.text(of: errno))")
    }
}
