import Foundation

@testable import Console

/// Runs programs as a person or a script would.
enum Program {
    struct Run: Sendable {
        var status: Int32
        var output: String
        var error: String
    }

    /// The `muster` that was built beside these tests.
    static let muster: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let folder = URL(fileURLWithPath: tests ?? CommandLine.arguments[0])
            .deletingLastPathComponent()
        return folder.appendingPathComponent("muster").path
    }()

    static func run(
        _ path: String,
        _ arguments: [String],
        input: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Run {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let kept = ["PATH", "HOME", "PYENV_ROOT", "LD_LIBRARY_PATH"]
        var variables = ProcessInfo.processInfo.environment.filter { kept.contains($0.key) }
        variables.merge(["TZ": "UTC", "LANG": "C.UTF-8"]) { _, new in new }
        variables.merge(environment) { _, new in new }
        process.environment = variables
        let output = Pipe()
        let error = Pipe()
        let source = Pipe()
        process.standardOutput = output
        process.standardError = error
        process.standardInput = source
        try process.run()
        if let input { try source.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try source.fileHandleForWriting.close()
        let written = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Run(
            status: process.terminationStatus,
            output: String(decoding: written, as: UTF8.self),
            error: String(decoding: complaint, as: UTF8.self)
        )
    }
}

extension FakeCluster {
    /// Runs `muster` with this cluster's first operator.
    func muster(
        _ arguments: String...,
        input: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Program.Run {
        try muster(arguments, input: input, environment: environment)
    }

    func muster(
        _ arguments: [String],
        input: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Program.Run {
        let variables = ["MUSTER_CONTEXT": credential, "MUSTER_CONFIG_DIR": folder + "/config"]
        return try Program.run(
            Program.muster,
            arguments,
            input: input,
            environment: variables.merging(environment) { _, new in new }
        )
    }
}
