import Foundation
import Host

/// The `muster` command, with a home of its own.
struct Console {
    let cluster: TestCluster
    /// Of the operator whose credential's folder it is; the first admin's by default.
    var context: String?

    func callAsFunction(
        _ words: String...,
        context: String? = nil,
        input: String? = nil
    ) async throws -> Finished {
        try await run(words, context: context, input: input)
    }

    func run(
        _ words: [String],
        context: String? = nil,
        input: String? = nil
    ) async throws -> Finished {
        try await cluster.folder.run(
            Program.product("muster"),
            words,
            environment: [
                "MUSTER_CONFIG_DIR=\(cluster.folder["console"])",
                "MUSTER_CONTEXT=\(context ?? self.context ?? cluster.state + "/admin")",
            ],
            input: input
        )
    }
}

extension TestCluster {
    var muster: Console { Console(cluster: self) }
}
