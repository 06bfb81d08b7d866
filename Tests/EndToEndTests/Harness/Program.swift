import Foundation
import Glibc
import Host
import Model

/// A real program, started with its output in files.
final class Program {
    /// The products stand beside the test bundle.
    static let folder: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return ((own ?? "") as NSString).deletingLastPathComponent
    }()

    static func product(_ name: String) -> String { folder + "/" + name }

    let processID: Int32
    let outputPath: String
    let errorPath: String
    private let process: SpawnedProcess
    private(set) var end: ProcessEnd?

    /// - Parameters:
    ///   - path: a whole path.
    ///   - home: keeps it until the test ends.
    ///   - input: a file that is its standard input; nothing by default.
    ///   - log: the files in `home` that its output is added to: `LOG.out` and `LOG.err`.
    init(
        _ path: String,
        _ arguments: [String],
        in home: TestFolder,
        log: String,
        environment: [String] = [],
        input: String? = nil,
        limits: [SpawnPlan.Limit] = []
    ) throws {
        outputPath = home["\(log).out"]
        errorPath = home["\(log).err"]
        let flags = O_WRONLY | O_CREAT | O_APPEND
        var plan = SpawnPlan(
            .path(path),
            arguments: [path] + arguments,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"] + environment
        )
        plan.output = try Descriptor.open(outputPath, flags: flags, mode: 0o600)
        plan.error = try Descriptor.open(errorPath, flags: flags, mode: 0o600)
        plan.input = try input.map { try Descriptor.open($0, flags: O_RDONLY) }
        plan.gainsNoPrivileges = false
        plan.limits = limits
        process = try Spawn.start(plan)
        processID = process.processID
        home.keep(self)
    }

    var output: String { TestFolder.text(at: outputPath) }
    var errors: String { TestFolder.text(at: errorPath) }
    /// For messages of failed tests.
    var everything: String { output + errors }

    var hasEnded: Bool {
        if end != nil { return true }
        var status: Int32 = 0
        guard waitpid(processID, &status, WNOHANG) == processID else { return false }
        end = ProcessEnd(status: status)
        return true
    }

    func signal(_ number: Int32) { kill(processID, number) }

    /// How it ended.
    func wait(within limit: Duration = .seconds(60)) async throws -> ProcessEnd {
        try await awaited(within: limit, "the end of \(Processes.commandLine(processID))") {
            hasEnded ? end : nil
        }
    }

    /// Kills it and reaps it without awaiting anything.
    func end(bySignal number: Int32) {
        guard !hasEnded else { return }
        kill(processID, number)
        end = process.wait()
    }

    /// Kills it and reaps it.
    func destroy() async throws {
        signal(SIGKILL)
        _ = try await wait()
    }

    /// Waits until something was printed on either stream.
    func says(_ text: String, within limit: Duration = .seconds(60)) async throws {
        let said = await eventually(within: limit) { everything.contains(text) || hasEnded }
        guard said, everything.contains(text) else {
            throw Unmet(what: "\"\(text)\" from \(outputPath), which says:\n\(everything)")
        }
    }
}

/// A program that was run to its end.
struct Finished {
    var end: ProcessEnd
    var output: String
    var errors: String

    var everything: String { output + errors }

    /// -1 when a signal ended it.
    var status: Int32 {
        if case .exited(let status) = end { status } else { -1 }
    }
}

extension TestFolder {
    /// Runs a program to its end.
    func run(
        _ path: String,
        _ arguments: [String],
        environment: [String] = [],
        input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        let program = try Program(
            path,
            arguments,
            in: self,
            log: "run-\(Hex.encode(RandomBytes.take(4)))",
            environment: environment,
            input: input
        )
        let end = try await program.wait(within: limit)
        defer {
            forget(program)
            unlink(program.outputPath)
            unlink(program.errorPath)
        }
        return Finished(end: end, output: program.output, errors: program.errors)
    }
}
