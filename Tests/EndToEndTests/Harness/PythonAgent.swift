import Foundation
import Host

/// The agent of `Peers`, which was written from `docs/PROTOCOL.md` alone.
struct PythonAgent {
    static let program =
        ((#filePath as NSString).deletingLastPathComponent as NSString)
        .deletingLastPathComponent + "/Peers/agent.py"

    static let python = "/usr/bin/python3"

    let cluster: TestCluster
    let name: String

    var state: String { cluster.folder["python-\(name)"] }

    func join(token: String) async throws -> Finished {
        try await cluster.folder.run(
            Self.python,
            [Self.program, "join", "--token", token, "--state", state, "--name", name],
            environment: ["PYTHONUNBUFFERED=1"]
        )
    }

    func run(_ options: [String] = [], state other: String? = nil) throws -> Program {
        try Program(
            Self.python,
            [
                Self.program, "run", "--state", other ?? state, "--controller",
                cluster.agentsAddress,
            ] + options,
            in: cluster.folder,
            log: "python-\(name)",
            environment: ["PYTHONUNBUFFERED=1"]
        )
    }
}
