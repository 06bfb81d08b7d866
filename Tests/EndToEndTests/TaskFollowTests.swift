import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// What a task writes, seen while it runs: a real handler, its leash, the node's agent, the controller
/// and the command.
@Suite struct TaskFollowTests {
    /// Writes a line, waits for a file of its attempt, writes another. The first attempt fails.
    private static func handler(_ folder: TestFolder) -> String {
        """
        echo "first of $MUSTER_ATTEMPT"
        while [ ! -e \(folder["go"]).$MUSTER_ATTEMPT ]; do sleep 0.05; done
        echo "second of $MUSTER_ATTEMPT"
        [ $MUSTER_ATTEMPT = 2 ]
        """
    }

    private func prepare(_ cluster: TestCluster) throws {
        try cluster.folder.write("handler.sh", Self.handler(cluster.folder))
        try cluster.folder.write(
            "nodes/node-1/handlers.d/step.conf",
            "[handler]\ntypes = PUSH\nprogram = /bin/sh \(cluster.folder["handler.sh"])\n"
        )
    }

    private func submit(_ cluster: TestCluster) async throws -> UInt64 {
        var request = TaskRequest(type: "PUSH")
        request.attempts = 2
        request.retryDelayMilliseconds = 100
        return try await cluster.admin.send(
            .submitTask,
            body: request,
            as: SubmittedTask.self
        ).id
    }

    private func follow(_ task: UInt64, _ cluster: TestCluster, _ log: String) throws -> Program {
        try Program(
            Program.product("muster"),
            ["task", "logs", "\(task)", "--follow"],
            in: cluster.folder,
            log: log,
            environment: [
                "MUSTER_CONFIG_DIR=\(cluster.folder["console"])",
                "MUSTER_CONTEXT=\(cluster.state + "/admin")",
            ]
        )
    }

    private func shows(_ program: Program, _ text: String) async throws {
        guard await eventually({ program.output == text || program.hasEnded }),
            program.output == text
        else { throw Unmet(what: "\(text) from a follower, who says:\n\(program.everything)") }
    }

    @Test func `the first line is shown before the second is written, and so with each attempt`()
        async throws
    {
        try await TestCluster.with { cluster in
            try prepare(cluster)
            let agent = try await cluster.addAgent("node-1")
            let id = try await submit(cluster)
            let follower = try follow(id, cluster, "follower")
            try await shows(follower, "first of 1\n")
            let running: TaskDetail = try await cluster.admin.get(.showTask, "\(id)")
            #expect(running.task.state == "assigned" && running.task.started == true)
            // Nothing of it is kept: without --follow there is no output yet.
            let early: TaskOutput = try await cluster.admin.get(.showTaskOutput, "\(id)")
            #expect(early.dataBase64.isEmpty && !early.final)
            // Whoever comes later sees what was written before.
            let second = try follow(id, cluster, "second-follower")
            try await shows(second, "first of 1\n")

            try cluster.folder.write("go.1", "")
            try await shows(follower, "first of 1\nsecond of 1\nfirst of 2\n")
            // The stream is taken up again by another controller on the same store.
            try await cluster.kill()
            try await follower.says("connection lost")
            try await cluster.start()
            try await follower.says("connected again")
            try cluster.folder.write("go.2", "")
            let end = try await follower.wait()
            #expect(end == .exited(0), "\(follower.everything)")
            let all = "first of 1\nsecond of 1\nfirst of 2\nsecond of 2\n"
            #expect(follower.output == all)
            #expect(follower.errors.contains("attempt 1 on node-1\n"), "\(follower.errors)")
            #expect(follower.errors.contains("attempt 1 has ended: exited with status 1\n"))
            #expect(follower.errors.contains("attempt 2 on node-1\n"))
            #expect(follower.errors.contains("task \(id): done on node-1"))
            #expect(try await second.wait() == .exited(0))
            #expect(second.output == all)

            // It has ended: what is kept is shown, and the end is told again.
            let late = try await cluster.muster("task", "logs", "\(id)", "--follow")
            #expect(late.output == "first of 2\nsecond of 2\n" && late.status == 0)
            let plain = try await cluster.muster("task", "logs", "\(id)")
            #expect(plain.output == "first of 2\nsecond of 2\n" && plain.status == 0)
            try await agent.destroy()
        }
    }

    @Test func `only who may read the output may follow it, and only while they may`() async throws
    {
        try await TestCluster.with { cluster in
            let id = try await submit(cluster)
            let path = Route.followTaskOutput.path("\(id)")
            let nobody = try await cluster.stranger.ask(.followTaskOutput, ["\(id)"])
            #expect(nobody.status == 401, "\(nobody.text)")
            let unknown = try await cluster.admin.refusal(.followTaskOutput, "999")
            #expect(unknown.code == "unknown-name" && unknown.status == 404)
            let wrong = try await cluster.admin.ask("GET", path + "?after=x")
            #expect(wrong.status == 422, "\(wrong.text)")

            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let stream = try Program(
                "/usr/bin/curl",
                [
                    "-sSN", "--cacert", viewer.root, "--cert", viewer.credential ?? "", "--key",
                    viewer.credential ?? "", viewer.server + path,
                ],
                in: cluster.folder,
                log: "vera-follows"
            )
            // A sign of life comes, though nothing happens.
            try await stream.says(":")
            #expect(!stream.hasEnded)
            try await cluster.admin.change(
                .removeOperator,
                "vera",
                body: PlainChange(reason: "a test", force: true)
            )
            #expect(try await stream.wait() == .exited(0))

            let other = try await submit(cluster)
            let follower = try follow(other, cluster, "follower")
            try await cluster.admin.change(
                .cancelTasks,
                body: TasksChange(ids: [other], reason: "x")
            )
            #expect(try await follower.wait() == .exited(1), "\(follower.everything)")
            #expect(follower.errors.contains("task \(other): cancelled"))
        }
    }

    /// Each holds a connection and looks twice a second: one account has room for eight.
    @Test
    func `one more follower than an account may have is refused, and again let in when one ends`()
        async throws
    {
        try await TestCluster.with { cluster in
            let id = try await submit(cluster)
            let path = Route.followTaskOutput.path("\(id)")
            func stream(_ name: String) throws -> Program {
                try Program(
                    "/usr/bin/curl",
                    [
                        "-sSN", "--cacert", cluster.admin.root, "--cert",
                        cluster.admin.credential ?? "", "--key", cluster.admin.credential ?? "",
                        cluster.admin.server + path,
                    ],
                    in: cluster.folder,
                    log: name
                )
            }
            let streams = try (1...8).map { try stream("stream-\($0)") }
            for stream in streams { try await stream.says(":") }

            let refused = try await cluster.admin.refusal(.followTaskOutput, "\(id)")
            #expect(refused.status == 429 && refused.code == "too-fast", "\(refused)")
            #expect(refused.detail.contains("follows the output of 8 tasks already"))
            #expect(refused.mend.contains("muster task logs \(id)"))
            let shown = try await cluster.muster("task", "logs", "\(id)", "--follow")
            #expect(shown.status == 3, "\(shown)")
            #expect(shown.errors.contains("follows the output of 8 tasks already"), "\(shown)")
            // Another account has places of its own.
            let viewer = try await cluster.addOperator("vera", role: "viewer")
            let other = try Program(
                "/usr/bin/curl",
                [
                    "-sSN", "--cacert", viewer.root, "--cert", viewer.credential ?? "", "--key",
                    viewer.credential ?? "", viewer.server + path,
                ],
                in: cluster.folder,
                log: "vera-follows"
            )
            try await other.says(":")

            streams[0].signal(SIGTERM)
            _ = try await streams[0].wait()
            let hasRoom = await eventually {
                guard let again = try? stream("again-\(RandomBytes.seed())") else { return false }
                let isLetIn = await eventually {
                    again.hasEnded || again.everything.contains(":\n")
                }
                let follows = isLetIn && !again.hasEnded
                again.signal(SIGTERM)
                return follows
            }
            #expect(hasRoom)
            for stream in streams.dropFirst() + [other] { stream.signal(SIGTERM) }
        }
    }
}
