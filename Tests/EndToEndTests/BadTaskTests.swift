import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// What nobody should submit, by each of the three ways, and handlers that misbehave: each has its
/// refusal or its result, and the others carry on.
@Suite struct BadTaskTests {
    // MARK: Submitting

    /// How one way of submitting has answered.
    private struct Refusal {
        /// Of the command line, or the HTTP status.
        var status: Int
        var text: String
    }

    private struct Wanted {
        var type = "PUSH"
        var account: String?
        var attribute: (name: String, value: String)?
        var key: String?
        var payload = ""
    }

    private func byCommand(_ cluster: TestCluster, _ wanted: Wanted) async throws -> Refusal {
        try cluster.folder.write("payload", wanted.payload)
        var words = ["task", "submit", "--type", wanted.type]
        words += ["--payload-file", cluster.folder["payload"]]
        if let account = wanted.account { words += ["--account", account] }
        if let attribute = wanted.attribute {
            words += ["--attribute", "\(attribute.name)=\(attribute.value)"]
        }
        if let key = wanted.key { words += ["--key", key] }
        let run = try await cluster.muster.run(words)
        return Refusal(status: Int(run.status), text: run.everything)
    }

    private func byInterface(_ cluster: TestCluster, _ wanted: Wanted) async throws -> Refusal {
        var request = TaskRequest(type: wanted.type)
        request.account = wanted.account
        request.attributes = wanted.attribute.map { [$0.name: $0.value] }
        request.key = wanted.key
        request.payload = wanted.payload
        let answer = try await cluster.admin.ask(.submitTask, body: request)
        return Refusal(status: answer.status, text: answer.text)
    }

    private func bySocket(_ agent: Agent, _ wanted: Wanted) async throws -> Refusal {
        let folder = agent.cluster.folder
        try folder.write("payload", wanted.payload)
        var words = ["submit", "--config", agent.configuration, "--type", wanted.type]
        words += ["--payload", folder["payload"]]
        if let account = wanted.account { words += ["--account", account] }
        if let attribute = wanted.attribute {
            words += ["--attribute", "\(attribute.name)=\(attribute.value)"]
        }
        if let key = wanted.key { words += ["--key", key] }
        let run = try await folder.run(Program.product("muster-agent"), words)
        return Refusal(status: Int(run.status), text: run.everything)
    }

    /// Asks by the command, the interface and the node's socket, in this order.
    private func expect(
        _ statuses: [Int],
        _ texts: [String],
        of wanted: Wanted,
        at agent: Agent,
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answers = [
            try await byCommand(agent.cluster, wanted),
            try await byInterface(agent.cluster, wanted),
            try await bySocket(agent, wanted),
        ]
        for (place, answer) in answers.enumerated() {
            #expect(answer.status == statuses[place], "\(answer)", sourceLocation: location)
            guard !texts.isEmpty else { continue }
            #expect(
                answer.text.contains(texts[place % texts.count]),
                "\(answer)",
                sourceLocation: location
            )
        }
    }

    @Test func `what is refused is refused by command, interface and socket, with the mend`()
        async throws
    {
        try await TestCluster.with { cluster in
            let agent = try await cluster.addAgent("n1")
            try await cluster.set("task.types.strict", "yes")
            try await cluster.set("task.attribute.region", "where it is")

            // A payload over the limit, by one byte.
            let large = String(repeating: "x", count: 1 << 20 + 1)
            try await expect(
                [3, 422, 3],
                ["payload is larger than 1.0 MiB", "1048577 bytes", "1048576"],
                of: Wanted(payload: large),
                at: agent
            )
            try await expect(
                [3, 404, 3],
                ["muster policy type declare INVOICE"],
                of: Wanted(type: "INVOICE"),
                at: agent
            )
            try await expect(
                [3, 404, 3],
                ["the attribute size was never declared"],
                of: Wanted(attribute: ("size", "large")),
                at: agent
            )
            // The same key with the same body is the same task; with another body it is refused.
            let first = try await byCommand(cluster, Wanted(key: "once", payload: "one"))
            #expect(first.status == 0)
            let number = try #require(UInt64(first.text.dropLast()))
            try await expect(
                [0, 200, 0],
                ["\(number)"],
                of: Wanted(key: "once", payload: "one"),
                at: agent
            )
            try await expect(
                [3, 409, 3],
                ["the idempotency key was used for task \(number)"],
                of: Wanted(key: "once", payload: "two"),
                at: agent
            )
            // What would not be one line.
            let interface = try await byInterface(cluster, Wanted(account: "a\0b"))
            #expect(interface.status == 422 && interface.text.contains("account"))
            try await expect(
                [3, 422, 64],
                ["account"],
                of: Wanted(account: "two\nlines"),
                at: agent
            )
            // A full queue says when to come again.
            try await cluster.set("task.queue.count", "1")
            try await expect(
                [3, 503, 3],
                ["try again in 5s"],
                of: Wanted(payload: "more"),
                at: agent
            )
            let full = try await cluster.admin.headers(
                .submitTask,
                body: TaskRequest(type: "PUSH")
            )
            #expect(full.contains("retry-after: 5"), "\(full)")

            // Only what was accepted is there, and others carry on.
            let before: TaskPage = try await cluster.admin.get(.listTasks)
            #expect(before.tasks.map(\.id) == [number])
            try await cluster.set("task.queue.count", "100")
            try await expect(
                [0, 201, 0],
                [],
                of: Wanted(attribute: ("region", "eu"), payload: "fine"),
                at: agent
            )
            let after: TaskPage = try await cluster.admin.get(.listTasks)
            #expect(after.tasks.count == 4)
            #expect(after.tasks.first?.submittedBy == "node/n1")
        }
    }

    @Test func `a payload of 1 MiB arrives whole by every way, whatever its bytes`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let agent = try await cluster.addAgent(
                "n1",
                handlers: ["push": "[handler]\ntypes = PUSH\nprogram = /usr/bin/sha256sum\n"]
            )
            // Each of them takes six characters in JSON.
            let payload = String(repeating: "\u{1}", count: 1 << 20)
            let sum = try await cluster.folder.run(
                "/usr/bin/sha256sum",
                [],
                input: {
                    try cluster.folder.write("bytes", payload)
                    return cluster.folder["bytes"]
                }()
            ).output
            let command = try await byCommand(cluster, Wanted(payload: payload))
            #expect(command.status == 0, "\(command.text.prefix(500))")
            let socket = try await bySocket(agent, Wanted(payload: payload))
            #expect(socket.status == 0, "\(socket.text.prefix(500))")
            var request = TaskRequest(type: "PUSH")
            request.payloadBase64 = Data(payload.utf8).base64EncodedString()
            let interface = try await cluster.submit(request)
            for id in [command, socket].compactMap({ UInt64($0.text.dropLast()) }) + [interface] {
                #expect(try await cluster.ended(id).task.state == "done")
                #expect(String(decoding: try await cluster.output(id), as: UTF8.self) == sum)
            }
        }
    }

    // MARK: Running

    @Test func `handlers that misbehave harm nobody but their own task`() async throws {
        try await TestCluster.with { cluster in
            try await cluster.heedNoLoad()
            let folder = cluster.folder
            try folder.write(
                "forks.sh",
                "trap '' TERM\n(setsid sleep 600 &)\nsetsid tail -F \(folder["never"]) & echo $!\n"
            )
            try folder.write(
                "stubborn.sh",
                "trap '' TERM\necho $$\nwhile :; do sleep 0.1; done # \(folder.path)\n"
            )
            func handler(_ type: String, _ program: String, _ further: String...) -> String {
                (["[handler]", "types = \(type)", "program = \(program)"] + further)
                    .joined(separator: "\n") + "\n"
            }
            let agent = try await cluster.addAgent(
                "n1",
                handlers: [
                    "forks": handler(
                        "FORKS",
                        "/bin/sh \(folder["forks.sh"])",
                        "stop-timeout = 300ms"
                    ),
                    "floods": handler(
                        "FLOODS",
                        "/bin/sh -c \"head -c 2000000000 /dev/zero; echo the end\"",
                        "output-limit = 1000B"
                    ),
                    "stubborn": handler(
                        "STUBBORN",
                        "/bin/sh \(folder["stubborn.sh"])",
                        "time-limit = 500ms",
                        "stop-timeout = 500ms"
                    ),
                    "crashes": handler("CRASHES", "/bin/sh -c \"kill -SEGV $$\""),
                    "missing": handler("MISSING", "/bin/sh -c \"exec /nowhere/program\""),
                    "push": handler("PUSH", "/bin/cat"),
                ]
            )
            func submit(_ type: String, _ payload: String = "") async throws -> UInt64 {
                var request = TaskRequest(type: type)
                request.payload = payload
                request.attempts = 1
                return try await cluster.submit(request)
            }
            let floods = try await submit("FLOODS")
            let forks = try await submit("FORKS")
            let stubborn = try await submit("STUBBORN")
            let crashes = try await submit("CRASHES")
            let missing = try await submit("MISSING")
            let nobody = try await submit("NOBODY")
            let fine = try await submit("PUSH", "a\nb\0c $(touch \(folder["ran"]))")

            // Others carry on beside them.
            #expect(try await cluster.ended(fine).task.state == "done")
            #expect(
                try await cluster.output(fine)
                    == Array("a\nb\0c $(touch \(folder["ran"]))".utf8)
            )
            #expect(access(folder["ran"], F_OK) != 0)

            let forked = try await cluster.ended(forks)
            #expect(forked.task.state == "done")
            let child = try await firstLine(forks, cluster)
            #expect(!Processes.lives(try #require(Int32(child))))
            #expect(Processes.naming(folder["never"]).isEmpty)

            let stopped = try await cluster.ended(stubborn)
            #expect(stopped.task.state == "failed" && stopped.task.result?.outcome == "timed-out")
            #expect(stopped.task.result?.signal == 9)
            let shell = try await firstLine(stubborn, cluster)
            #expect(!Processes.lives(try #require(Int32(shell))))

            let crashed = try await cluster.ended(crashes)
            #expect(crashed.task.state == "failed" && crashed.task.result?.outcome == "failed")
            #expect(crashed.task.result?.signal == UInt8(SIGSEGV))
            let page = try await cluster.muster("task", "show", "\(crashes)")
            #expect(page.output.contains("ended by signal 11 (SEGV)"), "\(page)")
            #expect(try await cluster.ended(missing).task.result?.status == 127)

            let flooded = try await cluster.ended(floods, within: .seconds(180))
            #expect(flooded.task.state == "done")
            #expect(flooded.task.result?.outputBytes == 2_000_000_008)
            let kept = try await cluster.output(floods)
            #expect(kept.count == 1_000 && kept.suffix(8) == Array("the end\n".utf8)[...])
            for program in [agent.program, cluster.controller].compactMap({ $0 }) {
                #expect(try Self.peakMebibytes(program.processID) < 500)
            }
            #expect(Self.bytes(in: agent.folder) < 10 << 20)

            // What no node can run waits, and says for what.
            #expect(try await cluster.task(nobody).task.state == "waiting")
            let why = try await cluster.muster("task", "why", "\(nobody)")
            #expect(why.status == 0)
            #expect(why.output.contains("no node defines a handler for NOBODY"), "\(why)")
            let whyNot = try await cluster.muster("task", "why-not", "\(nobody)", "n1")
            #expect(whyNot.output.contains("no handler for NOBODY"), "\(whyNot)")
            #expect(try await cluster.node("n1").status == "online")
        }
    }

    private func firstLine(_ id: UInt64, _ cluster: TestCluster) async throws -> String {
        let text = String(decoding: try await cluster.output(id), as: UTF8.self)
        return text.split(separator: "\n").first.map(String.init) ?? ""
    }

    private static func peakMebibytes(_ process: Int32) throws -> Int {
        let line = TestFolder.text(at: "/proc/\(process)/status").split(separator: "\n")
            .first { $0.hasPrefix("VmHWM:") }
        let words = try #require(line).split(whereSeparator: { $0 == " " || $0 == "\t" })
        return try #require(Int(words[1])) >> 10
    }

    private static func bytes(in folder: String) -> Int {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }
        return (names ?? []).reduce(0) { total, name in
            var status = stat()
            return stat("\(folder)/\(name)", &status) == 0 ? total + Int(status.st_size) : total
        }
    }
}
